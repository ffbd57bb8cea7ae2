import { createHash } from 'node:crypto'
import type { ApplyStarted, Event } from '../events.ts'
import { Failure } from '../failure.ts'
import type { World } from '../world.ts'

/**
 * The record of a run on the controller's disk: `.runbook/runs/<run>/journal.jsonl`, one event a line, and `blobs/` with before-images.
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

export const RUNS_FOLDER = '.runbook/runs'
export const journalPath = (run: string): string => `${RUNS_FOLDER}/${run}/journal.jsonl`
export const blobPath = (run: string, digest: string): string => `${RUNS_FOLDER}/${run}/blobs/${digest}.json`
export const processPath = (run: string): string => `${RUNS_FOLDER}/${run}/process.json`
export const inputsPath = (run: string): string => `${RUNS_FOLDER}/${run}/inputs.json`

export async function openJournal(world: World, run: string): Promise<Journal> {
  const file = await guarded(() => world.files.append(journalPath(run)))
  const blobs: Promise<void>[] = []
  file.write(`${JSON.stringify({ type: 'journal', version: JOURNAL_VERSION })}\n`)
  const write = (line: object) => file.write(`${JSON.stringify(line)}\n`)
  const durable = () =>
    guarded(async () => {
      await Promise.all(blobs.splice(0))
      await file.sync()
    })
  return {
    add: write,
    addApply(event) {
      const { undo, ...shown } = event
      const text = JSON.stringify(undo)
      const digest = createHash('sha256').update(text).digest('hex')
      const stored = world.files.write(blobPath(run, digest), text, 0o600)
      stored.catch(() => undefined) // `durable` reports it
      blobs.push(stored)
      write({ ...shown, blob: digest })
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
