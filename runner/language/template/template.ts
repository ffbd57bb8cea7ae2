/** Renders `{{ … }}` in texts and values. Called by the engine, plans and host patterns. */
import type { Diagnostic } from '../../source/diagnostic.ts'
import { TemplateError } from '../error.ts'
import { HelperError, helpers, kindOf } from './helpers.ts'
import { child, placeOfNode } from '../../source/yaml.ts'
import type { Node } from '../../source/source.ts'
import { didYouMean } from '../../base/suggest.ts'
import {
  type Block,
  type Expression,
  type Mustache,
  type Path,
  type Prepared,
  type Problem,
  type Program,
  type Reference,
  changesContext,
  isScoped,
  parseTemplate,
  span,
  toDiagnostic,
} from './template-syntax.ts'
import { type Scope, Unknown } from '../value.ts'

export { TemplateError } from '../error.ts'
export type { Reference } from './template-syntax.ts'

/** A text with something to render. */
export const isTemplate = (text: string): boolean => text.includes('{{')

/**
 * Renders all templates of a value: texts, and texts inside lists and mappings. A text that is exactly one
 * `{{ … }}` becomes the value itself, with its type; any other template becomes text. If one part is unknown,
 * the whole is `Unknown`. The result may share structure with the node's value: treat it as read-only.
 *
 * @throws TemplateError with the place of the error
 */
export const render = (node: Node, scope: Scope): unknown => {
  const { value } = node
  if (typeof value === 'string') return renderText(node as Node<string>, scope)
  if (typeof value !== 'object' || value === null || !holdsTemplate(value)) return value
  const rendered = Object.keys(value).map(
    (key) => [key, render(child(node, Array.isArray(value) ? Number(key) : key), scope)] as const,
  )
  const unknown = rendered.find(([, part]) => part instanceof Unknown)
  if (unknown !== undefined) return unknown[1]
  return Array.isArray(value) ? rendered.map(([, part]) => part) : Object.fromEntries(rendered)
}

/** A value with a template anywhere in it. */
export const holdsTemplate = (value: unknown): boolean => {
  if (typeof value === 'string') return isTemplate(value)
  return typeof value === 'object' && value !== null && Object.values(value).some(holdsTemplate)
}

/** The variables in a node's templates, each with the keys that follow it. */
export const references = (node: Node): Reference[] => texts(node.value).flatMap((text) => [...parseTemplate(text).references])

const texts = (value: unknown): string[] => {
  if (typeof value === 'string') return isTemplate(value) ? [value] : []
  return typeof value === 'object' && value !== null ? Object.values(value).flatMap(texts) : []
}

/** Every template text of a node, with its own place. */
export const templates = (node: Node): Node<string>[] => {
  const { value } = node
  if (typeof value === 'string') return /\{[{%]/.test(value) ? [node as Node<string>] : []
  if (typeof value !== 'object' || value === null) return []
  return Object.keys(value).flatMap((key) => templates(child(node, Array.isArray(value) ? Number(key) : key)))
}

/** Checks the templates of a node before any variable is known. */
export const checkTemplates = (node: Node): Diagnostic[] =>
  templates(node).flatMap((text) =>
    parseTemplate(text.value).problems.map((problem) => toDiagnostic(problem, placeOfNode(text, 'value', problem))),
  )

const renderText = (node: Node<string>, scope: Scope): unknown => {
  const text = node.value
  if (!isTemplate(text)) return text
  const template = parseTemplate(text)
  const { body, problems } = template
  const fail = (problem: Problem): never => {
    throw new TemplateError(toDiagnostic(problem, placeOfNode(node, 'value', problem)))
  }
  if (problems[0] !== undefined) fail(problems[0])
  const frame: Frame = { template, scope, fail, contexts: [rootContext], data: {}, blockParams: {} }
  try {
    const [only] = body
    if (body.length === 1 && only?.type === 'MustacheStatement') return valueOf(only as Mustache, frame)
    return textOf(body, frame)
  } catch (signal) {
    // An unknown value ends the rendering, at any depth.
    if (signal instanceof Unknown) return signal
    throw signal
  }
}

/** Marks the context of the variables themselves. */
const rootContext = Symbol('variables')

interface Frame {
  readonly template: Prepared
  readonly scope: Scope
  readonly fail: (problem: Problem) => never
  /** The contexts `this`, `../this`, …, innermost first. */
  readonly contexts: readonly unknown[]
  readonly data: Readonly<Record<string, unknown>>
  readonly blockParams: Readonly<Record<string, unknown>>
}

const textOf = (body: readonly hbs.AST.Statement[], frame: Frame): string =>
  body
    .map((statement) => {
      switch (statement.type) {
        case 'ContentStatement':
          return (statement as hbs.AST.ContentStatement).value
        case 'MustacheStatement':
          return printed(valueOf(statement as Mustache, frame), statement, frame)
        case 'BlockStatement':
          return blockText(statement as Block, frame)
        default:
          return ''
      }
    })
    .join('')

const printed = (value: unknown, statement: hbs.AST.Statement, frame: Frame): string => {
  if (typeof value === 'string') return value
  if (typeof value === 'number' || typeof value === 'boolean') return String(value)
  const at = span(statement, frame.template)
  if (value === null)
    return frame.fail({
      ...at,
      summary: 'this is null, not text',
      notes: ['give a default: {{ default x "" }}'],
    })
  return frame.fail({
    ...at,
    summary: `this is ${kindOf(value)}, not text`,
    notes: ['{{ json x }} writes it as JSON, {{ join x "," }} joins a list'],
  })
}

const valueOf = ({ path, params }: Mustache | hbs.AST.SubExpression, frame: Frame): unknown => {
  if (params.length === 0) return known(pathValue(path as Path, frame, false))
  const name = (path as Path).original
  const helper = helpers.get(name)!
  const values = params.map((param, index) => known(argument(param, frame, helper.lenient === true && index === 0)))
  try {
    return helper.call(...values)
  } catch (error) {
    if (!(error instanceof HelperError)) throw error
    return frame.fail({
      ...span(params[error.argument] ?? path, frame.template),
      summary: `\`${name}\`: ${error.message}`,
      label: `{{ ${helper.usage} }}`,
    })
  }
}

const argument = (expression: Expression, frame: Frame, optional: boolean): unknown => {
  if (expression.type === 'PathExpression') return pathValue(expression as Path, frame, optional)
  if (expression.type === 'SubExpression') return valueOf(expression as hbs.AST.SubExpression, frame)
  return expression.type === 'NullLiteral' ? null : (expression as hbs.AST.StringLiteral).value
}

/** Ends the rendering at an unknown value. */
const known = (value: unknown): unknown => {
  if (value instanceof Unknown) throw value
  return value
}

const pathValue = (path: Path, frame: Frame, optional: boolean): unknown => {
  const [first, ...rest] = path.parts
  if (path.data) return first === 'root' ? variable(rest, path, frame, optional) : frame.data[first!]
  if (path.depth === 0 && first !== undefined && Object.hasOwn(frame.blockParams, first) && !isScoped(path)) {
    return follow(frame.blockParams[first], rest, path, frame, optional)
  }
  const context = frame.contexts[path.depth]
  return context === rootContext
    ? variable(path.parts, path, frame, optional)
    : follow(context, path.parts, path, frame, optional)
}

const variable = ([name, ...keys]: readonly string[], path: Path, frame: Frame, optional: boolean): unknown => {
  const value = frame.scope.lookup(name!)
  if (value !== undefined) return follow(value, keys, path, frame, optional)
  if (optional) return undefined
  const label = didYouMean(name!, frame.scope.names())
  return frame.fail({
    ...span(path, frame.template),
    summary: `unknown variable \`${name}\``,
    label,
  })
}

const follow = (start: unknown, keys: readonly string[], path: Path, frame: Frame, optional: boolean): unknown => {
  let value = known(start)
  for (const [index, key] of keys.entries()) {
    const keyed = typeof value === 'object' && value !== null
    if (!keyed || !Object.hasOwn(value as object, key)) {
      if (optional) return undefined
      return frame.fail(missingKey(value, key, path, index, keys, frame))
    }
    value = known((value as Record<string, unknown>)[key])
  }
  return value
}

const missingKey = (value: unknown, key: string, path: Path, index: number, keys: readonly string[], frame: Frame): Problem => {
  const at = span(path, frame.template)
  const owner = path.parts.slice(0, path.parts.length - keys.length + index).join('.')
  const named = owner === '' ? 'this' : `\`${owner}\``
  if (typeof value !== 'object' || value === null)
    return { ...at, summary: `${named} is ${kindOf(value)} and has no key \`${key}\`` }
  if (Array.isArray(value)) return { ...at, summary: `${named} is a list of ${value.length} and has no \`${key}\`` }
  const outside = frame.contexts.length > 1 && frame.scope.names().includes(key)
  const label = outside ? `write \`@root.${key}\` for the variable` : didYouMean(key, Object.keys(value))
  return { ...at, summary: `${named} has no key \`${key}\``, label }
}

const blockText = (block: Block, frame: Frame): string => {
  const [param] = block.params
  const value = known(argument(param!, frame, false))
  const program = (context: Frame) => (block.program === undefined ? '' : textOf(block.program.body, context))
  const inverse = () => (block.inverse === undefined ? '' : textOf((block.inverse as Program).body, frame))
  switch (block.path.original) {
    case 'if':
      return isFilled(value) ? program(frame) : inverse()
    case 'unless':
      return isFilled(value) ? inverse() : program(frame)
    case 'with':
      return isFilled(value) || value === 0 ? program(entered(block, frame, value, {}, [value])) : inverse()
    default: {
      if (typeof value !== 'object' || value === null)
        return frame.fail({
          ...span(param!, frame.template),
          summary: `\`#each\` expects a list or a mapping, this is ${kindOf(value)}`,
        })
      const keys = Object.keys(value)
      if (keys.length === 0) return inverse()
      return keys
        .map((key, index) => {
          const item = known((value as Record<string, unknown>)[key])
          const name = Array.isArray(value) ? index : key
          const data = { index, key: name, first: index === 0, last: index === keys.length - 1 }
          return program(entered(block, frame, item, data, [item, name]))
        })
        .join('')
    }
  }
}

const entered = (block: Block, frame: Frame, context: unknown, data: Frame['data'], params: readonly unknown[]): Frame => ({
  ...frame,
  contexts: changesContext(block) ? [context, ...frame.contexts] : frame.contexts,
  data: { ...frame.data, ...data },
  blockParams: {
    ...frame.blockParams,
    ...Object.fromEntries((block.program?.blockParams ?? []).map((name, index) => [name, params[index]])),
  },
})

/** Truth as in Handlebars: everything except false, null, 0, empty text and an empty list. */
const isFilled = (value: unknown): boolean => (Array.isArray(value) ? value.length > 0 : Boolean(value))
