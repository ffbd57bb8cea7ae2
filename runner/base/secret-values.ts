/**
 * Hides secrets by their values, in every form they can take: those of secret parameters and of passwords of
 * connections. Called by whatever a run shows or keeps.
 */
import { createHmac, randomBytes } from 'node:crypto'
import { HIDDEN } from './secret-names.ts'

/** Shorter values are ordinary words and numbers: hiding them would garble everything and protect nothing. */
export const SHORTEST = 4
/** The same for one line of a secret that has several: it stands for less. */
const SHORTEST_LINE = 8

/** The values of a run that must not be seen. */
export interface Secrets {
  /** Every text and number in it is one from now on. False where one of them cannot be masked, being too short or a mere yes or no. */
  add(value: unknown): boolean
  /**
   * A deep copy of JSON data in which every occurrence of a secret, whole or inside a longer text, is hidden.
   *
   * @param mask what stands in its place
   */
  mask<T>(value: T, mask?: string): T
  /** A keyed digest: it tells one value from another, and nobody can tell from it whether a guess is right. */
  seal(value: unknown): string
  /** From now on the digests are those of a run that has a key of its own. */
  sealWith(mark: (text: string) => string): void
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
  const masked = (value: unknown, mask: string): unknown => {
    pattern ??= anyOf(forms)
    if (typeof value === 'string') return value.replace(pattern, mask)
    if (typeof value === 'number') return forms.has(String(value)) ? mask : value
    if (Array.isArray(value)) return value.map((inner) => masked(inner, mask))
    if (typeof value === 'object' && value !== null)
      return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, masked(inner, mask)]))
    return value
  }
  const key = randomBytes(32)
  let mark = (text: string): string => createHmac('sha256', key).update(text).digest('hex')
  return {
    add,
    seal: (value) => mark(JSON.stringify(value) ?? ''),
    sealWith(own) {
      mark = own
    },
    mask: <T>(value: T, mask = HIDDEN) => (forms.size === 0 ? value : (masked(value, mask) as T)),
    get size() {
      return forms.size
    },
  }
}

/** A text without one secret, however short that is. */
export const hideValue = (text: string, secret: string | undefined): string =>
  secret === undefined || secret === '' ? text : text.replace(anyOf(new Set(formsOf(secret))), HIDDEN)

const anyOf = (texts: ReadonlySet<string>): RegExp =>
  new RegExp(
    [...texts]
      .toSorted((a, b) => b.length - a.length)
      .map((text) => text.replaceAll(/[\\^$.*+?()[\]{}|]/g, '\\$&'))
      .join('|'),
    'g',
  )

/** As it is, each of its lines for output that is told line by line, and both as they stand in JSON, in a URL, in a shell's quotes, in base64. */
function formsOf(text: string): string[] {
  const lines = text.split('\n').map((line) => line.trim())
  return [text, ...lines.filter(tells)].flatMap((form) => [form, ...writings.map((write) => write(form))])
}

const inUrl = (text: string): string => encodeURIComponent(Buffer.from(text).toString())
/** RFC 3986 reserves more than JavaScript encodes. */
const inUrlStrictly = (text: string): string =>
  inUrl(text).replaceAll(/[!'()*]/g, (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`)

const writings: readonly ((text: string) => string)[] = [
  (text) => JSON.stringify(text).slice(1, -1),
  inUrl,
  inUrlStrictly,
  (text) => inUrlStrictly(text).replaceAll('%20', '+'),
  (text) => text.replaceAll("'", `'\\''`),
  (text) => Buffer.from(text).toString('base64').replace(/=+$/, ''),
  (text) => Buffer.from(text).toString('base64url'),
]

/** The first and last line of a PEM file, or a ruler, are no secrets. */
const tells = (line: string): boolean =>
  line.length >= SHORTEST_LINE && /[\p{L}\p{N}]/u.test(line) && !/^-----(BEGIN|END) .*-----$/.test(line)
