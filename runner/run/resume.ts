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
  /** Default: the newest run that did not end well. */
  readonly run: string | undefined
  /** Only the hosts that failed. */
  readonly failed: boolean
  readonly acceptChanges: boolean
  /** Agree to whatever a `confirm` asks. */
  readonly yes: boolean
  /** Parameters to use instead of those of the run (a change that must be accepted), and secrets, which are not kept. */
  readonly params: What['params']
  readonly output: Show['output']
  readonly waitLock: number
  readonly detach: boolean
}

/** Goes on with a run where it stood: the same walk, in which steps that were done before are passed over. */
export async function resume(asked: ResumeRequest, world: World, modules: ReadonlyMap<string, AnyModule>): Promise<number> {
  const { run: id, history } = await findRun(
    world,
    asked.run,
    (history) => !endedWell(history),
    'there is no run to resume: all that could be read ended well',
  )
  if ((await runningAs(world, id)) !== undefined)
    throw new Failure(`run ${id} is still under way`, { kind: 'refused', todo: `runbook attach ${id} shows it` })
  if (endedWell(history)) {
    world.stderr.write(`Run ${id} ended well: there is nothing to resume.\n`)
    return EXIT.done
  }
  const kept = await loadKeptInputs(world, id)
  if (kept.request.undoes !== undefined) {
    const { acceptChanges, params, output, waitLock } = asked
    return undo({ ...kept.request.undoes, resumes: id, plan: false, acceptChanges, params, output, waitLock }, world, modules)
  }
  if (!asked.acceptChanges) await refuseChangedInputs(world, history, kept, asked.params)
  const only = asked.failed ? new Set(failedHosts(history)) : undefined
  if (only?.size === 0) throw new Failure(`no host failed in run ${id}`, { kind: 'input', todo: 'leave --failed out' })
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
    throw new Failure(`run ${id} applied a saved plan of an older runbook, which this one cannot compare with`, {
      kind: 'refused',
      todo: 'resume it with the runbook that started it, or pass --accept-changes to continue without the plan',
    })
  // Whoever accepts other inputs than the plan was made from has left the plan.
  const agreed = kept.agreed === undefined || asked.acceptChanges ? undefined : new Map(Object.entries(kept.agreed))
  return run(request, world, modules, { past: { run: id, history, how: { only, changed: asked.acceptChanges } }, agreed })
}
