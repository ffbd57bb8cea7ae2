import { Failure } from '../../../runner/module.ts'

export type Encoding = 'UTF-8' | 'Latin-1'

export interface Text {
  readonly text: string
  readonly encoding: Encoding
}

/** A file as text: UTF-8 where it is that, otherwise Latin-1, which any bytes are. A byte order mark stays in the text. */
export function decodeText(bytes: Uint8Array): Text {
  try {
    return { text: new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes), encoding: 'UTF-8' }
  } catch {
    return { text: Buffer.from(bytes).toString('latin1'), encoding: 'Latin-1' }
  }
}

/** The way back. Throws `Failure` where a character does not exist in the encoding of the file. */
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

/** Whether people can read it: git's rule, no zero byte near the start. */
export const isText = (bytes: Uint8Array): boolean => !bytes.subarray(0, 8000).includes(0)

export const sameBytes = (a: Uint8Array, b: Uint8Array): boolean => Buffer.compare(a, b) === 0

/** A line and the characters that end it; the last one of a file may have none. */
export interface Line {
  readonly text: string
  readonly end: string
}

/** Every line with its own end, so that joining them gives every byte back. */
export function splitLines(text: string, ends: RegExp = /\r\n|\n/g): readonly Line[] {
  const lines: Line[] = []
  let start = 0
  for (const found of text.matchAll(ends)) {
    lines.push({ text: text.slice(start, found.index), end: found[0] })
    start = found.index + found[0].length
  }
  return start < text.length ? [...lines, { text: text.slice(start), end: '' }] : lines
}

/** Lines of a file as they were read give its bytes. Where an edit put a lone carriage return before a line feed, the two stay two ends. */
export const joinLines = (lines: readonly Line[]): string =>
  lines
    .map(({ text, end }, at) => {
      const next = lines[at + 1]
      return text + (end === '\r' && next?.text === '' && next.end === '\n' ? '\n' : end)
    })
    .join('')

/** How the lines of a file end: as most of them do, a line feed where there are none. */
export function lineEnd(lines: readonly Line[]): string {
  const counts = new Map<string, number>()
  for (const { end } of lines) if (end !== '') counts.set(end, (counts.get(end) ?? 0) + 1)
  return [...counts].sort(([, a], [, b]) => b - a)[0]?.[0] ?? '\n'
}

/** Lines put in before the line `at`, ended as the file's are; a file whose last line has no end keeps it so. */
export function insertLines(lines: readonly Line[], at: number, texts: readonly string[]): readonly Line[] {
  return replaceLines(lines, at, at, texts)
}

/** The lines from `start` up to `end` (not included) replaced by others, with the same care for ends. */
export function replaceLines(lines: readonly Line[], start: number, end: number, texts: readonly string[]): readonly Line[] {
  const ended = lineEnd(lines)
  const unfinished = lines.at(-1)?.end === ''
  const result = lines.toSpliced(start, end - start, ...texts.map((text) => ({ text, end: ended })))
  return result.map((line, at) => ({ ...line, end: at === result.length - 1 && unfinished ? '' : line.end || ended }))
}
