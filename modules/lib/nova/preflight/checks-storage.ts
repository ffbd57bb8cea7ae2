/** Checks of disks and instance folders, shared or copied. Pure, of the evidence that inspect.ts gathered. */
import { bytes, count, GIB, list, MIB, type Server } from '../../../../runner/module.ts'
import type { OsloConfig } from '../../text/oslo-config.ts'
import { block, line, lines, ok, warn, type Check, type Verdict } from './check.ts'
import { nameOf } from './checks-request.ts'
import type { Folder, HostSeen, Seen } from './evidence.ts'
import { arriving, moving, sources, way } from './partition.ts'

export const storageChecks = (seen: Seen): readonly Check[] => [
  ...hostAccess(seen),
  ...storage(seen),
  ...leftovers(seen),
  ...diskSpace(seen),
  ...ids(seen),
]

/** A host as it was seen, or undefined. */
export const seenHost = (seen: Seen, host: string | undefined): HostSeen | undefined => {
  const looked = host === undefined ? undefined : seen.hosts[host]
  return looked !== undefined && 'value' in looked ? looked.value : undefined
}

function hostAccess(seen: Seen): readonly Check[] {
  const looked = Object.entries(seen.hosts)
  if (looked.length === 0) return []
  const checks = lines(
    'host_access',
    looked,
    ([host]) => host,
    ([, found]) =>
      'value' in found
        ? ok('looked at over ssh')
        : warn(
            `${found.why}: storage, disk space, CPU, ports and the like were not checked there`,
            found.cure ?? 'make it reachable',
          ),
    'host',
  )
  return seen.wanted.target === ''
    ? [...checks, line('host_access', 'scheduler', ok('the host it chooses is checked by Nova alone, before anything is moved'))]
    : checks
}

/** How a host keeps disks: `qcow2` is what `default` stands for (`use_cow_images`). */
export function imagesType(conf: OsloConfig): string {
  const type = conf.get('libvirt', 'images_type') ?? 'default'
  if (type !== 'default') return type
  return conf.flag('DEFAULT', 'use_cow_images', true) ? 'qcow2' : 'flat'
}

const REMOTE = new Set(['rbd'])

/**
 * Whether both hosts use one storage. Nova finds out by writing a file; a check must not write, so it compares the server's folder as each
 * host sees it: the same inode and time of change mean the same folder. Undefined where the folder was not seen on the source.
 */
export function isShared(id: string, source: HostSeen, target: HostSeen): boolean | undefined {
  if (REMOTE.has(imagesType(source.conf))) return true
  const folder = source.folders[id]
  if (folder === undefined) return undefined
  const there = target.folders[id]
  return there !== undefined && same(folder, there)
}

const same = (a: Folder, b: Folder): boolean => a.inode === b.inode && a.mtime === b.mtime

/** True when nothing of the server's disks is copied, as far as could be seen. */
export function keepsDisks({ id, host }: Server, seen: Seen): boolean {
  const [source, target] = [seenHost(seen, host), seenHost(seen, seen.wanted.target)]
  return source !== undefined && target !== undefined && isShared(id, source, target) === true
}

function storage(seen: Seen): readonly Check[] {
  const { target, block: wanted } = seen.wanted
  const to = seenHost(seen, target)
  if (to === undefined) return []
  return [...sources(moving(seen))].flatMap(([host, servers]) => {
    const from = seenHost(seen, host)
    if (from === undefined) return []
    const pair = way(host, target)
    const [type, other] = [imagesType(from.conf), imagesType(to.conf)]
    if (type !== other)
      return [
        line(
          'storage',
          pair,
          block(`images_type is ${type} on ${host} and ${other} on ${target}`, 'move between hosts that keep disks alike'),
        ),
      ]
    if (from.instancesPath !== to.instancesPath) {
      return [
        line(
          'storage',
          pair,
          block(
            `instances_path is ${from.instancesPath} on ${host} and ${to.instancesPath} on ${target}`,
            'give both the same instances_path',
          ),
        ),
      ]
    }
    return lines('storage', servers, nameOf, (server) => kindOfMigration(isShared(server.id, from, to), wanted, from, to, server))
  })
}

function kindOfMigration(
  shared: boolean | undefined,
  wanted: 'auto' | boolean,
  from: HostSeen,
  to: HostSeen,
  server: Server,
): Verdict {
  const type = imagesType(from.conf)
  const where = `${type} in ${from.instancesPath} (${from.filesystem?.type ?? 'unknown file system'})`
  if (shared === undefined)
    return warn(`its folder is not in ${from.instancesPath} on ${server.host}`, 'look where its disks are')
  if (to.filesystem === undefined && !REMOTE.has(type))
    return block(`${to.instancesPath} is not there on the target`, 'create or mount it')
  if (shared && wanted === true)
    return block(`${where} is shared by both hosts: nothing can be copied`, 'use `block_migration: auto`')
  const noLocalDisk = server.imageId === undefined && server.flavor.ephemeral === 0 && server.flavor.swap === 0
  if (!shared && wanted === false && !noLocalDisk)
    return block(`${where} is local: its disks must be copied`, 'use `block_migration: auto`')
  if (!shared && server.volumes.length > 0 && !noLocalDisk && from.conf.flag('libvirt', 'live_migration_tunnelled', false)) {
    return block(
      'it has volumes and local disks, and live_migration_tunnelled is set',
      'set live_migration_tunnelled to false on the source',
    )
  }
  return ok(shared ? `${where}, shared` : `${where}, local: disks are copied`)
}

function leftovers(seen: Seen): readonly Check[] {
  const { target } = seen.wanted
  const to = seenHost(seen, target)
  if (to === undefined) return []
  return lines('leftover', arriving(seen), nameOf, (server) => {
    const from = seenHost(seen, server.host)
    const folder = to.folders[server.id]
    if (folder !== undefined && from !== undefined && isShared(server.id, from, to) !== true) {
      return block(
        `${to.instancesPath}/${server.id} is on ${target} already, with other content (changed ${folder.mtime.slice(0, 16)})`,
        'look at it; it is of an earlier move. Move it out of the way',
      )
    }
    if (to.domains?.includes(server.id) === true)
      return warn(
        `libvirt on ${target} has a domain of it already`,
        'see that it does not run there (`virsh list --all`), then `virsh undefine` it',
      )
    return ok(`nothing of it on ${target}`)
  })
}

/** Bytes that arrive on the target for a server: what the guest sees of its local disks, as seen on the source or as its flavor says. */
export function diskNeed(server: Server, seen: Seen): number {
  const { disk, ephemeral, swap } = server.flavor
  const root = server.imageId === undefined ? 0 : disk
  const byFlavor = (root + ephemeral) * GIB + swap * MIB
  const files = seenHost(seen, server.host)?.disks[server.id]
  return files === undefined
    ? byFlavor
    : Math.max(
        byFlavor,
        files.reduce((total, file) => total + file.virtual, 0),
      )
}

function diskSpace(seen: Seen): readonly Check[] {
  const { target, block: wanted } = seen.wanted
  const copied = arriving(seen).filter((server) => !keepsDisks(server, seen))
  if (target === '' || copied.length === 0 || wanted === false) return []
  const backing = missingBacking(seen, copied)
  const need = copied.reduce((total, server) => total + diskNeed(server, seen), 0) + backing.size
  const who = `${list(copied.map(nameOf))} ${copied.length === 1 ? 'needs' : 'need'} ${bytes(need)}${backing.count > 0 ? ` with ${backing.count === 1 ? 'an image' : count(backing.count, 'image')} that ${target} lacks` : ''}`
  const to = seenHost(seen, target)
  if (to?.filesystem !== undefined) {
    const reserved = to.conf.number('DEFAULT', 'reserved_host_disk_mb', 0) * MIB
    const free = Math.max(0, to.filesystem.free - reserved)
    const evidence = `${who}; ${target} has ${bytes(free)} in ${to.instancesPath}${reserved > 0 ? ` beside the ${bytes(reserved)} that are reserved` : ''}`
    return [
      line(
        'disk_space',
        target,
        need <= free
          ? ok(evidence)
          : block(`${evidence}. Nova does not check this since microversion 2.25`, 'free space there, or choose another target'),
      ),
    ]
  }
  const least = ('value' in seen.api.hypervisors ? seen.api.hypervisors.value : []).find(
    ({ host }) => host === target,
  )?.diskAvailableLeast
  if (least === undefined)
    return [line('disk_space', target, warn(`${who}; nobody says how much ${target} has`, 'look at the free space there'))]
  const evidence = `${who}, if disks are local; ${target} has ${bytes(Math.max(0, least) * GIB)} by its own figures`
  return [
    line(
      'disk_space',
      target,
      need <= least * GIB
        ? ok(evidence)
        : warn(evidence, 'free space there, choose another target, or accept it where storage is shared'),
    ),
  ]
}

/** Images in `_base` that have to be fetched to the target as well, each once. */
function missingBacking(seen: Seen, servers: readonly Server[]): { readonly size: number; readonly count: number } {
  const sizes = new Map<string, number>()
  for (const server of servers) {
    const lacking = new Set(server.host === undefined ? [] : seen.pairs[server.host]?.missingBacking)
    for (const { backing } of seenHost(seen, server.host)?.disks[server.id] ?? [])
      if (backing !== undefined && lacking.has(backing.path)) sizes.set(backing.path, backing.size)
  }
  return { size: [...sizes.values()].reduce((total, size) => total + size, 0), count: sizes.size }
}

/** Files on shared storage belong to numbers, not names. */
function ids(seen: Seen): readonly Check[] {
  const to = seenHost(seen, seen.wanted.target)
  if (to === undefined) return []
  return [...sources(moving(seen))].flatMap(([host, servers]) => {
    const from = seenHost(seen, host)
    if (from === undefined || REMOTE.has(imagesType(from.conf)) || !servers.some(({ id }) => isShared(id, from, to) === true))
      return []
    const differ = Object.keys(from.users).filter((user) => to.users[user] !== undefined && to.users[user] !== from.users[user])
    const evidence = (user: string): string =>
      `${user} is ${from.users[user]} on ${host} and ${to.users[user]} on ${seen.wanted.target}`
    const verdict =
      differ.length === 0
        ? ok('the same on both')
        : warn(differ.map(evidence).join('; '), 'give users the same ids on both hosts, or the guest cannot read its disks there')
    return [line('ids', way(host, seen.wanted.target), verdict)]
  })
}
