import type { ApplyStarted, Event } from '../events.ts'
import { Failure } from '../failure.ts'
import type { Saw } from '../module.ts'
import type { World } from '../world.ts'
import { openBeforeImages, sealContents } from './before-images.ts'
import { journalPath } from './paths.ts'

/**
 * The record of a run on the controller's disk: `.runbook/runs/<run>/journal.jsonl`, one event a line, and `blobs/` with before-images,
 * sealed (`before-images.ts`).
 * A step's before-image and its `apply-started` are on the disk before anything is changed; its end is on the disk before the next step starts.
 */
export interface Journal {
  /** The event as it may be shown: secrets are masked already. */
  add(event: Event): void
  /** Keeps what `undo` needs out of the journal's lines: it can hold secrets, and it can be large. */
  addApply(event: ApplyStarted): void
  /** Everything added so far is on the disk when this resolves. Throws `Failure`: without its journal a run must not go on. */
  durable(): Promise<void>
  close(): Promise<void>
}

/** Raised when a reader of an older version could misread a newer journal. */
export const JOURNAL_VERSION = 1

export async function openJournal(world: World, run: string): Promise<Journal> {
  const file = await guarded(() => world.files.append(journalPath(run)))
  const images = await guarded(() => openBeforeImages(world, run))
  file.write(`${JSON.stringify({ type: 'journal', version: JOURNAL_VERSION })}\n`)
  const sealed = (event: Event, left: Saw) => ({ ...event, left: sealContents(left, images.mark) })
  const write = (line: object) => file.write(`${JSON.stringify(line)}\n`)
  const durable = () =>
    guarded(async () => {
      await images.durable()
      await file.sync()
    })
  return {
    add: (event) => write(event.type === 'step-finished' && event.left !== undefined ? sealed(event, event.left) : event),
    addApply(event) {
      const { undo, ...shown } = event
      write({ ...shown, blob: images.add(JSON.stringify(undo)) })
    },
    durable,
    close: () => guarded(() => file.close()),
  }
}

async function guarded<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    throw new Failure('the journal could not be written, so nothing more is started', {
      kind: 'refused',
      why: error instanceof Error ? error.message : String(error),
      todo: 'make room on the controller’s disk, then resume the run',
      cause: error,
    })
  }
}
