/**
 * Reads and edits libvirt's configuration files (libvirtd.conf, virtqemud.conf, qemu.conf …) and keeps every other
 * byte. Called by `libvirtd_conf`. The rules are those of libvirt's own parser (src/util/virconf.c of libvirt 9.0.0).
 */
import { Failure } from '../../../runner/module.ts'
import { insertLines, joinLines, splitLines } from './lines.ts'

export type Value = number | string | readonly Value[]

/** An assignment, with its places in the text. */
export interface Entry {
  readonly key: string
  readonly value: Value
  readonly start: number
  readonly valueStart: number
  readonly valueEnd: number
  /** Includes the comment, but not the separator. */
  readonly end: number
  readonly line: number
}

const BLANKS = /[ \t]*/y
const BLANKS_AND_ENDS = /[ \t\r\n]*/y
const COMMENT = /(?:#[^\r\n]*)?/y
const NAME = /(?:[A-Za-z][A-Za-z0-9_]*)?/y
const NUMBER = /(?:[-+]?[0-9]+)?/y
/** A text in quotes of one kind, without escapes. */
const TEXT = /(?:'([^'\r\n]*)'|"([^"\r\n]*)")?/y
const LONG_TEXT = /(?:"""([^]*?)""")?/y

/**
 * Returns every assignment, in the order of the file; of two with the same key, the first counts. If the daemon would
 * refuse the file, throws `Failure` with the line and the daemon's words.
 */
export function readConf(text: string, path: string): readonly Entry[] {
  const entries: Entry[] = []
  let at = 0
  const isNext = (...starts: readonly string[]): boolean => starts.some((start) => text.startsWith(start, at))
  const take = (pattern: RegExp): RegExpExecArray => {
    pattern.lastIndex = at
    const found = pattern.exec(text) as RegExpExecArray
    at = pattern.lastIndex
    return found
  }
  const lineAt = (place: number): number => text.slice(0, place).split('\n').length
  const refused = (why: string): Failure =>
    new Failure(`libvirt cannot read ${path}: line ${lineAt(at)}: ${why}`, {
      why: 'the daemon does not start with this file',
      help: 'correct that line by hand, then run again',
    })

  function list(): readonly Value[] {
    const items: Value[] = []
    at += 1
    take(BLANKS_AND_ENDS)
    while (at < text.length && !isNext(']')) {
      if (items.length > 0) {
        if (!isNext(',')) throw refused('expecting a separator in list')
        at += 1
        take(BLANKS_AND_ENDS)
        if (isNext(']')) break
      }
      items.push(value())
      take(BLANKS_AND_ENDS)
    }
    if (!isNext(']')) throw refused('list is not closed with ]')
    at += 1
    return items
  }

  function value(): Value {
    take(BLANKS)
    if (isNext('[')) return list()
    if (isNext('"', "'")) {
      const start = at
      const [, single, double] = take(isNext('"""') && Buffer.byteLength(text.slice(at, at + 7)) > 6 ? LONG_TEXT : TEXT)
      if (at === start) throw refused('unterminated string')
      return single ?? double ?? ''
    }
    const [number = ''] = take(NUMBER)
    if (number !== '') return Number(number)
    throw refused(isNext('-', '+') ? 'unterminated number' : 'expecting a value')
  }

  while (at < text.length) {
    take(BLANKS_AND_ENDS)
    if (isNext('#')) take(COMMENT)
    else {
      const start = at
      const [key = ''] = take(NAME)
      if (key === '') throw refused('expecting a name')
      take(BLANKS)
      if (!isNext('=')) throw refused('expecting an assignment')
      at += 1
      take(BLANKS)
      const valueStart = at
      const read = value()
      const valueEnd = at
      take(BLANKS)
      take(COMMENT)
      entries.push({ key, value: read, start, valueStart, valueEnd, end: at, line: lineAt(start) })
    }
    take(BLANKS)
    if (at >= text.length) break
    if (isNext(';')) at += 1
    else if (!isNext('\n', '\r')) throw refused('expecting a separator')
    take(BLANKS_AND_ENDS)
  }
  return entries
}

export const sameValue = (a: Value, b: Value): boolean => JSON.stringify(a) === JSON.stringify(b)

/**
 * Sets one key, or removes it if `wanted` is undefined. The first assignment counts: it is changed, and later ones
 * are removed. A new key goes below its commented default, otherwise to the end. Throws `Failure` for a text that
 * libvirt cannot read or hold.
 */
export function setKey(text: string, path: string, key: string, wanted: Value | undefined): string {
  const entries = readConf(text, path)
  const own = entries.filter((entry) => entry.key === key)
  const [first] = own
  // From the end of the file to its start, so that earlier places stay valid.
  const cut = own.slice(wanted === undefined ? 0 : 1).reduceRight(withoutEntry, text)
  // For a file of blanks only, libvirt reports `expecting a name`.
  if (wanted === undefined) return cut === text || /[^ \t\r\n]/.test(cut) ? cut : ''
  if (first === undefined) return inserted(text, entries, key, `${key} = ${written(wanted)}`)
  if (sameValue(first.value, wanted)) return cut
  return cut.slice(0, first.valueStart) + written(wanted) + cut.slice(first.valueEnd)
}

function withoutEntry(text: string, { start, end }: Entry): string {
  const before = text.slice(0, start)
  const after = text.slice(end)
  const blanks = /[ \t]*$/.exec(before)?.[0].length ?? 0
  const isFirst = /(?:^|[\r\n])[ \t]*$/.test(before)
  // `a = 1; b = 2`: other assignments on the line stay.
  const next = /^[ \t]*;[ \t]*/.exec(after)?.[0]
  if (next !== undefined && !/^(?:[\r\n]|$)/.test(after.slice(next.length))) return before + after.slice(next.length)
  const rest = after.slice(next?.length ?? 0)
  if (!isFirst) return before.replace(/[ \t]*;[ \t]*$/, '') + rest
  return before.slice(0, before.length - blanks) + rest.replace(/^[ \t]*(?:\r\n|[\r\n]|$)/, '')
}

function inserted(text: string, entries: readonly Entry[], key: string, line: string): string {
  const lines = splitLines(text, /\r\n|[\r\n]/g)
  const starts = lines.reduce<number[]>((all, one) => [...all, (all.at(-1) ?? 0) + one.text.length + one.end.length], [0])
  const isInside = (at: number): boolean =>
    entries.some(({ start, end }) => start <= (starts[at] ?? 0) && (starts[at] ?? 0) < end)
  // The files that libvirt ships write a default as `#key = …`, and prose as `# key == …`.
  const example = new RegExp(`^#${key}[ \t]*=(?!=)`)
  const found = lines.findIndex((one, at) => example.test(one.text) && !isInside(at))
  if (found < 0) return joinLines(insertLines(lines, lines.length, [line]))
  // A commented list over several lines ends with `#]`.
  const opens = /\[[^\]]*$/.test(lines[found]?.text ?? '')
  const closing = opens
    ? lines.findIndex((one, at) => at > found && (one.text.includes(']') || !one.text.startsWith('#')))
    : found
  return joinLines(insertLines(lines, (lines[closing]?.text.startsWith('#') === true ? closing : found) + 1, [line]))
}

/** Returns a value in the form of the file. Throws `Failure` for a text that no quotes can hold. */
export function written(value: Value): string {
  if (typeof value === 'number') return String(value)
  if (typeof value !== 'string') return value.length === 0 ? '[]' : `[${value.map(written).join(', ')}]`
  if (/[\r\n\0]/.test(value)) throw unwritable('a line break or a zero byte')
  if (!value.includes('"')) return `"${value}"`
  if (!value.includes("'")) return `'${value}'`
  if (value.includes('"""') || value.endsWith('"'))
    throw unwritable('both kinds of quotes, and a double one at its end or three in a row')
  return `"""${value}"""`
}

const unwritable = (holds: string): Failure =>
  new Failure('the value cannot be written to a file of libvirt', {
    kind: 'input',
    why: `it holds ${holds}, which libvirt has no way to write`,
  })
