/** Requests of the pre-flight to the cloud's API. Called by inspect.ts. */
import { Failure, mapLimit, type Cloud, type ComputeService, type Hypervisor, type Server } from '../../../../runner/module.ts'
import { inFlight } from '../live-migration/in-flight.ts'
import type { Agent, Api, Group, Answer, Port, Room, Wanted } from './evidence.ts'

/** Number of concurrent requests. */
const AT_ONCE = 8

/**
 * Reads from the API all values for the checks. A refused or missing value becomes a reason; only a failed login
 * throws.
 */
export async function askApi(cloud: Cloud, wanted: Wanted, moving: readonly Server[]): Promise<Api> {
  const { compute, placement } = cloud
  const [token, versions, services, hypervisors] = await Promise.all([
    cloud.token(),
    compute.versions(),
    answerOf(compute.services({ binary: 'nova-compute' })),
    answerOf(compute.hypervisors()),
  ])
  const hosts = candidates(wanted, 'value' in services ? services.value : [])
  const ids = moving.map(({ id }) => id)
  const node = (host: string): string => nodeOf(host, 'value' in hypervisors ? hypervisors.value : [])
  const providers = await answerOf(placement.providers(hosts.length === 1 ? node(hosts[0]!) : undefined))
  const provider = (name: string): string | undefined =>
    'value' in providers ? providers.value.find((one) => one.name === name)?.id : undefined
  const ofProvider = <T>(host: string, ask: (id: string) => Promise<T>): Promise<Answer<T>> => {
    const id = provider(node(host))
    if (id !== undefined) return answerOf(ask(id))
    return Promise.resolve({ why: 'why' in providers ? providers.why : `Placement has no resource provider \`${node(host)}\`` })
  }
  const [room, traits, allocations, ports, groups, running] = await Promise.all([
    recordOf(hosts, (host) => ofProvider(host, (id) => roomOf(cloud, id))),
    recordOf(hosts, (host) => ofProvider(host, placement.traits)),
    recordOf(ids, (id) => answerOf(placement.allocations(id).then(overProviders))),
    recordOf(ids, (id) => answerOf(withNetwork(portsOf(cloud, id)))),
    groupsOf(cloud, moving),
    recordOf(ids, async (id) =>
      inFlight(
        compute,
        moving.find((server) => server.id === id)!,
      ),
    ),
  ])
  const anyPorts = Object.values(ports).some((answer) => 'value' in answer && answer.value.length > 0)
  return {
    token,
    microversion: versions.max,
    services,
    hypervisors,
    room,
    traits,
    allocations,
    ports,
    groups,
    agents: wanted.target !== '' && anyPorts ? await answerOf(agentsOf(cloud, wanted.target)) : { value: [] },
    inFlight: Object.fromEntries(
      Object.entries(running).flatMap(([id, migration]) => (migration === undefined ? [] : [[id, migration]])),
    ),
  }
}

/** The target; if the scheduler chooses, every possible host. */
export function candidates(
  { target, servers }: Pick<Wanted, 'target' | 'servers'>,
  services: readonly ComputeService[],
): readonly string[] {
  if (target !== '') return [target]
  const sources = new Set(servers.map(({ host }) => host))
  const lone = sources.size === 1 ? [...sources][0] : undefined
  return services
    .filter((one) => one.state === 'up' && one.status === 'enabled' && !one.forcedDown && one.host !== lone)
    .map(({ host }) => host)
}

/** Placement names a host by its hypervisor, which may have the full name. */
export const nodeOf = (host: string, hypervisors: readonly Hypervisor[]): string =>
  hypervisors.find((one) => one.host === host)?.name ?? host

/** Turns a failure, other than an interruption, into a reason. */
export async function answerOf<T>(work: Promise<T>): Promise<Answer<T>> {
  try {
    return { value: await work }
  } catch (error) {
    if (!(error instanceof Failure) || error.kind === 'interrupted') throw error
    return { why: error.why === undefined ? error.message : `${error.message}: ${error.why}` }
  }
}

async function roomOf({ placement }: Cloud, provider: string): Promise<Readonly<Record<string, Room>>> {
  const [inventories, usages] = await Promise.all([placement.inventories(provider), placement.usages(provider)])
  return Object.fromEntries(
    Object.entries(inventories).map(([name, { total, reserved, allocationRatio }]) => [
      name,
      { limit: Math.floor((total - reserved) * allocationRatio), used: usages[name] ?? 0 },
    ]),
  )
}

/** Takes the larger of a server's allocations: during a move a server has allocations on two hosts. */
function overProviders(
  allocations: Readonly<Record<string, Readonly<Record<string, number>>>>,
): Readonly<Record<string, number>> {
  const most: Record<string, number> = {}
  for (const resources of Object.values(allocations)) {
    for (const [name, amount] of Object.entries(resources)) most[name] = Math.max(most[name] ?? 0, amount)
  }
  return most
}

async function groupsOf({ compute }: Cloud, moving: readonly Server[]): Promise<readonly Group[]> {
  const ids = [...new Set(moving.flatMap(({ serverGroups }) => serverGroups))]
  const groups = (await mapLimit(ids, AT_ONCE, (id) => compute.serverGroup(id))).filter((group) => group !== undefined)
  return mapLimit(groups, AT_ONCE, async (group) => ({
    ...group,
    members: await mapLimit(group.members, AT_ONCE, async (id) => ({
      id,
      host: (moving.find((server) => server.id === id) ?? (await compute.server(id)))?.host,
    })),
  }))
}

/** Returns an empty list if the cloud has no network service: its servers have no ports. */
async function withNetwork<T>(work: Promise<readonly T[]>): Promise<readonly T[]> {
  try {
    return await work
  } catch (error) {
    if (error instanceof Failure && error.data?.['missing'] === true) return []
    throw error
  }
}

async function portsOf(cloud: Cloud, serverId: string): Promise<readonly Port[]> {
  const { body } = await cloud.request('network', { method: 'GET', path: '/v2.0/ports', query: { device_id: serverId } })
  const { ports = [] } = body as { ports?: readonly { id: string; 'binding:vnic_type'?: string }[] }
  return ports.map((port) => ({ id: port.id, vnicType: port['binding:vnic_type'] ?? 'normal' }))
}

async function agentsOf(cloud: Cloud, host: string): Promise<readonly Agent[]> {
  const { body } = await cloud.request('network', { method: 'GET', path: '/v2.0/agents', query: { host } })
  const { agents = [] } = body as { agents?: readonly { agent_type?: string; alive?: boolean; host?: string }[] }
  return agents
    .filter((agent) => agent.host === undefined || agent.host === host)
    .map((agent) => ({ type: agent.agent_type ?? 'agent', alive: agent.alive === true }))
}

/** Builds a record of keys and the result of `work` for each key. */
async function recordOf<R>(keys: readonly string[], work: (key: string) => Promise<R>): Promise<Readonly<Record<string, R>>> {
  const values = await mapLimit(keys, AT_ONCE, work)
  return Object.fromEntries(keys.map((key, index) => [key, values[index]!]))
}
