/** Writes amounts in words, in one form on every screen. Called by views, and by modules through the contract. */

const STEPS = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'] as const

export const MIB = 1024 ** 2
export const GIB = 1024 ** 3

/** `512 B`, `3.1 GiB`, `412 MiB`: at most one decimal, and none from 100 on. */
export function bytes(count: number): string {
  const step = count <= 0 ? 0 : Math.min(STEPS.length - 1, Math.floor(Math.log2(count) / 10))
  const value = count / 1024 ** step
  return `${step === 0 || value >= 99.95 ? Math.round(value) : value.toFixed(1)} ${STEPS[step]}`
}

/** `0.4 s`, `12 s`, `3 min 20 s`, `2 h 5 min`. */
export function duration(seconds: number): string {
  if (seconds < 9.95) return `${Math.round(seconds * 10) / 10} s`
  const whole = Math.round(seconds)
  if (whole < 60) return `${whole} s`
  const [minutes, rest] = [Math.floor(whole / 60), whole % 60]
  if (minutes < 60) return rest === 0 ? `${minutes} min` : `${minutes} min ${rest} s`
  return minutes % 60 === 0 ? `${minutes / 60} h` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`
}

/** Writes a time (milliseconds since the epoch) as `2026-11-28 22:00`, in local time. */
export function moment(at: number): string {
  const date = new Date(at)
  const two = (value: number) => String(value).padStart(2, '0')
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())} ${two(date.getHours())}:${two(date.getMinutes())}`
}

/** Writes an age in coarse steps: `40 s ago`, `12 min ago`, `3 days ago`. */
export function ago(seconds: number): string {
  if (seconds < 90) return `${Math.round(seconds)} s ago`
  if (seconds < 5400) return `${Math.round(seconds / 60)} min ago`
  return seconds < 129_600 ? `${Math.round(seconds / 3600)} h ago` : `${Math.round(seconds / 86_400)} days ago`
}

/** `1 server`, `3 servers`. */
export const count = (number: number, noun: string): string => `${number} ${noun}${number === 1 ? '' : 's'}`

/** `web-1, db-2 and 3 more`. */
export function list(names: readonly string[], most = 4): string {
  if (names.length <= most) return names.join(', ')
  return `${names.slice(0, most - 1).join(', ')} and ${names.length - most + 1} more`
}
