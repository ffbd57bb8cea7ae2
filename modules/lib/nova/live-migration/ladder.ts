/** What to do about a migration that takes too long; decided anew at each look. */
export type OnTimeout = 'abort' | 'force_complete' | 'leave'

export interface Clockwork {
  /** Seconds that count: time spent in Nova's queue behind other migrations is not this server's fault. */
  readonly spent: number
  readonly limit: number
  readonly onTimeout: OnTimeout
  /** `spent` when it was forced to complete or aborted, where that was accepted. */
  readonly forcedAt: number | undefined
  readonly abortedAt: number | undefined
  /** Nova's state of the migration. */
  readonly status: string | undefined
}

export type Move = 'wait' | 'abort' | 'force_complete' | 'leave' | 'give up'

/** Seconds that Nova gets to roll an aborted migration back. */
export const ROLLBACK_SECONDS = 180
/** Seconds that a forced completion gets at least: the guest is paused, only the link's speed counts. */
export const FORCED_SECONDS = 300

/**
 * The ladder: wait, then (as the operator chose) leave it, force it and later abort it, or abort it; and when Nova did not even end an
 * aborted one, give up watching. Only a migration in `running` can be forced; one that is not there yet will hardly get there.
 */
export function nextMove({ spent, limit, onTimeout, forcedAt, abortedAt, status }: Clockwork): Move {
  if (abortedAt !== undefined) return spent - abortedAt >= ROLLBACK_SECONDS ? 'give up' : 'wait'
  if (forcedAt !== undefined) return spent - forcedAt >= Math.max(FORCED_SECONDS, limit) ? 'abort' : 'wait'
  if (spent < limit) return 'wait'
  if (onTimeout === 'leave') return 'leave'
  return onTimeout === 'force_complete' && status === 'running' ? 'force_complete' : 'abort'
}

/**
 * Nova's own time limit with its default settings: 800 s for each GiB of memory (at least 2 GiB) and, when disks are copied too, of
 * local disk (`[libvirt] live_migration_completion_timeout`). A minute more, so that Nova's own action on its limit comes first.
 * @param ramMib MiB
 * @param localDiskGib GiB that are copied
 */
export const defaultLimit = (ramMib: number, localDiskGib: number): number =>
  800 * Math.max(2, Math.ceil(ramMib / 1024) + localDiskGib) + 60
