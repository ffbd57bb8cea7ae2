import { journalPath } from './paths.ts'
import { parseLines } from './history.ts'
import type { Event } from '../events/events.ts'
import { runningAs } from './liveness.ts'
import type { World } from '../world.ts'

const PAUSE_MS = 250

/**
 * The events of a run's journal, and those to come, until it ends or its process is gone. Reads on where it stopped, however long the journal.
 *
 * @param stopped asked between two looks
 */
export async function* follow(world: World, run: string, stopped: () => boolean): AsyncGenerator<Event> {
  let from = 0
  let torn = new Uint8Array()
  for (let last = false; ;) {
    // Asked before the read: what a process wrote before it ended is then read for certain.
    const over = (await runningAs(world, run)) === undefined
    const more = (await world.files.read(journalPath(run), from)) ?? new Uint8Array()
    from += more.length
    const bytes = Buffer.concat([torn, more])
    const end = bytes.lastIndexOf(0x0a) + 1
    torn = bytes.subarray(end)
    for (const event of parseLines(bytes.subarray(0, end).toString())) {
      if ((event as { type: string }).type === 'journal') continue // a head: one for each life of the run
      last = event.type === 'run-finished'
      yield event
    }
    if (over || last || stopped()) return
    await world.clock.sleep(PAUSE_MS)
  }
}
