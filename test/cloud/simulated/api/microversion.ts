/** Microversion headers as Nova and Placement read them. */
import type { Request } from './http.ts'

/** Minor number of a version with major 2 (compute) or 1 (placement). */
export interface Version {
  readonly major: number
  readonly minor: number
}

export type Asked =
  | { readonly kind: 'none' }
  | { readonly kind: 'malformed'; readonly text: string }
  | { readonly kind: 'latest' }
  | { readonly kind: 'version'; readonly version: Version }

/** @param legacy an older header that counts when the modern one does not speak of this service */
export function askedVersion(request: Request, service: string, legacy?: string): Asked {
  const modern = (request.headers['openstack-api-version'] ?? '')
    .split(',')
    .map((part) => part.trim().split(/\s+/))
    .find(([name]) => name === service)?.[1]
  const text = modern ?? (legacy === undefined ? undefined : request.headers[legacy]?.trim())
  if (text === undefined || text === '') return { kind: 'none' }
  if (text === 'latest') return { kind: 'latest' }
  const version = parseVersion(text)
  return version === undefined ? { kind: 'malformed', text } : { kind: 'version', version }
}

export function parseVersion(text: string): Version | undefined {
  const match = /^([1-9]\d*)\.([1-9]\d*|0)$/.exec(text)
  return match === null ? undefined : { major: Number(match[1]), minor: Number(match[2]) }
}

export const formatVersion = (version: Version) => `${version.major}.${version.minor}`

export const compareVersions = (a: Version, b: Version): number => a.major - b.major || a.minor - b.minor
