/** The instance folders below /var/lib/nova/instances of one simulated host, and what else on it follows its servers. */
import { appendFileSync, chownSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { consoleLines } from '../guest.ts'
import type { Compute, Server } from '../state.ts'
import { qcow2Image } from './qcow2.ts'

export interface InstanceFolder {
  exists(serverId: string): boolean
  prepare(server: Server): void
  /** The content of its disk. */
  disk(serverId: string): Buffer | undefined
  putDisk(server: Server, content: Buffer): void
  remove(serverId: string): void
  restartConsole(server: Server): void
  /** Writes what the servers here have said since the last time. */
  flushConsoles(servers: readonly Server[], now: number): void
}

const instances = 'var/lib/nova/instances'
const [nova, libvirtQemu, kvm] = [64060, 64055, 104]

/** @param root the host's `/` as a path here @param allOwners whether files can be given to nova and libvirt-qemu */
export function createInstanceFolder(root: string, allOwners: boolean): InstanceFolder {
  const folder = (serverId: string) => join(root, instances, serverId)
  const file = (serverId: string, name: string) => join(folder(serverId), name)
  /** The second of its boot up to which each console file goes. */
  const written = new Map<string, number>()
  const own = (path: string, uid: number, gid: number) => {
    if (allOwners) chownSync(path, uid, gid)
  }
  /** As a new file put in place, so that a reader never sees half of it. */
  const put = (path: string, content: string | Buffer, uid: number, gid: number, mode: number) => {
    writeFileSync(`${path}.new`, content, { mode })
    own(`${path}.new`, uid, gid)
    renameSync(`${path}.new`, path)
  }
  const beginConsole = (server: Server) => {
    if (!existsSync(folder(server.id))) return
    put(file(server.id, 'console.log'), '', 0, 0, 0o600)
    written.set(server.id, server.guest.consoleFrom)
  }
  return {
    exists: (serverId) => existsSync(file(serverId, 'disk')),
    prepare(server) {
      mkdirSync(folder(server.id), { recursive: true, mode: 0o755 })
      own(folder(server.id), nova, nova)
      const disk = qcow2Image(server.flavor.disk * 1024 ** 3, Buffer.from(`disk of ${server.name} ${server.id}\n`))
      put(file(server.id, 'disk'), disk, libvirtQemu, kvm, 0o644)
      put(file(server.id, 'disk.info'), JSON.stringify({ [`/${instances}/${server.id}/disk`]: 'qcow2' }), nova, nova, 0o644)
      beginConsole(server)
    },
    disk: (serverId) => (existsSync(file(serverId, 'disk')) ? readFileSync(file(serverId, 'disk')) : undefined),
    putDisk: (server, content) => put(file(server.id, 'disk'), content, libvirtQemu, kvm, 0o644),
    remove(serverId) {
      written.delete(serverId)
      rmSync(folder(serverId), { recursive: true, force: true })
    },
    restartConsole: beginConsole,
    flushConsoles(servers, now) {
      for (const server of servers) {
        const lines = existsSync(file(server.id, 'console.log')) ? consoleLines(server.guest, now, written.get(server.id)) : []
        if (lines.length === 0) continue
        appendFileSync(file(server.id, 'console.log'), lines.map((line) => `${line}\n`).join(''))
        written.set(server.id, (written.get(server.id) ?? server.guest.consoleFrom) + lines.length)
      }
    },
  }
}

/** /proc/meminfo of a host: what its servers hold is not available. */
export function meminfo(compute: Compute, servers: readonly Server[]): string {
  const total = compute.memory * 1024
  const running = servers.filter((server) => compute.domains.get(server.id)?.state !== 'shut off')
  const used = running.reduce((sum, server) => sum + server.guest.residentMemory * 1024, 1024 * 1024)
  const rows: readonly (readonly [string, number])[] = [
    ['MemTotal', total],
    ['MemFree', Math.max(0, total - used - 512 * 1024)],
    ['MemAvailable', Math.max(0, total - used)],
    ['Buffers', 64 * 1024],
    ['Cached', 448 * 1024],
    ['SwapTotal', 0],
    ['SwapFree', 0],
    ['HugePages_Total', 0],
    ['HugePages_Free', 0],
    ['Hugepagesize', 2048],
  ]
  return rows
    .map(([name, value]) => `${`${name}:`.padEnd(16)}${String(value).padStart(8)}${name.startsWith('HugePages_') ? '' : ' kB'}\n`)
    .join('')
}
