import { secondsOf } from '../../base/duration.ts'

/**
 * Readers of the values of `loop_control`. The loader reads literal values, and the engine the results of
 * templates when the loop begins: by the same rules.
 */
export type Read<T> = { readonly value: T } | { readonly wrong: string }

/** A number of failed items, or a share of all items. */
export type MaxFailures = { readonly count: number } | { readonly percent: number }

/** A moment in milliseconds since the epoch, or seconds since the start of the run. */
export type Deadline = { readonly at: number } | { readonly after: number }

/** @param name the value's name, at the start of a sentence */
export const wholeNumber =
  (name: string, min = 1) =>
  (value: unknown): Read<number> =>
    typeof value === 'number' && Number.isInteger(value) && value >= min
      ? { value }
      : { wrong: `${name} must be a whole number from ${min}, not ${shown(value)}` }

/** 0 means no canary. */
export const readCanary = wholeNumber('`canary`', 0)

export function readMaxFailures(value: unknown): Read<MaxFailures> {
  if (typeof value === 'number' && Number.isInteger(value) && value >= 1) return { value: { count: value } }
  const percent = typeof value === 'string' ? Number(/^(\d{1,3})\s*%$/.exec(value)?.[1]) : Number.NaN
  return percent >= 1 && percent <= 100
    ? { value: { percent } }
    : { wrong: `\`max_failures\` must be a whole number from 1 or a share from 1% to 100%, not ${shown(value)}` }
}

/** ISO 8601 with a time; without an offset, the controller's local time. */
const MOMENT = /^(\d{4}-\d\d-\d\d)[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:\d\d)?$/

/** Reads a deadline. An empty text means no deadline, for a parameter's default. */
export function readDeadline(value: unknown): Read<Deadline | undefined> {
  if (value === '') return { value: undefined }
  const text = typeof value === 'number' ? String(value) : value
  const after = typeof text === 'string' ? secondsOf(text) : undefined
  if (after !== undefined && after > 0) return { value: { after } }
  const day = typeof text === 'string' ? MOMENT.exec(text)?.[1] : undefined
  const at = day !== undefined && isDay(day) ? Date.parse((text as string).replace(' ', 'T')) : Number.NaN
  return Number.isNaN(at)
    ? { wrong: `\`deadline\` must be a time such as 2026-11-28T22:00 or a duration such as 2h, not ${shown(value)}` }
    : { value: { at } }
}

/** `Date.parse` reads 30 February as 2 March. */
const isDay = (day: string): boolean => {
  const at = Date.parse(`${day}T00:00:00Z`)
  return !Number.isNaN(at) && new Date(at).toISOString().startsWith(day)
}

const shown = (value: unknown): string => JSON.stringify(value) ?? 'nothing'
