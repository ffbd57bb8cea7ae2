import { paramsNow, refuseChangedInputs } from './changed-inputs.ts'
import { readBeforeImage } from './engine/before-images.ts'
import { journalPath } from './engine/paths.ts'
import type { Applied, History } from './engine/history.ts'
import { type Undoable, undoSteps } from './engine/undo.ts'
import type { StepUndone, UndoRecord, UndoStarted } from './events.ts'
import { EXIT } from './exit.ts'
import { Failure } from './failure.ts'
import { runningAs } from './liveness.ts'
import type { AnyModule } from './module.ts'
import type { Request } from './request.ts'
import { run } from './run.ts'
import { findRun, loadHistory, loadKeptInputs } from './runs.ts'
import type { World } from './world.ts'

export interface UndoRequest {
  readonly run: string | undefined
  /** Undo back to the step of this name or key, that one included. */
  readonly to: string | undefined
  readonly host: string | undefined
  /** Only say what would be undone. */
  readonly plan: boolean
  readonly acceptChanges: boolean
  /** Secrets, which are not kept. */
  readonly params: Request['params']
  readonly output: Request['output']
  readonly waitLock: number
}

/**
 * Takes a run back, newest step first; a run of its own, with a journal of its own. Cut off, it goes on where it stood when it is said
 * again, or resumed.
 */
export async function takeBack(asked: UndoRequest, world: World, modules: ReadonlyMap<string, AnyModule>): Promise<number> {
  const { run: id, history } = await findRun(
    world,
    asked.run,
    (history) => history.started.goal === 'apply' && acted(history).length > 0,
    'there is no run with anything to undo',
  )
  if ((await runningAs(world, id)) !== undefined)
    throw new Failure(`run ${id} is still under way`, {
      kind: 'refused',
      todo: `stop it first (Ctrl-C, or SIGTERM to its process); runbook attach ${id} shows it`,
    })
  if (acted(history).length === 0 && asked.run !== undefined) {
    world.stderr.write(`Run ${id} has nothing left to undo.\n`)
    return EXIT.done
  }
  const kept = await loadKeptInputs(world, id)
  if (!asked.acceptChanges) await refuseChangedInputs(world, history, kept, asked.params)
  const undoables = await Promise.all(chosen(history, asked).map((applied) => load(world, id, history, applied)))
  if (undoables.length === 0)
    throw new Failure(`run ${id} has nothing to undo${asked.host === undefined ? '' : ` on ${asked.host}`}`, { kind: 'input' })
  const request: Request = {
    ...kept.request,
    goal: asked.plan ? 'plan' : 'undo',
    undoes: { run: id, to: asked.to, host: asked.host },
    params: paramsNow(kept, asked.params),
    output: asked.output,
    waitLock: asked.waitLock,
    startAtTask: undefined,
    step: false,
  }
  const original = asked.plan ? undefined : await world.files.append(journalPath(id))
  const mark = async (event: UndoStarted | StepUndone) => {
    original?.write(`${JSON.stringify(event)}\n`)
    await original?.sync()
  }
  try {
    return await run(request, world, modules, {
      work: (state, plays) =>
        undoSteps(
          state,
          plays.map(({ play }) => play),
          undoables,
          {
            begun: ({ step, blob }) => mark({ type: 'undo-started', at: world.clock.now(), step, blob, by: state.id }),
            undone: ({ step, blob }) => mark({ type: 'step-undone', at: world.clock.now(), step, blob }),
          },
        ),
    })
  } finally {
    await original?.close()
  }
}

/** A command that `changed_when` says has changed nothing is not worth a word; what can be put back is, whatever is said of it. */
const acted = ({ applied, finished }: History): readonly Applied[] =>
  applied.filter(({ step }) => {
    const end = finished.get(step.key)
    return end?.outcome !== 'ok' || end.reversible
  })

function chosen(history: History, { to, host }: UndoRequest): readonly Applied[] {
  const applied = acted(history)
  const from = to === undefined ? 0 : applied.findIndex(({ step }) => step.name === to || step.key === to || step.task === to)
  if (from === -1)
    throw new Failure(`the run has no step \`${to}\` to undo to`, {
      kind: 'input',
      todo: `its steps: ${[...new Set(applied.map(({ step }) => step.name))].join(', ')}`,
    })
  return applied.slice(from).filter(({ step }) => host === undefined || step.host === host)
}

async function load(world: World, run: string, history: History, { step, blob, undoing }: Applied): Promise<Undoable> {
  const end = history.finished.get(step.key)
  return {
    step,
    blob,
    record: JSON.parse(await readBeforeImage(world, run, blob, step)) as UndoRecord,
    verified: end?.outcome === 'changed',
    result: end?.result ?? {},
    begun: undoing.length === 0 ? undefined : await loadHistory(world, ...undoing),
  }
}
