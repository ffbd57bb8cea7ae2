import type { FailureInfo, StepRef } from '../events/events.ts'
import type { Address } from '../base/address.ts'
import { Failure } from '../base/failure.ts'
import { undoTaskId } from '../events/step-address.ts'
import { flatten, type Item, type Play } from '../language/playbook/types.ts'
import {
  mustBeAsLeft,
  takenBackBefore,
  takenBackBy,
  type Undoable,
  type UndoMarks,
  undoTarget,
  useLinks,
  type Walk,
} from './drift.ts'
import { runItems } from '../engine/execute.ts'
import { claim } from '../locks/locks.ts'
import { failureInfo, hideFailureIf, withLines } from '../state/attempt-result.ts'
import { type Run, stateOf } from '../state/run-state.ts'
import { type TaskWithContext, taskWithContext } from '../state/undo-variables.ts'

/**
 * Walks the journal backwards. A step is undone only where the host still is as the run left it: otherwise somebody has changed it
 * since, and nothing is undone on that host. In plan it only says what would be undone.
 */
export async function undoSteps(run: Run, plays: readonly Play[], steps: readonly Undoable[], marks: UndoMarks): Promise<void> {
  const order = inOrder(run, steps)
  const onHost = grouped(order, ({ record }) => record.host)
  const linked = new Set([...onHost].filter(([, own]) => useLinks(own)).map(([host]) => host))
  const walk: Walk = { run, plays, marks, order, onHost, linked }
  const out = run.goal === 'plan' ? new Set<string>() : await drifted(walk)
  for (const undoable of walk.order) {
    if (run.control.stopping) return
    const { host } = undoable.step
    // A plan tells all that is in the way.
    if (!out.has(host) && !(await undoStep(walk, undoable)) && run.goal !== 'plan') out.add(host)
  }
}

/** The hosts that are not as the run left them, found before anything is put back: none is left half undone. */
async function drifted(walk: Walk): Promise<Set<string>> {
  const out = new Set<string>()
  const look = async ([host, steps]: readonly [string, readonly Undoable[]]) => {
    for (const undoable of steps) {
      if (walk.run.control.stopping) return
      if (takenBackBy(walk, undoable) !== 'module') continue
      const end = ending(walk.run, undoable.step)
      try {
        await mustBeAsLeft(walk, undoable, takenBackBefore(walk, undoable))
      } catch (error) {
        out.add(host)
        end('failed', { failure: failureOf(walk, undoable, error) })
      }
    }
  }
  await Promise.all([...grouped(walk.order, ({ step }) => step.host)].map(look))
  return out
}

function grouped(steps: readonly Undoable[], keyOf: (step: Undoable) => string): Map<string, Undoable[]> {
  const groups = new Map<string, Undoable[]>()
  for (const step of steps) {
    const group = groups.get(keyOf(step))
    if (group === undefined) groups.set(keyOf(step), [step])
    else group.push(step)
  }
  return groups
}

/** The newest first; what only makes others take effect (a restart) comes when those have been put back, in its own order. */
function inOrder({ modules }: Run, steps: readonly Undoable[]): readonly Undoable[] {
  const isLast = ({ step, record }: Undoable) => modules.get(step.module)?.undoneLast?.(record.params as never) === true
  return [...steps.filter((undoable) => !isLast(undoable)).toReversed(), ...steps.filter(isLast)]
}

/** Tells that work on a step has begun; what it returns tells of its end. */
function ending(run: Run, step: StepRef) {
  const { clock } = run.world
  const started = clock.monotonic()
  let isTold = false
  const begin = () => {
    if (!isTold) run.emit({ type: 'step-started', step })
    isTold = true
  }
  return Object.assign(
    (outcome: 'changed' | 'planned' | 'skipped' | 'failed', more: object = {}) => {
      begin()
      run.emit({
        type: 'step-finished',
        step,
        outcome,
        seconds: (clock.monotonic() - started) / 1000,
        changes: [],
        warnings: [],
        result: {},
        reversible: false,
        ...more,
      })
    },
    { begin },
  )
}

async function undoStep(walk: Walk, undoable: Undoable): Promise<boolean> {
  const { run, plays, marks } = walk
  const { step, record } = undoable
  const module = run.modules.get(step.module)
  const own = taskWithContext(plays, step.task)
  const finish = ending(run, step)
  finish.begin()
  try {
    if (module?.undo === undefined && own !== undefined && own.task.undo.length > 0) {
      if (run.goal === 'plan') {
        const names = flatten(own.task.undo).map(({ name }) => name.value)
        finish('planned', { changes: [{ resource: actOf(step), before: 'done', after: names.join(', ') }] })
        return true
      }
      await begin(run, marks, undoable)
      if (!(await undoByTasks(run, own, undoable))) throw new Failure(`the \`undo\` of ${step.name} did not go through`)
      await marks.undone(undoable)
      finish('changed')
      return true
    }
    if (module?.undo === undefined) {
      finish('skipped', {
        reason: `${step.module} cannot be undone`,
        warnings: [`${step.host}: ${step.name} stays as it is: ${step.module} cannot be undone`],
      })
      if (run.goal !== 'plan') await marks.passed(undoable)
      return true
    }
    const earlier = run.goal === 'plan' ? takenBackBefore(walk, undoable) : []
    await mustBeAsLeft(walk, undoable, earlier)
    if (run.goal === 'plan') {
      const last = earlier.at(-1)
      const before = last === undefined ? 'as the run left it' : `as the run left it, once ${last.step.name} is taken back`
      finish('planned', { changes: [{ resource: actOf(step), before, after: 'as it was before' }] })
      return true
    }
    const { host, become } = record
    await claim(run, module.hostless === true ? undefined : { host, become }, record.locks ?? [])
    await begin(run, marks, undoable)
    await module.undo(record.params as never, record.before, undoTarget(run, step, record))
    await marks.undone(undoable)
    finish('changed')
    return true
  } catch (error) {
    finish('failed', { failure: failureOf(walk, undoable, error) })
    return false
  }
}

/** As the task of the step has it shown. */
const failureOf = ({ plays }: Walk, { step }: Undoable, error: unknown): FailureInfo => {
  const own = taskWithContext(plays, step.task)
  return hideFailureIf(own?.task.noLog === true || own?.context.noLog === true, failureInfo(error))
}

const actOf = ({ host, module, name }: StepRef): Address => ({ host, kind: 'act', name: `${module} ${name}` })

/** Its own journal is on the disk before the mark that refers to it. */
async function begin(run: Run, marks: UndoMarks, undoable: Undoable): Promise<void> {
  await run.durable()
  await marks.begun(undoable)
}

/** The tasks of an `undo:`, on the step's host, with what the step saw and returned. */
async function undoByTasks(
  run: Run,
  { task, context }: TaskWithContext,
  { step, record, result, begun }: Undoable,
): Promise<boolean> {
  const state = stateOf(run, step.host)
  if (state === undefined) throw new Failure(`${step.host} is not in the inventory any more`, { kind: 'input' })
  const local = { ...record.variables, ...(task.register === undefined ? {} : { [task.register]: withLines(result) }) }
  // What an earlier undo did of them is passed over, and what it had in flight is decided, as in a resumed run.
  const own = begun === undefined ? run : { ...run, history: begun }
  await runItems(own, tasksFor(step, task.undo), context, [state], local, [state])
  return state.status === 'active'
}

function tasksFor(step: StepRef, items: readonly Item[]): readonly Item[] {
  const inside = (list: readonly Item[]) => tasksFor(step, list)
  return items.map((item) => {
    const id = undoTaskId(item.id, step)
    return item.kind === 'block'
      ? { ...item, id, block: inside(item.block), rescue: inside(item.rescue), always: inside(item.always) }
      : { ...item, id }
  })
}
