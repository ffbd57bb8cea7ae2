import { allowListeners } from './abort.ts'
import type { Connection, Endpoint } from './connection.ts'
import type { SshOptions } from './ssh/ssh.ts'

export type ConnectOptions = Pick<SshOptions, 'env' | 'sshConfig' | 'keepalive'>

/**
 * Connects to a host, or gives this machine the same face. SSH is loaded when the first host needs it, and not before.
 * Throws `Failure`, kind `unreachable` for all that has to do with the host.
 */
export async function connect(endpoint: Endpoint, options: ConnectOptions, signal?: AbortSignal): Promise<Connection> {
  const given = signal === undefined ? options : { ...options, signal: allowListeners(signal) }
  if (endpoint.kind === 'local') {
    const { connectLocal } = await import('./local.ts')
    return connectLocal(endpoint, given)
  }
  const { connectSsh } = await import('./ssh/ssh.ts')
  return connectSsh(endpoint, given)
}
