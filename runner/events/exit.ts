import type { FailureKind } from '../base/failure.ts'

/** What the shell sees. `plan --exit-code` adds 5 where there are changes. */
export const EXIT = { done: 0, failed: 1, input: 2, unreachable: 3, refused: 4, changes: 5, late: 6, interrupted: 130 } as const

/**
 * The gravest of what happened: a step that failed outweighs a host that could not be reached, which outweighs bad input.
 *
 * @param late a deadline came before everything was started
 */
export function exitCode(kinds: readonly FailureKind[], interrupted: boolean, late = false): number {
  if (interrupted) return EXIT.interrupted
  if (kinds.some((kind) => kind === 'failed' || kind === 'timeout' || kind === 'interrupted')) return EXIT.failed
  if (kinds.includes('unreachable')) return EXIT.unreachable
  if (kinds.includes('refused')) return EXIT.refused
  if (kinds.includes('input')) return EXIT.input
  return late ? EXIT.late : EXIT.done
}
