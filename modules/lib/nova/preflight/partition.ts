import type { Server } from '../../../../runner/module.ts'
import { hasArrived, isRunning } from '../servers.ts'
import type { Evidence, Wanted } from './evidence.ts'

/** The requested servers, by what happens to them. */
export interface Partition {
  readonly moving: readonly Server[]
  /** Already on the target, or off the source. */
  readonly there: readonly Server[]
  /** Stopped servers of a source to empty: they stay, and the operator must know. */
  readonly staying: readonly Server[]
}

export function partition(wanted: Wanted): Partition {
  const there = wanted.servers.filter((server) => hasArrived(server, wanted))
  const staying = wanted.named ? [] : wanted.servers.filter((server) => !there.includes(server) && !isRunning(server))
  // A server on a third host fails the check `source`; the other checks skip that server.
  const astray = ({ host }: Server): boolean => host === undefined || (wanted.source !== '' && host !== wanted.source)
  const moving = wanted.servers.filter(
    (server) => !there.includes(server) && !staying.includes(server) && (!astray(server) || server.host === wanted.target),
  )
  return { there, staying, moving }
}

/** Groups the moving servers by source. */
export function sources(moving: readonly Server[]): ReadonlyMap<string, readonly Server[]> {
  const found = new Map<string, Server[]>()
  for (const server of moving) if (server.host !== undefined) found.set(server.host, [...(found.get(server.host) ?? []), server])
  return found
}

export const moving = (facts: Evidence): readonly Server[] => partition(facts.wanted).moving

/** Servers that still need room: a migrating server already has its room on the target. */
export const arriving = (facts: Evidence): readonly Server[] =>
  moving(facts).filter(({ id }) => facts.api.inFlight[id] === undefined)

/** `compute14 → compute15`. */
export const way = (source: string, target: string): string => `${source} → ${target === '' ? 'the scheduler’s choice' : target}`
