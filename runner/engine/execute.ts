/** Walks through plays, batches, blocks and tasks. Called by `run/run.ts`, and by `undo/undo.ts` for the tasks of an `undo:`. */
import type { PlayStarted } from '../events/events.ts'
import type { Block, Item, Meta, Play } from '../language/playbook/types.ts'
import { evaluateCondition } from '../language/expression/expression.ts'
import { Failure } from '../base/failure.ts'
import { checkAhead } from './check-ahead.ts'
import { forecast } from '../plan/confirm.ts'
import { type Context, inside, playContext, selected, selectedTasks } from '../state/task-context.ts'
import { type HostState, isActive, isPresent, mayAct, type Run, stateOf } from '../state/run-state.ts'
import { textOf } from '../state/step-ref.ts'
import { runTask } from './task.ts'
import { type Local, scopeOf } from '../state/variables.ts'
import type { PlayHosts } from '../hosts/play-hosts.ts'

/**
 * Walks the plays in order. Plan is the same walk: nothing is applied, and values that depend on an apply are unknown.
 *
 * @returns the hosts that have not reached the end of all their plays
 */
export async function execute(run: Run, plays: readonly PlayHosts[]): Promise<readonly string[]> {
  const unfinished = new Set<string>()
  for (const { play, batches } of plays) {
    for (const [index, batch] of batches.entries()) {
      const hosts = batch.map((name) => stateOf(run, name)).filter((state) => state !== undefined)
      const number = batches.length > 1 ? { number: index + 1, of: batches.length } : undefined
      const finished = run.control.aborted || run.control.stopping ? [] : await runBatch(run, play, hosts, number)
      for (const state of hosts) if (!finished.includes(state) && !hadFinished(run, state)) unfinished.add(state.name)
    }
  }
  return [...unfinished]
}

/** The plays, each with only those hosts that the run may act on. */
export const actedOn = (run: Run, plays: readonly PlayHosts[]): PlayHosts[] =>
  plays.map((play) => ({ ...play, hosts: play.hosts.filter((name) => mayAct(run, { name })) }))

/**
 * Says whether a host that is only replayed had finished before. Then it counts as finished again, however many of its
 * records can be replayed, unless the playbook has changed.
 */
const hadFinished = (run: Run, state: HostState): boolean =>
  !mayAct(run, state) && run.resumed?.changed === false && run.history?.unfinished.has(state.name) === false

/** @returns the hosts that have reached the end of the play */
async function runBatch(
  run: Run,
  play: Play,
  batch: readonly HostState[],
  number: PlayStarted['batch'],
): Promise<readonly HostState[]> {
  for (const state of batch) if (state.status === 'ended') state.status = 'active'
  const active = batch.filter(isActive)
  if (active.length === 0) return []
  run.emit({
    type: 'play-started',
    play: play.index,
    name: play.name.value,
    hosts: active.map((state) => state.name),
    ...(number === undefined ? {} : { batch: number }),
  })
  const context = playContext(play)
  const hosts = batch.filter(isPresent)
  await runItems(run, play.tasks, context, hosts, {}, hosts)
  await flushHandlers(run, context, hosts)
  const pending = hosts.filter((state) => handlersPending(run, play, state))
  // As in Ansible: a batch that has lost all of its hosts ends the run.
  if (hosts.every((state) => state.status === 'failed' || state.status === 'unreachable')) run.control.aborted = true
  if (run.control.stopping) return []
  return hosts.filter((state) => (isActive(state) || state.status === 'ended') && !pending.includes(state))
}

/** Reports the handlers that were notified and have not run, then clears them: the next play has its own. */
function handlersPending(run: Run, play: Play, { name, notified }: HostState): boolean {
  const pending = play.handlers.filter((handler) => notified.has(handler.id))
  notified.clear()
  if (pending.length === 0) return false
  run.emit({
    type: 'handlers-pending',
    host: name,
    handlers: pending.map((handler) => handler.name.value),
  })
  return true
}

/**
 * @param hosts the hosts to run the items on; only active ones take part
 * @param batch every host of the batch, failed ones included: `max_fail_percentage` counts them
 */
export async function runItems(
  run: Run,
  items: readonly Item[],
  context: Context,
  hosts: readonly HostState[],
  local: Readonly<Record<string, unknown>>,
  batch: readonly HostState[],
): Promise<void> {
  for (const [index, item] of items.entries()) {
    if (!hosts.some(isActive) || run.control.stopping) return
    if (item.kind === 'block') await runBlock(run, item, context, hosts, local, batch)
    else if (item.kind === 'meta') await runMeta(run, item, context, hosts, local)
    else if (selected([...context.tags, ...item.tags], run.which)) {
      checkAhead(run, items, index, context, hosts, local)
      await runTask(run, item, context, hosts, local)
      enforceLimits(run, inside(context, item), hosts, batch)
    }
  }
}

/** Enforces `any_errors_fatal` and `max_fail_percentage`: too many failures fail the other hosts too, and end the run. */
function enforceLimits(run: Run, context: Context, hosts: readonly HostState[], batch: readonly HostState[]): void {
  const lost = batch.filter((state) => state.status === 'failed' || state.status === 'unreachable').length
  const allowed = context.play.maxFailPercentage?.value
  const tooMany = allowed !== undefined && (lost / batch.length) * 100 > allowed
  if (!tooMany && !(context.anyErrorsFatal && lost > 0)) return
  const spared = hosts.filter(isActive)
  for (const state of spared) state.status = 'failed'
  if (run.control.aborted) return
  run.control.aborted = true
  const late = batch.some((state) => state.outOfTime) ? ' or stopped at a deadline' : ''
  const share = `${lost} of ${batch.length} hosts have failed${late}`
  const reason = tooMany ? `${share}, more than ${allowed} %` : `${share}, and one is enough (any_errors_fatal)`
  run.emit({ type: 'play-stopped', reason, hosts: spared.map(({ name }) => name) })
}

async function runBlock(
  run: Run,
  block: Block,
  outer: Context,
  hosts: readonly HostState[],
  local: Readonly<Record<string, unknown>>,
  batch: readonly HostState[],
): Promise<void> {
  const context = inside(outer, block)
  const entered = hosts.filter(isPresent)
  const before = new Map(entered.map((state) => [state, state.started]))
  await runItems(run, block.block, context, entered, local, batch)

  if (run.goal === 'plan') foretellRescue(run, block, context, entered.filter(isActive), local)
  const failed = entered.filter((state) => state.status === 'failed' && !state.outOfTime)
  if (block.rescue.length > 0 && failed.length > 0 && !run.control.stopping) {
    for (const state of failed) state.status = 'active'
    run.control.aborted = false
    await runItems(run, block.rescue, context, failed, local, batch)
    for (const state of failed.filter(isActive)) run.emit({ type: 'rescued', host: state.name, block: block.id })
  }
  if (block.always.length > 0 && !run.control.stopping) {
    const lost = entered.filter((state) => state.status === 'failed')
    for (const state of lost) state.status = 'active'
    // If a resumed run has advanced the block, the steps of its `always` run again.
    const further = entered.filter((state) => !state.stale && state.started !== before.get(state))
    for (const state of further) state.stale = true
    await runItems(run, block.always, context, entered, local, batch)
    for (const state of further) state.stale = false
    for (const state of lost) state.status = 'failed'
  }
}

/** Reports the tasks of a `rescue` in plan. The plan does not walk into them: it assumes that nothing fails. */
function foretellRescue(
  run: Run,
  block: Block,
  context: Context,
  hosts: readonly HostState[],
  local: Readonly<Record<string, unknown>>,
): void {
  const tasks = selectedTasks(block.rescue, context.tags, run.which)
  if (tasks.length === 0) return
  for (const state of hosts) {
    const scope = scopeOf(run, state, context, local)
    run.emit({
      type: 'rescue-planned',
      host: state.name,
      block: block.id,
      ...(block.name === undefined ? {} : { name: textOf(block.name, scope) }),
      tasks: tasks.map((task) => ({
        task: task.id,
        name: textOf(task.name, scope),
        module: task.module,
        ...forecast(run, task, scope),
      })),
    })
  }
}

async function runMeta(
  run: Run,
  meta: Meta,
  context: Context,
  hosts: readonly HostState[],
  local: Readonly<Record<string, unknown>>,
): Promise<void> {
  if (!selected([...context.tags, ...meta.tags], run.which)) return
  const conditions = [...context.when, ...meta.when]
  const meant = hosts.filter((state) => isActive(state) && isMeant(run, conditions, context, state, local))
  if (meta.action === 'flush_handlers') await flushHandlers(run, context, meant)
  else if (meta.action === 'end_host') for (const state of meant) state.status = 'ended'
  else if (meant.length > 0) for (const state of hosts) if (isActive(state)) state.status = 'ended'
}

/** Evaluates the condition. If it fails on a host that is only replayed, a value was not replayed: the host leaves the walk. */
function isMeant(run: Run, conditions: Context['when'], context: Context, state: HostState, local: Local): boolean {
  try {
    return evaluateCondition(conditions, scopeOf(run, state, context, local)) === true
  } catch (error) {
    if (mayAct(run, state)) throw error
    state.status = 'done'
    return false
  }
}

/** Runs the notified handlers in the order of the play, each once a host, on the hosts that notified it and have not failed. */
async function flushHandlers(run: Run, context: Context, hosts: readonly HostState[]): Promise<void> {
  for (const handler of context.play.handlers) {
    const due = hosts.filter((state) => isActive(state) && state.notified.has(handler.id))
    if (due.length === 0 || run.control.stopping) continue
    for (const state of due) state.notified.delete(handler.id)
    await runTask(run, handler, playContext(context.play), due, {}, true)
  }
}

/** The reason of the abort signal after the second Ctrl-C. */
export const abortedByOperator = (): Failure =>
  new Failure('aborted by the operator', {
    kind: 'interrupted',
    help: 'steps in flight may still be running: look at the hosts before you run again',
  })
