/** A connection over ssh: route, logins, shells. Called by connect.ts. */
import { spawn } from 'node:child_process'
import { connect as connectTcp, type Socket } from 'node:net'
import { Duplex } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Client, ClientChannel } from 'ssh2'
import { Failure } from '../../base/failure.ts'
import { duration } from '../../base/format.ts'
import type { Connection, Endpoint } from '../connection.ts'
import { sshDial } from '../forward.ts'
import { keyType } from './known-hosts.ts'
import { serverGate } from './gate.ts'
import { findIdentities } from './identities.ts'
import { commandLine } from '../shell/opening.ts'
import type { OpenPipe } from '../pool.ts'
import { pooledConnection } from '../pooled.ts'
import { findRoute, type Hop } from './route.ts'
import type { Pipe } from '../shell/shell.ts'
import { ServerBusyError, type Keepalive, login, type LoginOptions } from './login.ts'

export interface SshOptions {
  readonly env: Readonly<Record<string, string | undefined>>
  readonly signal?: AbortSignal
  /** A configuration file instead of the user's and the system's. */
  readonly sshConfig?: string
  readonly keepalive?: Keepalive
}

/** Seconds for a login shell to start: some start-up files are slow. */
export const shellLimit = 30

/** Logs in to a host, through its bastions if any. Throws `Failure` of kind `unreachable` or `input`. */
export async function connectSsh(endpoint: Endpoint, options: SshOptions): Promise<Connection> {
  const { env, sshConfig, signal, keepalive = { interval: 10_000, count: 3 } } = options
  const hops = await findRoute(endpoint, { env, sshConfig })
  const clients: Client[] = []
  const end = async () => {
    for (const client of clients.toReversed()) {
      client.end()
      client.destroy()
    }
  }
  let lost: (why: string) => void = () => undefined
  const hostKeys = new Map<Hop, Buffer>()
  try {
    for (const hop of hops) {
      const before = clients.at(-1)
      clients.push(
        await enter(hop, before, {
          keepalive,
          signal,
          onHostKey: (key) => void hostKeys.set(hop, key),
          onLost: (why) => lost(hop === hops.at(-1) ? why : `${hop.name}: ${why}`),
        }),
      )
    }
  } catch (error) {
    await end()
    throw error
  }
  const client = clients.at(-1) as Client
  const host = hops.at(-1) as Hop
  const { address, port, user } = host
  const hostKey = hostKeys.get(host) as Buffer
  const { connection, fail } = pooledConnection(endpoint, {
    openPipe: openChannel(client),
    dial: sshDial(client, host.connectTimeout),
    loginUser: user,
    peer: { address, port, user, hostKey: `${keyType(hostKey)} ${hostKey.toString('base64')}` },
    openLimit: Math.max(shellLimit, endpoint.connectTimeout ?? 0),
    signal,
    end,
  })
  lost = (why) =>
    fail(
      new Failure(`the connection to ${endpoint.name} was lost`, {
        kind: 'unreachable',
        why: `${why}; a command that was running may still be running on the host`,
        help: 'check that the host is up, then run again',
      }),
    )
  return connection
}

/** Most tries against MaxStartups, and milliseconds before the second. */
const tries = { most: 8, first: 100 }

/** Connects and logs in, a few at a time for each server. Retries if the server is busy. */
async function enter(hop: Hop, before: Client | undefined, options: LoginOptions): Promise<Client> {
  const gate = serverGate(`${hop.address}:${hop.port}`)
  const identities = await findIdentities(hop)
  for (let attempt = 1; ; attempt++) {
    try {
      return await gate(async () => login(hop, await reach(hop, before, options.signal), identities, options))
    } catch (error) {
      if (!(error instanceof ServerBusyError)) throw error
      if (attempt === tries.most) {
        throw new Failure(`${hop.name} (${hop.address} port ${hop.port}) closes the connection before its first message`, {
          kind: 'unreachable',
          why: `${error.message}, ${attempt} times`,
          help: 'check MaxStartups and the log of its sshd, and that nothing like fail2ban blocks this address',
        })
      }
      await sleep(
        tries.first * 1.6 ** attempt * (0.5 + Math.random()),
        undefined,
        options.signal === undefined ? {} : { signal: options.signal },
      ).catch(() => {
        throw options.signal?.reason
      })
    }
  }
}

/** Opens a stream to the server: through the previous hop, through a program, or by TCP. */
function reach(hop: Hop, before: Client | undefined, signal: AbortSignal | undefined): Promise<Duplex> {
  if (before !== undefined) return forward(hop, before)
  if (hop.proxyCommand !== undefined) return Promise.resolve(throughProgram(hop.proxyCommand))
  return dial(hop, signal)
}

function dial(hop: Hop, signal: AbortSignal | undefined): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connectTcp({ host: hop.address, port: hop.port, autoSelectFamilyAttemptTimeout: 2000 })
    // Otherwise small requests and their answers would wait for each other, 40 ms each.
    socket.setNoDelay(true)
    const give = (error: unknown) => {
      done()
      socket.destroy()
      reject(error)
    }
    const timer = setTimeout(
      () => give(cannotReach(hop, 'ETIMEDOUT', `no answer within ${duration(hop.connectTimeout)}`)),
      hop.connectTimeout * 1000,
    )
    const onError = (error: NodeJS.ErrnoException) => give(cannotReach(hop, codeOf(error), error.message))
    const onAbort = () => give(signal?.reason)
    const done = () => {
      clearTimeout(timer)
      signal?.removeEventListener('abort', onAbort)
      socket.off('error', onError)
      // Without a listener a reset before the login would end the process.
      socket.on('error', () => undefined)
    }
    socket.once('error', onError)
    socket.once('connect', () => {
      done()
      resolve(socket)
    })
    signal?.addEventListener('abort', onAbort, { once: true })
    if (signal?.aborted === true) onAbort()
  })
}

/**
 * The code of an error. If several addresses failed, some versions of Node report one error without a code of its
 * own.
 */
const codeOf = (error: NodeJS.ErrnoException): string =>
  error.code ?? (error instanceof AggregateError ? ((error.errors[0] as NodeJS.ErrnoException | undefined)?.code ?? '') : '')

const HELP: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'check that sshd runs there, and on this port',
  ENOTFOUND: 'correct the name, or set ansible_host to its address',
  EAI_AGAIN: 'check the name server: it does not answer',
  EHOSTUNREACH: 'check that the host is up, and the route to it',
  ENETUNREACH: 'check the route to its network',
  ETIMEDOUT: 'check that the host is up, and that no firewall blocks SSH',
}

const cannotReach = (hop: Hop, code: string, why: string): Failure =>
  new Failure(`cannot connect to ${hop.name} (${hop.address} port ${hop.port})`, {
    kind: 'unreachable',
    why,
    help: HELP[code],
  })

const forward = (hop: Hop, before: Client): Promise<Duplex> =>
  sshDial(before, hop.connectTimeout)(hop.address, hop.port).catch((error: Error) => {
    throw new Failure(`cannot connect to ${hop.name} (${hop.address} port ${hop.port}) through the bastion`, {
      kind: 'unreachable',
      why: error.message,
      help: 'check that the bastion can reach it, and that its sshd has AllowTcpForwarding',
    })
  })

function throughProgram(command: string): Duplex {
  const child = spawn('/bin/sh', ['-c', `exec ${command}`], { stdio: ['pipe', 'pipe', 'ignore'] })
  child.stdin.on('error', () => undefined)
  const stream = Duplex.from({ readable: child.stdout, writable: child.stdin })
  child.once('error', () => stream.destroy())
  stream.once('close', () => child.kill())
  stream.on('error', () => undefined)
  return stream
}

/** Returns true for one session too many: SSH_OPEN_ADMINISTRATIVELY_PROHIBITED, CONNECT_FAILED, RESOURCE_SHORTAGE. */
const isRefusal = (error: Error & { reason?: unknown }): boolean =>
  /Channel open failure/.test(error.message) && error.reason !== ''

const openChannel =
  (client: Client): OpenPipe =>
  (opening) =>
    new Promise((resolve, reject) => {
      const failed = (error: Error) =>
        reject(new Failure('the host opened no session', { kind: 'unreachable', why: error.message, cause: error }))
      try {
        client.exec(commandLine(opening), (error, channel) => {
          if (error === undefined || error === null) resolve(pipeOf(channel))
          else if (isRefusal(error)) resolve('refused')
          else failed(error)
        })
      } catch (error) {
        failed(error as Error)
      }
    })

function pipeOf(channel: ClientChannel): Pipe {
  const ended = new Promise<string>((resolve) => {
    let how = 'no word from the host'
    channel.on('exit', (code: number | null, signal?: string) => {
      how = code === null ? `signal ${String(signal).replace(/^SIG/, '')}` : `exit status ${code}`
      // Processes left by the shell would keep the channel open. Its last output may still be on its way.
      setTimeout(() => channel.close(), 200).unref()
    })
    channel.on('close', () => resolve(how))
  })
  channel.on('error', () => undefined)
  channel.stderr.on('error', () => undefined)
  return { stdin: channel, stdout: channel, stderr: channel.stderr, ended, destroy: () => channel.close() }
}
