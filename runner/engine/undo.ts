import type { StepRef, UndoRecord } from '../events.ts'
import { Failure } from '../failure.ts'
import { createScope } from '../language/scope.ts'
import { flatten, type Item, type Play, type Task } from '../language/playbook.ts'
import type { AnyModule, Change, Result, Target } from '../module.ts'
import { runItems } from './execute.ts'
import type { History } from './history.ts'
import { claim } from './locks.ts'
import { failureInfo } from './outcome.ts'
import { type Run, stateOf } from './run-state.ts'
import { createTarget } from './target.ts'
import { type TaskWithContext, taskWithContext } from './undo-tasks.ts'
import { hostScope } from './variables.ts'

/** A step that a run applied, with what its module wrote down before. */
export interface Undoable {
  readonly step: StepRef
  readonly blob: string
  readonly record: UndoRecord
  /** The run saw it end well: the host must still be as it left it. */
  readonly verified: boolean
  /** What the step returned: the tasks of its `undo:` may refer to it. */
  readonly result: Result
  /** What earlier undos did of it, where they were cut off or failed in its midst; undefined where none has begun. */
  readonly begun: History | undefined
}

/** Puts on the disk how far it has come, in the journal of the run that is taken back: an undo that was cut off goes on there. */
export interface UndoMarks {
  begun(undoable: Undoable): Promise<void>
  undone(undoable: Undoable): Promise<void>
}

/**
 * Walks the journal backwards. A step is undone only where the host still is as the run left it: otherwise somebody has changed it
 * since, and the undo stops there. In plan it only says what would be undone.
 */
export async function undoSteps(run: Run, plays: readonly Play[], steps: readonly Undoable[], marks: UndoMarks): Promise<void> {
  for (const undoable of inOrder(run, steps)) {
    if (run.control.stopping || !(await undoStep(run, plays, undoable, marks))) return
  }
}

/** The newest first; what only makes others take effect (a restart) comes when those have been put back, in its own order. */
function inOrder({ modules }: Run, steps: readonly Undoable[]): readonly Undoable[] {
  const isLast = ({ step, record }: Undoable) => modules.get(step.module)?.undoneLast?.(record.params as never) === true
  return [...steps.filter((undoable) => !isLast(undoable)).toReversed(), ...steps.filter(isLast)]
}

async function undoStep(run: Run, plays: readonly Play[], undoable: Undoable, marks: UndoMarks): Promise<boolean> {
  const { step, record, verified, begun } = undoable
  const { clock } = run.world
  const started = clock.monotonic()
  const module = run.modules.get(step.module)
  const own = taskWithContext(plays, step.task)
  const finish = (outcome: 'ok' | 'changed' | 'planned' | 'skipped' | 'failed', more: object = {}) =>
    run.emit({
      type: 'step-finished',
      at: clock.now(),
      step,
      outcome,
      seconds: (clock.monotonic() - started) / 1000,
      changes: [],
      warnings: [],
      result: {},
      reversible: false,
      ...more,
    })
  run.emit({ type: 'step-started', at: clock.now(), step })
  try {
    if (module?.undo === undefined && own !== undefined && own.task.undo.length > 0) {
      if (run.goal === 'plan') {
        const names = flatten(own.task.undo).map(({ name }) => name.value)
        finish('planned', { changes: [{ path: `${step.module} ${step.name}`, before: 'done', after: names.join(', ') }] })
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
      return true
    }
    const target = undoTarget(run, step, record)
    // Half of an undo is neither what the run left nor what was before.
    if (verified && begun === undefined) unchangedSince(module.name, await differences(module, record, target))
    if (run.goal === 'plan') {
      finish('planned', {
        changes: [{ path: `${step.module} ${step.name}`, before: 'as the run left it', after: 'as it was before' }],
      })
      return true
    }
    const { host, become } = record
    await claim(run, module.hostless === true ? undefined : { host, become }, record.locks ?? [])
    await begin(run, marks, undoable)
    await module.undo(record.params as never, record.before, target)
    await marks.undone(undoable)
    finish('changed')
    return true
  } catch (error) {
    finish('failed', { failure: failureInfo(error) })
    return false
  }
}

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
  const local = { ...record.variables, ...(task.register === undefined ? {} : { [task.register]: result }) }
  // What an earlier undo did of them is passed over, and what it had in flight is decided, as in a resumed run.
  const own = begun === undefined ? run : { ...run, history: begun }
  await runItems(own, tasksOf(task, step), context, [state], local, [state])
  return state.status === 'active'
}

/** The items of a loop have the same tasks, and must not be taken for one another: what tells the steps apart is added to the tasks' ids. */
function tasksOf({ undo }: Task, step: StepRef): readonly Item[] {
  const suffix = step.key.slice(`${step.task}/${step.host}`.length)
  const rename = (items: readonly Item[]): readonly Item[] =>
    items.map((item) =>
      item.kind === 'block'
        ? { ...item, id: item.id + suffix, block: rename(item.block), rescue: rename(item.rescue), always: rename(item.always) }
        : { ...item, id: item.id + suffix },
    )
  return suffix === '' ? undo : rename(undo)
}

/** As the run itself verified the step: with the module's own `verify`, where success is not visible to `check`. */
async function differences(module: AnyModule, { params, before }: UndoRecord, target: Target): Promise<readonly Change[]> {
  if (module.verify !== undefined) return module.verify(params as never, { changes: [], before }, target)
  return (await module.check(params as never, target)).changes
}

function unchangedSince(module: string, changes: readonly Change[]): void {
  const [first] = changes
  if (first === undefined) return
  throw new Failure(`it has changed since: ${first.path} is not as the run left it`, {
    kind: 'refused',
    why: changes
      .map(({ path, before, after, sensitive }) =>
        sensitive ? path : `${path}: ${before ?? 'absent'}, was left as ${after ?? 'absent'}`,
      )
      .join('\n'),
    todo: `put it back as it was left, or undo ${module} by hand; then run undo again`,
  })
}

function undoTarget(run: Run, step: StepRef, record: UndoRecord): Target {
  const state = stateOf(run, record.host) ?? stateOf(run, step.host)
  return createTarget(run, {
    host: record.host,
    become: record.become,
    environment: {},
    signal: run.control.signal,
    scope: state === undefined ? createScope([]) : hostScope(run, state.host),
    facts: state?.facts ?? {},
    progress: (progress) => run.emit({ type: 'step-progress', at: run.world.clock.now(), step, progress }),
    evaluate: () => {
      throw new Failure('a condition cannot be asked in undo')
    },
    render: (_text, name) => record.inputs.rendered[name] ?? '',
    controllerFile: async (path) => Buffer.from(record.inputs.files[path] ?? '', 'base64'),
  })
}
