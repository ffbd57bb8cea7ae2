/** One task on all hosts of a batch: `forks`, `run_once`, `--step` and handlers. Called by `execute.ts`. */
import type { NotStarted } from '../events/events.ts'
import type { Task } from '../language/playbook/types.ts'
import { type Context, inside } from '../state/task-context.ts'
import { createPlaces, mapLimit, type Places } from '../base/concurrency.ts'
import { onceOn } from '../state/match-record.ts'
import { type HostState, isActive, type Run } from '../state/run-state.ts'
import { endWithoutItems, runLoop } from './loop.ts'
import { runStep } from './step.ts'
import { textOf, withoutTemplates } from '../state/step-ref.ts'
import { type Local, scopeOf } from '../state/variables.ts'

/** Runs a task on every active host of the batch, at most `forks` (or `throttle`) hosts at once. */
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
  if (chosen.length === 0 || run.control.stopping || !hasStarted(run, task)) return
  const wanted = await admitted(run, task)
  if (run.control.stopping) return

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
  const places = createPlaces()
  const ends = await mapLimit(chosen, limit, async (state) =>
    wanted
      ? runOnHost(run, task, context, state, local, sharing(state), places)
      : decline(run, task, context, state, sharing(state)),
  )
  run.unreachable.clear()
  const notStarted = ends.filter((end) => end !== undefined)
  run.emit({ type: 'task-finished', task: task.id, ...(notStarted.length === 0 ? {} : { notStarted }) })
}

/** Says whether the walk has reached the task of `--start-at-task`. */
function hasStarted({ control, which }: Run, task: Task): boolean {
  if (!control.started) control.started = task.name.value === which.startAtTask
  return control.started
}

/** Asks the operator about a task, if `--step` is given. */
async function admitted(run: Run, task: Task): Promise<boolean> {
  const { control, which } = run
  if (!which.step || control.stepAll) return true
  const answer = (await run.ask(`${task.name.value}: run it? [y]es, [n]o, [c]ontinue with all: `))?.trim().toLowerCase()
  if (answer === 'c') control.stepAll = true
  return answer === 'y' || answer === 'c'
}

/** Reports a task that the operator declined as skipped. */
function decline(run: Run, task: Task, context: Context, state: HostState, sharing: readonly HostState[]): undefined {
  const { value } = endWithoutItems({ run, task, context, state }, { reason: 'declined by the operator' })
  if (task.register !== undefined) for (const other of sharing) other.registered.set(task.register, value)
}

/**
 * @param sharing the hosts that the outcome counts for: with `run_once`, all of them
 * @returns the items that were not started, if any
 */
async function runOnHost(
  run: Run,
  task: Task,
  context: Context,
  state: HostState,
  local: Local,
  sharing: readonly HostState[],
  places: Places,
): Promise<NotStarted | undefined> {
  if (run.control.stopping) return { host: state.name, reason: 'stopped' }
  const round = (state.rounds.get(task.id) ?? 0) + 1
  state.rounds.set(task.id, round)
  const end =
    task.loop === undefined
      ? await runStep({ run, task, context, state, local, round })
      : await runLoop({ run, task, context, state, local, round, places })
  if (end.hostDone === true) {
    for (const other of sharing.filter(isActive)) other.status = 'done'
    return undefined
  }
  for (const other of sharing) {
    if (task.register !== undefined) other.registered.set(task.register, end.value)
    if (end.notStarted?.reason === 'deadline') stopAtDeadline(other)
    else if (end.failed && other.status === 'active') other.status = 'failed'
  }
  if (end.failed) {
    state.registered.set('ansible_failed_task', { name: task.name.value, module: task.module })
    state.registered.set('ansible_failed_result', end.value)
  }
  if (end.notifies) notify(run, task, context, state, local, sharing)
  return end.notStarted
}

/** Stops the host as after a failure; but `rescue` does not run, as there is no failure to handle. */
function stopAtDeadline(state: HostState): void {
  if (!isActive(state)) return
  state.status = 'failed'
  state.outOfTime = true
}

/** Marks the handlers of the play that match the notified names, by their own name or by `listen`. */
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
