import { styleOf } from './output/view.ts'
import { plainLine } from './output/plain.ts'
import { renderRun, renderRuns, type ShowOptions } from './output/runs-view.ts'
import { EXIT } from './exit.ts'
import { findRun, listRuns, loadHistory } from './runs.ts'
import type { Source } from './language/source.ts'
import type { World } from './world.ts'

/** `runbook runs`. */
export async function runs(world: World): Promise<number> {
  const histories = await Promise.all(
    (await listRuns(world)).toReversed().map((run) => loadHistory(world, run).catch(() => undefined)),
  )
  world.stdout.write(
    renderRuns(
      histories.filter((history) => history !== undefined),
      world.clock.now(),
    ),
  )
  return EXIT.done
}

/** `runbook show RUN`. */
export async function show(text: string | undefined, options: ShowOptions, world: World): Promise<number> {
  const { history } = await findRun(world, text, () => true, 'no runs are kept in this folder')
  const sources = await sourcesOf(
    world,
    [...history.finished.values()].flatMap(({ step, failure }) =>
      failure === undefined ? [] : [failure.place?.file ?? step.place.file],
    ),
  )
  world.stdout.write(renderRun(history, sources, options, world.clock.now(), styleOf(world.stdout)))
  return EXIT.done
}

/** Playbooks as they are now, for the lines around a failure. */
async function sourcesOf(world: World, files: readonly string[]): Promise<Source[]> {
  const found = await Promise.all([...new Set(files)].map(async (file) => ({ file, content: await world.files.read(file) })))
  return found.flatMap(({ file, content }) => (content === undefined ? [] : [{ file, text: new TextDecoder().decode(content) }]))
}

const FOLLOW_MS = 300

/** `runbook logs RUN [-f]`: the plain lines of a run, and with `-f` those to come, until it ends. */
export async function logs(text: string | undefined, follow: boolean, world: World): Promise<number> {
  const { run } = await findRun(world, text, () => true, 'no runs are kept in this folder')
  let interrupted = false
  const stop = world.onInterrupt(() => (interrupted = true))
  try {
    for (let shown = 0; ;) {
      const history = await loadHistory(world, run)
      for (const event of history.events.slice(shown)) {
        const line = plainLine(event)
        if (line !== undefined) world.stdout.write(`${line}\n`)
      }
      shown = history.events.length
      if (!follow || interrupted || history.ended !== undefined) return EXIT.done
      await world.clock.sleep(FOLLOW_MS)
    }
  } finally {
    stop()
  }
}
