/** Microversions: comparing, asking for, and requiring them, with the release that introduced each. */
import { Failure } from '../../base/failure.ts'
import { compareVersions } from '../../base/versions.ts'
import { isRecord, type Json, list, record, text } from './json.ts'

/** The microversions that a service offers. Some services have none (network, Nova's old v2.0). */
export interface Range {
  readonly min: string
  readonly max: string
}

/** The highest microversion of Nova in each release (Nova's REST API version history). */
const RELEASES: readonly (readonly [max: string, name: string])[] = [
  ['2.3', 'Kilo'],
  ['2.12', 'Liberty'],
  ['2.25', 'Mitaka'],
  ['2.38', 'Newton'],
  ['2.42', 'Ocata'],
  ['2.53', 'Pike'],
  ['2.60', 'Queens'],
  ['2.65', 'Rocky'],
  ['2.72', 'Stein'],
  ['2.79', 'Train'],
  ['2.87', 'Ussuri'],
  ['2.88', 'Wallaby'],
  ['2.90', 'Xena'],
  ['2.93', 'Zed'],
  ['2.95', '2023.1 Antelope'],
  ['2.96', '2024.1 Caracal'],
  ['2.100', '2025.1 Epoxy'],
  ['2.103', '2026.1 Gazpacho'],
]

/** The first release of Nova that has a microversion; undefined if it is newer than the table. */
export const releaseOf = (version: string): string | undefined =>
  RELEASES.find(([max]) => compareVersions(version, max) <= 0)?.[1]

/**
 * The service's name in the OpenStack-API-Version header (API-SIG microversion specification: the service type,
 * except for volumes).
 */
const headerName = (service: string): string => (/^(block-storage|block-store|volume)/.test(service) ? 'volume' : service)

/** Headers that select a microversion. Nova before Newton (2.27) knows only its own header. */
export const versionHeaders = (service: string, version: string): Readonly<Record<string, string>> => ({
  'OpenStack-API-Version': `${headerName(service)} ${version}`,
  ...(service === 'compute' && { 'X-OpenStack-Nova-API-Version': version }),
})

/**
 * The range in a version document: `{version: {…}}` or `{versions: [{…}]}`, with `version` or `max_version`.
 * undefined if the document is not a version document.
 */
export const readRange = (document: unknown): Range | 'none' | undefined => {
  const body = record(document)
  const entries = (isRecord(body['version']) ? [body['version']] : list(body['versions'])).filter(isRecord)
  if (entries.length === 0) return undefined
  const ranged = entries.map(rangeOf).filter((range) => range !== undefined)
  return ranged.sort((a, b) => compareVersions(b.max, a.max))[0] ?? 'none'
}

const rangeOf = (entry: Json): Range | undefined => {
  const max = text(entry['max_version']) ?? text(entry['version'])
  const min = text(entry['min_version'])
  return max && min && /^\d+\.\d+$/.test(max) ? { min, max } : undefined
}

/**
 * The URL of an endpoint's version document: the endpoint up to its version, without a project id (in older
 * catalogues).
 */
export const documentUrl = (endpoint: string): string => `${/^(.*\/v\d+(\.\d+)?)(\/.*)?$/.exec(endpoint)?.[1] ?? endpoint}/`

/** Throws a `Failure` that names the release, if a service does not support the microversion of a call. */
export const mustReach = (service: string, needed: string, range: Range | undefined, what: string): void => {
  const max = range?.max ?? '2.0'
  if (compareVersions(needed, max) > 0) {
    const release = service === 'compute' ? releaseOf(needed) : undefined
    const theirs = service === 'compute' ? releaseOf(max) : undefined
    throw new Failure(`this cloud's ${service} service is too old for ${what}`, {
      kind: 'failed',
      why: `it needs microversion ${needed}${release ? ` (OpenStack ${release} or newer)` : ''}, and the service reaches ${max}${theirs ? ` (${theirs})` : ''}`,
      help: 'upgrade the cloud, or do without this',
      data: { service, needed, max },
    })
  }
  if (range && compareVersions(needed, range.min) < 0)
    throw new Failure(`this cloud's ${service} service is too new for ${what}`, {
      kind: 'failed',
      why: `it was asked for microversion ${needed}, and the service begins at ${range.min}`,
      data: { service, needed, min: range.min },
    })
}
