/** Checks of disks and instance folders, shared or copied. Pure; called by inspect.ts with the evidence. */
import { bytes, count, GIB, list, MIB, type Server } from '../../../../runner/module.ts'
import type { OsloConfig } from '../../text/oslo-config.ts'
import { block, line, lines, ok, warn, type Check, type Verdict } from './check.ts'
import { nameOf } from './checks-request.ts'
import type { Folder, HostEvidence, Evidence } from './evidence.ts'
import { arriving, moving, sources, way } from './partition.ts'

export const storageChecks = (facts: Evidence): readonly Check[] => [
  ...hostAccess(facts),
  ...storage(facts),
  ...leftovers(facts),
  ...diskSpace(facts),
  ...ids(facts),
]

/** Evidence from a host; undefined if the host could not be probed. */
export const hostFacts = (facts: Evidence, host: string | undefined): HostEvidence | undefined => {
  const answer = host === undefined ? undefined : facts.hosts[host]
  return answer !== undefined && 'value' in answer ? answer.value : undefined
}

function hostAccess(facts: Evidence): readonly Check[] {
  const answers = Object.entries(facts.hosts)
  if (answers.length === 0) return []
  const checks = lines(
    'host_access',
    answers,
    ([host]) => host,
    ([, found]) =>
      'value' in found
        ? ok('looked at over ssh')
        : warn(
            `${found.why}: storage, disk space, CPU, ports and the like were not checked there`,
            found.help ?? 'make it reachable',
          ),
    'host',
  )
  return facts.wanted.target === ''
    ? [...checks, line('host_access', 'scheduler', ok('the host it chooses is checked by Nova alone, before anything is moved'))]
    : checks
}

/** Image type of a host's disks: `default` stands for `qcow2` (`use_cow_images`). */
export function imagesType(conf: OsloConfig): string {
  const type = conf.get('libvirt', 'images_type') ?? 'default'
  if (type !== 'default') return type
  return conf.flag('DEFAULT', 'use_cow_images', true) ? 'qcow2' : 'flat'
}

const REMOTE = new Set(['rbd'])

/**
 * True if both hosts use the same storage. Nova writes a file to find out, but a check must not write. The check
 * compares the server's folder on both hosts: the same inode and time of change mean the same folder. Undefined if
 * the source lacks the folder.
 */
export function isShared(id: string, source: HostEvidence, target: HostEvidence): boolean | undefined {
  if (REMOTE.has(imagesType(source.conf))) return true
  const folder = source.folders[id]
  if (folder === undefined) return undefined
  const there = target.folders[id]
  return there !== undefined && same(folder, there)
}

const same = (a: Folder, b: Folder): boolean => a.inode === b.inode && a.mtime === b.mtime

/** True if the evidence shows that none of the server's disks is copied. */
export function keepsDisks({ id, host }: Server, facts: Evidence): boolean {
  const [source, target] = [hostFacts(facts, host), hostFacts(facts, facts.wanted.target)]
  return source !== undefined && target !== undefined && isShared(id, source, target) === true
}

function storage(facts: Evidence): readonly Check[] {
  const { target, block: wanted } = facts.wanted
  const to = hostFacts(facts, target)
  if (to === undefined) return []
  return [...sources(moving(facts))].flatMap(([host, servers]) => {
    const from = hostFacts(facts, host)
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
  from: HostEvidence,
  to: HostEvidence,
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

function leftovers(facts: Evidence): readonly Check[] {
  const { target } = facts.wanted
  const to = hostFacts(facts, target)
  if (to === undefined) return []
  return lines('leftover', arriving(facts), nameOf, (server) => {
    const from = hostFacts(facts, server.host)
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

/**
 * Bytes that arrive on the target for a server: the virtual size of its local disks on the source, else its flavor's.
 */
export function diskNeed(server: Server, facts: Evidence): number {
  const { disk, ephemeral, swap } = server.flavor
  const root = server.imageId === undefined ? 0 : disk
  const byFlavor = (root + ephemeral) * GIB + swap * MIB
  const files = hostFacts(facts, server.host)?.disks[server.id]
  return files === undefined
    ? byFlavor
    : Math.max(
        byFlavor,
        files.reduce((total, file) => total + file.virtual, 0),
      )
}

function diskSpace(facts: Evidence): readonly Check[] {
  const { target, block: wanted } = facts.wanted
  const copied = arriving(facts).filter((server) => !keepsDisks(server, facts))
  if (target === '' || copied.length === 0 || wanted === false) return []
  const backing = missingBacking(facts, copied)
  const need = copied.reduce((total, server) => total + diskNeed(server, facts), 0) + backing.size
  const who = `${list(copied.map(nameOf))} ${copied.length === 1 ? 'needs' : 'need'} ${bytes(need)}${backing.count > 0 ? ` with ${backing.count === 1 ? 'an image' : count(backing.count, 'image')} that ${target} lacks` : ''}`
  const to = hostFacts(facts, target)
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
  const least = ('value' in facts.api.hypervisors ? facts.api.hypervisors.value : []).find(
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

/** Images in `_base` that the target must fetch too, each once. */
function missingBacking(facts: Evidence, servers: readonly Server[]): { readonly size: number; readonly count: number } {
  const sizes = new Map<string, number>()
  for (const server of servers) {
    const lacking = new Set(server.host === undefined ? [] : facts.pairs[server.host]?.missingBacking)
    for (const { backing } of hostFacts(facts, server.host)?.disks[server.id] ?? [])
      if (backing !== undefined && lacking.has(backing.path)) sizes.set(backing.path, backing.size)
  }
  return { size: [...sizes.values()].reduce((total, size) => total + size, 0), count: sizes.size }
}

/** Files on shared storage belong to numeric ids, not to names. */
function ids(facts: Evidence): readonly Check[] {
  const to = hostFacts(facts, facts.wanted.target)
  if (to === undefined) return []
  return [...sources(moving(facts))].flatMap(([host, servers]) => {
    const from = hostFacts(facts, host)
    if (from === undefined || REMOTE.has(imagesType(from.conf)) || !servers.some(({ id }) => isShared(id, from, to) === true))
      return []
    const differ = Object.keys(from.users).filter((user) => to.users[user] !== undefined && to.users[user] !== from.users[user])
    const evidence = (user: string): string =>
      `${user} is ${from.users[user]} on ${host} and ${to.users[user]} on ${facts.wanted.target}`
    const verdict =
      differ.length === 0
        ? ok('the same on both')
        : warn(differ.map(evidence).join('; '), 'give users the same ids on both hosts, or the guest cannot read its disks there')
    return [line('ids', way(host, facts.wanted.target), verdict)]
  })
}
