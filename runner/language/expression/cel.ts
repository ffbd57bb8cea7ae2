/**
 * The expression language: CEL (https://cel.dev) with `defined` and `default`, and numbers that mix. Called
 * by expression.ts.
 */
import { compilePattern, type Pattern, PatternError } from '../../base/pattern.ts'
import { type ASTNode, Environment, EvaluationError, type ParseResult, TypeError as CelTypeError } from '@marcbachmann/cel-js'

export type Ast = ASTNode

let environment: Environment | undefined

/** Created on first use: creation takes some milliseconds, and a playbook without conditions needs none. */
export const celEnvironment = (): Environment => (environment ??= createEnvironment())

const createEnvironment = (): Environment => {
  const made = new Environment({
    unlistedVariablesAreDyn: true,
    homogeneousAggregateLiterals: false,
    limits: { maxAstNodes: 2000, maxDepth: 60 },
  })
  // JSON has one kind of number: a condition must work for a load of 2 as for one of 2.5.
  const arithmetic: Readonly<Record<string, (a: number, b: number) => number>> = {
    '+': (a, b) => a + b,
    '-': (a, b) => a - b,
    '*': (a, b) => a * b,
    '/': (a, b) => a / b,
  }
  for (const [operator, compute] of Object.entries(arithmetic)) {
    made.registerOperator(`int ${operator} double`, (a: bigint, b: number) => compute(Number(a), b))
    made.registerOperator(`double ${operator} int`, (a: number, b: bigint) => compute(a, Number(b)))
  }
  // The library has no way to replace an overload. A macro of the same name is found first, and fits any
  // receiver.
  made.registerFunction('bytes.matches(ast): bool', matches)
  made.registerFunction(
    'defined(ast): bool',
    presence('defined', (present) => present),
  )
  made.registerFunction(
    'default(ast, ast): dyn',
    presence('default', (present, value, fallback) => (present && value !== null ? value : fallback())),
  )
  return made
}

/** `text.matches(expression)` in linear time: CEL defines RE2's syntax, the library takes JavaScript's. */
const matches = ({ args: [wanted], receiver }: Macro & { readonly receiver: Ast }) => {
  const call = (text: unknown, expression: unknown): boolean => {
    if (typeof text === 'string' && typeof expression === 'string') return patternAt(wanted!, expression).test(text)
    throw new EvaluationError({ ...noOverload(celType(text), celType(expression)), node: wanted! })
  }
  return {
    async: false,
    typeCheck(checker: Checker, _macro: Macro, context: unknown) {
      const [text, expression] = [checker.check(receiver, context), checker.check(wanted!, context)].map(String)
      if (![text, expression].every((type) => /^(?:string|dyn)/.test(type!)))
        throw new CelTypeError({ ...noOverload(text!, expression!), node: wanted! })
      if (wanted!.op === 'value') patternAt(wanted!, String(wanted!.args))
      return checker.getType('bool')
    },
    evaluate: (evaluator: Evaluator, _macro: Macro, context: unknown) =>
      call(evaluator.run(receiver, context), evaluator.run(wanted!, context)),
  }
}

/** Has the library's form, so that `celProblem` explains it with the others. */
const noOverload = (text: string, expression: string) => ({
  code: 'no_matching_overload',
  message: `found no matching overload for '${text}.matches(${expression})'`,
})

const celType = (value: unknown): string =>
  value === null
    ? 'null'
    : Array.isArray(value)
      ? 'list'
      : value instanceof Map
        ? 'map'
        : typeof value === 'boolean'
          ? 'bool'
          : typeof value === 'string'
            ? 'string'
            : 'int'

const patternAt = (node: Ast, expression: string): Pattern => {
  try {
    return compilePattern(expression)
  } catch (error) {
    if (!(error instanceof PatternError)) throw error
    throw new EvaluationError({ code: 'invalid_regular_expression', message: error.message, node })
  }
}

/** Codes of a missing variable, key or item. */
const missing = new Set(['no_such_key', 'unknown_variable', 'index_out_of_bounds'])

interface Macro {
  readonly args: readonly Ast[]
}

/** Returns a macro that tests a path for presence. The library calls its parts with its own checker and evaluator. */
const presence =
  (name: string, answer: (present: boolean, value: unknown, fallback: () => unknown) => unknown) =>
  ({ args }: Macro) => ({
    args,
    async: false,
    typeCheck(checker: Checker, macro: Macro, context: unknown) {
      const [path, fallback] = macro.args
      if (rootOf(path!) === undefined)
        throw new CelTypeError({ code: 'not_a_path', message: `\`${name}\` expects a variable, or keys of one`, node: path! })
      checker.check(path!, context)
      if (fallback !== undefined) checker.check(fallback, context)
      return checker.getType(name === 'defined' ? 'bool' : 'dyn')
    },
    evaluate(evaluator: Evaluator, macro: Macro, context: unknown) {
      const [path, fallback] = macro.args
      const otherwise = () => (fallback === undefined ? undefined : evaluator.run(fallback, context))
      try {
        return answer(true, evaluator.run(path!, context), otherwise)
      } catch (error) {
        if (!(error instanceof EvaluationError) || !missing.has(error.code)) throw error
        return answer(false, undefined, otherwise)
      }
    },
  })

interface Checker {
  check(ast: Ast, context: unknown): unknown
  getType(name: string): unknown
}
interface Evaluator {
  run(ast: Ast, context: unknown): unknown
}

/** The first variable of a path of keys. */
const rootOf = (ast: Ast): string | undefined => {
  if (ast.op === 'id') return ast.args
  return ast.op === '.' || ast.op === '[]' ? rootOf(ast.args[0]) : undefined
}

const parsed = new Map<string, ParseResult>()
const cacheLimit = 10_000

/** @throws ParseError of the library */
export const parseCel = (text: string): ParseResult => {
  const known = parsed.get(text)
  if (known !== undefined) return known
  if (parsed.size >= cacheLimit) parsed.clear()
  const result = celEnvironment().parse(text)
  parsed.set(text, result)
  return result
}

const converted = new WeakMap<object, unknown>()

/**
 * Converts JSON for the library: integers to BigInt (its numbers are doubles), mappings to Map (without a
 * prototype).
 */
export const toCel = (value: unknown): unknown => {
  if (typeof value === 'number') return Number.isSafeInteger(value) ? BigInt(value) : value
  if (typeof value !== 'object' || value === null) return value
  const known = converted.get(value)
  if (known !== undefined) return known
  const result = Array.isArray(value) ? value.map(toCel) : new Map(Object.entries(value).map(([key, part]) => [key, toCel(part)]))
  converted.set(value, result)
  return result
}

/** Converts a result back to JSON; undefined for bytes, durations and types, which JSON lacks. */
export const fromCel = (value: unknown): unknown => {
  if (typeof value === 'bigint') return Number.isSafeInteger(Number(value)) ? Number(value) : undefined
  if (value instanceof Date) return value.toISOString()
  if (value === null || ['string', 'number', 'boolean'].includes(typeof value)) return value
  if (Array.isArray(value)) return whole(value.map(fromCel))
  if (value instanceof Map) return members([...value])
  return Object.getPrototypeOf(value) === Object.prototype ? members(Object.entries(value as object)) : undefined
}

const whole = (parts: unknown[]): unknown[] | undefined => (parts.includes(undefined) ? undefined : parts)

const members = (pairs: [unknown, unknown][]): unknown => {
  const values = whole(pairs.map(([, part]) => fromCel(part)))
  return values === undefined ? undefined : Object.fromEntries(pairs.map(([key], index) => [String(key), values[index]]))
}
