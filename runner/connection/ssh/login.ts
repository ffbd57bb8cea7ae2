import { NodeSSH } from 'node-ssh'
import type { Duplex } from 'node:stream'
import type { Client } from 'ssh2'
import { Failure } from '../../base/failure.ts'
import { duration } from '../../base/format.ts'
import { type HostKeyCheck, hostKeyCheck } from './host-keys.ts'
import type { Identities } from './identities.ts'
import type { Hop } from './route.ts'

/** Milliseconds, and how many answers may be missing: a dead connection is noticed after `interval` × (`count` + 1) at most. */
export interface Keepalive {
  readonly interval: number
  readonly count: number
}

export interface LoginOptions {
  readonly keepalive: Keepalive
  readonly signal: AbortSignal | undefined
  /** Called with a key of the server that was found good. */
  onHostKey(key: Buffer): void
  /** Called, perhaps more than once, when an established connection is lost. */
  onLost(why: string): void
}

/** The server closed before it said anything, as sshd does above MaxStartups: worth another try. */
export class Crowded extends Error {}

/**
 * Logs in over a stream that leads to the server. Throws `Failure`; or `Crowded`. The stream is destroyed when it fails.
 */
export async function login(hop: Hop, sock: Duplex, identities: Identities, options: LoginOptions): Promise<Client> {
  // Nothing may be awaited before ssh2 listens: the end of a stream that nobody hears is a wait for the time limit.
  const check = judge(hop, sock)
  const auth = authentication(identities)
  const ssh = new NodeSSH()
  const connecting = ssh.connect({
    sock: sock as never,
    host: hop.address,
    username: hop.user,
    hostVerifier(key: Buffer) {
      const good = check.verify(key)
      if (good) options.onHostKey(key)
      return good
    },
    algorithms: { serverHostKey: [...check.algorithms] as never },
    authHandler: auth.next as never,
    keepaliveInterval: options.keepalive.interval,
    keepaliveCountMax: options.keepalive.count,
    readyTimeout: 0,
  })
  // Its promise is rejected by errors that are none, as of one key among many, and forgets its listener afterwards.
  connecting.catch(() => undefined)
  const client = ssh.connection
  if (client === null) throw new Failure(`cannot connect to ${hop.name}`, { kind: 'unreachable' })

  await new Promise<void>((resolve, reject) => {
    let shaken = false
    let ready = false
    let why = ''
    const abort = () => give(options.signal?.reason)
    const timer = setTimeout(
      () =>
        give(
          unreachable(
            hop,
            shaken ? 'the login did not finish' : 'it took the connection but did not answer as an SSH server',
            `no answer within ${duration(hop.connectTimeout)}`,
            shaken
              ? 'look at the log of its sshd: it waits for something, such as a name server or a directory of users'
              : 'look at the console of the host, which may hang, and whether ansible_port is the port of its sshd',
          ),
        ),
      hop.connectTimeout * 1000,
    )
    const done = () => {
      clearTimeout(timer)
      options.signal?.removeEventListener('abort', abort)
    }
    const give = (reason: unknown) => {
      done()
      reject(reason)
      client.destroy()
      sock.destroy()
    }
    // For good: an error that nobody listens for would end the whole process.
    client.on('error', (error: Error & { level?: string }) => {
      why = error.message
      if (ready) return options.onLost(error.message)
      if (check.refusal !== undefined) return give(check.refusal)
      if (
        auth.isOver() ||
        error.level === 'protocol' ||
        error.level === 'handshake' ||
        error.level === 'client-socket' ||
        error.level === undefined
      ) {
        give(explain(hop, error.message, shaken, auth.isOver() ? authFailure(hop, auth, identities) : undefined))
      }
    })
    client.on('close', () => {
      if (ready) options.onLost(why || 'the connection was closed')
      else
        give(
          check.refusal ??
            explain(hop, why || 'the connection was closed', shaken, shaken ? authFailure(hop, auth, identities) : undefined),
        )
    })
    client.on('handshake', () => {
      if (shaken) return
      shaken = true
      try {
        check.remember()
      } catch (error) {
        give(error)
      }
    })
    client.on('ready', () => {
      ready = true
      done()
      resolve()
    })
    options.signal?.addEventListener('abort', abort, { once: true })
    if (options.signal?.aborted === true) abort()
  })
  return client
}

function judge(hop: Hop, sock: Duplex): HostKeyCheck {
  try {
    return hostKeyCheck({
      name: hop.name,
      address: hop.address,
      port: hop.port,
      user: hop.user,
      host: hop.keyHost,
      keyPort: hop.keyPort,
      files: hop.knownHosts,
      ownFile: hop.ownKnownHosts,
      acceptNew: hop.acceptNewHostKeys,
      hashed: hop.hashKnownHosts,
    })
  } catch (error) {
    sock.destroy()
    throw error
  }
}

interface Authentication {
  readonly next: (left: string[] | null, partial: boolean | null, next: unknown) => unknown
  /** All ways were tried. */
  isOver(): boolean
  readonly accepted: readonly string[]
  readonly tried: readonly string[]
}

/** Offers one way to log in after the other, leaving out those that the server does not take. */
function authentication({ methods }: Identities): Authentication {
  const queue = [...methods]
  const tried: string[] = []
  let accepted: readonly string[] = []
  let over = false
  return {
    next(left) {
      if (left !== null) accepted = left
      for (;;) {
        const candidate = queue.shift()
        if (candidate === undefined) {
          // Even with nothing to offer the server is asked once what it takes.
          if (left === null) return 'none'
          over = true
          return false
        }
        const type = candidate.method.type === 'agent' ? 'publickey' : candidate.method.type
        if (left === null || left.includes(type)) {
          tried.push(candidate.name)
          return candidate.method
        }
      }
    },
    isOver: () => over,
    get accepted() {
      return accepted
    },
    get tried() {
      return tried
    },
  }
}

const unreachable = (hop: Hop, what: string, why: string, todo?: string): Failure =>
  new Failure(`cannot log in to ${hop.name} (${hop.address} port ${hop.port}): ${what}`, {
    kind: 'unreachable',
    why,
    todo,
  })

const advice: readonly (readonly [RegExp, string])[] = [
  [/no matching/, 'the server is too old or too strict: see its Ciphers, KexAlgorithms and HostKeyAlgorithms'],
  [
    /Too many authentication failures/,
    'the agent has more keys than the server lets try: set ansible_ssh_private_key_file, or IdentitiesOnly in ~/.ssh/config',
  ],
]

function explain(hop: Hop, message: string, shaken: boolean, auth: Failure | undefined): Error {
  if (auth !== undefined) return auth
  if (!shaken && /before handshake|ECONNRESET|EPIPE|connection was closed/.test(message)) return new Crowded(message)
  const todo = advice.find(([pattern]) => pattern.test(message))?.[1]
  return unreachable(hop, shaken ? 'the login failed' : 'no SSH connection', message, todo)
}

function authFailure(hop: Hop, auth: Authentication, { skipped }: Identities): Failure {
  const why = [
    auth.tried.length === 0 ? 'there is no key and no password to try' : `it refused ${auth.tried.join(', ')}`,
    auth.accepted.length === 0 ? '' : `it takes ${auth.accepted.join(', ')}`,
    skipped.length === 0 ? '' : `passed over: ${skipped.join('; ')}`,
  ]
  return unreachable(
    hop,
    `permission denied for ${hop.user}`,
    why.filter(Boolean).join('; '),
    'check ansible_user and ansible_ssh_private_key_file, or add the key to the agent with ssh-add',
  )
}
