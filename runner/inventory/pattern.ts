/** Host patterns: groups, wildcards, `!`, `&`, slices. Called by hosts/play-hosts.ts and `who`. */
import { count } from '../base/format.ts'
import type { Diagnostic } from '../source/diagnostic.ts'
import type { Place } from '../source/source.ts'
import { compilePattern, literally, type Pattern, PatternError } from '../base/pattern.ts'
import { didYouMean } from '../base/suggest.ts'
import type { Inventory } from './inventory.ts'
import { isHostName, isIPv6 } from './range.ts'

export interface Matched {
  /** Names of `inventory.hosts` without duplicates, in the order of the patterns, then of the inventory. */
  readonly hosts: string[]
  readonly diagnostics: Diagnostic[]
}

/**
 * Selects the hosts of a pattern by Ansible's rules: names and groups, `*`, `?`, `[a-c]`, `~regex`, `a:b` or
 * `a,b` for both, `:&b` for only those in b, `:!b` for all but those in b, `group[0]`, `group[0:2]`.
 * Intersections and exclusions apply last, in any position. An unknown name is an error: after a `!` it would
 * let hosts through, elsewhere it would leave them out.
 *
 * @param place the place of the pattern
 */
export const matchHosts = (pattern: string | readonly string[], inventory: Inventory, place?: Place): Matched => {
  const parts = [pattern].flat().flatMap(splitPattern)
  const diagnostics: Diagnostic[] = []
  const report = (diagnostic: Omit<Diagnostic, 'place'>) =>
    diagnostics.push(place === undefined ? diagnostic : { ...diagnostic, place })
  const plain = parts.filter((part) => !/^[!&]/.test(part))
  let hosts: string[] = []
  for (const part of plain.length === 0 ? ['all'] : plain) hosts.push(...matchOne(part, inventory, report))
  hosts = [...new Set(hosts)]
  for (const part of parts.filter((one) => one.startsWith('&'))) {
    const kept = new Set(matchOne(part.slice(1), inventory, report))
    hosts = hosts.filter((host) => kept.has(host))
  }
  for (const part of parts.filter((one) => one.startsWith('!'))) {
    const dropped = new Set(matchOne(part.slice(1), inventory, report))
    hosts = hosts.filter((host) => !dropped.has(host))
  }
  return { hosts, diagnostics }
}

/** Splits at commas; without a comma at colons, unless the whole is an address or a name with a range. */
export const splitPattern = (pattern: string): string[] => {
  const parts = pattern.includes(',')
    ? pattern.split(',')
    : isIPv6(pattern) || isHostName(pattern)
      ? [pattern]
      : (pattern.match(/(?:[^\s:[\]]|\[[^\]]*\])+/g) ?? [])
  return parts.map((part) => part.trim()).filter((part) => part !== '')
}

type Report = (diagnostic: Omit<Diagnostic, 'place'>) => void

const localNames = ['localhost', '127.0.0.1', '::1']

const matchOne = (pattern: string, inventory: Inventory, report: Report): readonly string[] => {
  if (inventory.hosts.has(pattern)) return [pattern]
  const { base, slice } = splitSubscript(pattern)
  const { hosts, found } = enumerate(base, inventory, report)
  if (!found) {
    if (localNames.includes(base)) return ['localhost']
    const names = [...inventory.groups.keys(), ...inventory.hosts.keys()]
    const label = didYouMean(base, names)
    const wild = /^~|[*?[]/.test(base)
    report({
      severity: wild ? 'warning' : 'error',
      summary: wild ? `the pattern \`${base}\` matches no host and no group` : `unknown host or group \`${base}\``,
      ...(label === undefined ? { notes: [listing(inventory)] } : { label }),
    })
    return []
  }
  if (slice === undefined || hosts.length === 0) return hosts
  const chosen = slice(hosts)
  if (chosen.length === 0)
    report({
      severity: 'error',
      summary: `\`${base}\` has ${count(hosts.length, 'host')}, none at \`${pattern.slice(base.length)}\``,
    })
  return chosen
}

/** The known names, for an error; a long inventory is cut. */
const listing = ({ groups, hosts }: Inventory): string => {
  const own = [...groups.keys()].filter((name) => name !== 'all' && name !== 'ungrouped')
  const names = [...own, ...hosts.keys()]
  return names.length === 1
    ? 'the inventory has only localhost: pass one with -i'
    : `the inventory has ${names.slice(0, 12).join(', ')}${names.length > 12 ? ', …' : ''}`
}

interface Subscripted {
  readonly base: string
  readonly slice?: (hosts: readonly string[]) => readonly string[]
}

/** Splits off a subscript: `web[1]`, `web[-1]`, `web[0:2]`, `web[1:]`; positions count from 0, the last included. */
const splitSubscript = (pattern: string): Subscripted => {
  const found = /^([^~].*)\[(?:(-?\d+)|(\d+)[:-](\d*))\]$/.exec(pattern)
  if (found === null) return { base: pattern }
  const [, base = '', index, start, end] = found
  if (index !== undefined) return { base, slice: (hosts) => [hosts.at(Number(index))].filter((host) => host !== undefined) }
  return { base, slice: (hosts) => hosts.slice(Number(start), end === '' || end === undefined ? undefined : Number(end) + 1) }
}

/**
 * Finds the hosts of a name or wildcard: those of matching groups, and matching hosts if no group matches or
 * the pattern has special characters.
 */
const enumerate = (pattern: string, inventory: Inventory, report: Report): { hosts: string[]; found: boolean } => {
  const matcher = matcherOf(pattern, report)
  if (matcher === undefined) return { hosts: [], found: true }
  const groups = [...inventory.groups.values()].filter(({ name }) => matcher.test(name))
  const fromGroups = groups.flatMap(({ hosts }) => hosts)
  const alsoHosts = groups.length === 0 || /^~|[.?*[]/.test(pattern)
  const fromHosts = alsoHosts
    ? [...inventory.hosts.values()].filter(({ name, implicit }) => !implicit && matcher.test(name)).map(({ name }) => name)
    : []
  const hosts = [...new Set([...fromGroups, ...fromHosts])]
  return { hosts, found: groups.length > 0 || hosts.length > 0 }
}

const matcherOf = (pattern: string, report: Report): Pattern | undefined => {
  if (!pattern.startsWith('~')) return wildcard(pattern)
  try {
    return compilePattern(`^(?:${pattern.slice(1)})`)
  } catch (error) {
    if (!(error instanceof PatternError)) throw error
    report({ severity: 'error', summary: `\`${pattern}\` is not a regular expression`, notes: [error.message] })
    return undefined
  }
}

/** Compiles shell wildcards: `*`, `?`, `[abc]`, `[!abc]`. */
const wildcard = (pattern: string): Pattern => {
  const source = pattern.replace(/\[(!?)([^\]]+)\]|[*?]|[^\w]/g, (part, negated: string | undefined, set: string | undefined) => {
    if (part === '*') return '.*'
    if (part === '?') return '.'
    if (set === undefined) return literally(part)
    return `[${negated === '!' ? '^' : ''}${set.replace(/[\\^\][]/g, '\\$&')}]`
  })
  return compilePattern(`^${source}$`)
}
