import { spawn } from 'node:child_process'
import type { Connection, Endpoint } from './connection.ts'
import { localDial } from './forward.ts'
import type { OpenPipe } from './pool.ts'
import { pooledConnection } from './pooled.ts'
import { loginName } from './ssh/config.ts'

export interface LocalOptions {
  readonly env: Readonly<Record<string, string | undefined>>
  readonly signal?: AbortSignal
  /** Default: /bin/sh. */
  readonly shell?: string
}

/** Connects to this machine by the same shell and requests as to another host, without SSH. */
export function connectLocal(endpoint: Endpoint, { env, signal, shell = '/bin/sh' }: LocalOptions): Connection {
  const openPipe: OpenPipe = async ({ argv }) => {
    // A session of its own: Ctrl-C in the terminal must reach only the runner, not its commands.
    const child = spawn(shell, argv, { env, detached: true, stdio: 'pipe' })
    const { stdin, stdout, stderr } = child
    for (const stream of [stdin, stdout, stderr]) stream.on('error', () => undefined)
    const ended = new Promise<string>((resolve) => {
      child.once('error', (error) => resolve(error.message))
      child.once('close', (code, killedBy) => resolve(killedBy === null ? `exit status ${code}` : `signal ${killedBy}`))
    })
    const destroy = () => {
      for (const stream of [stdin, stdout, stderr]) stream.destroy()
      child.unref()
    }
    return { stdin, stdout, stderr, ended, destroy }
  }
  const options = {
    openPipe,
    dial: localDial(endpoint.connectTimeout ?? 10),
    loginUser: loginName(),
    openLimit: endpoint.connectTimeout ?? 30,
    signal,
    end: async () => undefined,
  }
  return pooledConnection(endpoint, options).connection
}
