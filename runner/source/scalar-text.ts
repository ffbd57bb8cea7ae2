import type { Scalar } from 'yaml'

/** A visible character of a scalar's value, with its range in the file. */
interface Unit {
  readonly character: string
  readonly start: number
  readonly end: number
}

/**
 * Finds the range [start, end) in the file of `length` characters from `start` of a text's value. YAML folds,
 * strips and indents white space, so only visible characters are matched. Undefined if value and file
 * disagree.
 */
export const scalarOffsets = (
  scalar: Scalar<string>,
  text: string,
  start: number,
  length: number,
): [number, number] | undefined => {
  const [from, to] = scalar.range!
  const units = unitsOf(text, from, to, scalar.type ?? 'PLAIN')
  const visible = visibleIndexes(scalar.value)
  if (units.length !== visible.length || units.some(({ character }, index) => character !== scalar.value[visible[index]!]))
    return undefined
  const first = visible.findIndex((index) => index >= start)
  if (first === -1) return units.length === 0 ? undefined : [units.at(-1)!.end, units.at(-1)!.end + 1]
  const last = visible.findLastIndex((index) => index < start + Math.max(1, length))
  return [units[first]!.start, units[Math.max(first, last)]!.end]
}

const isSpace = (character: string) => /\s/.test(character)

const visibleIndexes = (value: string): number[] => {
  const indexes: number[] = []
  for (let index = 0; index < value.length; index++) if (!isSpace(value[index]!)) indexes.push(index)
  return indexes
}

const unitsOf = (text: string, from: number, to: number, type: string): Unit[] => {
  if (type === 'QUOTE_DOUBLE') return doubleQuoted(text, from + 1, to - 1)
  if (type === 'QUOTE_SINGLE') return plain(text, from + 1, to - 1, "''")
  // The first line of a block scalar is its header: `|`, `>-`, `|2 # comment`.
  if (type === 'BLOCK_LITERAL' || type === 'BLOCK_FOLDED') return plain(text, text.indexOf('\n', from) + 1, to)
  return plain(text, from, to)
}

const plain = (text: string, from: number, to: number, doubled?: string): Unit[] => {
  const units: Unit[] = []
  for (let index = from; index < to; index++) {
    const size = doubled !== undefined && text.startsWith(doubled, index) ? doubled.length : 1
    if (!isSpace(text[index]!)) units.push({ character: text[index]!, start: index, end: index + size })
    index += size - 1
  }
  return units
}

const named: Readonly<Record<string, string>> = { '0': '\0', a: '\x07', b: '\b', e: '\x1b', '"': '"', '/': '/', '\\': '\\' }

const doubleQuoted = (text: string, from: number, to: number): Unit[] => {
  const units: Unit[] = []
  for (let index = from; index < to;) {
    const character = text[index]!
    if (character !== '\\') {
      if (!isSpace(character)) units.push({ character, start: index, end: index + 1 })
      index++
      continue
    }
    const code = text[index + 1] ?? ''
    const digits = { x: 2, u: 4, U: 8 }[code] ?? 0
    const end = index + 2 + digits
    const decoded = digits > 0 ? String.fromCodePoint(Number.parseInt(text.slice(index + 2, end), 16)) : (named[code] ?? ' ')
    for (const half of decoded.split('')) if (!isSpace(half)) units.push({ character: half, start: index, end })
    index = end
  }
  return units
}
