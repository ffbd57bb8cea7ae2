/**
 * Splits and writes lines of shell words. Called for `-e`, INI inventories, arguments of ssh, requests to a
 * host, and commands of modules.
 */

/** A word of a line, with its range there, quotes included. */
export interface Word {
  readonly text: string
  readonly start: number
  readonly end: number
}

export interface Split {
  readonly words: readonly Word[]
  /** The unclosed quote; the words end before it. */
  readonly open?: string
}

/**
 * `sh` follows POSIX (XCU 2.2). `inventory` follows Ansible's reading of INI files (Python's shlex): `#` ends
 * the line, even inside a word.
 */
export type Dialect = 'sh' | 'inventory'

/**
 * Splits a line into words: blanks separate, quotes group, a backslash takes the next character literally. At
 * the end of the line a backslash is text.
 */
export function splitWords(line: string, dialect: Dialect = 'sh'): Split {
  const words: Word[] = []
  let word: { text: string; start: number; end: number } | undefined
  const { pieces, open } = readPieces(line, dialect)
  for (const { kind, text, start, end } of pieces) {
    if (kind === 'blank') word = undefined
    else if (kind !== 'continuation') {
      if (word === undefined) words.push((word = { text: '', start, end }))
      word.text += text
      word.end = end
    }
  }
  return open === undefined ? { words } : { words, open }
}

/**
 * Finds the first character with a meaning for a shell beyond splitting words: an operator, a pattern, `$`, a
 * comment, a line end before another command, a backslash at the end. Undefined if the line holds words
 * alone.
 */
export function shellFeature(line: string): string | undefined {
  const { pieces } = readPieces(line, 'sh')
  const { words } = splitWords(line)
  const starts = new Set(words.map(({ start }) => start))
  const last = words.at(-1)?.end ?? 0
  for (const { kind, source, start } of pieces) {
    const [found] =
      (kind === 'plain' && ((starts.has(start) && /^[#~]/.exec(source)) || /[|&;<>()*?[`$]/.exec(source))) ||
      (kind === 'double' && /[$`]/.exec(source.replace(/\\./gs, ''))) ||
      (source === '\\' && [source]) ||
      (kind === 'blank' && start > 0 && start < last && /\n/.exec(source)) ||
      []
    if (found !== undefined) return found
  }
  return undefined
}

/** Quotes a text as one word of POSIX sh. */
export const quoteWord = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`

/** Writes a command for pasting into a shell: words are quoted where necessary. */
export const showWords = (argv: readonly string[]): string =>
  argv.map((word) => (/^[\w%+,./:=@^-]+$/.test(word) ? word : quoteWord(word))).join(' ')

interface Piece {
  readonly kind: 'single' | 'double' | 'escaped' | 'blank' | 'plain' | 'continuation'
  readonly text: string
  readonly source: string
  readonly start: number
  readonly end: number
}

const PIECE =
  /'(?<single>[^']*)'|"(?<double>(?:[^"\\]|\\.)*)"|\\(?<continuation>\n)|\\(?<escaped>.)|(?<blank>[ \t\r\n]+)|(?<plain>[^'"\\ \t\r\n]+)/gsy

/** The characters that a backslash escapes between double quotes; before any other, the backslash is text. */
const ESCAPED = { sh: /\\([$`"\\\n])/g, inventory: /\\(["\\])/g }

function readPieces(line: string, dialect: Dialect): { readonly pieces: readonly Piece[]; readonly open?: string } {
  const pieces: Piece[] = []
  let end = 0
  for (const { 0: source, index: start, groups = {} } of line.matchAll(PIECE)) {
    const [kind, inside] = Object.entries(groups).find(([, value]) => value !== undefined) as [Piece['kind'], string]
    const comment = dialect === 'inventory' && kind === 'plain' ? source.indexOf('#') : -1
    if (comment >= 0) {
      if (comment > 0) pieces.push({ kind, text: source.slice(0, comment), source, start, end: start + comment })
      return { pieces }
    }
    end = start + source.length
    const text = kind === 'double' ? inside.replace(ESCAPED[dialect], (_, char: string) => (char === '\n' ? '' : char)) : inside
    pieces.push({ kind, text, source, start, end })
  }
  const open = line[end]
  if (open === undefined) return { pieces }
  if (open !== '\\') return { pieces, open }
  return { pieces: [...pieces, { kind: 'escaped', text: open, source: open, start: end, end: end + 1 }] }
}
