import type { Compute, Migration, Server } from '../../../../runner/module.ts'

/**
 * Final states of a migration record. The others: accepted, queued, preparing, running, running (post-copy),
 * post-migrating.
 */
const ENDED = new Set(['completed', 'error', 'failed', 'cancelled', 'done', 'confirmed', 'reverted', 'finished'])

export const hasEnded = (migration: Migration): boolean => ENDED.has(migration.status)

/**
 * Finds the running live migration of a server. The server's task must be `migrating` too: a crash may leave a record
 * behind.
 */
export async function inFlight(compute: Compute, server: Server): Promise<Migration | undefined> {
  if (server.taskState !== 'migrating') return undefined
  const records = await compute.migrations({ serverId: server.id })
  return newest(records.filter((record) => record.type === 'live-migration' && !hasEnded(record)))
}

export const newest = (records: readonly Migration[]): Migration | undefined =>
  records.reduce<Migration | undefined>((best, record) => (best === undefined || record.id > best.id ? record : best), undefined)
