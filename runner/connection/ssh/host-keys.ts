/** Decides whether a host's key is trusted, and says what to do if not. Called by login.ts. */
import { appendFileSync, closeSync, mkdirSync, openSync, readFileSync, readSync, fstatSync } from 'node:fs'
import { dirname } from 'node:path'
import { Failure } from '../../base/failure.ts'
import {
  fingerprint,
  hostKeyAlgorithms,
  type KnownHost,
  keyName,
  keyType,
  knownHostsLine,
  knownName,
  parseKnownHosts,
  verdict,
} from './known-hosts.ts'

export interface HostKeyOptions {
  /** For messages. */
  readonly name: string
  readonly address: string
  readonly port: number
  /** The name in known_hosts: the address, or its HostKeyAlias. */
  readonly host: string
  /** 22 for a HostKeyAlias, whatever the port, as in OpenSSH. */
  readonly keyPort: number
  readonly user: string
  /** Files to read. New keys are added to the first. */
  readonly files: readonly string[]
  /** A file that replaces the user's own, to show in suggested commands. */
  readonly ownFile: string | undefined
  readonly acceptNew: boolean
  readonly hashed: boolean
}

/** The judge of one handshake. */
export interface HostKeyCheck {
  /** Algorithms to request, in order. */
  readonly algorithms: readonly string[]
  /** Judges a key, again at each key exchange. Must not become `async`: ssh2 takes a promise for consent. */
  verify(key: Buffer): boolean
  /** The failure, if `verify` returned false. */
  readonly refusal: Failure | undefined
  /** Puts an accepted new key on file, after the host has proved that it owns the key. Throws `Failure`. */
  remember(): void
}

export function hostKeyCheck(options: HostKeyOptions): HostKeyCheck {
  const { host, keyPort: port, acceptNew } = options
  const known = options.files.flatMap(readKnownHosts)
  let refusal: Failure | undefined
  let accepted: Buffer | undefined
  return {
    algorithms: hostKeyAlgorithms(known, host, port),
    verify(key) {
      if (accepted !== undefined) return accepted.equals(key)
      const found = verdict(known, host, port, key)
      if (found.kind === 'known') return true
      if (found.kind === 'unknown' && acceptNew) {
        accepted = Buffer.from(key)
        return true
      }
      refusal = refuse(options, key, found.kind === 'unknown' ? undefined : found)
      return false
    },
    get refusal() {
      return refusal
    },
    remember() {
      const [file] = options.files
      if (accepted === undefined || file === undefined) return
      const name = knownName(host, port)
      // Another connection to the same host may have added the key already.
      if (verdict(readKnownHosts(file), host, port, accepted).kind === 'known') return
      appendLine(file, knownHostsLine(name, accepted, options.hashed))
    },
  }
}

function readKnownHosts(file: string): KnownHost[] {
  try {
    return parseKnownHosts(readFileSync(file, 'utf8'), file)
  } catch (error) {
    if (['ENOENT', 'ENOTDIR', 'EISDIR'].includes((error as NodeJS.ErrnoException).code ?? '')) return []
    throw new Failure(`cannot read ${file}`, { kind: 'unreachable', why: (error as Error).message })
  }
}

/** Appends a line in one write: other programs may append too, and none may read half a line. */
function appendLine(file: string, line: string): void {
  try {
    mkdirSync(dirname(file), { recursive: true, mode: 0o700 })
    appendFileSync(file, (endsWithNewline(file) ? '' : '\n') + line, { mode: 0o600 })
  } catch (error) {
    throw new Failure(`cannot remember the new host key in ${file}`, { kind: 'unreachable', why: (error as Error).message })
  }
}

function endsWithNewline(file: string): boolean {
  let descriptor: number | undefined
  try {
    descriptor = openSync(file, 'r')
    const { size } = fstatSync(descriptor)
    const last = Buffer.alloc(1)
    return size === 0 || readSync(descriptor, last, 0, 1, size - 1) === 0 || last[0] === 10
  } catch {
    return true // no file yet
  } finally {
    if (descriptor !== undefined) closeSync(descriptor)
  }
}

function refuse(
  options: HostKeyOptions,
  key: Buffer,
  found: { kind: 'changed' | 'revoked' | 'authority'; known: KnownHost } | undefined,
): Failure {
  const { name, host, keyPort: port, files, ownFile } = options
  const shown = `${keyName(keyType(key))} ${fingerprint(key)}`
  const data = { fingerprint: fingerprint(key), keyType: keyType(key) }
  const failure = (what: string, why: string, help: string, more: object = {}) =>
    new Failure(what, { kind: 'unreachable', why, help, data: { ...data, ...more } })
  const at = name === host ? knownName(host, port) : `${name} (${knownName(host, port)})`
  if (found === undefined) {
    return failure(
      `unknown host key of ${at}`,
      `it shows ${shown}, and ${files.join(', ')} ${files.length === 1 ? 'has' : 'have'} no key of it`,
      `compare the fingerprint with what \`ssh-keygen -lf /etc/ssh/ssh_host_${keyName(keyType(key)).toLowerCase()}_key.pub\` shows on the host's own console; then accept it: run again with --accept-new-host-keys, or log in once: \`${sshCommand(options)}\``,
    )
  }
  const { file, line, key: old } = found.known
  const place = { file, line }
  if (found.kind === 'revoked') {
    return failure(
      `the host key of ${at} is revoked`,
      `it shows ${shown}, which ${file}:${line} revokes`,
      'do not use this host until it has a new key: the old one may be in other hands',
      place,
    )
  }
  if (found.kind === 'authority') {
    return failure(
      `unknown host key of ${at}`,
      `it shows ${shown}; ${file}:${line} names a certificate authority for it, but certificates cannot be checked here`,
      `add the key of the host itself: run again with --accept-new-host-keys, after comparing the fingerprint, or remove line ${line} and log in once: \`${sshCommand(options)}\``,
      place,
    )
  }
  const known = `${keyName(found.known.type)} ${fingerprint(old)}`
  const remove = `ssh-keygen -R '${knownName(host, port)}'${ownFile === undefined ? '' : ` -f ${ownFile}`}`
  return failure(
    `the host key of ${at} has changed`,
    `it shows ${shown}, but ${file}:${line} has ${known}`,
    `somebody may be listening in, or the host was installed anew: ask who looks after it. If it is right, remove the old key: \`${remove}\`, and accept the new one`,
    { ...place, knownFingerprint: fingerprint(old), knownKeyType: found.known.type },
  )
}

const sshCommand = ({ address, port, user, ownFile }: HostKeyOptions): string =>
  [
    'ssh',
    ...(ownFile === undefined ? [] : [`-o UserKnownHostsFile=${ownFile}`]),
    ...(port === 22 ? [] : [`-p ${port}`]),
    `${user}@${address}`,
  ].join(' ')
