import { Failure } from '../base/failure.ts'
import type { Connection, Endpoint, Peer } from './connection.ts'
import { type Dial, forwardsOf } from './forward.ts'
import { type Asker, hostAccess } from './host-access.ts'
import { takeLock } from './lock.ts'
import { createPool, type OpenPipe } from './pool.ts'

export interface PooledOptions {
  readonly openPipe: OpenPipe
  readonly dial: Dial
  readonly peer?: Peer
  /** To become this user no sudo is needed. */
  readonly loginUser: string
  /** Seconds until a shell must have started. */
  readonly openLimit: number
  readonly signal: AbortSignal | undefined
  /** Ends what lies below the shells. */
  end(): Promise<void>
}

/** A connection made of shells, and the way to tell it that what lies below them is lost. */
export function pooledConnection(
  endpoint: Endpoint,
  options: PooledOptions,
): { connection: Connection; fail(failure: Failure): void } {
  const { openPipe, loginUser, openLimit, signal } = options
  const traffic = { requests: 0, sent: 0, received: 0 }
  const pool = createPool({ openPipe, traffic, openLimit })
  const forwards = forwardsOf(endpoint.name, options.dial)
  let id = 0
  const asker = (become: Parameters<Connection['as']>[0]): Asker => ({
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
      as: (become) => hostAccess(asker(become)),
      lock: (become, wanted) => takeLock(asker(become), wanted),
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
