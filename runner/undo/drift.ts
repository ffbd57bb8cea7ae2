import { posix } from 'node:path'
import type { StepRef, UndoRecord } from '../events/events.ts'
import { inWords } from '../base/address.ts'
import { changeInWords, maskChange } from '../events/mask-change.ts'
import { Failure } from '../base/failure.ts'
import { createScope } from '../language/scope.ts'
import type { Play } from '../language/playbook/types.ts'
import type { AnyModule, Change, Result, Saw, Target } from '../module.ts'
import { overlap } from '../plan/guard.ts'
import type { History } from '../record/history.ts'
import { type Run, stateOf } from '../state/run-state.ts'
import { createTarget } from '../hosts/target.ts'
import { taskWithContext } from '../state/undo-variables.ts'
import { hostScope } from '../state/variables.ts'

/**
 * A path as it can be compared with others: without what says nothing in it. `..` stays, as after a link it leads elsewhere than it
 * seems. What is no path (a unit, a server) is its own.
 */
export const tidy = (path: string): string =>
  path.startsWith('/') && !path.includes('/..') ? posix.resolve(path.replace(/\/+(?= (?:owner|group|mode)$)/, '')) : path

export const tidied = (things: Saw): Saw => Object.fromEntries(Object.entries(things).map(([path, is]) => [tidy(path), is]))

/** A step that a run applied, with what its module wrote down before. */
export interface Undoable {
  readonly step: StepRef
  readonly blob: string
  readonly record: UndoRecord
  /** The run saw it end well: the host must still be as it left it. */
  readonly verified: boolean
  /** What the step left, where its module tells; contents as `sealed` makes them. */
  readonly left: Saw | undefined
  /** What was there before the step, in the same form: what is there again when it has been taken back. */
  readonly saw: Saw | undefined
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

export interface Walk {
  readonly run: Run
  readonly plays: readonly Play[]
  readonly marks: UndoMarks
  /** As it is gone through: the newest first. */
  readonly order: readonly Undoable[]
  /** The same, by the host that was acted on. */
  readonly onHost: ReadonlyMap<string, readonly Undoable[]>
  /** Hosts where paths went through links of the run: which step touched what of another's cannot be told by its path there. */
  readonly linked: ReadonlySet<string>
}

/** Whether a path of the steps went through a link that they made, changed or removed. */
export function useLinks(steps: readonly Undoable[]): boolean {
  const things = steps.flatMap(({ left, saw }) => [...Object.entries(left ?? {}), ...Object.entries(saw ?? {})])
  const links = new Set(things.filter(([, { kind }]) => kind === 'link').map(([path]) => path))
  return (
    links.size > 0 &&
    steps.some(({ touched }) => [...(touched ?? [])].some((path) => foldersOf(path).some((folder) => links.has(folder))))
  )
}

/** Those that a path goes through. */
const foldersOf = (path: string): readonly string[] => {
  const names = path.split('/').slice(0, -1)
  return names.map((_name, index) => names.slice(0, index + 1).join('/'))
}

/** What is gone through before a step on the same host. */
function before({ onHost }: Walk, own: Undoable): readonly Undoable[] {
  const steps = onHost.get(own.record.host) ?? []
  return steps.slice(0, steps.indexOf(own))
}

/** Who takes it back: its module, the tasks of its `undo:`, or nobody. */
export function takenBackBy({ run, plays }: Walk, { step }: Undoable): 'module' | 'tasks' | undefined {
  if (run.modules.get(step.module)?.undo !== undefined) return 'module'
  return (taskWithContext(plays, step.task)?.task.undo.length ?? 0) > 0 ? 'tasks' : undefined
}

/** Steps that are taken back earlier and may change what this one has left, in that order: only then is it as it was left. */
export function takenBackBefore(walk: Walk, own: Undoable): readonly Undoable[] {
  return before(walk, own).filter((other) => {
    const by = takenBackBy(walk, other)
    return by === 'tasks' || (by === 'module' && (walk.linked.has(own.record.host) || mayShare(own.touched, other.touched)))
  })
}

/** What is not known may be anything. */
function mayShare(one: Undoable['touched'], other: Undoable['touched']): boolean {
  if (one === undefined || other === undefined) return true
  return [...one].some((a) => [...other].some((b) => overlap(a, b)))
}

/**
 * @param earlier steps that will have been taken back before, of what this one has left
 * @throws Failure (refused) where it is not as the step left it, or will not be
 */
export async function mustBeAsLeft(walk: Walk, own: Undoable, earlier: readonly Undoable[]): Promise<void> {
  const { run } = walk
  const { step, record, verified, left, sealed, begun } = own
  const module = run.modules.get(step.module)
  // Half of an undo is neither what the run left nor what was before; nor is a step that was cut off.
  if (module === undefined || !verified || begun !== undefined) return
  const target = undoTarget(run, step, record)
  const [seen, now] = await Promise.all([
    earlier.length > 0 ? [] : differences(module, record, target),
    left === undefined ? undefined : module.left?.(record.params as never, record.before, target),
  ])
  const isKnown = earlier.length === 0 || !walk.linked.has(record.host)
  const then = now === undefined || !isKnown ? undefined : whenTakenBack(tidied(sealed(now)), earlier)
  const drift = [...seen, ...(left === undefined || then === undefined ? [] : unlike(left, then))]
  unchangedSince(
    module.name,
    drift.map((change) => maskChange(run.secrets, change)),
    unknownOf(walk, own),
  )
}

/** What there will be when the steps have been taken back; undefined where that cannot be told. */
const whenTakenBack = (now: Saw, earlier: readonly Undoable[]): Saw | undefined =>
  earlier.reduce<Saw | undefined>((then, { saw, verified, begun, touched }) => {
    if (then === undefined || saw === undefined || !verified || begun !== undefined) return undefined
    const told = Object.entries(saw)
    const untold = [...(touched ?? [])].filter((path) => !told.some(([thing]) => isOf(path, thing)))
    const things = Object.keys(then)
    // Of what is below, only what lies in a folder itself shows there; of something above, or not told, nobody knows.
    const isUnknown = (path: string) => things.some((thing) => thing !== path && overlap(thing, path))
    const isAbove = (path: string) => things.some((thing) => thing.startsWith(`${path}/`))
    const isUnclear = (path: string) => path.includes(BETWEEN) && things.includes(posix.dirname(path))
    if (untold.some(isUnknown) || told.some(([path]) => isAbove(path) || isUnclear(path))) return undefined
    return Object.fromEntries(
      Object.entries(then).map(([thing, is]) => [thing, told.reduce((its, [path, was]) => putBack(thing, its, path, was), is)]),
    )
  }, now)

type Properties = Saw[string]

/** Between the names of `entries`, and where there are none. */
const BETWEEN = ', '
const NONE = 'none'

/** A thing once what was at a path is there again. */
function putBack(thing: string, is: Properties, path: string, was: Properties): Properties {
  if (path === thing) return was['kind'] === is['kind'] ? { ...is, ...was } : was
  if (posix.dirname(path) !== thing || is['entries'] === undefined) return is
  const name = posix.basename(path)
  const others = is['entries'].split(BETWEEN).filter((entry) => entry !== name && entry !== NONE)
  const entries = was['kind'] === 'absent' ? others : [...others, name].toSorted()
  return { ...is, entries: entries.join(BETWEEN) || NONE }
}

/** Whether what an event calls `path` is a part of the thing: `/etc/hosts mode`, `/etc/nova/nova.conf[DEFAULT]host`. */
const isOf = (path: string, thing: string): boolean =>
  path === thing || (path.startsWith(thing) && ' [:'.includes(path.charAt(thing.length)))

/** Names of the later steps of the run on the same host that nobody can take back: what they did is not known. */
const unknownOf = (walk: Walk, own: Undoable): readonly string[] =>
  before(walk, own)
    .filter((other) => takenBackBy(walk, other) === undefined)
    .map(({ step }) => step.name)

/** What is not as it was left, of all that would be put back. Of a thing of the same kind only what both told. */
const unlike = (left: Saw, now: Saw): readonly Change[] =>
  Object.entries(left).flatMap(([thing, was]) => {
    const is = now[thing] ?? {}
    const isTold = (property: string) => is['kind'] !== was['kind'] || (property in is && property in was)
    return [...new Set([...Object.keys(was), ...Object.keys(is)])]
      .filter(isTold)
      .filter((property) => was[property] !== is[property])
      .map((property) => ({
        resource: { host: '', kind: 'act' as const, name: thing },
        property,
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

/** @param unknown later steps of the run that may have changed it */
function unchangedSince(module: string, changes: readonly Change[], unknown: readonly string[]): void {
  const [first] = changes
  if (first === undefined) return
  const lines = changes.map((change) => changeInWords(change, 'was left as'))
  if (unknown.length > 0) lines.push(`(may be the work of the run itself, which cannot be undone: ${unknown.join(', ')})`)
  throw new Failure(`it has changed since: ${inWords(first.resource, first.property)} is not as the run left it`, {
    kind: 'refused',
    why: lines.join('\n'),
    todo: `put it back as it was left, or undo ${module} by hand; then run undo again`,
  })
}

export function undoTarget(run: Run, step: StepRef, record: UndoRecord): Target {
  const state = stateOf(run, record.host) ?? stateOf(run, step.host)
  return createTarget(run, {
    host: record.host,
    become: record.become,
    environment: {},
    signal: run.control.signal,
    scope: state === undefined ? createScope([]) : hostScope(run, state.host),
    facts: state?.facts ?? {},
    progress: (progress) => run.emit({ type: 'step-progress', step, progress }),
    evaluate: () => {
      throw new Failure('a condition cannot be asked in undo')
    },
    render: (_text, name) => record.inputs.rendered[name] ?? '',
    controllerFile: async (path) => Buffer.from(record.inputs.files[path] ?? '', 'base64'),
  })
}
