/** Undoes a run, as a run of its own. Called by the command undo, and by resume for an undo that was interrupted. */

import { paramsNow, refuseChangedInputs } from './changed-inputs.ts'
import { journalPath } from '../record/paths.ts'
import { actedSteps, coveredSteps, hasAnythingToUndo, loadSteps, refuseOlder } from '../undo/undo-plan.ts'
import { undoSteps } from '../undo/undo.ts'
import {
  type Event,
  stamped,
  type RunFinished,
  type StepUndone,
  type UndoPassed,
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
  /** The interrupted undo that this one resumes. */
  readonly resumes?: string
  /** Only show the steps that would be undone. */
  readonly plan: boolean
  readonly acceptChanges: boolean
  /** Secrets (they are not kept). */
  readonly params: What['params']
  readonly output: Show['output']
  readonly waitLock: number
}

/**
 * Undoes a run, newest step first. The undo is a run of its own, with its own journal. If it is interrupted, undoing again
 * or resuming it continues where it stopped.
 */
export async function undo(asked: UndoRequest, world: World, modules: ReadonlyMap<string, AnyModule>): Promise<number> {
  const { run: id, history } = await findRun(
    world,
    asked.run,
    (history) => history.started.goal === 'apply' && hasAnythingToUndo(history),
    'no run with anything to undo',
  )
  if ((await runningAs(world, id)) !== undefined)
    throw new Failure(`run ${id} is still under way`, {
      kind: 'refused',
      help: `stop it first (Ctrl-C, or SIGTERM to its process); runbook attach ${id} shows it`,
    })
  if (!hasAnythingToUndo(history)) {
    const stays = actedSteps(history).map(({ step }) => `${step.name} on ${step.host}`)
    const told = stays.length === 0 ? '' : `; steps that cannot be undone: ${stays.join(', ')}`
    world.stderr.write(`Run ${id} has nothing left to undo${told}.\n`)
    await close(world, asked.resumes === undefined ? [] : [asked.resumes])
    return EXIT.done
  }
  const kept = await loadKeptInputs(world, id)
  if (!asked.acceptChanges) await refuseChangedInputs(world, history, kept, asked.params)
  const covered = coveredSteps(history, asked)
  refuseOlder(id, covered)
  const steps = await loadSteps(world, id, history, covered)
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
    const cutOff = covered.flatMap(({ undoing }) => undoing)
    if (code === EXIT.done && !asked.plan)
      await close(world, [...new Set([...cutOff, ...(asked.resumes === undefined ? [] : [asked.resumes])])])
    return code
  } finally {
    await original?.close()
  }
}

/** Ends the journals of interrupted undos: another undo has completed their work, so nobody need resume them. */
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
