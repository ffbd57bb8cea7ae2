/**
 * Finds and loads the steps that an undo covers, from the journal of the run. Called by run/undo.ts before any
 * connection.
 */
import type { Address } from '../base/address.ts'
import type { StepFinished, StepRef, UndoRecord } from '../events/events.ts'
import { Failure } from '../base/failure.ts'
import { marker, readBeforeImage, sealContents } from '../record/before-images.ts'
import type { Applied, History } from '../record/history.ts'
import { JOURNAL_VERSION } from '../record/journal.ts'
import { loadHistory } from '../record/runs.ts'
import type { World } from '../world.ts'
import type { AppliedStep } from './drift.ts'

/** The applied steps, without irreversible ones that changed nothing according to `changed_when`. */
export const actedSteps = ({ applied, finished }: History): readonly Applied[] =>
  applied.filter(({ step }) => {
    const end = finished.get(step.key)
    return end?.outcome !== 'ok' || end.reversible
  })

export const hasAnythingToUndo = (history: History): boolean =>
  actedSteps(history).some(({ step }) => !history.passed.has(step.key))

/** The values of `--to` and `--host`. */
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
  // Each host starts at its own step `to`, even if that is undone already; a host without one starts at the first
  // such step of any host.
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

/** Refuses before-images of an older runbook, whose form cannot be restored from. */
export function refuseOlder(run: string, steps: readonly Applied[]): void {
  const older = steps.find(({ version }) => version < JOURNAL_VERSION)
  if (older === undefined) return
  throw new Failure(
    `run ${run} cannot be undone by this runbook: an older one applied ${older.step.name} on ${older.step.host}`,
    {
      kind: 'refused',
      why: `its journal has version ${older.version}; undo needs version ${JOURNAL_VERSION} or later`,
      help: `undo it with the runbook that applied it; runbook show ${run} lists its changes`,
    },
  )
}

/** Loads the data for undo of each step: its before-image, its snapshots, and the history of earlier undos. */
export function loadSteps(world: World, run: string, history: History, steps: readonly Applied[]): Promise<AppliedStep[]> {
  const newest = new Map(history.applied.map(({ step, blob }) => [step.key, blob]))
  return Promise.all(steps.map((applied) => load(world, run, history, applied, newest.get(applied.step.key) === applied.blob)))
}

/**
 * @param newest false if the step began again later with another before-image: the recorded end belongs to that
 * start
 */
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
    // `ok`: according to `changed_when`, or because a resumed run found the step done.
    verified: end?.outcome === 'changed' || end?.outcome === 'ok',
    before: newest ? end?.before : undefined,
    after: newest ? end?.after : undefined,
    sealed: (now) => (mark === undefined ? now : sealContents(now, mark)),
    touched: touchedBy(end),
    result: end?.result ?? {},
    begun: undoing.length === 0 ? undefined : await loadHistory(world, ...undoing),
  }
}

/** Undefined if a resumed run found the step done: its changes are unknown. */
const touchedBy = (end: StepFinished | undefined): readonly Address[] | undefined =>
  end === undefined || (end.after === undefined && end.changes.length === 0)
    ? undefined
    : [...(end.after ?? []), ...end.changes].map(({ resource }) => resource)
