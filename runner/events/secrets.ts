import { createHash } from 'node:crypto'
import type { Change } from '../module.ts'

/** What stands where a secret stood. */
export const MASK = '********'
/** Shorter values are ordinary words and numbers: hiding them would garble everything and protect nothing. */
export const SHORTEST = 4
/** The same for one line of a secret that has several: it stands for less. */
const SHORTEST_LINE = 8

/** A change whose values must not be seen: a short digest in their place still tells one value from another. */
export function maskSensitive(change: Change): Change {
  if (!change.sensitive) return change
  const hidden = (value: string | undefined) =>
    value === undefined ? undefined : `(hidden, ${createHash('sha256').update(value).digest('hex').slice(0, 8)})`
  return { ...change, before: hidden(change.before), after: hidden(change.after) }
}

/** The values of a run that must not be seen. */
export interface Secrets {
  /** Every text and number in it is one from now on. False where one of them cannot be masked, being too short or a mere yes or no. */
  add(value: unknown): boolean
  /** A deep copy of JSON data in which every occurrence of a secret, whole or inside a longer text, is masked. */
  mask<T>(value: T): T
  /** How much is masked: more as more becomes known. */
  readonly size: number
}

export function createSecrets(): Secrets {
  const forms = new Set<string>()
  /** All forms in one, the longest first; made when it is needed, for many secrets become known together. */
  let pattern: RegExp | undefined
  const add = (value: unknown): boolean => {
    if (value === undefined || value === null || value === '') return true
    if (typeof value === 'object') return Object.values(value).map(add).every(Boolean)
    const text = String(value).trim()
    if (typeof value === 'boolean' || text.length < SHORTEST) return false
    if (forms.has(text)) return true
    for (const form of formsOf(text)) forms.add(form)
    pattern = undefined
    return true
  }
  const masked = (value: unknown): unknown => {
    pattern ??= anyOf(forms)
    if (typeof value === 'string') return value.replace(pattern, MASK)
    if (typeof value === 'number') return forms.has(String(value)) ? MASK : value
    if (Array.isArray(value)) return value.map(masked)
    if (typeof value === 'object' && value !== null)
      return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, masked(inner)]))
    return value
  }
  return {
    add,
    mask: <T>(value: T) => (forms.size === 0 ? value : (masked(value) as T)),
    get size() {
      return forms.size
    },
  }
}

const anyOf = (texts: ReadonlySet<string>): RegExp =>
  new RegExp(
    [...texts]
      .toSorted((a, b) => b.length - a.length)
      .map((text) => text.replaceAll(/[\\^$.*+?()[\]{}|]/g, '\\$&'))
      .join('|'),
    'g',
  )

/** As it is; each of its lines, for output that is told line by line; and all of them as they stand in JSON. */
function formsOf(text: string): string[] {
  const lines = text.split('\n').map((line) => line.trim())
  return [text, ...lines.filter(tells)].flatMap((form) => [form, JSON.stringify(form).slice(1, -1)])
}

/** The first and last line of a PEM file, or a ruler, are no secrets. */
const tells = (line: string): boolean =>
  line.length >= SHORTEST_LINE && /[\p{L}\p{N}]/u.test(line) && !/^-----(BEGIN|END) .*-----$/.test(line)
