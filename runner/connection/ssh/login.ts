/** One login over ssh2, with its host key, identities and keepalive. Called by ssh.ts for each hop. */
import { NodeSSH } from 'node-ssh'
import type { Duplex } from 'node:stream'
import type { Client } from 'ssh2'
import { Failure } from '../../base/failure.ts'
import { duration } from '../../base/format.ts'
import { type HostKeyCheck, hostKeyCheck } from './host-keys.ts'
import type { Identities } from './identities.ts'
import type { Hop } from './route.ts'

/**
 * Milliseconds, and the number of answers that may be missing. A dead connection is noticed after `interval` ×
 * (`count` + 1) at most.
 */
export interface Keepalive {
  readonly interval: number
  readonly count: number
}

export interface LoginOptions {
  readonly keepalive: Keepalive
  readonly signal: AbortSignal | undefined
  /** Called with the server's key, once it is trusted. */
  onHostKey(key: Buffer): void
  /** Called, at least once, after the loss of an established connection. */
  onLost(why: string): void
}

/** The server closed the connection before its first message, as sshd does above MaxStartups: retry. */
export class ServerBusyError extends Error {}

/**
 * Logs in over a stream to the server. Throws `Failure` or `ServerBusyError`, and destroys the stream then.
 */
export async function login(hop: Hop, sock: Duplex, identities: Identities, options: LoginOptions): Promise<Client> {
  // Await nothing before ssh2 listens: an unheard end of the stream would become a wait for the time limit.
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
  // The promise is also rejected by harmless errors, as of one key among many, and then drops its listener.
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
            shaken ? 'the login did not finish' : 'it accepted the connection but did not answer as an SSH server',
            `no answer within ${duration(hop.connectTimeout)}`,
            shaken
              ? 'read the log of its sshd: it waits for something, such as a name server or a directory of users'
              : 'check the console of the host, which may hang, and that ansible_port is the port of its sshd',
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
    // Never removed: an error without a listener would end the process.
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
  /** Returns true once all ways were tried. */
  isOver(): boolean
  readonly accepted: readonly string[]
  readonly tried: readonly string[]
}

/** Offers one way to log in after the other, and skips ways that the server does not accept. */
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
          // Without any way to offer, asks the server once for the ways that it accepts.
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

const unreachable = (hop: Hop, what: string, why: string, help?: string): Failure =>
  new Failure(`cannot log in to ${hop.name} (${hop.address} port ${hop.port}): ${what}`, {
    kind: 'unreachable',
    why,
    help,
  })

const HELP: readonly (readonly [RegExp, string])[] = [
  [/no matching/, 'the server is too old or too strict: check its Ciphers, KexAlgorithms and HostKeyAlgorithms'],
  [
    /Too many authentication failures/,
    'the agent has more keys than the server allows tries: set ansible_ssh_private_key_file, or IdentitiesOnly in ~/.ssh/config',
  ],
]

function explain(hop: Hop, message: string, shaken: boolean, auth: Failure | undefined): Error {
  if (auth !== undefined) return auth
  if (!shaken && /before handshake|ECONNRESET|EPIPE|connection was closed/.test(message)) return new ServerBusyError(message)
  const help = HELP.find(([pattern]) => pattern.test(message))?.[1]
  return unreachable(hop, shaken ? 'the login failed' : 'no SSH connection', message, help)
}

function authFailure(hop: Hop, auth: Authentication, { skipped }: Identities): Failure {
  const why = [
    auth.tried.length === 0 ? 'no key and no password to try' : `it refused ${auth.tried.join(', ')}`,
    auth.accepted.length === 0 ? '' : `it accepts ${auth.accepted.join(', ')}`,
    skipped.length === 0 ? '' : `skipped: ${skipped.join('; ')}`,
  ]
  return unreachable(
    hop,
    `permission denied for ${hop.user}`,
    why.filter(Boolean).join('; '),
    'check ansible_user and ansible_ssh_private_key_file, or add the key to the agent with ssh-add',
  )
}
