/**
 * Streams to ports, as a host reaches them: opened through ssh or from this machine, ended with the connection.
 * Called by pooled.ts.
 */
import { connect, type Socket } from 'node:net'
import { Duplex } from 'node:stream'
import type { Client } from 'ssh2'
import { Failure } from '../base/failure.ts'
import { duration } from '../base/format.ts'

/** Opens a stream to a port as a host reaches it. Rejects with the error. */
export type Dial = (host: string, port: number) => Promise<Duplex>

/** The streams through one connection. They end with the connection. */
export interface Forwards {
  open(port: number, host?: string): Promise<Duplex>
  /** Destroys all open streams with this error, and refuses new ones. */
  end(error: Error): void
}

/**
 * Keeps track of the streams of one connection.
 * @param name of the host, for messages
 * @param dial opens a stream from the host
 */
export function forwardsOf(name: string, dial: Dial): Forwards {
  const streams = new Set<Duplex>()
  let over: Error | undefined
  return {
    async open(port, host = '127.0.0.1') {
      if (over !== undefined) throw over
      const stream = await dial(host, port).catch((error: Error) => {
        throw over ?? cannotForward(name, host, port, error)
      })
      // An error without a listener would end the process.
      stream.on('error', () => undefined)
      stream.once('close', () => streams.delete(stream))
      streams.add(stream)
      if (over !== undefined) stream.destroy(over)
      return stream
    },
    end(error) {
      over ??= error
      for (const stream of streams) stream.destroy(over)
    },
  }
}

const cannotForward = (name: string, host: string, port: number, error: Error): Failure =>
  new Failure(`cannot reach ${host} port ${port} from ${name}`, {
    kind: 'unreachable',
    why: error.message,
    help: /prohibited|open failed$/.test(error.message)
      ? `allow it in the sshd_config of ${name}: AllowTcpForwarding local, and PermitOpen`
      : `check on ${name} that the service runs and listens there`,
    cause: error,
  })

/** Dials through an SSH connection. @param limit seconds until the stream must be open */
export const sshDial =
  (client: Client, limit: number): Dial =>
  (host, port) =>
    new Promise((resolve, reject) => {
      let late = false
      const timer = setTimeout(() => {
        late = true
        reject(new Error(`no answer within ${duration(limit)}`))
      }, limit * 1000)
      const settle = (error: Error | undefined, channel?: Duplex) => {
        clearTimeout(timer)
        channel?.on('error', () => undefined)
        if (channel === undefined) reject(error)
        else if (late) channel.destroy()
        else resolve(streamOf(channel))
      }
      try {
        // ssh2 throws if the connection has ended.
        client.forwardOut('127.0.0.1', 0, host, port, settle)
      } catch (error) {
        settle(error as Error)
      }
    })

/**
 * Wraps a channel of ssh2 as a plain stream. A channel ignores the error of `destroy`, and closes only once the other
 * side agrees.
 */
function streamOf(channel: Duplex): Duplex {
  const stream = new Duplex({
    read: () => void channel.resume(),
    write: (chunk, _encoding, done) => void channel.write(chunk, done),
    final: (done) => void channel.end(done),
    destroy(error, done) {
      channel.destroy()
      done(error)
    },
  })
  channel.on('data', (chunk: Buffer) => {
    if (!stream.push(chunk)) channel.pause()
  })
  channel.once('end', () => stream.push(null))
  channel.once('close', () => {
    if (stream.readableEnded) stream.destroy()
    else stream.once('end', () => stream.destroy())
  })
  return stream
}

/** Dials from this machine. @param limit seconds until the stream must be open */
export const localDial =
  (limit: number): Dial =>
  (host, port) =>
    new Promise((resolve, reject) => {
      const socket: Socket = connect({ host, port })
      const timer = setTimeout(() => socket.destroy(new Error(`no answer within ${duration(limit)}`)), limit * 1000)
      socket.once('error', reject)
      socket.once('close', () => clearTimeout(timer))
      socket.once('connect', () => {
        clearTimeout(timer)
        resolve(socket)
      })
    })
