import type { LockRequest, Server } from '../../../runner/module.ts'
import { inventoryName } from './compute-host.ts'

/**
 * What a move of a server needs for itself: the server, and that nobody changes its compute hosts meanwhile (a restart of nova-compute on
 * either end aborts the move). All who could collide meet on those hosts. Moves of other servers get along.
 *
 * @param computeHosts where it is, and where it goes as far as that is known
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
