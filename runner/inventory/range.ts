/**
 * Host names with ranges in brackets, as Ansible writes them: `node[01:20]`, `db-[a:c]`, `r[1:9:2]n[0:3]`.
 * Called by ini.ts, yaml.ts, inventory.ts and pattern.ts.
 */

/** More hosts than any inventory has: a slip of a digit must not fill the memory. */
const limit = 100_000

/** Expands a pattern to all its names, or returns an error. */
export const expandRanges = (pattern: string): string[] | { readonly wrong: string } => {
  const open = pattern.indexOf('[')
  if (open === -1) return [pattern]
  const close = pattern.indexOf(']', open)
  if (close === -1) return { wrong: 'the `[` of a range is not closed' }
  const middle = sequence(pattern.slice(open + 1, close))
  if ('wrong' in middle) return middle
  const rest = expandRanges(pattern.slice(close + 1))
  if ('wrong' in rest) return rest
  if (middle.length * rest.length > limit) return { wrong: `a range may stand for ${limit} hosts at most` }
  return middle.flatMap((part) => rest.map((tail) => pattern.slice(0, open) + part + tail))
}

const letters = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ'

const sequence = (range: string): string[] | { readonly wrong: string } => {
  const [begin = '', end, stepText = '1', more] = range.split(':')
  if (end === undefined || more !== undefined) return { wrong: 'a range is [first:last] or [first:last:step]' }
  if (end === '') return { wrong: 'a range needs its last value' }
  const step = Number(stepText)
  if (!/^\d+$/.test(stepText) || step === 0) return { wrong: 'the step of a range is a number from 1' }
  if (begin.length === 1 && end.length === 1 && letters.includes(begin) && letters.includes(end)) {
    const [from, to] = [letters.indexOf(begin), letters.indexOf(end)]
    return from > to ? backwards : count(from, to, step).map((index) => letters[index]!)
  }
  const first = begin === '' ? '0' : begin
  if (!/^\d+$/.test(first) || !/^\d+$/.test(end))
    return { wrong: 'a range goes from a number to a number, or from a letter to a letter' }
  const padded = first.length > 1 && first.startsWith('0')
  if (padded && first.length !== end.length)
    return { wrong: `with leading zeros both ends have the same length: [${first}:${end.padStart(first.length, '0')}]` }
  if (Number(first) > Number(end)) return backwards
  if ((Number(end) - Number(first)) / step > limit) return { wrong: `a range may stand for ${limit} hosts at most` }
  return count(Number(first), Number(end), step).map((number) =>
    padded ? String(number).padStart(first.length, '0') : String(number),
  )
}

const backwards = { wrong: 'the first value of a range is above the last' }

const count = (from: number, to: number, step: number): number[] =>
  Array.from({ length: Math.floor((to - from) / step) + 1 }, (_, index) => from + index * step)

/**
 * Reads a host entry of an inventory: host names (of ranges), and an optional port. An IPv6 address with a
 * port needs brackets: `[2001:db8::1]:2222`.
 */
export const readHostName = (
  text: string,
): { readonly names: string[]; readonly port: number | undefined } | { readonly wrong: string } => {
  const { address, port } = splitPort(text)
  if (address.endsWith(':') && !address.includes('[') && port === undefined && !isIPv6(address))
    return { wrong: 'a host name does not end in `:`' }
  if (address.trim() === '---') return { wrong: '`---` starts a YAML file: give it a name that ends in .yml' }
  const names = isIPv6(address) ? [address] : expandRanges(address)
  return 'wrong' in names ? names : { names, port }
}

const splitPort = (text: string): { address: string; port: number | undefined } => {
  const bracketed = /^\[(.+)\]:(\d+)$/.exec(text)
  if (bracketed !== null && (isIPv6(bracketed[1]!) || isHostName(bracketed[1]!)))
    return { address: bracketed[1]!, port: Number(bracketed[2]) }
  const plain = /^((?:[^:[\]]|\[[^\]]*\])*):(\d+)$/.exec(text)
  if (plain !== null && isHostName(plain[1]!)) return { address: plain[1]!, port: Number(plain[2]) }
  return { address: text, port: undefined }
}

export const isIPv6 = (text: string): boolean => /^[0-9a-f:.]*:[0-9a-f:.]*:[0-9a-f:.]*$/i.test(text)

const range = String.raw`\[(?:[a-z]:[a-z]|\d*:\d+)(?::\d+)?\]`
const label = String.raw`(?:[\p{L}\p{N}_]|${range})(?:[\p{L}\p{N}_-]|${range})*(?<![_-])`
const hostName = new RegExp(`^${label}(?:\\.${label})*$`, 'iu')

/** Returns true for a host name or IPv4 address, with ranges or without. */
export const isHostName = (text: string): boolean => hostName.test(text)
