/** Finds the steps that an undo covers, newest first. Called by run/undo.ts. */
import type { Address } from '../base/address.ts'
import type { StepFinished, StepRef, UndoRecord } from '../events/events.ts'
import { Failure } from '../base/failure.ts'
import { marker, readBeforeImage, sealContents } from '../record/before-images.ts'
import type { Applied, History } from '../record/history.ts'
import { JOURNAL_VERSION } from '../record/journal.ts'
import { loadHistory } from '../record/runs.ts'
import type { World } from '../world.ts'
import type { AppliedStep } from './drift.ts'

/** The steps of a run that an undo covers, read from the run's journal. Called by `run/undo.ts`, before anything is connected to. */

/** A command that `changed_when` says has changed nothing is not worth a word; what can be put back is, whatever is said of it. */
export const actedSteps = ({ applied, finished }: History): readonly Applied[] =>
  applied.filter(({ step }) => {
    const end = finished.get(step.key)
    return end?.outcome !== 'ok' || end.reversible
  })

export const hasAnythingToUndo = (history: History): boolean =>
  actedSteps(history).some(({ step }) => !history.passed.has(step.key))

/** What `--to` and `--host` ask for. */
interface Asked {
  /** Name, key or task of a step. */
  readonly to: string | undefined
  readonly host: string | undefined
}

/** The steps that an undo covers, oldest first. Throws `Failure` (input) if the run has no step `to`. */
export function coveredSteps(history: History, { to, host }: Asked): readonly Applied[] {
  const { begun } = history
  const isIt = (step: StepRef) => to === undefined || step.name === to || step.key === to || step.task === to
  const first = begun.findIndex(isIt)
  if (first === -1)
    throw new Failure(`the run has no step \`${to}\` to undo to`, {
      kind: 'input',
      help: `its steps: ${[...new Set(begun.map(({ name }) => name))].join(', ')}`,
    })
  // On each host from its own such step on (it may have been taken back already); where it has none, from when the first was begun.
  const from = new Map(
    begun
      .map((step, at) => [step, at] as const)
      .filter(([step]) => isIt(step))
      .toReversed()
      .map(([step, at]) => [step.host, at]),
  )
  const at = new Map(begun.map(({ key }, index) => [key, index]))
  return actedSteps(history)
    .filter(({ step }) => host === undefined || step.host === host)
    .filter(({ step }) => (at.get(step.key) ?? 0) >= (from.get(step.host) ?? first))
}

/** An older runbook wrote down what was before in another form, which nothing here can restore from. */
export function refuseOlder(run: string, steps: readonly Applied[]): void {
  const older = steps.find(({ version }) => version < JOURNAL_VERSION)
  if (older === undefined) return
  throw new Failure(
    `run ${run} cannot be undone by this runbook: an older one applied ${older.step.name} on ${older.step.host}`,
    {
      kind: 'refused',
      why: `its journal is of version ${older.version}; what undo needs is read from version ${JOURNAL_VERSION} on`,
      help: `undo it with the runbook that applied it; runbook show ${run} tells what it changed`,
    },
  )
}

/** The steps with what undo needs of each: its before-image, what was there after it, what an earlier undo began. */
export function loadSteps(world: World, run: string, history: History, steps: readonly Applied[]): Promise<AppliedStep[]> {
  const newest = new Map(history.applied.map(({ step, blob }) => [step.key, blob]))
  return Promise.all(steps.map((applied) => load(world, run, history, applied, newest.get(applied.step.key) === applied.blob)))
}

/** @param newest false where it was begun again later with something else before it: what is known of its end is about that */
async function load(
  world: World,
  run: string,
  history: History,
  { step, blob, undoing }: Applied,
  newest: boolean,
): Promise<AppliedStep> {
  const end = history.finished.get(step.key)
  const mark = end?.after === undefined ? undefined : await marker(world, run)
  return {
    step,
    blob,
    record: JSON.parse(await readBeforeImage(world, run, blob, step)) as UndoRecord,
    // `ok`: by its `changed_when`, or a resumed run found it done.
    verified: end?.outcome === 'changed' || end?.outcome === 'ok',
    before: newest ? end?.before : undefined,
    after: newest ? end?.after : undefined,
    sealed: (now) => (mark === undefined ? now : sealContents(now, mark)),
    touched: touchedBy(end),
    result: end?.result ?? {},
    begun: undoing.length === 0 ? undefined : await loadHistory(world, ...undoing),
  }
}

/** A resumed run that found a step done does not know what it had changed. */
const touchedBy = (end: StepFinished | undefined): readonly Address[] | undefined =>
  end === undefined || (end.after === undefined && end.changes.length === 0)
    ? undefined
    : [...(end.after ?? []), ...end.changes].map(({ resource }) => resource)
