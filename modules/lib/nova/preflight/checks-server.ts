/** Checks of each server: zone, groups, flavor, ports. Pure; called by inspect.ts with the evidence. */
import { bytes, compareVersions, list, MIB, type Server } from '../../../../runner/module.ts'
import { block, line, lines, ok, warn, type Check, type Verdict } from './check.ts'
import { nameOf } from './checks-request.ts'
import { keepsDisks } from './checks-storage.ts'
import type { Agent, Group, Port, Evidence } from './evidence.ts'
import { arriving, moving } from './partition.ts'

export const serverChecks = (facts: Evidence): readonly Check[] => {
  const servers = moving(facts)
  return [
    ...lines('availability_zone', servers, nameOf, (server) => zone(server, facts)),
    ...lines(
      'server_group',
      servers.filter(({ serverGroups }) => serverGroups.length > 0),
      nameOf,
      (server) => groups(server, facts),
    ),
    ...lines('devices', servers, nameOf, devices),
    ...lines('numa', servers.filter(hasTopology), nameOf, (server) => topology(server, facts)),
    ...network(facts),
    ...lines(
      'config_drive',
      servers.filter(({ configDrive }) => configDrive),
      nameOf,
      (server) => configDrive(server, facts),
    ),
  ]
}

function zone(server: Server, { wanted, api }: Evidence): Verdict {
  const target = 'value' in api.services ? api.services.value.find(({ host }) => host === wanted.target)?.zone : undefined
  const pinned = server.pinnedAvailabilityZone
  if (pinned !== undefined) {
    return target === undefined || target === pinned
      ? ok(`pinned to ${pinned}`)
      : block(
          `it is pinned to ${pinned}; ${wanted.target} is in ${target}`,
          `choose a host of ${pinned}: the scheduler takes no other`,
        )
  }
  // Before 2.96 Nova does not show if a server is pinned. A server created with a zone is pinned.
  const unsure =
    compareVersions(api.microversion, '2.96') < 0 &&
    target !== undefined &&
    server.availabilityZone !== undefined &&
    target !== server.availabilityZone
  return unsure
    ? warn(
        `it is in ${server.availabilityZone}, ${wanted.target} is in ${target}; this Nova does not say whether it is pinned`,
        'if it was created in a zone by name, the scheduler will refuse',
      )
    : ok(target === undefined ? 'not pinned' : `${wanted.target} is in ${target}`)
}

function groups(server: Server, facts: Evidence): Verdict {
  const { wanted, api } = facts
  const movers = new Set(moving(facts).map(({ id }) => id))
  const own = api.groups.filter(({ id }) => server.serverGroups.includes(id))
  const verdicts = own.map((group) => groupVerdict(server, group, wanted.target, movers))
  return verdicts.find(({ level }) => level !== 'ok') ?? verdicts[0] ?? ok('its group is gone')
}

function groupVerdict(server: Server, { name, policy, members }: Group, target: string, movers: ReadonlySet<string>): Verdict {
  const others = members.filter(({ id, host }) => id !== server.id && host !== undefined)
  if (policy === 'anti-affinity' && target !== '') {
    const clash = others.filter(({ id, host }) => host === target || movers.has(id))
    if (clash.length > 0)
      return block(
        `${name} keeps its members apart, and ${list(clash.map(({ id }) => id))} ${clash.length === 1 ? 'is' : 'are'} on ${target} too, then`,
        'choose another target',
      )
  }
  if (policy === 'affinity') {
    const apart = others.filter(({ host }) => host !== target)
    if (apart.length > 0)
      return block(
        `${name} keeps its members together, and ${list(apart.map(({ id, host }) => `${id} is on ${host}`))}`,
        'the scheduler takes no other host: leave the group as it is, or move it cold',
      )
  }
  return ok(`${name}: ${policy} holds`)
}

/** Flavor keys that prevent a live migration. Image properties can ask for the same; Nova itself refuses those. */
const DEVICES: readonly (readonly [RegExp, (value: string) => Verdict | undefined])[] = [
  [
    /^accel:device_profile$/,
    (value) => block(`it has accelerators (${value}), which do not move`, 'stop it and move it cold, if its driver can'),
  ],
  [
    /^hw:mem_encryption$/,
    (value) =>
      /^(true|1|yes)$/i.test(value)
        ? block('its memory is encrypted by the CPU (SEV), which does not move', 'stop it and move it cold')
        : undefined,
  ],
  [
    /^pci_passthrough:alias$/,
    (value) =>
      warn(`it has PCI devices (${value})`, 'they move only where every device is marked live_migratable, from Nova 31 on'),
  ],
  [
    /^resources\d*:(VGPU|CUSTOM_.*VGPU.*)$/,
    () => warn('it has a virtual GPU', 'the target needs the same mdev type, and post-copy must be off'),
  ],
  [
    /^hw:tpm_version$/,
    (value) =>
      warn(`it has a TPM ${value}`, 'it moves live from Nova 33 on, and only where its secret belongs to the host or deployment'),
  ],
  [/^hw:pmem$/, (value) => warn(`it has persistent memory (${value})`, 'the target needs the same namespaces free')],
]

function devices({ flavor }: Server): Verdict {
  const found = Object.entries(flavor.extraSpecs).flatMap(([key, value]) =>
    DEVICES.flatMap(([pattern, verdict]) => (pattern.test(key) ? (verdict(value) ?? []) : [])),
  )
  return found.find(({ level }) => level === 'BLOCK') ?? found[0] ?? ok('none that stands against it')
}

const pageSize = ({ flavor }: Server): string => flavor.extraSpecs['hw:mem_page_size'] ?? 'small'

export const usesHugePages = (server: Server): boolean => !/^(small|any|4|4kb?)$/i.test(pageSize(server))

const hasTopology = (server: Server): boolean =>
  /^(dedicated|mixed)$/.test(server.flavor.extraSpecs['hw:cpu_policy'] ?? '') ||
  'hw:numa_nodes' in server.flavor.extraSpecs ||
  usesHugePages(server)

/** Train, whose API reaches 2.79, is the first release that assigns CPUs and NUMA nodes anew on the target. */
function topology(server: Server, facts: Evidence): Verdict {
  if (compareVersions(facts.api.microversion, '2.79') < 0)
    return block(
      'it has pinned CPUs or NUMA nodes, which this Nova would not adapt to the target',
      'upgrade Nova to Train or later, or move it cold',
    )
  const host = facts.hosts[facts.wanted.target]
  if (!usesHugePages(server) || host === undefined || 'why' in host) return ok('Nova places it anew on the target')
  const wanted = pageSize(server)
  const needed = arriving(facts)
    .filter((other) => pageSize(other) === wanted)
    .reduce((total, { flavor }) => total + flavor.ram * MIB, 0)
  const kib = /^large$/i.test(wanted) ? undefined : pageKib(wanted)
  const free = host.value.hugePages
    .filter((pages) => kib === undefined || pages.kib === kib)
    .reduce((total, pages) => total + pages.kib * 1024 * pages.free, 0)
  const evidence = `${bytes(needed)} in huge pages (${wanted}) needed, ${bytes(free)} free`
  return needed <= free ? ok(evidence) : block(evidence, 'reserve more huge pages on the target, or choose another')
}

const STEP: Readonly<Record<string, number>> = { '': 1, K: 1, M: 1024, G: 1024 * 1024 }

/** Converts `2MB`, `1G` or `2048` to KiB. */
export function pageKib(size: string): number | undefined {
  const [, number, step] = /^(\d+)\s*([KMG]?)B?$/i.exec(size) ?? []
  return number === undefined ? undefined : Number(number) * STEP[(step ?? '').toUpperCase()]!
}

const FIXED = new Set(['direct-physical', 'accelerator-direct-physical'])

function network(facts: Evidence): readonly Check[] {
  const { api, wanted } = facts
  const servers = moving(facts)
  const agents = 'value' in api.agents ? api.agents.value : []
  const dead = agents.filter((agent) => wires(agent) && !agent.alive)
  const unread =
    'why' in api.agents
      ? [
          line(
            'network',
            wanted.target,
            warn(`its network agents could not be asked: ${api.agents.why}`, 'see that the network agent there is alive'),
          ),
        ]
      : []
  return [
    ...lines('network', servers, nameOf, ({ id }) => portsVerdict(api.ports[id])),
    ...dead.map(({ type }) =>
      line('network', wanted.target, block(`${type} is dead: ports cannot be bound there`, 'start the agent')),
    ),
    ...unread,
  ]
}

/** Agents that connect a guest to its network, unlike agents for DHCP, routing or metadata. */
const wires = ({ type }: Agent): boolean => /vswitch|bridge|ovn controller|sr-?iov|nic switch/i.test(type)

function portsVerdict(ports: { readonly value: readonly Port[] } | { readonly why: string } | undefined): Verdict {
  if (ports === undefined) return ok('no ports')
  if ('why' in ports)
    return warn(
      `its ports could not be asked: ${ports.why}`,
      'see that the network service answers, and that no port is a hardware device',
    )
  const kinds = [...new Set(ports.value.map(({ vnicType }) => vnicType).filter((type) => type !== 'normal'))]
  const fixed = kinds.filter((type) => FIXED.has(type))
  if (fixed.length > 0)
    return block(`it has a ${fixed.join(' and ')} port: a whole device of the host`, 'take the port off first, or move it cold')
  if (kinds.length > 0)
    return warn(
      `it has a ${kinds.join(' and ')} port`,
      'the device is taken out of the guest and given back on the target: see that the guest can do without meanwhile, and that the target has one free',
    )
  return ok(ports.value.length === 0 ? 'no ports' : `${ports.value.length} of type normal`)
}

function configDrive(server: Server, facts: Evidence): Verdict {
  return keepsDisks(server, facts)
    ? ok('on storage that both hosts share')
    : warn('it has one; it is copied along', 'nothing needs doing; it is named because some distributions do not support it')
}
