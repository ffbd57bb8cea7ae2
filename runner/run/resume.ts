import { paramsNow, refuseChangedInputs } from './changed-inputs.ts'
import { failedHosts } from '../record/history.ts'
import { EXIT } from '../events/exit.ts'
import { Failure } from '../base/failure.ts'
import { runningAs } from '../record/liveness.ts'
import type { AnyModule } from '../module.ts'
import type { Request, Show, What } from '../events/request.ts'
import { run } from './run.ts'
import { findRun, isPlanReadable, loadKeptInputs } from '../record/runs.ts'
import { undo } from './undo.ts'
import { endedWell, lastSeen, outcomeWord } from '../output/runs-view.ts'
import type { World } from '../world.ts'

export interface ResumeRequest {
  /** Default: the newest run that did not succeed. */
  readonly run: string | undefined
  /** Only the hosts that failed. */
  readonly failed: boolean
  readonly acceptChanges: boolean
  /** Answer yes to every `confirm`. */
  readonly yes: boolean
  /** Parameters that replace those of the run (a change that must be accepted), and secrets (they are not kept). */
  readonly params: What['params']
  readonly output: Show['output']
  readonly waitLock: number
  readonly detach: boolean
}

/** Continues a run where it stopped: the same walk, in which recorded steps are replayed. */
export async function resume(asked: ResumeRequest, world: World, modules: ReadonlyMap<string, AnyModule>): Promise<number> {
  const { run: id, history } = await findRun(
    world,
    asked.run,
    (history) => !endedWell(history),
    'no run to resume: all readable runs succeeded',
  )
  if ((await runningAs(world, id)) !== undefined)
    throw new Failure(`run ${id} is still under way`, { kind: 'refused', help: `runbook attach ${id} shows it` })
  if (endedWell(history)) {
    world.stderr.write(`Run ${id} succeeded: nothing to resume.\n`)
    return EXIT.done
  }
  const kept = await loadKeptInputs(world, id)
  if (kept.request.undoes !== undefined) {
    const { acceptChanges, params, output, waitLock } = asked
    return undo({ ...kept.request.undoes, resumes: id, plan: false, acceptChanges, params, output, waitLock }, world, modules)
  }
  if (!asked.acceptChanges) await refuseChangedInputs(world, history, kept, asked.params)
  const only = asked.failed ? new Set(failedHosts(history)) : undefined
  if (only?.size === 0) throw new Failure(`no host failed in run ${id}`, { kind: 'input', help: 'omit --failed' })
  world.stderr.write(
    `Run ${id} of ${history.started.playbook} ${outcomeWord(history)} ${lastSeen(history, world.clock.now())}.\n`,
  )
  const request: Request = {
    ...kept.request,
    what: { ...kept.request.what, params: paramsNow(kept, asked.params) },
    how: { ...kept.request.how, yes: kept.request.how.yes || asked.yes, waitLock: asked.waitLock, detach: asked.detach },
    show: { ...kept.request.show, output: asked.output },
  }
  if (!isPlanReadable(kept) && !asked.acceptChanges)
    throw new Failure(`run ${id} applied a saved plan of an older runbook, which this version cannot compare`, {
      kind: 'refused',
      help: 'resume it with the runbook that started it, or pass --accept-changes to continue without the plan',
    })
  // Accepting other inputs than those of the plan gives up the plan.
  const plannedSteps = kept.agreed === undefined || asked.acceptChanges ? undefined : new Map(Object.entries(kept.agreed))
  return run(request, world, modules, { past: { run: id, history, how: { only, changed: asked.acceptChanges } }, plannedSteps })
}
