import type { FailureKind } from '../base/failure.ts'

/** The exit codes. `plan --exit-code` returns 5 for a plan with changes. */
export const EXIT = { done: 0, failed: 1, input: 2, unreachable: 3, refused: 4, changes: 5, late: 6, interrupted: 130 } as const

/**
 * Returns the gravest code: a failed step outweighs an unreachable host, which outweighs invalid input.
 *
 * @param late the deadline passed before everything was started
 */
export function exitCode(kinds: readonly FailureKind[], interrupted: boolean, late = false): number {
  if (interrupted) return EXIT.interrupted
  if (kinds.some((kind) => kind === 'failed' || kind === 'timeout' || kind === 'interrupted')) return EXIT.failed
  if (kinds.includes('unreachable')) return EXIT.unreachable
  if (kinds.includes('refused')) return EXIT.refused
  if (kinds.includes('input')) return EXIT.input
  return late ? EXIT.late : EXIT.done
}
