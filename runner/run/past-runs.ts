/** Shows, follows and removes the runs kept in this folder. Called by the commands runs, show and logs, and by attach. */
import { oneLine } from '../base/screen.ts'
import { styleOf } from '../output/view.ts'
import { plainLine } from '../output/plain.ts'
import { lastSeen, outcomeWord, renderRun, renderRuns, type ShownHistory, type ShowOptions } from '../output/runs-view.ts'
import type { History } from '../record/history.ts'
import { keyPath, RUNS_FOLDER } from '../record/paths.ts'
import { EXIT } from '../events/exit.ts'
import { follow } from '../record/follow.ts'
import { runningAs } from '../record/liveness.ts'
import { findRun, readRun, listRuns } from '../record/runs.ts'
import type { Source } from '../source/source.ts'
import type { World } from '../world.ts'

/** `runbook runs`. */
export async function runs(world: World): Promise<number> {
  const known = await Promise.all(
    (await listRuns(world)).toReversed().map(async (run) => {
      const found = await readRun(world, run)
      return 'history' in found ? withLiveness(world, run, found.history) : found
    }),
  )
  world.stdout.write(renderRuns(known, world.clock.now()))
  return EXIT.done
}

/** Adds to a run's history whether the run is still under way. */
async function withLiveness(world: World, run: string, history: History): Promise<ShownHistory> {
  return { ...history, running: history.ended === undefined && (await runningAs(world, run)) !== undefined }
}

/** `runbook show RUN`. */
export async function show(text: string | undefined, options: ShowOptions, world: World): Promise<number> {
  const found = await findRun(world, text, () => true, 'no runs are kept in this folder')
  const history = await withLiveness(world, found.run, found.history)
  const sources = await sourcesOf(
    world,
    [...history.finished.values()].flatMap(({ step, failure }) =>
      failure === undefined ? [] : [failure.place?.file ?? step.place.file],
    ),
  )
  world.stdout.write(renderRun(history, sources, options, world.clock.now(), styleOf(world.stdout)))
  return EXIT.done
}

/** The present text of playbooks, for the lines around a failure. Missing files are left out. */
export async function sourcesOf(world: World, files: readonly string[]): Promise<Source[]> {
  const found = await Promise.all([...new Set(files)].map(async (file) => ({ file, content: await world.files.read(file) })))
  return found.flatMap(({ file, content }) => (content === undefined ? [] : [{ file, text: new TextDecoder().decode(content) }]))
}

/** `runbook logs RUN [-f]`: prints the plain lines of a run, and with `-f` the coming ones, until the run ends. */
export async function logs(text: string | undefined, following: boolean, world: World): Promise<number> {
  const { run } = await findRun(world, text, () => true, 'no runs are kept in this folder')
  let left = !following
  const stop = world.onInterrupt(() => (left = true))
  try {
    for await (const event of follow(world, run, () => left)) {
      const line = plainLine(event)
      if (line !== undefined) world.stdout.write(`${line}\n`)
    }
    return EXIT.done
  } finally {
    stop()
  }
}

/** `runbook runs --prune AGE`: removes the runs whose last event is older, with all that resume and undo need. @param seconds the age */
export async function prune(seconds: number, world: World): Promise<number> {
  const now = world.clock.now()
  for (const run of await listRuns(world)) {
    const known = await readRun(world, run)
    const history = 'history' in known ? known.history : undefined
    if (history === undefined || now - history.last < seconds * 1000) continue
    if ((await runningAs(world, run)) !== undefined) continue
    await world.files.remove(`${RUNS_FOLDER}/${run}`)
    await world.files.remove(keyPath(run))
    world.stdout.write(
      `removed ${run}  ${outcomeWord(history)} ${lastSeen(history, now)}  ${oneLine(history.started.playbook)}\n`,
    )
  }
  return EXIT.done
}
