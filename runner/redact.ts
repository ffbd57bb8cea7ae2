import { createHash } from 'node:crypto'
import type { Change } from './module.ts'

/** What stands where a secret stood. */
export const MASK = '********'
/** Shorter values are ordinary words and numbers: hiding them would garble everything and protect nothing. */
const SHORTEST = 4

/** A change whose values must not be seen: a short digest in their place still tells one value from another. */
export function maskSensitive(change: Change): Change {
  if (!change.sensitive) return change
  const hidden = (value: string | undefined) =>
    value === undefined ? undefined : `(hidden, ${createHash('sha256').update(value).digest('hex').slice(0, 8)})`
  return { ...change, before: hidden(change.before), after: hidden(change.after) }
}

/** A deep copy of JSON data in which every occurrence of a secret, whole or inside a longer text, is masked. */
export function redact<T>(value: T, secrets: ReadonlySet<string>): T {
  const hidden = [...secrets].filter((secret) => secret.length >= SHORTEST).toSorted((a, b) => b.length - a.length)
  return hidden.length === 0 ? value : (walk(value, hidden) as T)
}

function walk(value: unknown, secrets: readonly string[]): unknown {
  if (typeof value === 'string') return secrets.reduce((text, secret) => text.replaceAll(secret, MASK), value)
  if (Array.isArray(value)) return value.map((item) => walk(item, secrets))
  if (typeof value === 'object' && value !== null)
    return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, walk(inner, secrets)]))
  return value
}
