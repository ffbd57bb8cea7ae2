import { paramsNow, refuseChangedInputs } from './changed-inputs.ts'
import { marker, readBeforeImage, sealContents } from '../record/before-images.ts'
import type { Address } from '../base/address.ts'
import { JOURNAL_VERSION } from '../record/journal.ts'
import { journalPath } from '../record/paths.ts'
import type { Applied, History } from '../record/history.ts'
import type { AppliedStep } from '../undo/drift.ts'
import { undoSteps } from '../undo/undo.ts'
import {
  type Event,
  stamped,
  type RunFinished,
  type StepFinished,
  type StepRef,
  type StepUndone,
  type UndoPassed,
  type UndoRecord,
  type UndoStarted,
  type Unstamped,
} from '../events/events.ts'
import { EXIT } from '../events/exit.ts'
import { Failure } from '../base/failure.ts'
import { runningAs } from '../record/liveness.ts'
import type { AnyModule } from '../module.ts'
import { createReport } from '../output/report.ts'
import type { Request, Show, What } from '../events/request.ts'
import { run } from './run.ts'
import { findRun, loadHistory, loadKeptInputs } from '../record/runs.ts'
import type { World } from '../world.ts'

export interface UndoRequest {
  readonly run: string | undefined
  /** Undo back to the step of this name or key, that one included. */
  readonly to: string | undefined
  readonly host: string | undefined
  /** The undo that was cut off and goes on. */
  readonly resumes?: string
  /** Only say what would be undone. */
  readonly plan: boolean
  readonly acceptChanges: boolean
  /** Secrets, which are not kept. */
  readonly params: What['params']
  readonly output: Show['output']
  readonly waitLock: number
}

/**
 * Takes a run back, newest step first; a run of its own, with a journal of its own. Cut off, it goes on where it stood when it is said
 * again, or resumed.
 */
export async function undo(asked: UndoRequest, world: World, modules: ReadonlyMap<string, AnyModule>): Promise<number> {
  const { run: id, history } = await findRun(
    world,
    asked.run,
    (history) => history.started.goal === 'apply' && hasAnythingLeft(history),
    'there is no run with anything to undo',
  )
  if ((await runningAs(world, id)) !== undefined)
    throw new Failure(`run ${id} is still under way`, {
      kind: 'refused',
      todo: `stop it first (Ctrl-C, or SIGTERM to its process); runbook attach ${id} shows it`,
    })
  if (!hasAnythingLeft(history)) {
    const stays = acted(history).map(({ step }) => `${step.name} on ${step.host}`)
    const told = stays.length === 0 ? '' : `; what cannot be undone stays: ${stays.join(', ')}`
    world.stderr.write(`Run ${id} has nothing left to undo${told}.\n`)
    await close(world, asked.resumes === undefined ? [] : [asked.resumes])
    return EXIT.done
  }
  const kept = await loadKeptInputs(world, id)
  if (!asked.acceptChanges) await refuseChangedInputs(world, history, kept, asked.params)
  refuseOlder(id, chosen(history, asked))
  const newest = new Map(history.applied.map(({ step, blob }) => [step.key, blob]))
  const steps = await Promise.all(
    chosen(history, asked).map((applied) => load(world, id, history, applied, newest.get(applied.step.key) === applied.blob)),
  )
  if (steps.length === 0)
    throw new Failure(`run ${id} has nothing to undo${asked.host === undefined ? '' : ` on ${asked.host}`}`, { kind: 'input' })
  const request: Request = {
    ...kept.request,
    goal: asked.plan ? 'plan' : 'undo',
    undoes: { run: id, to: asked.to, host: asked.host },
    what: { ...kept.request.what, params: paramsNow(kept, asked.params) },
    which: { ...kept.request.which, startAtTask: undefined, step: false },
    how: { ...kept.request.how, waitLock: asked.waitLock },
    show: { ...kept.request.show, output: asked.output },
  }
  const original = asked.plan ? undefined : await world.files.append(journalPath(id))
  const mark = async (event: Unstamped<UndoStarted | StepUndone | UndoPassed>) => {
    original?.write(`${JSON.stringify(stamped<Event>(event, world.clock.now()))}\n`)
    await original?.sync()
  }
  try {
    const code = await run(request, world, modules, {
      work: (state, plays) =>
        undoSteps(
          state,
          plays.map(({ play }) => play),
          steps,
          {
            begun: ({ step, blob }) => mark({ type: 'undo-started', step, blob, by: state.id }),
            undone: ({ step, blob }) => mark({ type: 'step-undone', step, blob }),
            passed: ({ step }) => mark({ type: 'undo-passed', step }),
          },
        ),
    })
    const cutOff = chosen(history, asked).flatMap(({ undoing }) => undoing)
    if (code === EXIT.done && !asked.plan)
      await close(world, [...new Set([...cutOff, ...(asked.resumes === undefined ? [] : [asked.resumes])])])
    return code
  } finally {
    await original?.close()
  }
}

/** An older runbook wrote down what was before in another form, which nothing here can restore from. */
function refuseOlder(run: string, steps: readonly Applied[]): void {
  const older = steps.find(({ version }) => version < JOURNAL_VERSION)
  if (older === undefined) return
  throw new Failure(
    `run ${run} cannot be undone by this runbook: an older one applied ${older.step.name} on ${older.step.host}`,
    {
      kind: 'refused',
      why: `its journal is of version ${older.version}; what undo needs is read from version ${JOURNAL_VERSION} on`,
      todo: `undo it with the runbook that applied it; runbook show ${run} tells what it changed`,
    },
  )
}

/** A command that `changed_when` says has changed nothing is not worth a word; what can be put back is, whatever is said of it. */
const acted = ({ applied, finished }: History): readonly Applied[] =>
  applied.filter(({ step }) => {
    const end = finished.get(step.key)
    return end?.outcome !== 'ok' || end.reversible
  })

const hasAnythingLeft = (history: History): boolean => acted(history).some(({ step }) => !history.passed.has(step.key))

function chosen(history: History, { to, host }: UndoRequest): readonly Applied[] {
  const { begun } = history
  const isIt = (step: StepRef) => to === undefined || step.name === to || step.key === to || step.task === to
  const first = begun.findIndex(isIt)
  if (first === -1)
    throw new Failure(`the run has no step \`${to}\` to undo to`, {
      kind: 'input',
      todo: `its steps: ${[...new Set(begun.map(({ name }) => name))].join(', ')}`,
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
  return acted(history)
    .filter(({ step }) => host === undefined || step.host === host)
    .filter(({ step }) => (at.get(step.key) ?? 0) >= (from.get(step.host) ?? first))
}

/** Undos that were cut off: nobody need resume them, as what they were to take back has been. */
async function close(world: World, undos: readonly string[]): Promise<void> {
  for (const run of undos) {
    const { started, ended } = await loadHistory(world, run)
    if (ended?.exitCode === 0) continue
    const end: RunFinished = {
      type: 'run-finished',
      at: world.clock.now(),
      run: started.run,
      seconds: 0,
      interrupted: false,
      exitCode: 0,
      counts: createReport().counts(),
    }
    const journal = await world.files.append(journalPath(run))
    journal.write(`${JSON.stringify(end)}\n`)
    await journal.close()
  }
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
