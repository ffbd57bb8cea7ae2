/**
 * Gathers the evidence from the API, the hosts and the pairs, and runs every check. Called by
 * `migration_preflight`.
 */
import { Failure, type Cloud, type Server, type Target } from '../../../../runner/module.ts'
import { reach, type Reached } from '../compute-host.ts'
import { lookUp } from '../servers.ts'
import { askApi } from './ask-api.ts'
import type { Check } from './check.ts'
import { guestChecks } from './checks-guest.ts'
import { pathChecks } from './checks-path.ts'
import { requestChecks } from './checks-request.ts'
import { roomChecks } from './checks-room.ts'
import { serverChecks } from './checks-server.ts'
import { storageChecks } from './checks-storage.ts'
import { probeHost } from './probe-host.ts'
import { probePair } from './probe-pair.ts'
import type { HostEvidence, PairEvidence, Evidence, Wanted } from './evidence.ts'
import { partition, sources } from './partition.ts'

/** Runs every check, in the order of the report. Pure. */
export const allChecks = (evidence: Evidence): readonly Check[] => [
  ...requestChecks(evidence),
  ...roomChecks(evidence),
  ...serverChecks(evidence),
  ...storageChecks(evidence),
  ...guestChecks(evidence),
  ...pathChecks(evidence),
]

/**
 * Finds the requested servers: by name or id, as an earlier step registered them, or all servers of the source. If the
 * token may not see them, returns that as the problem.
 */
export async function findServers(
  cloud: Cloud,
  asked: readonly unknown[],
  source: string,
): Promise<Pick<Wanted, 'servers' | 'problems' | 'named'>> {
  try {
    return await search(cloud, asked, source)
  } catch (error) {
    if (!(error instanceof Failure) || error.data?.['status'] !== 403) throw error
    return { servers: [], problems: [`the servers cannot be seen: ${error.why ?? error.message}`], named: asked.length > 0 }
  }
}

async function search(
  cloud: Cloud,
  asked: readonly unknown[],
  source: string,
): Promise<Pick<Wanted, 'servers' | 'problems' | 'named'>> {
  const { compute } = cloud
  if (asked.length === 0) {
    const listed = (await compute.servers({ host: source, allProjects: true })).filter(({ host }) => host === source)
    // Only the answer about a single server has its groups.
    const servers = await Promise.all(
      listed.map(async (server) => (server.serverGroups.length > 0 ? server : ((await compute.server(server.id)) ?? server))),
    )
    return { servers, problems: [], named: false }
  }
  const { servers, problems } = await lookUp(compute, asked.map(reference))
  return {
    servers: await Promise.all(servers.map(async (server) => (await compute.server(server.id)) ?? server)),
    problems,
    named: true,
  }
}

function reference(value: unknown): string {
  if (typeof value === 'string' && value !== '') return value
  const id: unknown = typeof value === 'object' && value !== null && 'id' in value ? value.id : undefined
  if (typeof id === 'string') return id
  throw new Failure(`${JSON.stringify(value)} is no server`, {
    kind: 'input',
    help: 'give names, ids, or what `nova_servers` registered',
  })
}

/** Gathers the evidence; changes nothing. An unreachable host is a finding, not an error. */
export async function inspect(cloud: Cloud, wanted: Wanted, target: Target): Promise<Evidence> {
  const { moving } = partition(wanted)
  const api = await askApi(cloud, wanted, moving)
  if (moving.length === 0) return { wanted, api, hosts: {}, pairs: {} }
  const leaving = sources(moving)
  const names = [...new Set([...leaving.keys(), ...(wanted.target === '' ? [] : [wanted.target])])]
  const all = moving.map(({ id }) => id)
  const probed = new Map(
    await Promise.all(
      names.map(async (name) => [name, await probe(target, name, { leaving: idsOf(leaving.get(name)), all, names })] as const),
    ),
  )
  const arrival = probed.get(wanted.target)
  const hypervisor = ('value' in api.hypervisors ? api.hypervisors.value : []).find(({ host }) => host === wanted.target)
  const pairs = await Promise.all(
    [...leaving.keys()].map(async (name): Promise<readonly (readonly [string, PairEvidence])[]> => {
      const departure = probed.get(name)
      if (wanted.target === '' || wanted.target === name || departure === undefined || 'why' in departure) return []
      const there = arrival === undefined || 'why' in arrival ? { host: undefined, evidence: undefined } : arrival
      return [[name, await probePair(departure, { ...there, name: wanted.target, hypervisor })]]
    }),
  )
  return {
    wanted,
    api,
    hosts: Object.fromEntries([...probed].map(([name, found]) => [name, 'why' in found ? found : { value: found.evidence }])),
    pairs: Object.fromEntries(pairs.flat()),
  }
}

const idsOf = (servers: readonly Server[] = []): readonly string[] => servers.map(({ id }) => id)

type Probed = { readonly host: Target; readonly evidence: HostEvidence } | Extract<Reached, { why: string }>

async function probe(target: Target, name: string, interest: Parameters<typeof probeHost>[1]): Promise<Probed> {
  const reached = await reach(target, name)
  if ('why' in reached) return reached
  try {
    return { host: reached.host, evidence: await probeHost(reached.host, interest) }
  } catch (error) {
    if (target.signal.aborted || !(error instanceof Failure)) throw error
    return {
      why: error.why === undefined ? error.message : `${error.message} (${error.why})`,
      help: error.help ?? `make ${name} reachable`,
    }
  }
}
