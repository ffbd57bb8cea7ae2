import type { StepRef, UndoRecord } from '../events.ts'
import { Failure } from '../failure.ts'
import { createScope } from '../language/scope.ts'
import { flatten, type Item, type Play, type Task } from '../language/playbook.ts'
import type { AnyModule, Change, Result, Saw, Target } from '../module.ts'
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
  /** What the step left, where its module tells; contents as `sealed` makes them. */
  readonly left: Saw | undefined
  readonly sealed: (left: Saw) => Saw
  /** The things that the step changed, by what the events call them; undefined where the run did not live to tell. */
  readonly touched: ReadonlySet<string> | undefined
  /** What the step returned: the tasks of its `undo:` may refer to it. */
  readonly result: Result
  /** What earlier undos did of it, where they were cut off or failed in its midst; undefined where none has begun. */
  readonly begun: History | undefined
}

/** Puts on the disk how far it has come, in the journal of the run that is taken back: an undo that was cut off goes on there. */
export interface UndoMarks {
  begun(undoable: Undoable): Promise<void>
  undone(undoable: Undoable): Promise<void>
  /** It cannot be taken back, and that was said. */
  passed(undoable: Undoable): Promise<void>
}

/**
 * Walks the journal backwards. A step is undone only where the host still is as the run left it: otherwise somebody has changed it
 * since, and nothing is undone on that host. In plan it only says what would be undone.
 */
export async function undoSteps(run: Run, plays: readonly Play[], steps: readonly Undoable[], marks: UndoMarks): Promise<void> {
  const walk: Walk = { run, plays, marks, order: inOrder(run, steps) }
  const out = run.goal === 'plan' ? new Set<string>() : await drifted(walk)
  for (const undoable of walk.order) {
    if (run.control.stopping) return
    const { host } = undoable.step
    // A plan tells all that is in the way.
    if (!out.has(host) && !(await undoStep(walk, undoable)) && run.goal !== 'plan') out.add(host)
  }
}

interface Walk {
  readonly run: Run
  readonly plays: readonly Play[]
  readonly marks: UndoMarks
  /** As it is gone through: the newest first. */
  readonly order: readonly Undoable[]
}

/** The hosts that are not as the run left them, found before anything is put back: none is left half undone. */
async function drifted(walk: Walk): Promise<Set<string>> {
  const out = new Set<string>()
  const hosts = new Set(walk.order.map(({ step }) => step.host))
  const look = async (host: string) => {
    for (const undoable of walk.order.filter(({ step }) => step.host === host)) {
      if (walk.run.control.stopping) return
      if (takenBackBy(walk, undoable) !== 'module' || takenBackBefore(walk, undoable) !== undefined) continue
      const end = ending(walk.run, undoable.step)
      try {
        await mustBeAsLeft(walk.run, undoable)
      } catch (error) {
        out.add(host)
        end('failed', { failure: failureInfo(error) })
      }
    }
  }
  await Promise.all([...hosts].map(look))
  return out
}

/** Who takes it back: its module, the tasks of its `undo:`, or nobody. */
function takenBackBy({ run, plays }: Walk, { step }: Undoable): 'module' | 'tasks' | undefined {
  if (run.modules.get(step.module)?.undo !== undefined) return 'module'
  return (taskWithContext(plays, step.task)?.task.undo.length ?? 0) > 0 ? 'tasks' : undefined
}

/** A step that is taken back earlier, and may change what this one has left: only then can be seen whether it is as it was left. */
function takenBackBefore(walk: Walk, own: Undoable): Undoable | undefined {
  return walk.order.slice(0, walk.order.indexOf(own)).find((other) => {
    const by = takenBackBy(walk, other)
    if (other.record.host !== own.record.host || by === undefined) return false
    const { touched } = other
    return (
      by === 'tasks' || touched === undefined || own.touched === undefined || [...own.touched].some((thing) => touched.has(thing))
    )
  })
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
    if (!isTold) run.emit({ type: 'step-started', at: clock.now(), step })
    isTold = true
  }
  return Object.assign(
    (outcome: 'changed' | 'planned' | 'skipped' | 'failed', more: object = {}) => {
      begin()
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
      if (run.goal !== 'plan') await marks.passed(undoable)
      return true
    }
    const first = run.goal === 'plan' ? takenBackBefore(walk, undoable) : undefined
    if (first === undefined) await mustBeAsLeft(run, undoable)
    if (run.goal === 'plan') {
      const before = first === undefined ? 'as the run left it' : `as the run left it, once ${first.step.name} is taken back`
      finish('planned', { changes: [{ path: `${step.module} ${step.name}`, before, after: 'as it was before' }] })
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

/** @throws Failure (refused) where somebody has changed since what the step has left */
async function mustBeAsLeft(run: Run, { step, record, verified, left, sealed, begun }: Undoable): Promise<void> {
  const module = run.modules.get(step.module)
  // Half of an undo is neither what the run left nor what was before; nor is a step that was cut off.
  if (module === undefined || !verified || begun !== undefined) return
  const target = undoTarget(run, step, record)
  const [seen, now] = await Promise.all([
    differences(module, record, target),
    left === undefined ? undefined : module.left?.(record.before, target),
  ])
  unchangedSince(module.name, [...seen, ...(left === undefined || now === undefined ? [] : unlike(left, sealed(now)))])
}

/** What is not as it was left, of all that would be put back. */
const unlike = (left: Saw, now: Saw): readonly Change[] =>
  Object.entries(left).flatMap(([thing, was]) => {
    const is = now[thing] ?? {}
    return [...new Set([...Object.keys(was), ...Object.keys(is)])]
      .filter((property) => was[property] !== is[property])
      .map((property) => ({
        path: `${thing}: ${property}`,
        before: is[property],
        after: was[property],
        ...(property === 'content' ? { sensitive: true as const } : {}),
      }))
  })

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
