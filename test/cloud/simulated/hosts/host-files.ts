/** Nova's view of the instance folders on all hosts: a host that was not started has none yet, and gets them when it is. */
import type { InstanceFiles } from '../nova/engine.ts'
import { computeOf } from '../state.ts'
import type { State } from '../state.ts'
import { appendLog, freeDisk } from './host.ts'
import type { Host } from './host.ts'

export interface HostFiles extends InstanceFiles {
  /** Lines that nova-compute on a host logged before the host was started. */
  earlierLog(host: string): string[]
  /** Brings the files of all started hosts up to this moment. */
  refresh(): void
}

export function hostFiles(hosts: ReadonlyMap<string, Host>, state: State): HostFiles {
  const earlier = new Map<string, string[]>()
  const started = (name: string) => hosts.get(name)?.started
  const earlierLog = (host: string) => {
    const lines = earlier.get(host) ?? []
    earlier.set(host, lines)
    return lines
  }
  return {
    earlierLog,
    refresh() {
      for (const host of hosts.values()) host.started?.refresh()
    },
    exists: async (host, serverId) => started(host)?.instances.exists(serverId),
    async prepare(host, server) {
      // Files that somebody may look at, or has changed, have to go somewhere real.
      if (![...hosts.values()].some((any) => any.started !== undefined)) return
      ;(await hosts.get(host)?.start())?.instances.prepare(server)
    },
    async copy(source, target, server) {
      const disk = started(source)?.instances.disk(server.id)
      if (disk !== undefined) started(target)?.instances.putDisk(server, disk)
    },
    async remove(host, serverId) {
      started(host)?.instances.remove(serverId)
      started(host)?.refresh()
    },
    async restartConsole(host, server) {
      started(host)?.instances.restartConsole(server)
      started(host)?.refresh()
    },
    async freeDisk(host) {
      const compute = computeOf(state, host)
      return freeDisk(
        compute,
        [...compute.domains.keys()].flatMap((id) => state.servers.get(id) ?? []),
      )
    },
    log(host, level, serverId, text) {
      const time = new Date().toISOString().replace('T', ' ').replace('Z', '')
      const line = `${time} 1234 ${level} nova.compute.manager [-] [instance: ${serverId}] ${text}\n`
      const running = started(host)
      if (running === undefined) earlierLog(host).push(line)
      else appendLog(running.root, line)
    },
  }
}
