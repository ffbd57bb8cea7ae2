import type { Server } from '../../../../runner/module.ts'
import { hasArrived, isRunning } from '../servers.ts'
import type { Seen, Wanted } from './evidence.ts'

/** What becomes of the servers that are asked for. */
export interface Sorted {
  readonly moving: readonly Server[]
  /** Where they should be already. */
  readonly there: readonly Server[]
  /** Servers of a host that is emptied which do not run: they stay, and somebody must know. */
  readonly left: readonly Server[]
}

export function sort(wanted: Wanted): Sorted {
  const there = wanted.servers.filter((server) => hasArrived(server, wanted))
  const left = wanted.named ? [] : wanted.servers.filter((server) => !there.includes(server) && !isRunning(server))
  // A server that is somewhere else altogether is an error of its own (`source`): nothing more is asked about it.
  const astray = ({ host }: Server): boolean => host === undefined || (wanted.source !== '' && host !== wanted.source)
  const moving = wanted.servers.filter(
    (server) => !there.includes(server) && !left.includes(server) && (!astray(server) || server.host === wanted.target),
  )
  return { there, left, moving }
}

/** The hosts that servers leave, each with its servers. */
export function sources(moving: readonly Server[]): ReadonlyMap<string, readonly Server[]> {
  const found = new Map<string, Server[]>()
  for (const server of moving) if (server.host !== undefined) found.set(server.host, [...(found.get(server.host) ?? []), server])
  return found
}

export const moving = (seen: Seen): readonly Server[] => sort(seen.wanted).moving

/** Those that still need room: a server that is on its way has what it needs on the target already. */
export const arriving = (seen: Seen): readonly Server[] => moving(seen).filter(({ id }) => seen.api.inFlight[id] === undefined)

/** `compute14 → compute15`. */
export const way = (source: string, target: string): string => `${source} → ${target === '' ? 'the scheduler’s choice' : target}`
