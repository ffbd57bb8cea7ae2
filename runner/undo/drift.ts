/**
 * Checks hosts for drift since the run: each step of an undo is compared before anything is restored. Called by
 * `undo.ts`.
 */
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

/** An applied step of a run, with its data for undo. */
export interface AppliedStep {
  readonly step: StepRef
  readonly blob: string
  readonly record: UndoRecord
  /** The step ended well: the host must not have drifted since. */
  readonly verified: boolean
  /**
   * The resources before the step and again after its undo, if its module reports them. Contents as `sealed` makes
   * them.
   */
  readonly before: Snapshot | undefined
  /** The resources after the step, in the same form. */
  readonly after: Snapshot | undefined
  readonly sealed: (now: Snapshot) => Snapshot
  /** The resources that the step changed; undefined if the run did not record them. */
  readonly touched: readonly Address[] | undefined
  /** The result of the step: the tasks of its `undo:` may refer to it. */
  readonly result: Result
  /** The history of earlier undos of the step that were interrupted or failed; undefined if none has begun. */
  readonly begun: History | undefined
}

/** Writes the progress of an undo into the journal of the undone run. An interrupted undo continues from there. */
export interface UndoMarks {
  begun(applied: AppliedStep): Promise<void>
  undone(applied: AppliedStep): Promise<void>
  /** The step cannot be undone, and the operator was warned. */
  passed(applied: AppliedStep): Promise<void>
}

/** The steps of an undo in their order. */
export interface UndoOrder {
  readonly run: Run
  readonly plays: readonly Play[]
  readonly marks: UndoMarks
  /** The newest first. */
  readonly steps: readonly AppliedStep[]
  /** The same steps by the host of the change. */
  readonly onHost: ReadonlyMap<string, readonly AppliedStep[]>
  /**
   * Hosts where paths of the run went through its own links: paths do not show there if two steps touched the same
   * file.
   */
  readonly linked: ReadonlySet<string>
}

/** Returns true if a path of the steps goes through a link that the steps made, changed or removed. */
export function useLinks(steps: readonly AppliedStep[]): boolean {
  const links = steps
    .flatMap(({ before, after }) => [...(before ?? []), ...(after ?? [])])
    .flatMap(({ resource, properties }) => (properties['kind'] === 'link' ? [resource] : []))
  return steps.some(({ touched }) => touched?.some((address) => links.some((link) => isAbove(link, address))))
}

/** The steps on the same host that are undone before a step. */
function earlierOnHost({ onHost }: UndoOrder, own: AppliedStep): readonly AppliedStep[] {
  const steps = onHost.get(own.record.host) ?? []
  return steps.slice(0, steps.indexOf(own))
}

/** Returns the way to undo a step: its module, the tasks of its `undo:`, or undefined for none. */
export function undoneBy({ run, plays }: UndoOrder, { step }: AppliedStep): 'module' | 'tasks' | undefined {
  if (run.modules.get(step.module)?.undo !== undefined) return 'module'
  return (taskWithContext(plays, step.task)?.task.undo.length ?? 0) > 0 ? 'tasks' : undefined
}

/**
 * The steps that are undone before a step and may share resources with it, in undo order. The step's drift check
 * allows for them.
 */
export function undoneBefore(order: UndoOrder, own: AppliedStep): readonly AppliedStep[] {
  return earlierOnHost(order, own).filter((other) => {
    const by = undoneBy(order, other)
    return by === 'tasks' || (by === 'module' && (order.linked.has(own.record.host) || mayShare(own.touched, other.touched)))
  })
}

/** Unknown resources may be any. */
const mayShare = (one: AppliedStep['touched'], other: AppliedStep['touched']): boolean =>
  one === undefined || other === undefined || one.some((a) => other.some((b) => overlaps(a, b)))

/**
 * Compares a step's resources with their state after the step.
 *
 * @param earlier steps that share resources with this one and are not undone yet, but will be before it
 * @throws Failure (refused) if the resources have drifted, once the earlier steps are counted as undone
 */
export async function mustNotHaveDrifted(order: UndoOrder, own: AppliedStep, earlier: readonly AppliedStep[]): Promise<void> {
  const { run } = order
  const { step, record, verified, after, sealed, begun } = own
  const module = run.modules.get(step.module)
  // A half-done undo or an interrupted step matches neither the state before nor the state after.
  if (module === undefined || !verified || begun !== undefined) return
  const target = undoTarget(run, step, record)
  const [seen, now] = await Promise.all([
    earlier.length > 0 ? [] : differences(module, record, target),
    after === undefined ? undefined : module.observe?.(record.params as never, record.before, target),
  ])
  const isKnown = earlier.length === 0 || !order.linked.has(record.host)
  const then = now === undefined || !isKnown ? undefined : onceUndone(sealed(now), earlier)
  const drift = [...seen, ...(after === undefined || then === undefined ? [] : snapshotDrift(after, then))]
  refuseDrift(
    module.name,
    drift.map((change) => maskChange(run.secrets, change)),
    unknownOf(order, own),
  )
}

/** Predicts a snapshot after the undo of the earlier steps; undefined if it cannot be predicted. */
const onceUndone = (now: Snapshot, earlier: readonly AppliedStep[]): Snapshot | undefined =>
  earlier.reduce<Snapshot | undefined>((then, { before, verified, begun, touched }) => {
    if (then === undefined || before === undefined || !verified || begun !== undefined) return undefined
    const unreported = (touched ?? []).filter((address) => !before.some(({ resource }) => isSame(resource, address)))
    // A folder's snapshot shows its direct entries only. The effect of a resource above, or of an unreported one,
    // is unknown.
    const isUnknown = (address: Address) => then.some(({ resource }) => !isSame(resource, address) && overlaps(resource, address))
    const isOver = (address: Address) => then.some(({ resource }) => isAbove(address, resource))
    if (unreported.some(isUnknown) || before.some(({ resource }) => isOver(resource))) return undefined
    return then.map(({ resource, properties }) => ({
      resource,
      properties: before.reduce((its, was) => restored(resource, its, was), properties),
    }))
  }, now)

/** Returns the properties of a resource after another resource is restored. */
function restored(resource: Address, its: Properties, { resource: other, properties: was }: Snapshot[number]): Properties {
  if (isSame(resource, other)) return was['kind'] === its['kind'] ? { ...its, ...was } : was
  const { entries } = its
  if (!Array.isArray(entries) || !isAbove(resource, other) || posix.dirname(other.name) !== resource.name) return its
  const name = posix.basename(other.name)
  const others = entries.filter((entry) => entry !== name)
  return { ...its, entries: was['kind'] === 'absent' ? others : [...others, name].toSorted() }
}

/** Names of later steps of the run on the same host that cannot be undone: their effects are unknown. */
const unknownOf = (order: UndoOrder, own: AppliedStep): readonly string[] =>
  earlierOnHost(order, own)
    .filter((other) => undoneBy(order, other) === undefined)
    .map(({ step }) => step.name)

/**
 * The differences between two snapshots. If the kind of a resource is the same, only properties in both snapshots
 * are compared.
 */
const snapshotDrift = (after: Snapshot, now: Snapshot): readonly Change[] =>
  after.flatMap(({ resource, properties: was }) => {
    const is = now.find((one) => isSame(one.resource, resource))?.properties ?? {}
    const isComparable = (property: string) => is['kind'] !== was['kind'] || (property in is && property in was)
    return [...new Set([...Object.keys(was), ...Object.keys(is)])]
      .filter(isComparable)
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

/** Checks a step as the run verified it: with the module's own `verify`, if it has one. */
async function differences(module: AnyModule, { params, before }: UndoRecord, target: Target): Promise<readonly Change[]> {
  if (module.verify !== undefined) return module.verify(params as never, { changes: [], before }, target)
  return (await module.check(params as never, target)).changes
}

/** @param unknown names of later steps of the run that may have caused the drift */
function refuseDrift(module: string, changes: readonly Change[], unknown: readonly string[]): void {
  const [first] = changes
  if (first === undefined) return
  const lines = changes.map((change) => changeInWords(change, 'was left as'))
  if (unknown.length > 0) lines.push(`(possibly changed by later steps of the run that cannot be undone: ${unknown.join(', ')})`)
  throw new Failure(`${inWords(first.resource, first.property)} has changed since the run`, {
    kind: 'refused',
    why: lines.join('\n'),
    help: `restore the state that the run left, or undo ${module} by hand; then retry the undo`,
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
      throw new Failure('conditions cannot be evaluated in an undo')
    },
    render: (_text, name) => record.inputs.rendered[name] ?? '',
    controllerFile: async (path) => Buffer.from(record.inputs.files[path] ?? '', 'base64'),
  })
}
