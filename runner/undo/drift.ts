/** Whether a host is still as the run left it: each step of an undo is compared before anything is restored. Called by `undo.ts`. */
import { posix } from 'node:path'
import type { StepRef, UndoRecord } from '../events/events.ts'
import { type Address, inWords, isAbove, isSame, overlaps } from '../base/address.ts'
import { changeInWords, maskChange } from '../events/mask-change.ts'
import { Failure } from '../base/failure.ts'
import { createScope } from '../language/scope.ts'
import type { Play } from '../language/playbook/types.ts'
import type { AnyModule, Change, Properties, Result, Snapshot, Target } from '../module.ts'
import type { History } from '../record/history.ts'
import { type Run, stateOf } from '../state/run-state.ts'
import { createTarget } from '../hosts/target.ts'
import { taskWithContext } from '../state/undo-variables.ts'
import { hostScope } from '../state/variables.ts'

/** A step that a run applied, with what its module wrote down before. */
export interface AppliedStep {
  readonly step: StepRef
  readonly blob: string
  readonly record: UndoRecord
  /** The run saw it end well: the host must still be as it left it. */
  readonly verified: boolean
  /** What was there before the step, if its module tells: what is there again when it is undone. Contents as `sealed` makes them. */
  readonly before: Snapshot | undefined
  /** What the step left, in the same form. */
  readonly after: Snapshot | undefined
  readonly sealed: (now: Snapshot) => Snapshot
  /** What the step changed; undefined if the run did not live to tell. */
  readonly touched: readonly Address[] | undefined
  /** What the step returned: the tasks of its `undo:` may refer to it. */
  readonly result: Result
  /** What earlier undos did of it, if they were cut off or failed in its midst; undefined if none has begun. */
  readonly begun: History | undefined
}

/** Puts on the disk how far an undo has come, in the journal of the run that is undone: cut off, it continues there. */
export interface UndoMarks {
  begun(applied: AppliedStep): Promise<void>
  undone(applied: AppliedStep): Promise<void>
  /** It cannot be undone, and that was said. */
  passed(applied: AppliedStep): Promise<void>
}

/** The steps of an undo in their order. */
export interface UndoOrder {
  readonly run: Run
  readonly plays: readonly Play[]
  readonly marks: UndoMarks
  /** The newest first. */
  readonly steps: readonly AppliedStep[]
  /** The same, by the host that was acted on. */
  readonly onHost: ReadonlyMap<string, readonly AppliedStep[]>
  /** Hosts where paths went through links of the run: which step touched what of another's cannot be told by its path there. */
  readonly linked: ReadonlySet<string>
}

/** Whether a path of the steps goes through a link that they made, changed or removed. */
export function useLinks(steps: readonly AppliedStep[]): boolean {
  const links = steps
    .flatMap(({ before, after }) => [...(before ?? []), ...(after ?? [])])
    .flatMap(({ resource, properties }) => (properties['kind'] === 'link' ? [resource] : []))
  return steps.some(({ touched }) => touched?.some((address) => links.some((link) => isAbove(link, address))))
}

/** What is undone before a step on the same host. */
function earlierOnHost({ onHost }: UndoOrder, own: AppliedStep): readonly AppliedStep[] {
  const steps = onHost.get(own.record.host) ?? []
  return steps.slice(0, steps.indexOf(own))
}

/** Who undoes it: its module, the tasks of its `undo:`, or nobody. */
export function undoneBy({ run, plays }: UndoOrder, { step }: AppliedStep): 'module' | 'tasks' | undefined {
  if (run.modules.get(step.module)?.undo !== undefined) return 'module'
  return (taskWithContext(plays, step.task)?.task.undo.length ?? 0) > 0 ? 'tasks' : undefined
}

/** Steps that are undone earlier and may change what this one has left, in that order: only then is it as it was left. */
export function undoneBefore(order: UndoOrder, own: AppliedStep): readonly AppliedStep[] {
  return earlierOnHost(order, own).filter((other) => {
    const by = undoneBy(order, other)
    return by === 'tasks' || (by === 'module' && (order.linked.has(own.record.host) || mayShare(own.touched, other.touched)))
  })
}

/** What is not known may be anything. */
const mayShare = (one: AppliedStep['touched'], other: AppliedStep['touched']): boolean =>
  one === undefined || other === undefined || one.some((a) => other.some((b) => overlaps(a, b)))

/**
 * @param earlier steps that will have been undone before, of what this one has left
 * @throws Failure (refused) if it is not as the step left it, or will not be
 */
export async function mustNotHaveDrifted(order: UndoOrder, own: AppliedStep, earlier: readonly AppliedStep[]): Promise<void> {
  const { run } = order
  const { step, record, verified, after, sealed, begun } = own
  const module = run.modules.get(step.module)
  // Half of an undo is neither what the run left nor what was before; nor is a step that was cut off.
  if (module === undefined || !verified || begun !== undefined) return
  const target = undoTarget(run, step, record)
  const [seen, now] = await Promise.all([
    earlier.length > 0 ? [] : differences(module, record, target),
    after === undefined ? undefined : module.observe?.(record.params as never, record.before, target),
  ])
  const isKnown = earlier.length === 0 || !order.linked.has(record.host)
  const then = now === undefined || !isKnown ? undefined : onceUndone(sealed(now), earlier)
  const drift = [...seen, ...(after === undefined || then === undefined ? [] : unlike(after, then))]
  refuseDrift(
    module.name,
    drift.map((change) => maskChange(run.secrets, change)),
    unknownOf(order, own),
  )
}

/** What there will be once the steps have been undone; undefined if that cannot be told. */
const onceUndone = (now: Snapshot, earlier: readonly AppliedStep[]): Snapshot | undefined =>
  earlier.reduce<Snapshot | undefined>((then, { before, verified, begun, touched }) => {
    if (then === undefined || before === undefined || !verified || begun !== undefined) return undefined
    const untold = (touched ?? []).filter((address) => !before.some(({ resource }) => isSame(resource, address)))
    // Of what is below, only what lies in a folder itself shows there; of something above, or not told, nobody knows.
    const isUnknown = (address: Address) => then.some(({ resource }) => !isSame(resource, address) && overlaps(resource, address))
    const isOver = (address: Address) => then.some(({ resource }) => isAbove(address, resource))
    if (untold.some(isUnknown) || before.some(({ resource }) => isOver(resource))) return undefined
    return then.map(({ resource, properties }) => ({
      resource,
      properties: before.reduce((its, was) => restored(resource, its, was), properties),
    }))
  }, now)

/** The properties of a resource once another is as it was. */
function restored(resource: Address, its: Properties, { resource: other, properties: was }: Snapshot[number]): Properties {
  if (isSame(resource, other)) return was['kind'] === its['kind'] ? { ...its, ...was } : was
  const { entries } = its
  if (!Array.isArray(entries) || !isAbove(resource, other) || posix.dirname(other.name) !== resource.name) return its
  const name = posix.basename(other.name)
  const others = entries.filter((entry) => entry !== name)
  return { ...its, entries: was['kind'] === 'absent' ? others : [...others, name].toSorted() }
}

/** Names of the later steps of the run on the same host that nobody can undo: what they did is not known. */
const unknownOf = (order: UndoOrder, own: AppliedStep): readonly string[] =>
  earlierOnHost(order, own)
    .filter((other) => undoneBy(order, other) === undefined)
    .map(({ step }) => step.name)

/** What is not as it was left, of all that would be restored. Of a resource of the same kind only what both told. */
const unlike = (after: Snapshot, now: Snapshot): readonly Change[] =>
  after.flatMap(({ resource, properties: was }) => {
    const is = now.find((one) => isSame(one.resource, resource))?.properties ?? {}
    const isTold = (property: string) => is['kind'] !== was['kind'] || (property in is && property in was)
    return [...new Set([...Object.keys(was), ...Object.keys(is)])]
      .filter(isTold)
      .filter((property) => JSON.stringify(was[property]) !== JSON.stringify(is[property]))
      .map((property) => ({
        resource,
        property,
        before: shown(is[property]),
        after: shown(was[property]),
        ...(property === 'content' ? { sensitive: true as const } : {}),
      }))
  })

const shown = (value: Properties[string] | undefined): string | undefined =>
  typeof value === 'object' ? value.join(', ') || 'none' : value

/** As the run itself verified the step: with the module's own `verify`, where success is not visible to `check`. */
async function differences(module: AnyModule, { params, before }: UndoRecord, target: Target): Promise<readonly Change[]> {
  if (module.verify !== undefined) return module.verify(params as never, { changes: [], before }, target)
  return (await module.check(params as never, target)).changes
}

/** @param unknown later steps of the run that may have changed it */
function refuseDrift(module: string, changes: readonly Change[], unknown: readonly string[]): void {
  const [first] = changes
  if (first === undefined) return
  const lines = changes.map((change) => changeInWords(change, 'was left as'))
  if (unknown.length > 0) lines.push(`(may be the work of the run itself, which cannot be undone: ${unknown.join(', ')})`)
  throw new Failure(`it has changed since: ${inWords(first.resource, first.property)} is not as the run left it`, {
    kind: 'refused',
    why: lines.join('\n'),
    help: `put it back as it was left, or undo ${module} by hand; then run undo again`,
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
