/** Explains the errors of an expression, with a hint for Jinja and Python habits. Called by expression.ts. */
import { EvaluationError, ParseError, TypeError as CelTypeError } from '@marcbachmann/cel-js'
import { celEnvironment } from './cel.ts'
import { expressionHint } from '../template/jinja.ts'
import { didYouMean } from '../../base/suggest.ts'
import type { Problem } from '../template/template-syntax.ts'

/**
 * Explains an error of the expression library in this project's words.
 *
 * @param keysOf the keys of a value, for "did you mean"
 */
export const celProblem = (thrown: unknown, text: string, keysOf: (path: string) => readonly string[] = () => []): Problem => {
  if (!(thrown instanceof ParseError || thrown instanceof CelTypeError || thrown instanceof EvaluationError)) throw thrown
  const start = Math.min(thrown.range?.start ?? 0, text.length)
  const length = Math.max(1, (thrown.range?.end ?? start) - start)
  const marked = text.slice(start, start + length)
  if (thrown instanceof ParseError) return { start, length, ...syntax(thrown.code, marked, text) }
  return { start, length, ...typing(thrown.code, thrown.summary, marked, text, start, keysOf) }
}

type Said = Omit<Problem, 'start' | 'length'>

const syntax = (code: string, marked: string, text: string): Said => {
  const cure = expressionHint(text, parses)
  const label = cure === undefined ? {} : { label: `write \`${cure}\`` }
  if (text.trim() === '') return { summary: 'the condition is empty' }
  if (code === 'reserved_identifier' && cure === undefined)
    return {
      summary: `\`${marked}\` is a reserved word of the expression language`,
      notes: [otherName],
    }
  if (code.startsWith('unterminated')) return { summary: 'the text that starts here has no closing quote' }
  if (marked.trim() === '')
    return { summary: 'the condition ends too early', ...label, notes: ['a value, or a closing bracket, is missing'] }
  return { summary: `\`${marked}\` cannot stand here`, ...label }
}

const otherName = 'a variable of this name can be used in templates only: copy it to another name in `vars`'

const parses = (text: string): boolean => {
  try {
    return celEnvironment().parse(text).check().valid
  } catch {
    return false
  }
}

const typing = (
  code: string,
  summary: string,
  marked: string,
  text: string,
  start: number,
  keysOf: (path: string) => readonly string[],
): Said => {
  switch (code) {
    case 'no_such_key': {
      const owner = /([\w.[\]"']+)\.\s*$/.exec(text.slice(0, start))?.[1]
      const label = owner === undefined ? undefined : didYouMean(marked, keysOf(owner))
      const key = /^No such key: (.*)$/.exec(summary)?.[1] ?? marked
      return {
        summary: owner === undefined ? `unknown key \`${key}\`` : `\`${owner}\` has no key \`${key}\``,
        label,
        notes: owner === undefined ? [] : [`to test for the key: defined(${owner}.${key})`],
      }
    }
    case 'unknown_variable':
      return { summary: `unknown variable \`${marked}\`` }
    case 'index_out_of_bounds':
      return {
        summary: summary.replace(
          /^.*index (-?\d+) >= size (\d+)$/,
          'index $1 is out of range: the list has $2 items, counted from 0',
        ),
      }
    case 'incompatible_ternary_branches':
      return {
        summary: 'both results of `… ? … : …` must be of one type',
        notes: ['convert one to the other: string(x), int(x)'],
      }
    case 'no_such_overload': {
      const [, left, operator = '', right = ''] =
        /^no such overload: (?:(\S.*?) )?([!<>=+*/%-]+|in)\s*(\S.*)$/.exec(summary) ?? []
      const type = [left, right].includes('type')
        ? /\b(?:int|uint|double|string|bool|bytes|list|map|type)\b(?!\s*\()/.exec(marked)?.[0]
        : undefined
      if (type !== undefined)
        return { summary: `\`${type}\` is a type of the expression language, not a variable`, notes: [otherName] }
      if (left === undefined) return { summary: `\`${operator}\` cannot be used with ${typeName(right)}` }
      return {
        summary: `\`${operator}\` cannot be used between ${typeName(left)} and ${typeName(right)}`,
        ...converting(operator, left, right),
      }
    }
    case 'no_matching_overload': {
      const [, receiver, name = '', args = ''] = /'(?:(.*)\.)?(\w+)\((.*)\)'$/.exec(summary) ?? []
      const names = functionNames(receiver !== undefined)
      if (names.has(name)) return { summary: `\`${name}\` cannot be called like this`, label: wants(receiver, args) }
      const cure = expressionHint(text, parses)
      const label = cure === undefined ? didYouMean(name, names) : `write \`${cure}\``
      return { summary: `unknown function \`${name}\``, label }
    }
    case 'invalid_logical_operand':
    case 'invalid_condition_type':
      return { summary: 'true or false is needed here', label: `this is ${typeName(/got '(.*)'$/.exec(summary)?.[1] ?? '')}` }
    case 'invalid_comprehension_range':
      return { summary: 'a list is needed here', label: `this is ${typeName(/type '(.*?)'/.exec(summary)?.[1] ?? '')}` }
    case 'invalid_regular_expression':
      return { summary: 'this is not a regular expression', label: summary }
    case 'invalid_macro_argument':
      return {
        summary: marked === '' ? summary : `\`${marked}\` cannot stand here`,
        notes: ['to test for a variable or a key: defined(x.key)'],
      }
    default:
      return { summary: summary.charAt(0).toLowerCase() + summary.slice(1) }
  }
}

const wants = (receiver: string | undefined, args: string): string => {
  const given = args === '' ? 'nothing' : args.split(', ').map(typeName).join(', ')
  return receiver === undefined ? `given: ${given}` : `given: ${given}, on ${typeName(receiver)}`
}

const converting = (operator: string, left: string, right: string): Pick<Said, 'notes'> => {
  const kinds = [typeName(left), typeName(right)]
  if (!kinds.includes('text') || !kinds.includes('a number')) return {}
  return { notes: [operator === '+' ? 'as text: string(x); as a number: int(x)' : 'as a number: int(x)'] }
}

const functionNames = (methods: boolean): Set<string> =>
  new Set(
    celEnvironment()
      .getDefinitions()
      .functions.filter((one) => (one.receiverType !== null && one.receiverType !== undefined) === methods)
      .map(({ name }) => name),
  )

const typeNames: readonly (readonly [RegExp, string])[] = [
  [/^string$/, 'text'],
  [/^(?:int|uint|double)$/, 'a number'],
  [/^bool$/, 'true or false'],
  [/^list/, 'a list'],
  [/^map/, 'a mapping'],
  [/^null/, 'null'],
]

/** Names a type of the library in plain words: `dyn<list<int>>` is a list. */
const typeName = (type: string): string => {
  const inner = /^dyn<(.*)>$/.exec(type)?.[1] ?? type
  return typeNames.find(([pattern]) => pattern.test(inner))?.[1] ?? 'such a value'
}
