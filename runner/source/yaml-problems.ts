/** Explains the errors of a YAML text in words, not in parser codes. Called by yaml.ts. */
import { type Document, type ParseOptions, type Range, type SchemaOptions, type Tags, isNode, isScalar, visit } from 'yaml'
import type { Diagnostic } from './diagnostic.ts'
import { quoteTemplates } from './quote-templates.ts'
import type { Place } from './source.ts'

export type YamlDialect = 'playbook' | 'ansible'

/** Removes types that JSON lacks. `y` and `n` stay text, as in PyYAML (unlike YAML 1.1). */
const withoutDates = (tags: Tags): Tags => {
  const kept: Tags = []
  for (const tag of tags) {
    if (typeof tag === 'string') kept.push(tag)
    else if (tag.tag.endsWith(':bool') && 'test' in tag && tag.test !== undefined) {
      kept.push({
        ...tag,
        test: tag.test.test('yes') ? /^(?:[Yy]es|YES|[Tt]rue|TRUE|[Oo]n|ON)$/ : /^(?:[Nn]o|NO|[Ff]alse|FALSE|[Oo]ff|OFF)$/,
      })
    } else if (!['timestamp', 'binary', 'omap', 'pairs', 'set'].some((name) => tag.tag.endsWith(`:${name}`))) kept.push(tag)
  }
  return kept
}

/**
 * Options of the parser: https://yaml.org/type/bool.html, and the resolvers of PyYAML, Ansible's reader of
 * inventories.
 */
export const dialects: Readonly<Record<YamlDialect, ParseOptions & SchemaOptions & { version: '1.1' | '1.2' }>> = {
  playbook: { version: '1.2', merge: true },
  ansible: { version: '1.1', merge: true, customTags: withoutDates },
}

/** Follow-up errors of the parser, lines later, after braces have misled it. */
const echoes = new Set(['UNEXPECTED_TOKEN', 'MISSING_CHAR', 'BAD_INDENT'])

/** Errors that leave the structure of the document clear. */
const harmless = new Set(['DUPLICATE_KEY', 'TAG_RESOLVE_FAILED'])

type PlaceAt = (start: number, end: number) => Place

/** Explains every error of a parsed document. `readable` is true if its values can be checked further. */
export const yamlProblems = (
  document: Document.Parsed,
  text: string,
  placeAt: PlaceAt,
): { diagnostics: Diagnostic[]; readable: boolean } => {
  const diagnostics: Diagnostic[] = []
  const seen = new Set<number>()
  let lost = false
  const add = (start: number, end: number, problem: Omit<Diagnostic, 'severity' | 'place'>) =>
    diagnostics.push({ severity: 'error', place: placeAt(start, end), ...problem })

  const problems = [...document.errors, ...document.warnings].sort((a, b) => a.pos[0] - b.pos[0])
  for (const { code, message, pos } of problems) {
    const line = placeAt(...pos).line
    if (seen.has(line) || (lost && echoes.has(code) && unquotedBraces(text, pos[0]) === undefined)) continue
    const braces = unquotedBraces(text, pos[0])
    if (braces !== undefined && !harmless.has(code)) {
      add(braces.start, braces.end, {
        summary: 'a value with `{{` must be quoted here',
        label: braces.label,
        notes: braces.corrected === undefined ? [] : [`write: ${braces.corrected}`],
      })
      seen.add(line)
      lost = true
      continue
    }
    const { at = pos, ...problem } = explain(code, message, pos, text, document)
    add(...at, problem)
    // One slip often causes several errors in a line.
    if (!harmless.has(code)) seen.add(line)
  }

  const readable = problems.every(({ code }) => harmless.has(code))
  return readable ? { ...checkValues(document, text, placeAt, diagnostics) } : { diagnostics, readable }
}

/** Checks aliases and numbers. */
const checkValues = (document: Document.Parsed, text: string, placeAt: PlaceAt, found: readonly Diagnostic[]) => {
  const diagnostics = [...found]
  const anchors = new Map<string, unknown>()
  let readable = true
  const add = (range: Range | null | undefined, summary: string, label?: string) => {
    const place = placeAt(range?.[0] ?? 0, range?.[1] ?? 1)
    diagnostics.push({ severity: 'error', summary, place, label })
  }
  visit(document, {
    Collection(_, collection) {
      if (collection.anchor !== undefined) anchors.set(collection.anchor, collection)
    },
    Alias(_, { source, range }, path) {
      const unknown = !anchors.has(source)
      if (!unknown && !path.includes(anchors.get(source) as never)) return
      readable = false
      if (unknown) add(range, `unknown alias \`*${source}\``, `if it is text, quote it: "*${source}"`)
      else add(range, 'an alias refers to the value that it is part of')
    },
    Scalar(_, scalar) {
      const { anchor, value, range } = scalar
      if (anchor !== undefined) anchors.set(anchor, scalar)
      if (typeof value !== 'number') return
      if (!Number.isFinite(value)) add(range, `\`${text.slice(range![0], range![1])}\` cannot be used as a number`)
      else if (Number.isInteger(value) && !Number.isSafeInteger(value))
        add(range, 'the number has too many digits to be kept exactly', 'quote it to keep it as text')
    },
  })
  return { diagnostics, readable }
}

type Explained = Omit<Diagnostic, 'severity' | 'place'> & { readonly at?: readonly [number, number] }

const explain = (
  code: string,
  message: string,
  [start, end]: readonly [number, number],
  text: string,
  document: Document.Parsed,
): Explained => {
  const marked = text.slice(start, end)
  const lineText = text.slice(start, (text.indexOf('\n', start) + 1 || text.length + 1) - 1)
  const tab = /^ *\t/.exec(lineText)
  if (code === 'TAB_AS_INDENT' || (code === 'BAD_INDENT' && tab !== null)) {
    const from = code === 'BAD_INDENT' ? start + tab![0].length - 1 : start
    return { summary: 'a tab indents this line', label: 'indent with spaces', at: [from, from + 1] }
  }
  const misplaced = { summary: 'this line is indented differently from its neighbours', label: 'must start in the same column' }
  if (/without - indicator/.test(message)) return { ...misplaced, at: firstWord(text, start) }
  switch (code) {
    case 'DUPLICATE_KEY': {
      const key = /^[^:\s]+/.exec(lineText)?.[0] ?? marked
      return { summary: `\`${key}\` is written twice in one mapping`, label: 'the second one', at: [start, start + key.length] }
    }
    case 'MULTIPLE_DOCS':
      return { summary: 'a file holds one document', label: 'a second one starts here', at: [start, start + 3] }
    case 'TAG_RESOLVE_FAILED': {
      if (marked === '!vault')
        return {
          summary: 'values encrypted with Ansible Vault are not supported',
          notes: ['give the value as a parameter with `secret: true`'],
        }
      return { summary: `unknown tag \`${marked}\``, label: 'quote text that starts with `!`' }
    }
    case 'BLOCK_AS_IMPLICIT_KEY':
      if (!/:\s/.test(lineText.slice(1))) return { ...misplaced, at: nextLine(text, start) }
      return { summary: 'a value that holds `: ` must be quoted', label: 'YAML takes this for a second key' }
    case 'MULTILINE_IMPLICIT_KEY':
      return /^[\w-]+:\S/.test(lineText)
        ? { summary: 'a space is missing after `:`', label: 'write `key: value`', at: [start, start + lineText.length] }
        : { summary: 'this is not a `key: value`', label: 'a `:` is missing', at: [start, start + lineText.length] }
    case 'BAD_INDENT':
      return message.startsWith('Flow')
        ? {
            summary: 'a `[` or `{` is not closed before this line',
            notes: ['indent the lines in brackets, and close the bracket'],
          }
        : { ...misplaced, at: [start, start + lineText.length] }
    case 'MISSING_CHAR':
      return missing(message, start, text, document)
    case 'UNEXPECTED_TOKEN':
      return /["']$/.test(text.slice(0, start).trimEnd())
        ? { summary: 'unexpected text after the closing quote', label: 'put the quotes around the whole value' }
        : { summary: 'unexpected text', label: 'quote the value if this belongs to it' }
    case 'BAD_SCALAR_START':
      return { summary: `a value cannot start with ${marked === '`' ? 'a backtick' : `\`${marked}\``}`, label: 'quote it' }
    case 'BAD_DQ_ESCAPE':
      return {
        summary: `\`${text.slice(start, start + 2)}\` is not an escape`,
        label: 'use single quotes, or `\\\\`',
        at: [start, start + 2],
      }
    case 'NON_STRING_KEY':
      return { summary: 'a key must be text' }
    default:
      return { summary: message.charAt(0).toLowerCase() + message.slice(1) }
  }
}

/** The text of the line at an offset, from its first visible character. */
const firstWord = (text: string, offset: number): [number, number] => {
  const start = offset + /^\s*/.exec(text.slice(offset))![0].length
  return [start, (text.indexOf('\n', start) + 1 || text.length + 1) - 1]
}

const nextLine = (text: string, offset: number): [number, number] => firstWord(text, text.indexOf('\n', offset) + 1)

const missing = (message: string, start: number, text: string, document: Document.Parsed): Explained => {
  if (!/quote/.test(message)) return { summary: message.charAt(0).toLowerCase() + message.slice(1) }
  let opened: number | undefined
  visit(document, (_, node) => {
    if (isNode(node) && isScalar(node) && node.range != null && node.range[0] < start && /^["']/.test(text.slice(node.range[0])))
      opened = node.range[0]
  })
  return {
    summary: 'the quote that starts here is not closed',
    ...(opened === undefined ? {} : { at: [opened, opened + 1] as const }),
  }
}

interface Braces {
  readonly start: number
  readonly end: number
  readonly label: string
  /** Absent if the end of the value is not on the line. */
  readonly corrected: string | undefined
}

/** A `{{` outside quotes on the line of `offset`, with the corrected line. */
const unquotedBraces = (text: string, offset: number): Braces | undefined => {
  const lineStart = text.lastIndexOf('\n', offset - 1) + 1
  const line = text.slice(lineStart, (text.indexOf('\n', lineStart) + 1 || text.length + 1) - 1)
  const open = outsideQuotes(line).indexOf('{{')
  if (open === -1) return undefined
  const close = line.indexOf('}}', open)
  const end = close === -1 ? line.length : close + 2
  const corrected = quoteTemplates(line, isInFlow(text.slice(0, lineStart)))
  return { start: lineStart + open, end: lineStart + end, label: 'YAML takes `{` for a mapping', corrected }
}

/**
 * Returns true if a text ends inside a `{` or `[`: more open than close in its last lines that continue one
 * another.
 */
const isInFlow = (text: string): boolean => {
  let open = 0
  for (const line of text.trimEnd().split('\n').toReversed()) {
    const bare = outsideQuotes(line)
      .replaceAll(/\{\{.*?\}\}|\s#.*$/g, '')
      .trimEnd()
    if (open > 0 || !/[[{,]$/.test(bare)) break
    open += bare.replaceAll(/[^[{]/g, '').length - bare.replaceAll(/[^\]}]/g, '').length
  }
  return open > 0
}

/** The line with quoted stretches blanked out; a quote inside a word (`it's`) opens nothing. */
const outsideQuotes = (line: string): string =>
  line.replace(/(?<=^|[\s,[{:])("(?:[^"\\]|\\.)*"|'(?:[^']|'')*')/g, (quoted) => ' '.repeat(quoted.length))
