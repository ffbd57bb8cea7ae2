import { Failure } from '../../../runner/module.ts'

export type Encoding = 'UTF-8' | 'Latin-1'

export interface Text {
  readonly text: string
  readonly encoding: Encoding
}

/** Decodes UTF-8, or else Latin-1, which accepts any bytes. A byte order mark stays in the text. */
export function decodeText(bytes: Uint8Array): Text {
  try {
    return { text: new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes), encoding: 'UTF-8' }
  } catch {
    return { text: Buffer.from(bytes).toString('latin1'), encoding: 'Latin-1' }
  }
}

/** Encodes a text. Throws `Failure` for a character that the encoding does not have. */
export function encodeText(text: string, encoding: Encoding, path: string): Uint8Array {
  if (encoding === 'UTF-8') return new TextEncoder().encode(text)
  const foreign = /[^\0-\xff]/u.exec(text)?.[0]
  if (foreign !== undefined) {
    throw new Failure(`\`${foreign}\` cannot be written to ${path}, which is not UTF-8 but Latin-1`, {
      help: 'convert the file to UTF-8 first (iconv)',
    })
  }
  return new Uint8Array(Buffer.from(text, 'latin1'))
}

/** True for text by git's rule: no zero byte in the first 8000 bytes. */
export const isText = (bytes: Uint8Array): boolean => !bytes.subarray(0, 8000).includes(0)

export const sameBytes = (a: Uint8Array, b: Uint8Array): boolean => Buffer.compare(a, b) === 0

/** A line and its line end, which may be missing from the last line of a file. */
export interface Line {
  readonly text: string
  readonly end: string
}

/** Splits a text into lines; `joinLines` returns the same text again. */
export function splitLines(text: string, ends: RegExp = /\r\n|\n/g): readonly Line[] {
  const lines: Line[] = []
  let start = 0
  for (const found of text.matchAll(ends)) {
    lines.push({ text: text.slice(start, found.index), end: found[0] })
    start = found.index + found[0].length
  }
  return start < text.length ? [...lines, { text: text.slice(start), end: '' }] : lines
}

/** Joins lines. If an edit has put a lone carriage return before a line feed, the two stay two line ends. */
export const joinLines = (lines: readonly Line[]): string =>
  lines
    .map(({ text, end }, at) => {
      const next = lines[at + 1]
      return text + (end === '\r' && next?.text === '' && next.end === '\n' ? '\n' : end)
    })
    .join('')

/** Returns the most frequent line end of a file; a line feed if the file has none. */
export function lineEnd(lines: readonly Line[]): string {
  const counts = new Map<string, number>()
  for (const { end } of lines) if (end !== '') counts.set(end, (counts.get(end) ?? 0) + 1)
  return [...counts].sort(([, a], [, b]) => b - a)[0]?.[0] ?? '\n'
}

/** Inserts lines before the line `at`, with the line end of the file. A last line without line end stays so. */
export function insertLines(lines: readonly Line[], at: number, texts: readonly string[]): readonly Line[] {
  return replaceLines(lines, at, at, texts)
}

/** Replaces the lines from `start` up to `end` (not included), with the same rules for line ends. */
export function replaceLines(lines: readonly Line[], start: number, end: number, texts: readonly string[]): readonly Line[] {
  const ended = lineEnd(lines)
  const unfinished = lines.at(-1)?.end === ''
  const result = lines.toSpliced(start, end - start, ...texts.map((text) => ({ text, end: ended })))
  return result.map((line, at) => ({ ...line, end: at === result.length - 1 && unfinished ? '' : line.end || ended }))
}
