import { evaluateCondition } from '../language/expression/expression.ts'
import type { Task } from '../language/playbook/types.ts'
import { render } from '../language/template/template.ts'
import { Unknown } from '../language/value.ts'
import { Failure } from '../base/failure.ts'
import { foretold } from '../plan/confirm.ts'
import { type Context, inside } from '../state/task-context.ts'
import { optional } from '../state/render-keywords.ts'
import { mapLimit } from '../base/concurrency.ts'
import { failureInfo } from '../state/attempt-result.ts'
import { onceOn } from '../state/match-record.ts'
import { type HostState, isActive, mayAct, type Run } from '../state/run-state.ts'
import { sameOf } from '../state/fingerprint.ts'
import { LEFT, runStep, type StepEnd } from './step.ts'
import { stepKey } from '../events/step-address.ts'
import { textOf } from '../state/step-ref.ts'
import { type Local, scopeOf } from '../state/variables.ts'

/** One task on every host of the batch that is still in it, at most `forks` (or `throttle`) hosts at once. */
export async function runTask(
  run: Run,
  task: Task,
  outer: Context,
  hosts: readonly HostState[],
  local: Local,
  handler = false,
): Promise<void> {
  const context = inside(outer, task)
  const active = hosts.filter(isActive)
  const once = context.runOnce && active.length > 0 ? onceOn(run, task, context, hosts) : undefined
  const chosen = once === undefined ? active : [once]
  if (chosen.length === 0 || run.control.stopping || !(await admitted(run, task))) return

  const [first] = chosen
  const name = first === undefined ? task.name.value : textOf(task.name, scopeOf(run, first, context, local))
  const shown = chosen.map((state) => state.name)
  run.emit({
    type: 'task-started',
    task: task.id,
    name: task.loop === undefined ? name : withoutTemplates(task.name.value),
    module: task.module,
    handler,
    hosts: shown,
  })
  const limit = Math.min(run.how.forks, context.throttle ?? run.how.forks)
  const sharing = (state: HostState) => (once === undefined ? [state] : [...new Set([state, ...active])])
  await mapLimit(chosen, limit, (state) => runOnHost(run, task, context, state, local, sharing(state)))
  run.emit({ type: 'task-finished', task: task.id })
}

/** The name of a loop as a whole: what differs from item to item is left out. */
const withoutTemplates = (name: string): string => name.replaceAll(/\{\{.*?\}\}/g, '…')

/** `--start-at-task` passes over what comes before; `--step` asks. */
async function admitted(run: Run, task: Task): Promise<boolean> {
  const { control, which } = run
  if (!control.started) control.started = task.name.value === which.startAtTask
  if (!control.started) return false
  if (!which.step || control.stepAll) return true
  const answer = (await run.ask(`${task.name.value}: run it? [y]es, [n]o, [c]ontinue with all: `))?.trim().toLowerCase()
  if (answer === 'c') control.stepAll = true
  return answer === 'y' || answer === 'c'
}

/** @param sharing hosts that the outcome counts for: all of them with `run_once` */
async function runOnHost(
  run: Run,
  task: Task,
  context: Context,
  state: HostState,
  local: Local,
  sharing: readonly HostState[],
): Promise<void> {
  if (run.control.stopping) return
  const round = (state.rounds.get(task.id) ?? 0) + 1
  state.rounds.set(task.id, round)
  const end =
    task.loop === undefined
      ? await runStep({ run, task, context, state, local, round })
      : await runLoop(run, task, context, state, local, round)
  if (end.left === true) {
    for (const other of sharing.filter(isActive)) other.status = 'left'
    return
  }
  for (const other of sharing) {
    if (task.register !== undefined) other.registered.set(task.register, end.value)
    if (end.failed && other.status === 'active') other.status = 'failed'
  }
  if (end.failed) {
    state.registered.set('ansible_failed_task', { name: task.name.value, module: task.module })
    state.registered.set('ansible_failed_result', end.value)
  }
  if (end.notifies) notify(run, task, context, state, local, sharing)
}

/** Marks the handlers of the play that answer to the names: by their own name or by `listen`. */
function notify(run: Run, task: Task, context: Context, state: HostState, local: Local, sharing: readonly HostState[]): void {
  const scope = scopeOf(run, state, context, local)
  for (const node of task.notify) {
    const wanted = textOf(node, scope)
    for (const handler of context.play.handlers) {
      if (handler.name.value === wanted || handler.listen.includes(wanted))
        for (const other of sharing) other.notified.add(handler.id)
    }
  }
}

/**
 * The items in order, `loop_control.parallel` at once. After an item has failed no further one is started: what a loop does here is
 * move servers, and the next would most likely fail the same way.
 */
async function runLoop(run: Run, task: Task, context: Context, state: HostState, local: Local, round: number): Promise<StepEnd> {
  const scope = scopeOf(run, state, context, local)
  const { loopVar, indexVar, label, pause } = task.loopControl
  let items: unknown
  let parallel: number
  try {
    // The condition of a loop is asked for each item; here it only saves looping over what an unmet condition leaves undefined.
    items = task.loop === undefined ? [] : skippedBeforeLoop(context, scope) ? [] : render(task.loop, scope)
    parallel =
      optional(
        task.loopControl.parallel,
        scope,
        (value): value is number => typeof value === 'number' && value >= 1,
        'parallel',
      ) ?? 1
    if (!(items instanceof Unknown) && !Array.isArray(items))
      throw new Failure(`\`loop\` needs a list; this is ${JSON.stringify(items)}`, { kind: 'input' })
  } catch (error) {
    if (!mayAct(run, state)) return LEFT
    return endWithoutItems(run, task, context, state, { failure: failureInfo(error) })
  }
  if (items instanceof Unknown)
    return endWithoutItems(run, task, context, state, { until: items.until, ...foretold(run, task, scope) })
  const list = items as readonly unknown[]
  if (list.length === 0) return endWithoutItems(run, task, context, state, {})

  const ends: (StepEnd | undefined)[] = list.map(() => undefined)
  let stop = false
  await mapLimit(list, parallel, async (item, index) => {
    if (stop || run.control.stopping) return
    if (index > 0 && pause > 0) await run.world.clock.sleep(pause * 1000, run.control.signal)
    const own: Local = { ...local, [loopVar]: item, ...(indexVar === undefined ? {} : { [indexVar]: index }) }
    const itemScope = scopeOf(run, state, context, own)
    const shown = label === undefined ? nameOfItem(item) : textOf(label, itemScope)
    const end = await runStep({ run, task, context, state, local: own, item: { index, value: item, label: shown }, round })
    ends[index] = end
    if (end.failed || end.left === true) stop = true
  })
  return ends.find((end) => end?.left === true) ?? together(task, list, ends)
}

function skippedBeforeLoop(context: Context, scope: ReturnType<typeof scopeOf>): boolean {
  try {
    return evaluateCondition(context.when, scope) === false
  } catch {
    return false
  }
}

function nameOfItem(item: unknown): string {
  if (typeof item !== 'object' || item === null) return String(item)
  const { name, id } = item as { name?: unknown; id?: unknown }
  const text = typeof name === 'string' ? name : typeof id === 'string' ? id : JSON.stringify(item)
  return text.length > 60 ? `${text.slice(0, 59)}…` : text
}

function endWithoutItems(
  run: Run,
  task: Task,
  context: Context,
  state: HostState,
  why: { failure?: ReturnType<typeof failureInfo>; until?: string } & Partial<ReturnType<typeof foretold>>,
): StepEnd {
  const outcome = why.failure !== undefined ? 'failed' : why.until !== undefined ? 'unknown' : 'skipped'
  const reason = why.until ?? (why.failure === undefined ? 'there is nothing to loop over' : undefined)
  run.emit({
    type: 'step-finished',
    step: {
      key: stepKey(task.id, state.name),
      task: task.id,
      host: state.name,
      name: withoutTemplates(task.name.value),
      module: task.module,
      same: sameOf(run.secrets, task, context),
      place: task.place,
    },
    outcome,
    seconds: 0,
    changes: [],
    warnings: [],
    result: {},
    ...(reason === undefined ? {} : { reason }),
    ...(why.failure === undefined ? {} : { failure: why.failure }),
    reversible: why.reversible === true,
    ...(why.confirm === undefined ? {} : { confirm: why.confirm }),
  })
  if (outcome === 'unknown') state.pending = true
  const value =
    why.until !== undefined
      ? new Unknown(why.until)
      : { results: [], changed: false, failed: outcome === 'failed', skipped: outcome === 'skipped' }
  return { outcome, value, failed: outcome === 'failed', notifies: outcome === 'unknown' }
}

function together(task: Task, items: readonly unknown[], ends: readonly (StepEnd | undefined)[]): StepEnd {
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
