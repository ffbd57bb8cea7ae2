import { createHash } from 'node:crypto'
import type { StepFinished, StepRef } from '../events.ts'
import { Failure } from '../failure.ts'
import type { Change } from '../module.ts'
import { maskSensitive } from '../redact.ts'
import type { AgreedStep, Run } from './run-state.ts'

export const agreedStep = ({ outcome, changes }: Pick<StepFinished, 'outcome' | 'changes'>): AgreedStep => ({
  outcome,
  changes: changes.map(maskSensitive).map((change) => ({ path: change.path, digest: digest(change) })),
})

const digest = ({ before, after }: Change): string =>
  createHash('sha256')
    .update(JSON.stringify([before ?? null, after ?? null]))
    .digest('hex')

/**
 * Throws `Failure` (refused) when a step is about to do something else than the saved plan says, and stops the run: whoever agreed to the
 * plan did not agree to this. What the plan called unknown was agreed to as such.
 */
export function agreedOnly(run: Run, step: StepRef, changes: readonly Change[]): void {
  if (run.agreed === undefined) return
  const own = run.agreed.get(step.key)
  const whole = run.agreed.get(`${step.task}/${step.host}`)
  if (own?.outcome === 'unknown' || (own === undefined && whole?.outcome === 'unknown')) return
  const drift = differences(own, changes)
  if (drift.length === 0) return
  run.control.stopping = true
  throw new Failure(`${step.host} is not as the plan saw it: ${step.name} would do something else`, {
    kind: 'refused',
    why: drift.join('\n'),
    todo: 'nothing more is done; look at what has changed since, and make a new plan',
  })
}

function differences(agreed: AgreedStep | undefined, changes: readonly Change[]): string[] {
  if (agreed === undefined) return ['the plan does not have this step']
  const planned = new Map(agreed.changes.map(({ path, digest }) => [path, digest]))
  return changes.map(maskSensitive).flatMap((change) => {
    const expected = planned.get(change.path)
    if (expected === digest(change)) return []
    const now = change.sensitive ? '(hidden)' : `${change.before ?? 'absent'} → ${change.after ?? 'absent'}`
    return [
      expected === undefined ? `${change.path}: not in the plan, now ${now}` : `${change.path}: planned otherwise, now ${now}`,
    ]
  })
}
