/** Writes the journal of a run, durably. Called by run/recorder.ts. */
import type { ApplyStarted, Event, StepFinished, StepProgress } from '../events/events.ts'
import { Failure } from '../base/failure.ts'
import { fileTrouble } from '../base/file-failure.ts'
import type { World } from '../world.ts'
import { openBeforeImages, sealContents } from './before-images.ts'
import { journalPath } from './paths.ts'

/**
 * The record of a run on the controller's disk: `.runbook/runs/<run>/journal.jsonl` with one event a line, and
 * `blobs/` with the encrypted before-images. A step's before-image and `apply-started` are on the disk before the
 * step changes anything. A step's end is on the disk before the next step starts.
 */
export interface Journal {
  /** Adds an event. Its secrets are masked already. */
  add(event: Event): void
  /** Adds the progress of a step for `attach`, at most once every two seconds. */
  addProgress(event: StepProgress): void
  /** Adds the start of an apply. The data for `undo` goes into a blob: it can hold secrets and be large. */
  addApply(event: ApplyStarted): void
  /**
   * Resolves once everything added so far is on the disk. Throws `lost` if it is set: a run must not continue
   * without its journal.
   */
  durable(): Promise<void>
  /** Writes the rest and closes the file. If that fails, sets `lost`. */
  close(): Promise<void>
  /** Returns the run's keyed digest of a content, which does not confirm a guess. */
  mark(content: string): string
  /** The first failure to write. Stays set even if the disk has room again, because lines may be missing. */
  readonly lost: Failure | undefined
}

/**
 * Raised when a reader of an older version could misread a newer journal. In version 1, a change had one text
 * (`path`) in place of resource and property; a step had `saw` and `left` in place of the snapshots `before` and
 * `after`, and a failure `todo` for `help`.
 */
export const JOURNAL_VERSION = 2

/** Minimum milliseconds between two progress lines of a step. */
const PROGRESS_EVERY = 2000

/** @param onLost called when a write fails */
export async function openJournal(world: World, run: string, onLost: () => void): Promise<Journal> {
  const images = await openBeforeImages(world, run).catch(NOTHING_BEGUN)
  const file = await world.files.append(journalPath(run)).catch(NOTHING_BEGUN)
  file.write(`${JSON.stringify({ type: 'journal', version: JOURNAL_VERSION })}\n`)
  /** Replaces contents by keyed digests, so that the journal cannot confirm a guess. */
  const sealed = ({ before, after, ...rest }: StepFinished) => ({
    ...rest,
    ...(before === undefined ? {} : { before: sealContents(before, images.mark) }),
    ...(after === undefined ? {} : { after: sealContents(after, images.mark) }),
  })
  const write = (line: object) => file.write(`${JSON.stringify(line)}\n`)
  /** The time of the last kept progress, by step key. */
  const kept = new Map<string, number>()
  /** The lines of `addApply` whose blob is not on the disk yet, or could not be written. */
  const waiting = new Set<Promise<void>>()
  let lost: Failure | undefined
  const trying = async (work: () => Promise<unknown>) => {
    try {
      await work().catch(NOTHING_MORE)
    } catch (error) {
      lost ??= error as Failure
      onLost()
    }
  }
  return {
    add: (event) => write(event.type === 'step-finished' ? sealed(event) : event),
    addProgress(event) {
      if (Math.abs(event.at - (kept.get(event.step.key) ?? -Infinity)) < PROGRESS_EVERY) return
      kept.set(event.step.key, event.at)
      write(event)
      // `attach` reads the disk, and the next line may be minutes away. If this fails, the next `durable` tries again.
      file.sync().catch(() => undefined)
    },
    addApply({ undo, ...shown }) {
      // The line comes after the blob: a line that names a missing blob would make the whole run impossible to undo.
      const line = images.add(JSON.stringify(undo)).then((blob) => write({ ...shown, blob }))
      waiting.add(line)
      line.then(
        () => waiting.delete(line),
        () => undefined, // `durable` reports it
      )
    },
    async durable() {
      if (lost === undefined)
        await trying(async () => {
          await Promise.all(waiting)
          await file.sync()
        })
      if (lost !== undefined) throw lost
    },
    async close() {
      await Promise.allSettled(waiting)
      await trying(file.close)
    },
    mark: images.mark,
    get lost() {
      return lost
    },
  }
}

/** @param then the command to give once the cause is removed */
const unwritable =
  (what: string, then: string) =>
  (cause: unknown): never => {
    const { why, help = 'check the controller’s disk' } = fileTrouble(cause)
    const where = cause instanceof Failure ? `${cause.message}: ` : ''
    throw new Failure(what, { kind: 'refused', why: `${where}${why}`, help: `${help}, then ${then}`, cause })
  }
const NOTHING_BEGUN = unwritable('the journal cannot be written, so nothing was started', 'retry')
const NOTHING_MORE = unwritable('the journal could not be written, so nothing more is started', 'resume the run')
