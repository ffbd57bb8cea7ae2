import { Failure } from '../base/failure.ts'
import type { Connection, Endpoint, Peer } from './connection.ts'
import { type Dial, forwardsOf } from './forward.ts'
import { type RequestSink, hostAccess } from './host-access.ts'
import { takeLock } from './lock.ts'
import { createPool, type OpenPipe } from './pool.ts'

export interface PooledOptions {
  readonly openPipe: OpenPipe
  readonly dial: Dial
  readonly peer?: Peer
  /** The user that needs no sudo. */
  readonly loginUser: string
  /** Seconds until a shell must have started. */
  readonly openLimit: number
  readonly signal: AbortSignal | undefined
  /** Ends the transport below the shells. */
  end(): Promise<void>
}

/** Makes a connection of shells. `fail` ends the connection after the loss of its transport. */
export function pooledConnection(
  endpoint: Endpoint,
  options: PooledOptions,
): { connection: Connection; fail(failure: Failure): void } {
  const { openPipe, loginUser, openLimit, signal } = options
  const traffic = { requests: 0, sent: 0, received: 0 }
  const pool = createPool({ openPipe, traffic, openLimit })
  const forwards = forwardsOf(endpoint.name, options.dial)
  let id = 0
  const sink = (become: Parameters<Connection['as']>[0]): RequestSink => ({
    add: (item) => pool.add(become?.user === loginUser ? undefined : become, item),
    drop: pool.drop,
    nextId: () => ++id,
    signal,
  })
  return {
    connection: {
      host: endpoint.name,
      traffic,
      peer: options.peer,
      as: (become) => hostAccess(sink(become)),
      lock: (become, wanted) => takeLock(sink(become), wanted),
      forward: forwards.open,
      async close() {
        forwards.end(new Failure(`the connection to ${endpoint.name} was closed`, { kind: 'unreachable' }))
        await pool.close()
        await options.end()
      },
    },
    fail(failure) {
      forwards.end(failure)
      pool.fail(failure)
    },
  }
}
