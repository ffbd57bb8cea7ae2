import { journalPath } from './paths.ts'
import { parseLines } from './history.ts'
import type { Event } from '../events/events.ts'
import { runningAs } from './liveness.ts'
import type { World } from '../world.ts'

const PAUSE_MS = 250

/**
 * Yields the events of a run's journal as they arrive, until the run ends or its process is gone. Each read starts
 * at the end of the one before, so that a long journal costs no more.
 *
 * @param stopped called between two reads; true ends the iteration
 */
export async function* follow(world: World, run: string, stopped: () => boolean): AsyncGenerator<Event> {
  let from = 0
  let torn = new Uint8Array()
  for (let last = false; ;) {
    // Asked before the read, which then includes everything that an ended process wrote.
    const over = (await runningAs(world, run)) === undefined
    const more = (await world.files.read(journalPath(run), from)) ?? new Uint8Array()
    from += more.length
    const bytes = Buffer.concat([torn, more])
    const end = bytes.lastIndexOf(0x0a) + 1
    torn = bytes.subarray(end)
    for (const event of parseLines(bytes.subarray(0, end).toString())) {
      if ((event as { type: string }).type === 'journal') continue // the head: one for each life of the run
      last = event.type === 'run-finished'
      yield event
    }
    if (over || last || stopped()) return
    await world.clock.sleep(PAUSE_MS)
  }
}
