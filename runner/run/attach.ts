import type { RunFinished } from '../events/events.ts'
import { EXIT } from '../events/exit.ts'
import { follow } from '../record/follow.ts'
import { runningAs } from '../record/liveness.ts'
import { createReport } from '../output/report.ts'
import { openView } from '../output/view.ts'
import type { Show } from '../events/request.ts'
import { sourcesOf } from './past-runs.ts'
import { findRun, listRuns, loadKeptInputs } from '../record/runs.ts'
import type { World } from '../world.ts'

/**
 * `runbook attach [RUN]`: shows a run from its beginning until it ends, as the run itself shows it. The view is a fold over
 * the journal; the run does not notice. Ctrl-C ends the view, not the run. Exits with the run's exit code.
 */
export async function attach(text: string | undefined, output: Show['output'], world: World): Promise<number> {
  const { run, history } = await findRun(
    world,
    text ?? (await newestUnderWay(world)),
    () => true,
    'no runs are kept in this folder',
  )
  const { request, digests } = await loadKeptInputs(world, run)
  const goal = history.started.goal
  const report = createReport()
  const view = await openView(
    { goal, ...request.show, output, attached: true },
    world,
    report,
    await sourcesOf(world, Object.keys(digests)),
  )
  let left = false
  const stop = world.onInterrupt(() => (left = true))
  let end: RunFinished | undefined
  try {
    // A run that was resumed begins its journal anew: only its present life is shown.
    let { lives } = history
    for await (const event of follow(world, run, () => left)) {
      if (event.type === 'run-started') lives--
      if (lives > 0) continue
      report.add(event)
      view.add(event)
      end = event.type === 'run-finished' ? event : undefined
      if (left) break
    }
    if (end === undefined) await view.hold() // steps in flight have not ended
  } finally {
    stop()
    await view.close()
  }
  if (end !== undefined) {
    view.finish(end)
    return end.exitCode
  }
  if ((await runningAs(world, run)) !== undefined) {
    world.stderr.write(`Run ${run} continues. runbook attach ${run} shows it again.\n`)
    return EXIT.done
  }
  world.stderr.write(`Run ${run} was killed: its process is gone. runbook resume ${run} continues it.\n`)
  return EXIT.failed
}

async function newestUnderWay(world: World): Promise<string | undefined> {
  for (const run of (await listRuns(world)).toReversed()) if ((await runningAs(world, run)) !== undefined) return run
  return undefined
}
