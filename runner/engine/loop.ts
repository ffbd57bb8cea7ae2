/** A task's loop on one host: the start of each item, early ends, and the combined result. Called by `task.ts`. */
import type { NotStarted } from '../events/events.ts'
import { Failure } from '../base/failure.ts'
import type { Need, Places } from '../base/concurrency.ts'
import { evaluateCondition } from '../language/expression/expression.ts'
import type { MaxFailures } from '../language/playbook/loop-values.ts'
import type { Task } from '../language/playbook/types.ts'
import { render } from '../language/template/template.ts'
import { type Scope, Unknown } from '../language/value.ts'
import { forecast } from '../plan/confirm.ts'
import { failureInfo, hideFailureIf, stepFinished } from '../state/attempt-result.ts'
import { fingerprintOf } from '../state/fingerprint.ts'
import { type HostState, isActive, mayAct, type Run } from '../state/run-state.ts'
import { stepKey } from '../events/step-address.ts'
import { textOf, withoutTemplates } from '../state/step-ref.ts'
import type { Context } from '../state/task-context.ts'
import { type Local, scopeOf } from '../state/variables.ts'
import { type Terms, termsOf } from './loop-terms.ts'
import { HOST_DONE, NOT_STARTED, runStep, type StepEnd } from './step.ts'

export interface LoopOf {
  readonly run: Run
  readonly task: Task
  readonly context: Context
  readonly state: HostState
  readonly local: Local
  readonly round: number
  /** Shared by all hosts of the task: its `limits` hold for them together. */
  readonly places: Places
}

/**
 * Runs every item as a step of its own, in order, as far as the limits allow. If the loop ends early, items that an earlier
 * life of the run has recorded are still replayed.
 */
export async function runLoop(of: LoopOf): Promise<StepEnd> {
  const { run, task, context, state, local } = of
  const scope = scopeOf(run, state, context, local)
  let items: unknown
  let terms: Terms
  let needs: readonly (readonly Need[])[] = []
  try {
    // The condition is evaluated for each item. Here it only avoids looping over a value that an unmet condition leaves undefined.
    items = task.loop === undefined || skippedBeforeLoop(context, scope) ? [] : render(task.loop, scope)
    terms = termsOf(run, task.loopControl, scope)
    if (Array.isArray(items))
      needs = items.map((item, index) => needsOf(state, terms, () => scopeOf(run, state, context, localOf(of, item, index))))
    else if (!(items instanceof Unknown))
      throw new Failure(`\`loop\` needs a list; this is ${JSON.stringify(items)}`, { kind: 'input' })
  } catch (error) {
    return mayAct(run, state) ? endWithoutItems(of, { failure: hideFailureIf(context.noLog, failureInfo(error)) }) : HOST_DONE
  }
  if (needs.length > 0 || items instanceof Unknown)
    run.emit({
      type: 'loop-started',
      task: task.id,
      host: state.name,
      name: withoutTemplates(task.name.value),
      ...(items instanceof Unknown ? {} : { items: needs.length }),
      control: terms.shown,
    })
  if (items instanceof Unknown) return endWithoutItems(of, { until: items.until, ...forecast(run, task, scope) })
  return needs.length === 0 ? endWithoutItems(of, {}) : walk(of, terms, items as readonly unknown[], needs)
}

function skippedBeforeLoop(context: Context, scope: Scope): boolean {
  try {
    return evaluateCondition(context.when, scope) === false
  } catch {
    return false
  }
}

const localOf = ({ task, local }: LoopOf, item: unknown, index: number): Local => {
  const { loopVar, indexVar } = task.loopControl
  return { ...local, [loopVar]: item, ...(indexVar === undefined ? {} : { [indexVar]: index }) }
}

/** The places that an item needs: one in the loop itself, and one at each of its keys. Two entries of `limits` never share a place. */
function needsOf(state: HostState, { parallel, limits }: Terms, itemScope: () => Scope): readonly Need[] {
  const keys = limits.flatMap(({ key, places }, entry) => {
    const value = render(key, itemScope())
    const text = typeof value === 'string' ? value : JSON.stringify(value)
    return value instanceof Unknown ? [] : [{ name: `${entry} ${text}`, places }]
  })
  return [{ name: `parallel ${state.name}`, places: parallel }, ...keys]
}

async function walk(of: LoopOf, terms: Terms, items: readonly unknown[], needs: readonly (readonly Need[])[]): Promise<StepEnd> {
  const { run, task, context, state, round, places } = of
  const { clock } = run.world
  const { label, pause } = task.loopControl
  const ends: (StepEnd | undefined)[] = items.map(() => undefined)
  const notStarted = new Map<number, string>()
  let stop: NotStarted['reason'] | undefined
  let failures = 0

  /** The reason why no further item is started; undefined while items may start. */
  const stopped = () =>
    (stop ??= run.control.stopping
      ? 'stopped'
      : !isActive(state)
        ? 'unreachable'
        : clock.now() >= terms.deadline
          ? 'deadline'
          : undefined)
  const admit = async (index: number): Promise<boolean> => {
    if (index > 0 && pause > 0 && run.goal !== 'plan' && stopped() === undefined)
      await clock.sleep(pause * 1000, run.control.signal).catch(() => undefined)
    return stopped() === undefined
  }
  const start = async (index: number, isCanary: boolean): Promise<void> => {
    const value = items[index]
    const local = localOf(of, value, index)
    const shown = label === undefined ? nameOfItem(value, index, context) : textOf(label, scopeOf(run, state, context, local))
    const item = { index, value, label: shown }
    const end = await runStep({ run, task, context, state, local, item, round, admit: () => admit(index) })
    if (end === NOT_STARTED) return void notStarted.set(index, shown)
    ends[index] = end
    if (end.failed && isCanary) stop ??= 'canary'
    if (end.failed && tooMany(++failures, items.length, terms.maxFailures)) stop ??= 'failures'
  }
  const all = async (from: number, to: number, isCanary: boolean) => {
    const settled = await Promise.allSettled(
      items.slice(from, to).map((_item, offset) => places(needs[from + offset] ?? [], () => start(from + offset, isCanary))),
    )
    const [broken] = settled.filter((one) => one.status === 'rejected')
    if (broken !== undefined) throw broken.reason
  }

  let next = 0
  // A skipped item proves nothing: the next one is a canary too.
  const proven = () => ends.filter((end) => end !== undefined && end.outcome !== 'skipped').length
  while (proven() < terms.canary && next < items.length && stopped() === undefined) {
    const to = Math.min(items.length, next + terms.canary - proven())
    await all(next, to, true)
    next = to
  }
  await all(next, items.length, false)
  const end = ends.find((each) => each?.hostDone === true) ?? combined(task, items, ends)
  if (stop === undefined || notStarted.size === 0) return end
  const inOrder = [...notStarted].toSorted(([one], [other]) => one - other).map(([, shown]) => shown)
  return { ...end, notStarted: { host: state.name, items: inOrder, reason: stop } }
}

const tooMany = (failures: number, of: number, most: MaxFailures): boolean =>
  'count' in most ? failures >= most.count : (failures / of) * 100 >= most.percent

/** The display name of an item; with `no_log` its number, from 1. */
function nameOfItem(item: unknown, index: number, { noLog }: Context): string {
  if (noLog) return `#${index + 1}`
  if (typeof item !== 'object' || item === null) return String(item)
  const { name, id } = item as { name?: unknown; id?: unknown }
  const text = typeof name === 'string' ? name : typeof id === 'string' ? id : JSON.stringify(item)
  return text.length > 60 ? `${text.slice(0, 59)}…` : text
}

/** Ends a task on a host where none of its items became a step: an empty loop, a loop that failed to render, a declined task. */
export function endWithoutItems(
  { run, task, context, state }: Pick<LoopOf, 'run' | 'task' | 'context' | 'state'>,
  why: { failure?: ReturnType<typeof failureInfo>; until?: string; reason?: string } & Partial<ReturnType<typeof forecast>>,
): StepEnd {
  const outcome = why.failure !== undefined ? 'failed' : why.until !== undefined ? 'unknown' : 'skipped'
  const reason = why.until ?? why.reason ?? (why.failure === undefined ? 'the loop is empty' : undefined)
  const step = {
    key: stepKey(task.id, state.name),
    task: task.id,
    host: state.name,
    name: withoutTemplates(task.name.value),
    module: task.module,
    same: fingerprintOf(run.secrets, task, context),
    place: task.place,
  }
  const { failure, reversible, confirm } = why
  run.emit(stepFinished(step, outcome, { reason, failure, reversible, confirm }))
  if (outcome === 'unknown') state.pending = true
  const value =
    why.until !== undefined
      ? new Unknown(why.until)
      : { results: [], changed: false, failed: outcome === 'failed', skipped: outcome === 'skipped' }
  return { outcome, value, failed: outcome === 'failed', notifies: outcome === 'unknown' }
}

function combined(task: Task, items: readonly unknown[], ends: readonly (StepEnd | undefined)[]): StepEnd {
  const done = ends.filter((end) => end !== undefined)
  const failed = done.some((end) => end.failed)
  const notifies = done.some((end) => end.notifies)
  const unknown = done.find((end) => end.value instanceof Unknown)?.value
  const results = ends.flatMap((end, index) => (end === undefined ? [] : [{ ...(end.value as object), item: items[index] }]))
  const value = unknown ?? {
    results,
    changed: notifies,
    failed,
    skipped: done.every((end) => end.outcome === 'skipped'),
    msg: `${done.length} of ${items.length} items of ${task.name.value}`,
  }
  return { outcome: failed ? 'failed' : notifies ? 'changed' : 'ok', value, failed, notifies }
}
