/**
 * Prepares a template for the parser of Handlebars, and finds the place of a syntax error. Called by
 * template-syntax.ts.
 */
import Handlebars from 'handlebars'
import { mustacheHint } from './jinja.ts'

/** An error in a template, with its offset in the text. */
export interface Problem {
  readonly start: number
  readonly length: number
  readonly summary: string
  readonly label?: string | undefined
  readonly notes?: readonly string[] | undefined
}

/** A text prepared for the parser, with the offsets of added characters. */
export interface Prepared {
  readonly text: string
  readonly added: readonly number[]
}

/**
 * Handlebars without its own helpers. Only its parser is used: templates are evaluated here, never compiled
 * to JavaScript.
 */
const handlebars = Handlebars.create()

/** @throws if the text is not Handlebars */
export const parseHandlebars = (prepared: Prepared): hbs.AST.Program => handlebars.parse(prepared.text)

/** Templates are evaluated recursively; no real one is nested this deep. */
export const maxNesting = 60

export const nesting = (text: string): number => {
  let blocks = 0
  let deepest = 0
  for (const [mustache] of text.matchAll(/\{\{[\s\S]*?\}\}/g)) {
    if (/^\{\{~?[#^]/.test(mustache)) blocks++
    else if (/^\{\{~?\//.test(mustache)) blocks--
    deepest = Math.max(deepest, blocks + (mustache.match(/\(/g)?.length ?? 0))
  }
  return deepest
}

/**
 * Puts numeric keys in brackets. Handlebars reads a number at the end of a path as a literal: it refuses `{{
 * list.0 }}` and accepts `{{ list.0.id }}`.
 */
export const prepare = (original: string): Prepared => {
  const added: number[] = []
  const text = original.replace(/\{\{[\s\S]*?\}\}/g, (mustache, start: number) =>
    mustache.replace(/"[^"]*"|'[^']*'|(?<=[\w\]])\.(\d+)(?=[\s)}~=]|$)/g, (part, number: string | undefined, offset: number) => {
      if (number === undefined) return part
      const open = start + offset + 1 + added.length
      added.push(open, open + number.length + 1)
      return `.[${number}]`
    }),
  )
  return { text, added }
}

const parses = (text: string): boolean => {
  try {
    parseHandlebars(prepare(text))
    return true
  } catch {
    return false
  }
}

/**
 * Finds the errors of a text. The parser gives no exact column, so each `{{ … }}` is parsed by itself; the
 * remaining errors are blocks that do not match.
 */
export const syntaxProblems = (text: string): Problem[] => {
  const problems: Problem[] = []
  const open: { readonly name: string; readonly start: number; readonly length: number }[] = []
  for (const match of text.matchAll(/(?<!\\)\{\{([\s\S]*?)(\}\}\}?|$)/g)) {
    const [whole, inner = '', close = ''] = match
    const at = { start: match.index, length: whole.length }
    const [, sign = '', name = ''] = /^~?([#/^]?)\s*([^\s}]*)/.exec(inner) ?? []
    if (close === '')
      problems.push({ start: match.index, length: 2, summary: '`{{` is not closed', label: 'write `}}` after the name' })
    else if (sign === '#') {
      open.push({ name, ...at })
      if (!parses(`${whole}{{/${name}}}`)) problems.push({ ...at, ...mustacheHint(inner.slice(1)) })
    } else if (sign === '/') {
      const opened = open.pop()
      if (opened === undefined) problems.push({ ...at, summary: `\`${whole}\` closes nothing` })
      else if (opened.name !== name)
        problems.push({ ...at, summary: `\`${whole}\` closes \`{{#${opened.name}}}\``, label: `write \`{{/${opened.name}}}\`` })
    } else if (/^~?\s*else\b/.test(inner)) {
      if (open.length === 0) problems.push({ ...at, summary: '`{{else}}` stands outside a block' })
    } else if (sign !== '^' && !parses(whole)) problems.push({ ...at, ...mustacheHint(inner) })
  }
  for (const { name, start, length } of open) {
    problems.push({ start, length, summary: `\`{{#${name}}}\` is not closed`, label: `write \`{{/${name}}}\` at its end` })
  }
  return problems.length > 0 ? problems : [{ start: 0, length: text.length, summary: 'this is not a Handlebars template' }]
}

/** The range of a node in the original text. */
export const span = (node: hbs.AST.Node, { text, added }: Prepared): { start: number; length: number } => {
  const original = (offset: number) => offset - added.filter((one) => one < offset).length
  const start = original(offsetOf(text, node.loc.start))
  return { start, length: Math.max(1, original(offsetOf(text, node.loc.end)) - start) }
}

export const writtenOf = ({ loc }: hbs.AST.Node, { text }: Prepared): string =>
  text.slice(offsetOf(text, loc.start), offsetOf(text, loc.end))

const offsetOf = (text: string, { line, column }: hbs.AST.Position): number => {
  let start = 0
  for (let number = 1; number < line; number++) start = text.indexOf('\n', start) + 1
  return start + column
}
