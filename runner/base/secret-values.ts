/**
 * Hides secrets by their values, in every form they can take: those of secret parameters and of passwords of
 * connections. Called by whatever a run shows or keeps.
 */
import { createHmac, randomBytes } from 'node:crypto'
import { HIDDEN } from './secret-names.ts'

/** Shorter values are ordinary words and numbers: hiding them would garble the output and protect nothing. */
export const SHORTEST = 4
/** The minimum for one line of a multi-line secret: a line alone reveals less. */
const SHORTEST_LINE = 8

/** The secret values of a run. */
export interface Secrets {
  /** Adds every text and number of a value. Returns false if one cannot be masked: too short, or a mere yes or no. */
  add(value: unknown): boolean
  /**
   * Returns a deep copy of JSON data with every occurrence of a secret hidden, whole or inside a longer text.
   *
   * @param mask the text in its place
   */
  mask<T>(value: T, mask?: string): T
  /** Returns a keyed digest: it distinguishes values, and gives no way to test a guess. */
  seal(value: unknown): string
  /** Switches to the digests of a run with a key of its own. */
  sealWith(mark: (text: string) => string): void
  /** The number of masked forms; it grows with the known secrets. */
  readonly size: number
}

export function createSecrets(): Secrets {
  const forms = new Set<string>()
  /** All forms in one pattern, the longest first; built at first use, since many secrets become known together. */
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

/** Hides one secret in a text, however short. */
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

/**
 * Lists the forms of a secret: the text, each of its lines (for output shown line by line), and both as
 * written in JSON, in a URL, in shell quotes, in base64.
 */
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

/** Returns false for lines that reveal nothing: the first and last line of a PEM file, a ruler. */
const tells = (line: string): boolean =>
  line.length >= SHORTEST_LINE && /[\p{L}\p{N}]/u.test(line) && !/^-----(BEGIN|END) .*-----$/.test(line)
