import type { LoopStarted, NotStarted } from '../events/events.ts'
import { moment } from '../base/format.ts'
import { oneLine } from '../base/screen.ts'

/** Lists the terms of a loop's `control`, a line each; empty without `loop_control`. */
export const loopTerms = ({ control: { parallel, limits = {}, maxFailures, canary, deadline } }: LoopStarted): string[] =>
  [
    ...(canary === undefined ? [] : [`first ${canary === '1' ? 'one' : canary} alone, which must succeed`]),
    ...(parallel === undefined ? [] : [`${parallel} at once`]),
    ...Object.entries(limits).map(([key, places]) => `${places} at once for each ${key}`),
    ...(maxFailures === undefined ? [] : [`no more once ${maxFailures} ${maxFailures === '1' ? 'has' : 'have'} failed`]),
    ...(deadline === undefined
      ? []
      : [`none started after ${typeof deadline === 'number' ? moment(deadline) : `${deadline} of the run`}`]),
  ].map(oneLine)

const REASONS = {
  stopped: 'the run was stopped',
  failures: 'too many have failed',
  canary: 'the canary failed',
  deadline: 'the deadline has come',
  unreachable: 'the host is unreachable',
} as const satisfies Record<NotStarted['reason'], string>

/** Names unstarted items: `web-2, web-1 (the deadline has come)`; for a task without a loop, its host. */
export const notStartedText = ({ host, items = [host], reason }: NotStarted): string =>
  oneLine(`${items.join(', ')} (${REASONS[reason]})`)

export const countNotStarted = (all: readonly NotStarted[]): number =>
  all.reduce((sum, { items }) => sum + (items?.length ?? 1), 0)

/** Counts unstarted items by reason: `2 not started: the deadline has come`. */
export const notStartedCounts = (all: readonly NotStarted[]): string[] =>
  Object.entries(REASONS).flatMap(([reason, words]) => {
    const count = countNotStarted(all.filter((one) => one.reason === reason))
    return count === 0 ? [] : [`${count} not started: ${words}`]
  })
