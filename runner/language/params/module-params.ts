/** Checks a task's parameters against its module's schema, with advice about quoting. Called by load-playbook.ts. */
import { stringify } from 'yaml'
import { Failure } from '../../base/failure.ts'
import type { AnyModule } from '../../module.ts'
import type { Schema, StringSchema } from '../../base/schema.ts'
import type { Diagnostic } from '../../source/diagnostic.ts'
import { checkExpression } from '../expression/expression.ts'
import { type SchemaProblem, checkSchema } from './json-schema.ts'
import { child, items, nodeAt, placeOfNode, writtenAs } from '../../source/yaml.ts'
import type { Node } from '../../source/source.ts'
import { isTemplate } from '../template/template.ts'

/**
 * Checks rendered parameters and fills in the module's defaults, in a copy. The result of a template is
 * converted to the type of the schema if nothing is lost: `"{{ port }}"` may be 22 or "22".
 */
export const checkParams = (
  module: AnyModule,
  args: Node,
  value: unknown,
): { value: Record<string, unknown>; diagnostics: Diagnostic[] } => {
  const adapted = adapt(module.params, value ?? {}, args.value)
  const { value: filled, problems } = checkSchema(module.params, adapted, ownerOf(module))
  const diagnostics =
    problems.length > 0 ? problems.map((problem) => diagnosticOf(problem, args, module)) : senseOf(module, args, filled)
  return { value: filled as Record<string, unknown>, diagnostics }
}

/** Checks parameters before anything is rendered, conditions among them included. */
export const checkArgs = (module: AnyModule, args: Node<Readonly<Record<string, unknown>>>): Diagnostic[] => {
  const { value, problems } = checkSchema(module.params, adapt(module.params, args.value, args.value), ownerOf(module))
  const known = problems.length === 0 && !holdsTemplate(args.value)
  return [
    ...problems.map((problem) => diagnosticOf(problem, args, module)),
    ...conditionsIn(module.params, args).flatMap(checkExpression),
    ...(known ? senseOf(module, args, value) : []),
  ]
}

const holdsTemplate = (value: unknown): boolean =>
  typeof value === 'string'
    ? isTemplate(value)
    : typeof value === 'object' && value !== null && Object.values(value).some(holdsTemplate)

/** Runs the module's own check on parameters that its schema accepts. */
const senseOf = (module: AnyModule, args: Node, params: unknown): Diagnostic[] => {
  try {
    module.validate?.(params)
    return []
  } catch (error) {
    if (!(error instanceof Failure)) throw error
    const { message, why, help } = error
    return [
      {
        severity: 'error',
        summary: message,
        place: placeOfNode(args, 'key'),
        label: help,
        notes: why === undefined ? [] : [why],
      },
    ]
  }
}

/** The parameters of a task that are conditions in the expression language (`format: expression`). */
export const conditionsIn = (schema: Schema, node: Node): Node<string>[] => formattedIn(schema, node, 'expression')

/** The texts of a task's parameters whose schema has a `format`. */
export const formattedIn = (schema: Schema, node: Node, format: NonNullable<StringSchema['format']>): Node<string>[] => {
  if ('format' in schema && schema.format === format) return typeof node.value === 'string' ? [node as Node<string>] : []
  if ('items' in schema)
    return Array.isArray(node.value)
      ? items(node as Node<unknown[]>).flatMap((item) => formattedIn(schema.items, item, format))
      : formattedIn(schema.items, node, format)
  if ('properties' in schema && typeof node.value === 'object' && node.value !== null) {
    return Object.entries(schema.properties).flatMap(([key, inner]) => formattedIn(inner, child(node, key), format))
  }
  return []
}

const ownerOf = ({ name }: AnyModule): string => `\`${name}\``

/** @param written the value in the playbook; for the result of a template, the template's text */
const adapt = (schema: Schema, value: unknown, written: unknown): unknown => {
  const templated = typeof written === 'string' && isTemplate(written)
  const within = (key: string | number) =>
    templated
      ? written
      : typeof written === 'object' && written !== null
        ? (written as Record<string | number, unknown>)[key]
        : undefined
  if ('items' in schema) {
    if (Array.isArray(value)) return value.map((item, index) => adapt(schema.items, item, within(index)))
    // A single condition needs no list, as in `when`.
    return 'format' in schema.items && schema.items.format === 'expression' && typeof value === 'string' ? [value] : value
  }
  if (schema.type === 'object' && typeof value === 'object' && value !== null && !Array.isArray(value)) {
    const inner = (key: string) => ('properties' in schema ? schema.properties[key] : schema.additionalProperties)
    return Object.fromEntries(
      Object.entries(value).map(([key, part]) => {
        const own = inner(key)
        return [key, own === undefined ? part : adapt(own, part, within(key))]
      }),
    )
  }
  return templated ? converted(schema, value) : value
}

/** Converts only without loss. */
const converted = (schema: Schema, value: unknown): unknown => {
  if (schema.type === 'string' && (typeof value === 'number' || typeof value === 'boolean')) return String(value)
  if (typeof value !== 'string') return value
  if (schema.type === 'boolean' && (value === 'true' || value === 'false')) return value === 'true'
  if ((schema.type === 'integer' || schema.type === 'number') && value !== '' && String(Number(value)) === value)
    return Number(value)
  return value
}

/** Turns a problem into a diagnostic at its place, with advice that depends on the written form of the value. */
const diagnosticOf = (problem: SchemaProblem, args: Node, module: AnyModule): Diagnostic => {
  const node = nodeAt(args.source, [...args.path, ...problem.path])
  const advice = adviceFor(problem, node, module)
  const notes = [...(problem.notes ?? []), ...(advice.notes ?? [])]
  const label = advice.label ?? problem.label
  return {
    severity: 'error',
    summary: problem.summary,
    place: placeOfNode(node, problem.which),
    label,
    ...(notes.length === 0 ? {} : { notes }),
  }
}

const adviceFor = (problem: SchemaProblem, node: Node, module: AnyModule): { label?: string; notes?: readonly string[] } => {
  if (problem.keyword === 'required') return { notes: [`for example: ${example(module)}`] }
  return quotingAdvice(problem, node)
}

/** Advises on quoting: numbers and booleans meant as text, and texts meant as another type. */
export const quotingAdvice = (
  { expected, value, secret }: SchemaProblem,
  node: Node,
): { label?: string; notes?: readonly string[] } => {
  if (secret) return expected === 'string' && typeof value === 'number' ? { label: 'quote it' } : {}
  const written = writtenAs(node)
  if (
    expected === 'string' &&
    (typeof value === 'number' || typeof value === 'boolean') &&
    written !== undefined &&
    !written.quoted
  ) {
    const notes = String(value) === written.text ? [] : [`YAML reads ${written.text} as the number ${value}`]
    return { label: `quote it: "${written.text}"`, notes }
  }
  if (typeof value !== 'string') return {}
  if (expected === 'boolean') {
    const boolean = /^(?:yes|on)$/i.test(value)
      ? 'true'
      : /^(?:no|off)$/i.test(value)
        ? 'false'
        : /^(?:true|false)$/i.test(value)
          ? value.toLowerCase()
          : undefined
    return boolean === undefined
      ? {}
      : {
          label: written?.quoted ? `without quotes: ${boolean}` : `write \`${boolean}\``,
          notes: written?.quoted ? [] : [`YAML 1.2 reads ${value} as text`],
        }
  }
  if ((expected === 'integer' || expected === 'number') && /^-?\d+(?:\.\d+)?$/.test(value))
    return { label: `without quotes: ${value}` }
  if (expected === 'array') return { label: `write a list: [${JSON.stringify(value)}]` }
  return {}
}

/** A module's first complete example, on one line. */
export const example = ({ name, examples, params }: AnyModule): string => {
  const needed = examples.find(({ params: given }) => (params.required ?? []).every((key) => key in given)) ?? examples[0]
  return flow({ [name]: needed?.params ?? {} })
}

/** YAML on one line: `copy: { src: a, dest: b }`. */
export const flow = (value: Readonly<Record<string, unknown>>): string =>
  Object.entries(value)
    .map(
      ([key, inner]) =>
        `${key}: ${stringify(inner, {
          collectionStyle: 'flow',
          lineWidth: 0,
          defaultStringType: 'PLAIN',
          flowCollectionPadding: true,
        })
          .trim()
          .replace(/\s*\n\s*/g, ' ')}`,
    )
    .join(', ')
