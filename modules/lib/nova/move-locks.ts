import type { LockRequest, Server } from '../../../runner/module.ts'
import { inventoryName } from './compute-host.ts'

/**
 * Names the locks of a move. The server is locked exclusively. Its compute hosts are locked shared, so that nobody
 * changes them meanwhile: a restart of nova-compute on either host aborts the move. Moves of other servers share
 * the hosts.
 *
 * @param computeHosts the current host and, if known, the target
 */
export function moveLocks(
  server: Pick<Server, 'id' | 'name'>,
  computeHosts: readonly string[],
  hosts: readonly string[],
): LockRequest[] {
  const thing = { id: server.id, name: `server ${server.name}` }
  return [...new Set(computeHosts.filter((host) => host !== ''))]
    .map((host) => inventoryName(hosts, host) ?? host)
    .flatMap((host) => [
      { host, thing },
      { host, shared: true as const },
    ])
}
