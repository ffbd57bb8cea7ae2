/** Chooses hosts as Nova's scheduler and Placement do, and moves allocations. */
import { computeOf, inventoryOf, resourcesOf, serviceIsUp, usageOf } from '../state.ts'
import type { Allocation, Compute, Migration, Server, State } from '../state.ts'
import { NovaError } from './engine.ts'

export interface Placing {
  /** Only this host, when the caller named one. */
  readonly only: string | undefined
  readonly ignore: readonly string[]
}

/**
 * The host for a server, and its claim on it.
 * @param now simulated time
 * @throws NovaError NoValidHost
 */
export function selectDestination(state: State, server: Server, placing: Placing, now: number): Compute {
  const candidates = [...state.computes.values()].filter(
    (compute) =>
      (placing.only === undefined || compute.name === placing.only) &&
      !compute.disabled &&
      !compute.forcedDown &&
      hasRoom(state, compute, server),
  )
  if (candidates.length === 0) throw noValidHost('')
  const chosen = candidates
    .filter(
      (compute) =>
        !placing.ignore.includes(compute.name) &&
        serviceIsUp(compute, now) &&
        zoneFits(server, compute) &&
        groupsAllow(state, server, compute),
    )
    .sort((a, b) => freeMemory(state, b) - freeMemory(state, a))[0]
  if (chosen === undefined) throw noValidHost('There are not enough hosts available.')
  state.allocations.set(server.id, { ...state.allocations.get(server.id), [chosen.nodeId]: resourcesOf(server.flavor) })
  return chosen
}

const noValidHost = (reason: string) => new NovaError('NoValidHost', `No valid host was found. ${reason}`)

const zoneFits = (server: Server, compute: Compute) => server.pinnedZone === undefined || server.pinnedZone === compute.zone

const freeMemory = (state: State, compute: Compute) => compute.memory - (usageOf(state, compute.nodeId).MEMORY_MB ?? 0)

/** Whether Placement's inventories hold one more of this server. */
export function hasRoom(state: State, compute: Compute, server: Server): boolean {
  const usage = usageOf(state, compute.nodeId)
  const needs = resourcesOf(server.flavor)
  return Object.entries(inventoryOf(compute)).every(
    ([name, { total, reserved, allocation_ratio }]) =>
      (usage[name] ?? 0) + (needs[name] ?? 0) <= (total - reserved) * allocation_ratio,
  )
}

function groupsAllow(state: State, server: Server, compute: Compute): boolean {
  return state.groups
    .filter((group) => group.members.includes(server.id))
    .every((group) => {
      const others = group.members.filter((id) => id !== server.id).flatMap((id) => state.servers.get(id) ?? [])
      if (group.policy === 'anti-affinity') return others.every((other) => other.host !== compute.name)
      if (group.policy === 'affinity') return others.every((other) => other.host === compute.name)
      return true
    })
}

/** The source's share is held by the migration while the server's own allocation will be the target's. */
export function holdSource(state: State, server: Server, migration: Migration): void {
  const held = state.allocations.get(server.id)
  if (held !== undefined) state.allocations.set(migration.uuid, held)
  state.allocations.delete(server.id)
}

/** After a failure: the server has its source's share again, and only that. */
export function revertAllocation(state: State, server: Server, migration: Migration): void {
  const held = state.allocations.get(migration.uuid)
  if (held !== undefined) state.allocations.set(server.id, held)
  state.allocations.delete(migration.uuid)
}

/** Drops the claim on a host that turned out not to do. */
export function dropClaim(state: State, server: Server, compute: Compute): void {
  const rest: Allocation = { ...state.allocations.get(server.id) }
  delete rest[compute.nodeId]
  state.allocations.set(server.id, rest)
}

export const releaseSource = (state: State, migration: Migration): void => void state.allocations.delete(migration.uuid)

/** @throws NovaError ComputeServiceUnavailable */
export function assertHostIsUp(state: State, host: string, now: number): void {
  if (!serviceIsUp(computeOf(state, host), now))
    throw new NovaError('ComputeServiceUnavailable', `Compute service of ${host} is unavailable at this time.`)
}
