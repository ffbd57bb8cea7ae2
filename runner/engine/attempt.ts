/** One attempt at one step that is ready: locks, confirm, apply, verify. Called by `step.ts`. */
import type { AttemptInput } from './prepare.ts'
import { racing } from './racing.ts'
import { inWords } from '../base/address.ts'
import { defined } from '../base/defined.ts'
import { Failure } from '../base/failure.ts'
import type { AnyModule, Change, Diff, Snapshot, Target } from '../module.ts'
import { HIDDEN } from '../base/secret-names.ts'
import { changeInWords, maskChange } from '../events/mask-change.ts'
import type { UndoRecord } from '../events/events.ts'
import { mustMatchPlan } from '../plan/guard.ts'
import { confirmed, questionOf } from '../plan/confirm.ts'
import { isNumber, isString, optional } from '../state/render-keywords.ts'
import { claim } from '../locks/locks.ts'
import { type Attempt, failed, hideChanges, isReversible, type Prepared } from '../state/attempt-result.ts'

/** Applies and verifies a prepared step; in plan, only reports its differences. Never throws. */
export async function attempt(input: AttemptInput, prepared: Prepared): Promise<Attempt> {
  if (prepared.kind === 'settled') return prepared.attempt
  const { run, context, step, signal } = input
  const { module, params, target, record } = prepared
  let locked: Locked
  try {
    locked = await lockedFor(input, prepared)
  } catch (error) {
    return failed(error, prepared.diff.changes)
  }
  const { diff } = locked
  const { changes } = diff
  const shown = context.noLog ? hideChanges(changes) : changes
  const inFlight = context.noLog && diff.inFlight !== undefined ? HIDDEN : diff.inFlight
  run.emit(defined({ type: 'step-checked' as const, step, changes: shown, inFlight }))
  const seen = {
    changes,
    warnings: [...(diff.warnings ?? []), ...locked.warnings],
    ...(diff.message === undefined ? {} : { message: diff.message }),
    reversible: isReversible(module, diff, input.task),
    ...(diff.snapshot === undefined ? {} : { before: diff.snapshot }),
  }
  if (changes.length === 0) run.control.window *= 2
  if (module.apply === undefined || changes.length === 0)
    return { ...seen, kind: 'done', changed: false, changes: [], result: diff.result ?? {} }
  try {
    mustMatchPlan(run, step, {
      host: record.host,
      changes: shown,
      snapshot: diff.snapshot,
      failed: input.state.registered.has('ansible_failed_task'),
    })
  } catch (error) {
    return failed(error, changes)
  }
  if (run.goal === 'plan')
    return defined({
      ...seen,
      kind: 'planned' as const,
      estimate: diff.estimate,
      confirm: input.task.confirm && questionOf(input.task.confirm, input.scope),
    })
  try {
    await confirmed(input)
    run.emit({ type: 'apply-started', step, undo: recordOf(record, diff) })
    await run.durable()
    const result = await racing(module.apply(params as never, diff, target), signal)
    const [after] = await Promise.all([observed(module, params, diff, target), verified(module, params, diff, target, input)])
    return { ...seen, ...after, kind: 'done', changed: true, result: { ...diff.result, ...result } }
  } catch (error) {
    return failed(error, changes)
  } finally {
    run.control.changes++
    run.control.window = 1
  }
}

const recordOf = (record: Omit<UndoRecord, 'before'>, { before, locks, activates }: Diff<unknown>): UndoRecord => ({
  ...record,
  before,
  ...(locks === undefined ? {} : { locks }),
  ...(activates === undefined ? {} : { activates }),
})

interface Locked {
  readonly diff: Diff<unknown>
  readonly warnings: readonly string[]
}

/**
 * Takes the locks of a step that is about to change something. If a lock was taken after the check, the step is checked
 * again: the last holder may have changed the host.
 */
async function lockedFor(
  { run, context, scope }: AttemptInput,
  { module, diff: first, record, again }: Extract<Prepared, { kind: 'ready' }>,
): Promise<Locked> {
  const warnings = new Set<string>()
  let diff = first
  while (run.goal !== 'plan' && module.apply !== undefined && diff.changes.length > 0) {
    const own =
      module.scope === 'api'
        ? undefined
        : {
            host: record.host,
            become: record.become,
            remoteUser: optional(context.play.remoteUser, scope, isString, 'remote_user'),
            port: optional(context.play.port, scope, isNumber, 'port'),
          }
    const had = await claim(run, own, diff.locks ?? [])
    for (const warning of had.warnings) warnings.add(warning)
    if (!had.taken) break
    diff = await again()
  }
  return { diff, warnings: [...warnings] }
}

async function verified(
  module: AnyModule,
  params: unknown,
  diff: Diff<unknown>,
  target: Target,
  { run, signal }: AttemptInput,
): Promise<void> {
  const remaining = await racing(
    module.verify === undefined
      ? module.check(params as never, target).then((again) => again.changes)
      : module.verify(params as never, diff, target),
    signal,
  )
  const [first] = remaining
  if (first === undefined) return
  throw new Failure(`${module.name} was applied, but ${nameOf(first)} is not as it should be`, {
    why: remaining.map((change) => changeInWords(maskChange(run.secrets, change), 'wanted')).join('\n'),
    help: 'something changes it back, or the host did not take it: look at the host, then run again',
  })
}

const nameOf = ({ resource, property }: Change): string => inWords(resource, property)

/** The state that undo compares with. If it cannot be read, undo has the module's check alone. */
async function observed(
  module: AnyModule,
  params: unknown,
  { before }: Diff<unknown>,
  target: Target,
): Promise<{ after?: Snapshot }> {
  try {
    return module.observe === undefined ? {} : { after: await module.observe(params as never, before, target) }
  } catch {
    return {}
  }
}
