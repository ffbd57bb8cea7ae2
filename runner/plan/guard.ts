/** Holds an apply to its saved plan: no step does anything else, or on anything else, than whoever agreed to the plan has seen. Called by `attempt.ts`. */
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

/** What a step is about to do: the differences as they may be shown, and what is there before. */
export interface Intent {
  /** The host that is acted on. */
  readonly host: string
  readonly changes: readonly Change[]
  readonly snapshot: Snapshot | undefined
  /** Whether a step has failed on the step's host before, and the run went on. */
  readonly failed: boolean
}

/** @param step as it is shown: its secrets are masked */
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

/** What the plan says of the step: of itself, or of the loop whose items were not known. */
const planned = (agreed: NonNullable<Run['agreed']>, { key, task, host }: StepRef): PlannedStep | undefined =>
  agreed.get(key) ?? agreed.get(stepKey(task, host))

/** Whether what the step asks was seen by whoever agreed to the plan. Of a `rescue` it shows the tasks as they are written. */
export const planCovers = ({ agreed }: Run, step: StepRef): boolean =>
  agreed !== undefined && (planned(agreed, step) !== undefined || inRescue(step))

/**
 * Throws `Failure` (refused) when a step is about to do something else than the saved plan says, and stops the run: whoever agreed to the
 * plan did not agree to this. What the plan called unknown was agreed to as such. In plan (would it still be applied?) every such step is told.
 */
export function mustMatchPlan(run: Run, step: StepRef, intent: Intent): void {
  if (run.agreed === undefined) return
  const touched = touchedOn(run, intent.host)
  const drift = differences(run, step, masked(run, intent), touched)
  if (drift.length > 0) {
    run.control.stopping ||= run.goal !== 'plan'
    throw new Failure(`${step.host} is not as the plan saw it: ${step.name} would do something else`, {
      kind: 'refused',
      why: drift.join('\n'),
      help: 'nothing more is done; look at what has changed since, and make a new plan',
    })
  }
  if (run.goal !== 'plan') run.touched.set(intent.host, alsoTouched(touched, intent.snapshot))
}

/** As the plan saw it: it was made from what may be shown. */
const masked = ({ secrets }: Run, { snapshot, changes, ...rest }: Intent): Intent => ({
  ...rest,
  snapshot: snapshot && maskSnapshot(secrets, snapshot),
  changes: changes.map((change) => sealChange(secrets, change)),
})

function differences({ agreed }: Run, step: StepRef, { changes, snapshot, failed }: Intent, touched: Touched): string[] {
  const own = agreed && planned(agreed, step)
  if (own?.outcome === 'unknown') return []
  if (own === undefined) return followsFromAnother(step) ? [] : ['the plan does not have this step']
  // What it puts in order is what the failure left.
  if (failed && isIn(step.task, 'always')) return []
  // An earlier step of this run has been there, which the plan could not see the outcome of.
  if (snapshot?.some(({ resource }) => touched.resources.some((other) => overlaps(resource, other)))) return []
  const others = otherChanges(own, changes)
  return others.length > 0 || touched.untold ? others : otherSights(own.before, snapshot)
}

function otherChanges(own: PlannedStep, changes: readonly Change[]): string[] {
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

/** A property that only one of both told was of no account to the other. */
const otherSights = (was: Snapshot | undefined, now: Snapshot | undefined): string[] =>
  was === undefined || now === undefined
    ? []
    : now.flatMap(({ resource, properties }) => {
        const before = was.find((one) => isSame(one.resource, resource))?.properties
        if (before === undefined) return [`${inWords(resource)}: the plan did not see it`]
        return Object.entries(properties).flatMap(([name, value]) => {
          const told = before[name]
          const same = told === undefined || JSON.stringify(told) === JSON.stringify(value)
          return same ? [] : [`${inWords(resource)}: ${name} ${String(value)}, was ${String(told)}`]
        })
      })

const inRescue = ({ task }: StepRef): boolean => isIn(task, 'rescue')

/** A plan walks into a `rescue`, and to what that notifies, only where the block fails already; what they follow from was agreed to. */
const followsFromAnother = (step: StepRef): boolean => inRescue(step) || isIn(step.task, 'handlers')

const touchedOn = (run: Run, host: string): Touched => run.touched.get(host) ?? touchedBefore(run.history, host)

const alsoTouched = ({ resources, untold }: Touched, snapshot: Snapshot | undefined): Touched =>
  snapshot === undefined
    ? { resources, untold: true }
    : { resources: [...resources, ...snapshot.map(({ resource }) => resource)], untold }

/** What a resumed run did on the host before it stopped. */
const touchedBefore = (history: History | undefined, host: string): Touched =>
  (history?.applied ?? [])
    .filter(({ step }) => step.host === host)
    .reduce<Touched>((touched, { step }) => alsoTouched(touched, history?.finished.get(step.key)?.before), {
      resources: [],
      untold: false,
    })
