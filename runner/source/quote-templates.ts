/** Adds missing quotes around templates in a line of YAML. Called by yaml-problems.ts for its advice. */
import { isScalar, parseDocument, visit } from 'yaml'

/**
 * Returns the line, without indentation and comment, with quotes around every value that holds an unquoted
 * template. Undefined if the end of such a value is not on the line.
 *
 * @param inFlow the line begins inside a `{` or `[` of an earlier line
 */
export function quoteTemplates(line: string, inFlow: boolean): string | undefined {
  const [, lead = '', rest = ''] = inFlow ? ['', '', line.trim()] : (/^\s*((?:- +)*)(.*)$/.exec(line) ?? [])
  const quoted = `${lead}${inFlow ? flow(rest) : block(rest)}`.trim()
  return isSound(quoted, inFlow) ? quoted : undefined
}

/** `key: value` or a value; only a value in brackets is taken apart further. */
function block(text: string): string {
  if (isBracket(text)) return flow(text)
  const colon = /^["']/.test(text) ? (QUOTED.exec(text)?.[0].length ?? text.length) : ends(text, 0, isColon)
  const [, gap = ''] = /^(\s*:\s+)/.exec(text.slice(colon)) ?? []
  const key = gap === '' ? '' : `${scalar(text.slice(0, colon))}${gap}`
  const [, properties = '', value = ''] = /^((?:[&!]\S+\s+)*)(.*)$/.exec(gap === '' ? text : text.slice(colon + gap.length)) ?? []
  const body = isBracket(value) ? flow(value) : scalar(value.slice(0, ends(value, 0, isComment)))
  return `${key}${properties}${body}`
}

/** Brackets, commas and colons stay; the scalars between them are quoted where they must be. */
function flow(text: string): string {
  let written = ''
  let isValue = false
  for (let at = 0; at < text.length;) {
    const [blank] = /^\s*/.exec(text.slice(at))!
    const from = at + blank.length
    const character = text.charAt(from)
    if (character === '#' && (blank !== '' || at === 0)) break
    if (/[[\]{},:]/.test(character) && !text.startsWith('{{', from)) {
      isValue = character === ':'
      at = from + 1
      written += text.slice(at - 1 - blank.length, at)
      continue
    }
    const [scalarText] = /^.*\S/.exec(text.slice(from, from + endOfScalar(text.slice(from), isValue))) ?? [text.slice(from)]
    written += `${blank}${scalar(scalarText)}`
    at = from + Math.max(1, scalarText.length)
  }
  return written
}

/** Finds the end of a scalar in a flow collection. A further `:` after that of its entry belongs to the scalar. */
function endOfScalar(text: string, isValue: boolean): number {
  const quoted = QUOTED.exec(text)?.[0].length ?? 0
  if (quoted > 0 && /^\s*(?:[\]},:]|$)/.test(text.slice(quoted))) return quoted
  return ends(text, 0, (of, at) => /[[\]{},]/.test(of.charAt(at)) || isComment(of, at) || (!isValue && isColon(of, at)))
}

/**
 * Quotes a scalar, including a quoted part at its start. If it is quoted already or holds no whole template,
 * returns it unchanged.
 */
function scalar(text: string): string {
  const value = text.trim()
  const [quoted = ''] = QUOTED.exec(value) ?? []
  if (quoted === value || !value.includes('{{') || value.replaceAll(TEMPLATES, '').includes('{{')) return value
  return quote(quoted === '' ? value : `${String(parseDocument(quoted).toJS())}${value.slice(quoted.length)}`)
}

const QUOTED = /^(?:"(?:[^"\\]|\\.)*"|'(?:[^']|'')*')/
const TEMPLATES = /\{\{(?:\{(?:"[^"]*"|'[^']*'|(?!\}\}\}).)*\}\}\}|(?!\{)(?:"[^"]*"|'[^']*'|(?!\}\}).)*\}\})/g
const TEMPLATE = new RegExp(TEMPLATES.source, 'y')

const quote = (text: string): string => (/["\\]/.test(text) ? `'${text.replaceAll("'", "''")}'` : `"${text}"`)

const isBracket = (text: string): boolean => /^(?:\[|\{(?!\{))/.test(text)
const isColon = (text: string, at: number): boolean => text[at] === ':' && /^(?:\s|$)/.test(text.slice(at + 1))
const isComment = (text: string, at: number): boolean => text[at] === '#' && (at === 0 || /\s/.test(text.charAt(at - 1)))

/** Finds the first place from `at`, outside templates, for which `stop` holds; by default the end of the text. */
function ends(text: string, at: number, stop: (text: string, at: number) => boolean): number {
  for (let next = at; next < text.length; next += 1) {
    TEMPLATE.lastIndex = next
    const template = TEMPLATE.exec(text)
    if (template !== null) next += template[0].length - 1
    else if (stop(text, next)) return next
  }
  return text.length
}

/**
 * Returns true if a line with its brackets closed is YAML without a template outside quotes, or as a key without a
 * value.
 */
function isSound(line: string, inFlow: boolean): boolean {
  const opened: string[] = []
  let before = ''
  const bare = line.replaceAll(/"(?:[^"\\]|\\.)*"|'(?:[^']|'')*'/g, '')
  if (bare.includes('{{')) return false
  for (const bracket of bare.replaceAll(/[^[\]{}]/g, '')) {
    if (bracket === '{' || bracket === '[') opened.push(bracket === '{' ? '}' : ']')
    else if (opened.at(-1) === bracket) opened.pop()
    else if (inFlow) before = `${bracket === '}' ? '{' : '['}${before}`
  }
  const whole = `${before}${line}${opened.toReversed().join('')}`
  const document = parseDocument(inFlow ? `[${whole}]` : whole, { stringKeys: true })
  let sound = document.errors.length === 0
  visit(document, {
    Pair(_, { key, value }) {
      if ((value === null || (isScalar(value) && value.value === null)) && String(key).includes('{{')) sound = false
    },
  })
  return sound
}
