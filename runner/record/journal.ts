/** Writes the journal of a run, durably. Called by run/recorder.ts. */
import type { ApplyStarted, Event, StepFinished, StepProgress } from '../events/events.ts'
import { Failure } from '../base/failure.ts'
import { fileTrouble } from '../base/file-failure.ts'
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
  /** How far a step has come, for whoever looks on (`attach`); not every word of it is kept. */
  addProgress(event: StepProgress): void
  /** Keeps what `undo` needs out of the journal's lines: it can hold secrets, and it can be large. */
  addApply(event: ApplyStarted): void
  /** Everything added so far is on the disk when this resolves. Throws `lost` once there is one: without its journal a run must not go on. */
  durable(): Promise<void>
  /** Writes what is left, as far as it can be: `lost` says if not. */
  close(): Promise<void>
  /** The run's keyed digest, for what nobody must be able to guess. */
  mark(content: string): string
  /** Why it could not be written; it stays, should there be room again: what came in between may be missing. */
  readonly lost: Failure | undefined
}

/**
 * Raised when a reader of an older version could misread a newer journal. 1: a change had one text (`path`) in place of resource and property,
 * and `saw` and `left` in place of the snapshots `before` and `after`.
 */
export const JOURNAL_VERSION = 2

/** Milliseconds between two that are kept of one step. */
const PROGRESS_EVERY = 2000

/** @param onLost called when it cannot be written any more, whatever it was that could not be */
export async function openJournal(world: World, run: string, onLost: () => void): Promise<Journal> {
  const images = await openBeforeImages(world, run).catch(NOTHING_BEGUN)
  const file = await world.files.append(journalPath(run)).catch(NOTHING_BEGUN)
  file.write(`${JSON.stringify({ type: 'journal', version: JOURNAL_VERSION })}\n`)
  /** Contents by a keyed digest: nobody can tell from the journal whether a guess at one is right. */
  const sealed = ({ before, after, ...rest }: StepFinished) => ({
    ...rest,
    ...(before === undefined ? {} : { before: sealContents(before, images.mark) }),
    ...(after === undefined ? {} : { after: sealContents(after, images.mark) }),
  })
  const write = (line: object) => file.write(`${JSON.stringify(line)}\n`)
  /** When progress was kept last, by step key. */
  const kept = new Map<string, number>()
  /** The lines of `addApply` whose blob is not on the disk yet, or could not be put there. */
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
      // Nothing else may come for minutes, and whoever looks on reads the disk. It is no reason to stop: the next `durable` tries again.
      file.sync().catch(() => undefined)
    },
    addApply({ undo, ...shown }) {
      // The line comes after the blob: it must not name what is not there, or nothing of the run could be undone.
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

/** @param then what helps once the cause is gone */
const unwritable =
  (what: string, then: string) =>
  (cause: unknown): never => {
    const { why, help = 'look at the controller’s disk' } = fileTrouble(cause)
    const where = cause instanceof Failure ? `${cause.message}: ` : ''
    throw new Failure(what, { kind: 'refused', why: `${where}${why}`, help: `${help}, then ${then}`, cause })
  }
const NOTHING_BEGUN = unwritable('the journal cannot be written, so nothing was started', 'run it again')
const NOTHING_MORE = unwritable('the journal could not be written, so nothing more is started', 'resume the run')
