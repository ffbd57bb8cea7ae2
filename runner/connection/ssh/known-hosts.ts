/** Parses known_hosts and judges a key by it. Pure; called by host-keys.ts. */
import { compilePattern, literally, type Pattern } from '../../base/pattern.ts'
import { createHash, createHmac, randomBytes } from 'node:crypto'

/** One line of a known_hosts file. The format is that of sshd(8), "SSH_KNOWN_HOSTS FILE FORMAT". */
export interface KnownHost {
  readonly file: string
  readonly line: number
  readonly marker: 'key' | 'revoked' | 'cert-authority'
  /** Comma-separated patterns, or one hashed name. */
  readonly hosts: string
  readonly type: string
  readonly key: Buffer
}

export type Verdict =
  | { readonly kind: 'known' }
  | { readonly kind: 'unknown' }
  | { readonly kind: 'changed'; readonly known: KnownHost }
  | { readonly kind: 'revoked'; readonly known: KnownHost }
  /** Only a certificate authority is on file for the host, and certificates cannot be checked. */
  | { readonly kind: 'authority'; readonly known: KnownHost }

/** Parses a known_hosts file. Skips malformed lines, as OpenSSH does. */
export function parseKnownHosts(text: string, file: string): KnownHost[] {
  return text.split('\n').flatMap((raw, index) => {
    const words = raw.trim().split(/[ \t]+/)
    if (words[0] === undefined || words[0] === '' || words[0].startsWith('#')) return []
    const marker = markers[words[0]]
    if (marker === undefined && words[0].startsWith('@')) return []
    const [hosts, type, blob] = marker === undefined ? words : words.slice(1)
    if (hosts === undefined || type === undefined || blob === undefined) return []
    const key = Buffer.from(blob, 'base64')
    return keyType(key) === type ? [{ file, line: index + 1, marker: marker ?? 'key', hosts, type, key }] : []
  })
}

const markers: Readonly<Record<string, KnownHost['marker']>> = { '@revoked': 'revoked', '@cert-authority': 'cert-authority' }

/** The name of a host in known_hosts: `host`, or `[host]:port` for a port other than 22. */
export const knownName = (host: string, port: number): string =>
  port === 22 ? host.toLowerCase() : `[${host.toLowerCase()}]:${port}`

export function matchesHost(hosts: string, name: string): boolean {
  if (hosts.startsWith('|')) return matchesHash(hosts, name)
  const patterns = hosts.split(',')
  const applies = (pattern: string) => wildcard(pattern).test(name)
  return (
    patterns.some((each) => !each.startsWith('!') && applies(each)) &&
    !patterns.some((each) => each.startsWith('!') && applies(each.slice(1)))
  )
}

/** `|1|salt|HMAC-SHA1 of the name`. */
function matchesHash(hosts: string, name: string): boolean {
  const [, version, salt, hash] = hosts.split('|')
  if (version !== '1' || salt === undefined || hash === undefined) return false
  return createHmac('sha1', Buffer.from(salt, 'base64')).update(name).digest('base64') === hash
}

const wildcard = (pattern: string): Pattern =>
  compilePattern(`(?s)^${pattern.toLowerCase().replaceAll(/[*?]|[^*?]+/g, (part) => WILD[part[0]!] ?? literally(part))}$`)

const WILD: Readonly<Record<string, string>> = { '*': '.*', '?': '.' }

/** The lines for a host. `name` comes from `knownName`. */
export const hostLines = (known: readonly KnownHost[], name: string): KnownHost[] =>
  known.filter(({ hosts }) => matchesHost(hosts, name))

/**
 * Judges the key that a host shows. A key on file for the host without its port is also good, as in OpenSSH.
 * If only other keys are on file, the host has changed, whatever the keys' types: an attacker could offer another type.
 */
export function verdict(known: readonly KnownHost[], host: string, port: number, key: Buffer): Verdict {
  const lines = hostLines(known, knownName(host, port))
  const plain = port === 22 ? [] : hostLines(known, knownName(host, 22))
  const same = (line: KnownHost) => line.key.equals(key)
  const revoked = [...lines, ...plain].find((line) => line.marker === 'revoked' && same(line))
  if (revoked !== undefined) return { kind: 'revoked', known: revoked }
  if ([...lines, ...plain].some((line) => line.marker === 'key' && same(line))) return { kind: 'known' }
  const keys = lines.filter(({ marker }) => marker === 'key')
  const other = keys.find(({ type }) => type === keyType(key)) ?? keys[0]
  if (other !== undefined) return { kind: 'changed', known: other }
  const authority = lines.find(({ marker }) => marker === 'cert-authority')
  return authority === undefined ? { kind: 'unknown' } : { kind: 'authority', known: authority }
}

/** The algorithms that ssh2 offers by default, in its order, without DSA and SHA-1 signatures. */
const offered = [
  'ssh-ed25519',
  'ecdsa-sha2-nistp256',
  'ecdsa-sha2-nistp384',
  'ecdsa-sha2-nistp521',
  'rsa-sha2-512',
  'rsa-sha2-256',
] as const

/**
 * Algorithms to request from a host, those with a key on file first: a host with only its RSA key on file would
 * otherwise show another key, and seem changed.
 */
export function hostKeyAlgorithms(known: readonly KnownHost[], host: string, port: number): string[] {
  const lines = [knownName(host, port), knownName(host, 22)].flatMap((name) => hostLines(known, name))
  const types = new Set(lines.filter(({ marker }) => marker === 'key').map(({ type }) => type))
  const first = offered.filter((algorithm) => types.has(algorithm.startsWith('rsa-') ? 'ssh-rsa' : algorithm))
  return [...first, ...offered.filter((algorithm) => !first.includes(algorithm))]
}

/** The type of a key: the first string of its wire format. */
export const keyType = (key: Buffer): string => {
  const length = key.length < 4 ? 0 : key.readUInt32BE(0)
  return length > 0 && length <= key.length - 4 ? key.subarray(4, 4 + length).toString('latin1') : ''
}

/** The fingerprint of a key, as `ssh-keygen -l` shows it. */
export const fingerprint = (key: Buffer): string =>
  `SHA256:${createHash('sha256').update(key).digest('base64').replace(/=+$/, '')}`

/** The common name of a key type. */
export const keyName = (type: string): string =>
  type.includes('ed25519') ? 'ED25519' : type.includes('ecdsa') ? 'ECDSA' : type === 'ssh-rsa' ? 'RSA' : type

/** A line of known_hosts for a host. */
export function knownHostsLine(name: string, key: Buffer, hashed: boolean): string {
  return `${hashed ? hashName(name) : name} ${keyType(key)} ${key.toString('base64')}\n`
}

function hashName(name: string): string {
  const salt = randomBytes(20)
  return `|1|${salt.toString('base64')}|${createHmac('sha1', salt).update(name).digest('base64')}`
}
