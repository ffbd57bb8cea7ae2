/** Undoes the steps of a run: restores each, or runs the tasks of its `undo:`. Called by run/undo.ts. */
import type { FailureInfo, StepRef } from '../events/events.ts'
import type { Address } from '../base/address.ts'
import { Failure } from '../base/failure.ts'
import { undoTaskId } from '../events/step-address.ts'
import { flatten, type Item, type Play } from '../language/playbook/types.ts'
import {
  mustNotHaveDrifted,
  undoneBefore,
  undoneBy,
  type AppliedStep,
  type UndoMarks,
  undoTarget,
  useLinks,
  type UndoOrder,
} from './drift.ts'
import { runItems } from '../engine/execute.ts'
import { claim } from '../locks/locks.ts'
import { failureInfo, hideFailureIf, stepFinished, type StepFinishedGiven, withLines } from '../state/attempt-result.ts'
import { type Run, stateOf } from '../state/run-state.ts'
import { type TaskWithContext, taskWithContext } from '../state/undo-variables.ts'

/**
 * Undoes the steps, newest first. If a host has drifted since the run, nothing is undone on that host. In plan,
 * reports the steps that would be undone.
 */
export async function undoSteps(
  run: Run,
  plays: readonly Play[],
  steps: readonly AppliedStep[],
  marks: UndoMarks,
): Promise<void> {
  const inTurn = inOrder(steps)
  const onHost = grouped(inTurn, ({ record }) => record.host)
  const linked = new Set([...onHost].filter(([, own]) => useLinks(own)).map(([host]) => host))
  const order: UndoOrder = { run, plays, marks, steps: inTurn, onHost, linked }
  const out = run.goal === 'plan' ? new Set<string>() : await drifted(order)
  for (const applied of order.steps) {
    if (run.control.stopping) return
    const { host } = applied.step
    // A plan reports every obstacle.
    if (!out.has(host) && !(await undoStep(order, applied)) && run.goal !== 'plan') out.add(host)
  }
}

/** Finds the drifted hosts before anything is restored, so that no host stays half undone. */
async function drifted(order: UndoOrder): Promise<Set<string>> {
  const out = new Set<string>()
  const compare = async ([host, steps]: readonly [string, readonly AppliedStep[]]) => {
    for (const applied of steps) {
      if (order.run.control.stopping) return
      if (undoneBy(order, applied) !== 'module') continue
      const end = ending(order.run, applied.step)
      try {
        await mustNotHaveDrifted(order, applied, undoneBefore(order, applied))
      } catch (error) {
        out.add(host)
        end('failed', { failure: failureOf(order, applied, error) })
      }
    }
  }
  await Promise.all([...grouped(order.steps, ({ step }) => step.host)].map(compare))
  return out
}

function grouped(steps: readonly AppliedStep[], keyOf: (step: AppliedStep) => string): Map<string, AppliedStep[]> {
  const groups = new Map<string, AppliedStep[]>()
  for (const step of steps) {
    const group = groups.get(keyOf(step))
    if (group === undefined) groups.set(keyOf(step), [step])
    else group.push(step)
  }
  return groups
}

/** The newest first. Steps that only activate other changes (a restart) come last, in their original order. */
function inOrder(steps: readonly AppliedStep[]): readonly AppliedStep[] {
  const isLast = ({ record }: AppliedStep) => record.activates === true
  return [...steps.filter((applied) => !isLast(applied)).toReversed(), ...steps.filter(isLast)]
}

/** Returns a function that reports the end of a step. `begin` reports its start, at the latest with the end. */
function ending(run: Run, step: StepRef) {
  const { clock } = run.world
  const started = clock.monotonic()
  let isAnnounced = false
  const begin = () => {
    if (!isAnnounced) run.emit({ type: 'step-started', step })
    isAnnounced = true
  }
  return Object.assign(
    (outcome: 'changed' | 'planned' | 'skipped' | 'failed', given: StepFinishedGiven = {}) => {
      begin()
      run.emit(stepFinished(step, outcome, { seconds: (clock.monotonic() - started) / 1000, ...given }))
    },
    { begin },
  )
}

async function undoStep(order: UndoOrder, applied: AppliedStep): Promise<boolean> {
  const { run, plays, marks } = order
  const { step, record } = applied
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
      await begin(run, marks, applied)
      if (!(await undoByTasks(run, own, applied))) throw new Failure(`the \`undo\` tasks of ${step.name} failed`)
      await marks.undone(applied)
      finish('changed')
      return true
    }
    if (module?.undo === undefined) {
      finish('skipped', {
        reason: `${step.module} cannot be undone`,
        warnings: [`${step.host}: ${step.name} stays as it is: ${step.module} cannot be undone`],
      })
      if (run.goal !== 'plan') await marks.passed(applied)
      return true
    }
    const earlier = run.goal === 'plan' ? undoneBefore(order, applied) : []
    await mustNotHaveDrifted(order, applied, earlier)
    if (run.goal === 'plan') {
      const last = earlier.at(-1)
      const before = last === undefined ? 'as the run left it' : `as the run left it, once ${last.step.name} is undone`
      finish('planned', { changes: [{ resource: actOf(step), before, after: 'as it was before' }] })
      return true
    }
    const { host, become } = record
    await claim(run, module.scope === 'api' ? undefined : { host, become }, record.locks ?? [])
    await begin(run, marks, applied)
    await module.undo(record.params as never, record.before, undoTarget(run, step, record))
    await marks.undone(applied)
    finish('changed')
    return true
  } catch (error) {
    finish('failed', { failure: failureOf(order, applied, error) })
    return false
  }
}

/** The failure for the screen; hidden if the step's task has `no_log`. */
const failureOf = ({ plays }: UndoOrder, { step }: AppliedStep, error: unknown): FailureInfo => {
  const own = taskWithContext(plays, step.task)
  return hideFailureIf(own?.task.noLog === true || own?.context.noLog === true, failureInfo(error))
}

const actOf = ({ host, module, name }: StepRef): Address => ({ host, kind: 'act', name: `${module} ${name}` })

/** Marks the undo of a step as begun. The undo's own journal is on the disk before the mark that refers to it. */
async function begin(run: Run, marks: UndoMarks, applied: AppliedStep): Promise<void> {
  await run.durable()
  await marks.begun(applied)
}

/** Runs the tasks of an `undo:` on the step's host, with the step's variables and result. */
async function undoByTasks(
  run: Run,
  { task, context }: TaskWithContext,
  { step, record, result, begun }: AppliedStep,
): Promise<boolean> {
  const state = stateOf(run, step.host)
  if (state === undefined) throw new Failure(`${step.host} is missing from the inventory`, { kind: 'input' })
  const local = { ...record.variables, ...(task.register === undefined ? {} : { [task.register]: withLines(result) }) }
  // As in a resumed run, tasks that an earlier undo finished are skipped, and tasks in flight are decided.
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
