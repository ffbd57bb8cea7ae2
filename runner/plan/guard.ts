/**
 * Holds an apply to its saved plan: refuses a step with other changes, or on other resources, than planned. Called
 * by `attempt.ts`.
 */
import { createHash } from 'node:crypto'
import type { StepFinished, StepRef } from '../events/events.ts'
import { isIn, stepKey } from '../events/step-address.ts'
import { addressKey, inWords, isSame, overlaps } from '../base/address.ts'
import { Failure } from '../base/failure.ts'
import type { Change, Snapshot } from '../module.ts'
import { HIDDEN } from '../base/secret-names.ts'
import { maskSnapshot, sealChange } from '../events/mask-change.ts'
import type { History } from '../record/history.ts'
import type { PlannedStep, Run, Touched } from '../state/run-state.ts'

/** The changes that a step is about to make, and the resources before. */
export interface Intent {
  /** The host of the change. */
  readonly host: string
  readonly changes: readonly Change[]
  readonly snapshot: Snapshot | undefined
  /** A step has failed on the step's host before. */
  readonly failed: boolean
}

/** @param step the event with its secrets masked */
export const plannedStep = ({ outcome, changes, before }: Pick<StepFinished, 'outcome' | 'changes' | 'before'>): PlannedStep => ({
  outcome,
  changes: changes.map((change) => ({ ...fieldsOf(change), digest: digest(change) })),
  ...(before === undefined ? {} : { before }),
})

const fieldsOf = ({ resource, property }: Change) => ({ resource, ...(property === undefined ? {} : { property }) })
const keyOf = ({ resource, property }: Pick<Change, 'resource' | 'property'>): string =>
  `${addressKey(resource)} ${property ?? ''}`

const digest = ({ before, after }: Change): string =>
  createHash('sha256')
    .update(JSON.stringify([before ?? null, after ?? null]))
    .digest('hex')

/** Finds a step in the plan, or its loop if the items were unknown then. */
const planned = (steps: NonNullable<Run['plannedSteps']>, { key, task, host }: StepRef): PlannedStep | undefined =>
  steps.get(key) ?? steps.get(stepKey(task, host))

/** Returns true if the saved plan showed the step's question. A plan shows the tasks of a `rescue` as written. */
export const planCovers = ({ plannedSteps }: Run, step: StepRef): boolean =>
  plannedSteps !== undefined && (planned(plannedSteps, step) !== undefined || inRescue(step))

/**
 * Stops the run and throws `Failure` (refused) if a step would do something else than the saved plan says. Steps
 * with an unknown outcome in the plan are accepted. With `--check`, every deviating step is reported.
 */
export function mustMatchPlan(run: Run, step: StepRef, intent: Intent): void {
  if (run.plannedSteps === undefined) return
  const touched = touchedOn(run, intent.host)
  const drift = differences(run, step, masked(run, intent), touched)
  if (drift.length > 0) {
    run.control.stopping ||= run.goal !== 'plan'
    throw new Failure(`${step.host} has changed since the plan: ${step.name} would do something else`, {
      kind: 'refused',
      why: drift.join('\n'),
      help: 'check what has changed, then make a new plan',
    })
  }
  if (run.goal !== 'plan') run.touched.set(intent.host, alsoTouched(touched, intent.snapshot))
}

/** Masks an intent like the plan, which was made from masked events. */
const masked = ({ secrets }: Run, { snapshot, changes, ...rest }: Intent): Intent => ({
  ...rest,
  snapshot: snapshot && maskSnapshot(secrets, snapshot),
  changes: changes.map((change) => sealChange(secrets, change)),
})

function differences({ plannedSteps }: Run, step: StepRef, { changes, snapshot, failed }: Intent, touched: Touched): string[] {
  const own = plannedSteps && planned(plannedSteps, step)
  if (own?.outcome === 'unknown') return []
  if (own === undefined) return followsFromAnother(step) ? [] : ['the step is not in the plan']
  // After a failure, an `always` cleans up another state than the plan saw.
  if (failed && isIn(step.task, 'always')) return []
  // An earlier step of this run has changed the resource, with an outcome that the plan could not know.
  if (snapshot?.some(({ resource }) => touched.resources.some((other) => overlaps(resource, other)))) return []
  const others = unplannedChanges(own, changes)
  return others.length > 0 || touched.incomplete ? others : snapshotDifferences(own.before, snapshot)
}

function unplannedChanges(own: PlannedStep, changes: readonly Change[]): string[] {
  const expected = new Map(own.changes.map((change) => [keyOf(change), change.digest]))
  return changes.flatMap((change) => {
    const was = expected.get(keyOf(change))
    if (was === digest(change)) return []
    const now = change.sensitive ? HIDDEN : `${change.before ?? 'absent'} → ${change.after ?? 'absent'}`
    return [
      `${inWords(change.resource, change.property)}: ${was === undefined ? 'not in the plan' : 'planned otherwise'}, now ${now}`,
    ]
  })
}

/** Compares snapshots. A property that only one of them has is ignored. */
const snapshotDifferences = (was: Snapshot | undefined, now: Snapshot | undefined): string[] =>
  was === undefined || now === undefined
    ? []
    : now.flatMap(({ resource, properties }) => {
        const before = was.find((one) => isSame(one.resource, resource))?.properties
        if (before === undefined) return [`${inWords(resource)}: not in the plan`]
        return Object.entries(properties).flatMap(([name, value]) => {
          const earlier = before[name]
          const same = earlier === undefined || JSON.stringify(earlier) === JSON.stringify(value)
          return same ? [] : [`${inWords(resource)}: ${name} ${String(value)}, was ${String(earlier)}`]
        })
      })

const inRescue = ({ task }: StepRef): boolean => isIn(task, 'rescue')

/**
 * A plan includes a `rescue` and its handlers only if the block fails already. The steps that lead to them were
 * planned.
 */
const followsFromAnother = (step: StepRef): boolean => inRescue(step) || isIn(step.task, 'handlers')

const touchedOn = (run: Run, host: string): Touched => run.touched.get(host) ?? touchedBefore(run.history, host)

const alsoTouched = ({ resources, incomplete }: Touched, snapshot: Snapshot | undefined): Touched =>
  snapshot === undefined
    ? { resources, incomplete: true }
    : { resources: [...resources, ...snapshot.map(({ resource }) => resource)], incomplete }

/** The resources that earlier lives of a resumed run touched on the host. */
const touchedBefore = (history: History | undefined, host: string): Touched =>
  (history?.applied ?? [])
    .filter(({ step }) => step.host === host)
    .reduce<Touched>((touched, { step }) => alsoTouched(touched, history?.finished.get(step.key)?.before), {
      resources: [],
      incomplete: false,
    })
