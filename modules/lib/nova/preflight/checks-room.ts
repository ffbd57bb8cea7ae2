/** Checks of memory, CPUs and disk on the target, for all servers together. Pure; called by inspect.ts. */
import { bytes, count, GIB, type Hypervisor, list, MIB, type Server } from '../../../../runner/module.ts'
import { candidates } from './ask-api.ts'
import { block, line, lines, ok, warn, type Check, type CheckName, type Verdict } from './check.ts'
import { nameOf } from './checks-request.ts'
import { usesHugePages } from './checks-server.ts'
import type { Room, Evidence } from './evidence.ts'
import { arriving, moving, sources, way } from './partition.ts'

type Amounts = Readonly<Record<string, number>>

export const roomChecks = (facts: Evidence): readonly Check[] => {
  if (moving(facts).length === 0) return []
  return [
    ...hypervisor(facts),
    ...(facts.wanted.target === '' ? schedulersRoom(facts) : targetsRoom(facts)),
    ...memoryFree(facts),
    ...traits(facts),
  ]
}

const hypervisorOf = (facts: Evidence, host: string): Hypervisor | undefined =>
  ('value' in facts.api.hypervisors ? facts.api.hypervisors.value : []).find((one) => one.host === host)

/** Formats Nova's integer version: 7002022 is 7.2.22. */
export const versionText = (version: number): string =>
  [Math.floor(version / 1_000_000), Math.floor(version / 1000) % 1000, version % 1000].join('.')

function hypervisor(facts: Evidence): readonly Check[] {
  if ('why' in facts.api.hypervisors) return []
  const targets = candidates(facts.wanted, 'value' in facts.api.services ? facts.api.services.value : [])
  return lines(
    'hypervisor',
    [...sources(moving(facts)).keys()],
    (source) => way(source, facts.wanted.target),
    (source) => {
      const verdicts = targets
        .filter((host) => host !== source)
        .map((host) => compatible(hypervisorOf(facts, source), hypervisorOf(facts, host), source, host))
      return (
        verdicts.find(({ level }) => level === 'ok') ??
        verdicts[0] ??
        block('there is no host to move to', 'see the check `services`')
      )
    },
    'pair',
  )
}

function compatible(from: Hypervisor | undefined, to: Hypervisor | undefined, source: string, target: string): Verdict {
  if (from === undefined || to === undefined)
    return block(
      `Nova lists no hypervisor on ${from === undefined ? source : target}`,
      'start nova-compute there and wait until it has registered',
    )
  if (from.type !== to.type)
    return block(`${source} has ${from.type}, ${target} has ${to.type}`, 'choose a host with the same hypervisor')
  const versions = `${from.type} ${versionText(from.version)} → ${versionText(to.version)}`
  return from.version <= to.version
    ? ok(versions)
    : block(`${versions}: the target is older`, `upgrade ${target}, or choose another host`)
}

/** Room that a server needs: its allocations in Placement or, if those cannot be read, the amounts of its flavor. */
export function needs(server: Server, facts: Evidence): Amounts {
  const allocated = facts.api.allocations[server.id]
  if (allocated !== undefined && 'value' in allocated && Object.keys(allocated.value).length > 0) return allocated.value
  const { vcpus, ram, disk, ephemeral, swap } = server.flavor
  const root = server.imageId === undefined ? 0 : disk
  return { VCPU: vcpus, MEMORY_MB: ram, DISK_GB: root + ephemeral + Math.ceil(swap / 1024) }
}

const sum = (all: readonly Amounts[]): Amounts => {
  const total: Record<string, number> = {}
  for (const amounts of all) for (const [name, amount] of Object.entries(amounts)) total[name] = (total[name] ?? 0) + amount
  return total
}

const CHECK_OF: Readonly<Record<string, CheckName>> = {
  MEMORY_MB: 'memory',
  VCPU: 'vcpus',
  PCPU: 'vcpus',
  DISK_GB: 'disk_allocation',
}
const UNITS: Readonly<Record<string, (amount: number) => string>> = {
  MEMORY_MB: (amount) => bytes(amount * MIB),
  DISK_GB: (amount) => `${bytes(amount * GIB)} of disk`,
  VCPU: (amount) => `${amount} VCPU`,
  PCPU: (amount) => `${amount} PCPU`,
}
const shown = (name: string, amount: number): string => (UNITS[name] ?? ((number: number) => `${number} ${name}`))(amount)

function targetsRoom(facts: Evidence): readonly Check[] {
  const { target } = facts.wanted
  const servers = arriving(facts)
  if (servers.length === 0) return []
  const who = servers.length === 1 ? servers[0]!.name : count(servers.length, 'server')
  const needed = sum(servers.map((server) => needs(server, facts)))
  const room = facts.api.room[target]
  if (room === undefined || 'why' in room)
    return [
      line(
        'memory',
        target,
        fromHypervisor(needed['MEMORY_MB'] ?? 0, hypervisorOf(facts, target), room?.why ?? 'Placement was not asked'),
      ),
    ]
  return Object.entries(needed)
    .filter(([, amount]) => amount > 0)
    .map(([name, amount]) => line(CHECK_OF[name] ?? 'resources', target, roomFor(name, amount, room.value[name], who)))
}

function roomFor(name: string, amount: number, room: Room | undefined, who: string): Verdict {
  if (room === undefined) {
    if (name === 'DISK_GB') return ok('Placement counts the disks on another provider: a shared pool')
    if (name in CHECK_OF)
      return block(`Placement has no ${name} there`, 'wait until nova-compute there has reported its inventory')
    return warn(
      `${who} has ${shown(name, amount)}, which is not on the host's own provider in Placement`,
      `see that the target has ${name} free: openstack resource provider list --in-tree …`,
    )
  }
  const free = Math.max(0, room.limit - room.used)
  const evidence = `${who} ${who.includes(' ') ? 'need' : 'needs'} ${shown(name, amount)}; ${shown(name, free)} of ${shown(name, room.limit)} ${name in UNITS ? 'are' : 'is'} free`
  return amount <= free ? ok(evidence) : block(evidence, 'choose another target, or move fewer servers')
}

function fromHypervisor(needed: number, hypervisor: Hypervisor | undefined, why: string): Verdict {
  const free = hypervisor === undefined ? undefined : hypervisor.memory - hypervisor.memoryUsed
  const evidence = `${why}${free === undefined ? '' : `; the hypervisor's own figures: ${bytes(needed * MIB)} needed, ${bytes(free * MIB)} free`}`
  if (free !== undefined && needed > free) return block(evidence, 'choose another target, or move fewer servers')
  return warn(evidence, 'see that Placement answers: the scheduler decides by its figures')
}

/** If the scheduler chooses: each server must fit on a host, and all servers together, the largest first. */
function schedulersRoom(facts: Evidence): readonly Check[] {
  const rooms = Object.entries(facts.api.room).flatMap(([host, room]) => ('value' in room ? [{ host, room: room.value }] : []))
  if (rooms.length === 0)
    return [
      line('memory', 'scheduler', warn('Placement says nothing about any host it may choose', 'see that Placement answers')),
    ]
  const servers = arriving(facts).map((server) => ({ server, amounts: needs(server, facts) }))
  const nowhere = servers.filter(
    ({ server, amounts }) => !rooms.some(({ host, room }) => host !== server.host && fits(amounts, room)),
  )
  if (nowhere.length > 0) {
    return nowhere.map(({ server, amounts }) =>
      line(
        'memory',
        server.name,
        block(
          `no host has room for it (${list(Object.entries(amounts).map(([name, amount]) => shown(name, amount)))})`,
          'make room on a host',
        ),
      ),
    )
  }
  const { placed, homeless } = pack(servers, rooms)
  if (homeless.length > 0) {
    return [
      line(
        'memory',
        'scheduler',
        warn(
          `each server fits somewhere, but together there may be no room for ${list(homeless.map(nameOf))}`,
          'move fewer servers, or make room',
        ),
      ),
    ]
  }
  return [line('memory', 'scheduler', ok(`all fit, for instance on ${list([...new Set(placed)])}`))]
}

const fits = (amounts: Amounts, room: Readonly<Record<string, Room>>): boolean =>
  Object.entries(amounts).every(([name, amount]) => {
    const own = room[name]
    return own === undefined ? !(name === 'MEMORY_MB' || name === 'VCPU') : amount <= own.limit - own.used
  })

/** First fit, decreasing by memory: each server takes room from the next ones. */
export function pack(
  servers: readonly { readonly server: Server; readonly amounts: Amounts }[],
  rooms: readonly { readonly host: string; readonly room: Readonly<Record<string, Room>> }[],
): { readonly placed: readonly string[]; readonly homeless: readonly Server[] } {
  const left = new Map(rooms.map(({ host, room }) => [host, room]))
  const placed: string[] = []
  const homeless: Server[] = []
  for (const { server, amounts } of servers.toSorted((a, b) => (b.amounts['MEMORY_MB'] ?? 0) - (a.amounts['MEMORY_MB'] ?? 0))) {
    const home = [...left].find(([host, room]) => host !== server.host && fits(amounts, room))
    if (home === undefined) homeless.push(server)
    else {
      placed.push(home[0])
      left.set(
        home[0],
        Object.fromEntries(
          Object.entries(home[1]).map(([name, own]) => [name, { ...own, used: own.used + (amounts[name] ?? 0) }]),
        ),
      )
    }
  }
  return { placed, homeless }
}

function memoryFree(facts: Evidence): readonly Check[] {
  const { target } = facts.wanted
  const host = facts.hosts[target]
  if (host === undefined || 'why' in host || host.value.memAvailable === undefined) return []
  const needed = arriving(facts)
    .filter((server) => !usesHugePages(server))
    .reduce((total, { flavor }) => total + flavor.ram * MIB, 0)
  const evidence = `${bytes(needed)} needed at most, ${bytes(host.value.memAvailable)} available`
  return [
    line(
      'memory_free',
      target,
      needed <= host.value.memAvailable
        ? ok(evidence)
        : warn(evidence, 'the host may swap or run out of memory: choose another, or move fewer servers'),
    ),
  ]
}

function traits(facts: Evidence): readonly Check[] {
  const { target } = facts.wanted
  const known = facts.api.traits[target]
  if (known === undefined || 'why' in known) return []
  const has = new Set(known.value)
  if (has.has('COMPUTE_STATUS_DISABLED')) {
    return [
      line(
        'traits',
        target,
        block(
          'Placement has it as disabled (COMPUTE_STATUS_DISABLED): the scheduler will not take it',
          'enable nova-compute there, and wait until the trait is gone',
        ),
      ),
    ]
  }
  return lines('traits', moving(facts), nameOf, ({ flavor }) => {
    const asked = Object.entries(flavor.extraSpecs).flatMap(([key, value]) =>
      /^trait\d*:/.test(key) ? [[key.split(':')[1]!, value] as const] : [],
    )
    const wrong = asked
      .filter(([trait, value]) => (value === 'required' ? !has.has(trait) : value === 'forbidden' && has.has(trait)))
      .map(([trait, value]) => `${trait} is ${value}`)
    return wrong.length > 0
      ? block(`its flavor says that ${wrong.join(', ')}`, 'choose a target that fits the flavor')
      : ok('nothing that the target lacks')
  })
}
