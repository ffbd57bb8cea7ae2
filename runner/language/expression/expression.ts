/** Conditions: `when`, `until`, `failed_when` and their kin, checked early and evaluated late. Called by the engine. */
import { EvaluationError, ParseError, TypeError as CelTypeError, serialize } from '@marcbachmann/cel-js'
import { type Ast, celEnvironment, fromCel, parseCel, toCel } from './cel.ts'
import type { Diagnostic } from '../../source/diagnostic.ts'
import { TemplateError } from '../error.ts'
import { celProblem } from './expression-problems.ts'
import { referencesIn } from './expression-references.ts'
import { kindOf } from '../template/helpers.ts'
import { expressionHint } from '../template/jinja.ts'
import { placeOfNode } from '../../source/yaml.ts'
import type { Node } from '../../source/source.ts'
import { didYouMean } from '../../base/suggest.ts'
import { type Problem, type Reference, toDiagnostic } from '../template/template-syntax.ts'
import { type Scope, Unknown } from '../value.ts'

/**
 * Evaluates an expression to JSON, or to `Unknown` if the result depends on an unknown value. `false &&
 * unknown` is false, `true || unknown` is true, and a choice by a known condition evaluates one side only.
 *
 * @throws TemplateError with the place of the error: syntax, unknown variable, wrong type
 */
export const evaluate = (node: Node<string>, scope: Scope): unknown | Unknown => {
  const text = node.value
  const { ast, references } = parse(node)
  const context: Record<string, unknown> = {}
  const unknown = new Map<string, Unknown>()
  for (const reference of references) {
    const value = scope.lookup(reference.name)
    if (value instanceof Unknown) unknown.set(reference.name, value)
    else if (value !== undefined) context[reference.name] = toCel(value)
    else if (!reference.optional && !references.some((other) => other.name === reference.name && other.optional)) {
      throw error(node, unknownVariable(reference, scope.names()))
    }
  }
  const keys = (path: string) => keysOf(path, context)
  const whole = (): unknown => {
    try {
      return parseCel(text)(context)
    } catch (thrown) {
      throw error(node, celProblem(thrown, text, keys))
    }
  }
  const run = (part: Ast): unknown => {
    const written = serialize(part)
    try {
      return parseCel(written)(context)
    } catch (thrown) {
      // The serialised part has another layout: the error keeps its words and takes the place of the whole
      // part.
      throw error(node, { ...celProblem(thrown, written, keys), start: part.start, length: part.end - part.start })
    }
  }
  const result = unknown.size === 0 ? whole() : partly(ast, unknown, run)
  if (result instanceof Unknown) return result
  const value = fromCel(result)
  if (value !== undefined) return value
  throw error(node, { start: 0, length: text.length, summary: 'the result of this expression has no JSON form' })
}

/**
 * Returns true if all conditions hold, or if there are none. Conditions are evaluated in order, up to the
 * first false one.
 *
 * @throws TemplateError; also if a condition is neither true nor false
 */
export const evaluateCondition = (nodes: readonly Node<string>[], scope: Scope): boolean | Unknown => {
  let unknown: Unknown | undefined
  for (const node of nodes) {
    const value = guarded(() => evaluate(node, scope), unknown)
    if (value === false) return false
    if (value instanceof Unknown) unknown ??= value
    else if (value !== true) {
      const notes =
        typeof value === 'object'
          ? ['to test for members: size(x) > 0']
          : typeof value === 'string'
            ? ['compare it: x == "yes"']
            : []
      throw error(node, {
        start: 0,
        length: node.value.length,
        summary: 'a condition must be true or false',
        label: `this is ${kindOf(value)}`,
        notes,
      })
    }
  }
  return unknown ?? true
}

/** After an unknown condition, an error may never occur. */
const guarded = (compute: () => unknown, unknown: Unknown | undefined): unknown => {
  if (unknown === undefined) return compute()
  try {
    return compute()
  } catch (thrown) {
    if (thrown instanceof TemplateError) return unknown
    throw thrown
  }
}

/** The variables in an expression, each with the keys that follow it; empty if the expression cannot be parsed. */
export const expressionReferences = (node: Node<string>): Reference[] => {
  try {
    return referencesIn(parseCel(node.value).ast)
  } catch (thrown) {
    if (thrown instanceof ParseError) return []
    throw thrown
  }
}

/** Checks a condition before any variable is known: syntax, functions, evident types. */
export const checkExpression = (node: Node<string>): Diagnostic[] => {
  const problem = staticProblem(node)
  return problem === undefined ? [] : [diagnosticAt(node, problem)]
}

const staticProblem = (node: Node<string>): Problem | undefined => {
  const text = node.value
  const whole = { start: 0, length: text.length }
  if (text.includes('{{')) return { ...whole, ...braces(text) }
  let result: ReturnType<ReturnType<typeof parseCel>['check']>
  try {
    result = parseCel(text).check()
  } catch (thrown) {
    return celProblem(thrown, text)
  }
  const odd = literalNames(text)
  if (odd !== undefined) return odd
  if (!result.valid) return celProblem(result.error, text)
  if (result.type === 'bool' || result.type === 'dyn') return undefined
  return {
    ...whole,
    summary: 'a condition must be true or false',
    label: `this is ${celTypes[result.type ?? ''] ?? 'something else'}`,
  }
}

const celTypes: Readonly<Record<string, string>> = {
  string: 'text',
  int: 'a number',
  double: 'a number',
  list: 'a list',
  map: 'a mapping',
  null: 'null',
}

/** `{{ … }}` around or inside a condition. */
const braces = (text: string): Omit<Problem, 'start' | 'length'> => {
  const bare = text.replace(/(["'])?\{\{\s*(.*?)\s*\}\}\1/g, '$2').trim()
  const hint = parses(bare) ? bare : expressionHint(bare, parses)
  return {
    summary: 'a condition is not a template: variables are written bare',
    label: hint && `write \`${hint}\``,
  }
}

const parses = (text: string): boolean => {
  try {
    return celEnvironment().parse(text).check().valid && literalNames(text) === undefined
  } catch {
    return false
  }
}

const pythonNames: Readonly<Record<string, string>> = {
  True: 'true',
  False: 'false',
  None: 'null',
  none: 'null',
  undefined: 'null',
}

/** Python's True, False and None are unknown variables to CEL. */
const literalNames = (text: string): Problem | undefined => {
  const found = referencesIn(parseCel(text).ast).find(({ name }) => Object.hasOwn(pythonNames, name))
  if (found === undefined) return undefined
  const { name, start, length } = found
  return { start, length, summary: `\`${name}\` is not a value here`, label: `write \`${pythonNames[name]}\`` }
}

const parse = (node: Node<string>): { ast: Ast; references: Reference[] } => {
  const problem = staticProblemOfSyntax(node)
  if (problem !== undefined) throw error(node, problem)
  const { ast } = parseCel(node.value)
  return { ast, references: referencesIn(ast) }
}

const staticProblemOfSyntax = (node: Node<string>): Problem | undefined => {
  if (node.value.includes('{{')) return { start: 0, length: node.value.length, ...braces(node.value) }
  try {
    parseCel(node.value)
    return undefined
  } catch (thrown) {
    return celProblem(thrown, node.value)
  }
}

const diagnosticAt = (node: Node<string>, problem: Problem): Diagnostic =>
  toDiagnostic(problem, placeOfNode(node, 'value', problem))

const error = (node: Node<string>, problem: Problem): TemplateError => new TemplateError(diagnosticAt(node, problem))

const unknownVariable = ({ name, start, length }: Reference, names: readonly string[]): Problem => {
  const label = didYouMean(name, names)
  return {
    start,
    length,
    summary: `unknown variable \`${name}\``,
    label,
    notes: [`to test for the variable: defined(${name})`],
  }
}

/** The keys of the value at a path, for "did you mean". */
const keysOf = (path: string, context: Record<string, unknown>): readonly string[] => {
  try {
    const value = parseCel(path)(context) as unknown
    return value instanceof Map ? [...value.keys()].map(String) : []
  } catch (thrown) {
    if (thrown instanceof EvaluationError || thrown instanceof CelTypeError || thrown instanceof ParseError) return []
    throw thrown
  }
}

/** Three-valued logic around the parts that are known. */
const partly = (ast: Ast, unknown: ReadonlyMap<string, Unknown>, run: (part: Ast) => unknown): unknown => {
  const waiting = referencesIn(ast).find(({ name, path, optional }) => unknown.has(name) && !(optional && path.length === 0))
  if (waiting === undefined && !referencesIn(ast).some(({ name }) => unknown.has(name))) return run(ast)
  const pending = unknown.get(waiting?.name ?? '') ?? [...unknown.values()][0]!
  const inner = (part: Ast) => partly(part, unknown, run)
  switch (ast.op) {
    case '&&':
    case '||': {
      const decisive = ast.op === '||'
      const left = inner(ast.args[0])
      if (left === decisive) return decisive
      const right = guarded(() => inner(ast.args[1]), left instanceof Unknown ? left : undefined)
      if (right === decisive) return decisive
      return left instanceof Unknown ? left : right
    }
    case '!_': {
      const value = inner(ast.args)
      return typeof value === 'boolean' ? !value : value instanceof Unknown ? value : run(ast)
    }
    case '?:': {
      const condition = inner(ast.args[0])
      if (condition instanceof Unknown) return condition
      return condition === true ? inner(ast.args[1]) : condition === false ? inner(ast.args[2]) : run(ast)
    }
    default:
      // A pending step will be registered by then: its name is defined, its contents are unknown.
      return isDefinedOfName(ast) ? true : pending
  }
}

const isDefinedOfName = (ast: Ast): boolean => ast.op === 'call' && ast.args[0] === 'defined' && ast.args[1][0]?.op === 'id'
