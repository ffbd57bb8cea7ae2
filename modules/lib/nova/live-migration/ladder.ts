/** Decides at each poll how to handle a migration that takes too long. */
export type OnTimeout = 'abort' | 'force_complete' | 'leave'

export interface Clockwork {
  /** Seconds that count against the limit: the time in Nova's queue behind other migrations does not. */
  readonly spent: number
  readonly limit: number
  readonly onTimeout: OnTimeout
  /** `spent` when Nova accepted to force completion; `abortedAt`: when the abort was requested. */
  readonly forcedAt: number | undefined
  readonly abortedAt: number | undefined
  /** Status of the migration in Nova's record. */
  readonly status: string | undefined
}

export type Move = 'wait' | 'abort' | 'force_complete' | 'leave' | 'give up'

/** Seconds for Nova to roll back an aborted migration. */
export const ROLLBACK_SECONDS = 180
/** Least number of seconds for a forced completion: the guest is paused, only the link's speed counts. */
export const FORCED_SECONDS = 300

/**
 * Picks the next move: wait until the limit; then leave the migration, abort it, or force it and abort it later,
 * as the operator chose. If Nova does not end an aborted migration, give up watching. Only a migration in
 * `running` can be forced; an earlier one is aborted.
 */
export function nextMove({ spent, limit, onTimeout, forcedAt, abortedAt, status }: Clockwork): Move {
  if (abortedAt !== undefined) return spent - abortedAt >= ROLLBACK_SECONDS ? 'give up' : 'wait'
  if (forcedAt !== undefined) return spent - forcedAt >= Math.max(FORCED_SECONDS, limit) ? 'abort' : 'wait'
  if (spent < limit) return 'wait'
  if (onTimeout === 'leave') return 'leave'
  return onTimeout === 'force_complete' && status === 'running' ? 'force_complete' : 'abort'
}

/**
 * Computes Nova's own time limit with default settings: 800 s for each GiB of memory (at least 2 GiB) and of
 * copied local disk (`[libvirt] live_migration_completion_timeout`). Adds a minute, so that Nova acts on its own
 * limit first.
 * @param ramMib MiB
 * @param localDiskGib copied GiB
 */
export const defaultLimit = (ramMib: number, localDiskGib: number): number =>
  800 * Math.max(2, Math.ceil(ramMib / 1024) + localDiskGib) + 60
