import { Failure } from '../base/failure.ts'
import type { Task } from '../language/playbook/types.ts'
import type { Node, Path } from '../source/source.ts'
import { render } from '../language/template/template.ts'
import { type Scope, Unknown } from '../language/value.ts'
import type { AnyModule } from '../module.ts'
import type { Context } from './task-context.ts'

/** Thrown by a check in plan whose answer depends on steps that have not run. */
export class NotYetKnown extends Error {}

/** The parameters that hold conditions (`format: expression`), each with its place. */
export function expressionParams(module: AnyModule, task: Task): Node<string>[] {
  return Object.entries(module.params.properties).flatMap(([name, schema]) => {
    const value = task.args.value[name]
    const node = (text: unknown, ...more: (string | number)[]): Node<string>[] =>
      typeof text === 'string' ? [{ value: text, source: task.args.source, path: [...task.args.path, name, ...more] }] : []
    if (schema.type === 'string' && schema.format === 'expression') return node(value)
    if (schema.type === 'array' && schema.items.type === 'string' && schema.items.format === 'expression')
      return Array.isArray(value) ? value.flatMap((text, index) => node(text, index)) : node(value)
    return []
  })
}

/** Finds the place of a text in the parameters, so that an error can point there. */
export function argument(args: Node, text: string): Node<string> | undefined {
  const find = (value: unknown, path: Path): Path | undefined => {
    if (value === text) return path
    if (typeof value !== 'object' || value === null) return undefined
    for (const [key, inner] of Object.entries(value)) {
      const found = find(inner, [...path, Array.isArray(value) ? Number(key) : key])
      if (found !== undefined) return found
    }
    return undefined
  }
  const path = find(args.value, args.path)
  return path === undefined ? undefined : { value: text, source: args.source, path }
}

export function findUnknown(value: unknown): Unknown | undefined {
  if (value instanceof Unknown) return value
  if (typeof value !== 'object' || value === null) return undefined
  for (const inner of Object.values(value)) {
    const found = findUnknown(inner)
    if (found !== undefined) return found
  }
  return undefined
}

export function environmentOf(context: Context, scope: Scope): Record<string, string> {
  const environment: Record<string, string> = {}
  for (const node of context.environment) {
    const value = render(node, scope)
    if (value instanceof Unknown) throw new NotYetKnown(value.until)
    for (const [name, text] of Object.entries(value as Record<string, unknown>)) environment[name] = String(text)
  }
  return environment
}

export const isBoolean = (value: unknown): value is boolean => typeof value === 'boolean'
export const isString = (value: unknown): value is string => typeof value === 'string'
export const isNumber = (value: unknown): value is number => typeof value === 'number'

/** Renders the value of a keyword. Throws `Failure` (input) if the type is wrong. */
export function optional<T>(
  node: Node | undefined,
  scope: Scope,
  is: (value: unknown) => value is T,
  keyword: string,
): T | undefined {
  if (node === undefined) return undefined
  const value = render(node, scope)
  if (value instanceof Unknown) throw new NotYetKnown(value.until)
  if (is(value)) return value
  throw new Failure(`\`${keyword}\` has a value of the wrong type: ${JSON.stringify(value)}`, { kind: 'input' })
}
export const optionalNumber = (node: Node | undefined, scope: Scope, keyword: string) => optional(node, scope, isNumber, keyword)
