import { allowListeners } from './abort.ts'
import type { Connection, Endpoint } from './connection.ts'
import type { SshOptions } from './ssh/ssh.ts'

export type ConnectOptions = Pick<SshOptions, 'env' | 'sshConfig' | 'keepalive'>

/**
 * Connects to a host, or opens a shell on this machine. Loads the SSH library only when the first host needs it.
 * Throws `Failure`, kind `unreachable` for any fault of the host.
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
