/** Masks, reports, shows and journals every event of a run. Made by `run.ts`. */
import { type Emit, type Event, type RunFinished, stamped, type Unstamped } from '../events/events.ts'
import { sealChange } from '../events/mask-change.ts'
import { maskEvent } from '../events/mask-event.ts'
import type { Request } from '../events/request.ts'
import type { Secrets } from '../base/secret-values.ts'
import type { Failure } from '../base/failure.ts'
import { createReport, type Report } from '../output/report.ts'
import { openView, type RunView } from '../output/view.ts'
import { type Journal, openJournal } from '../record/journal.ts'
import type { Source } from '../source/source.ts'
import type { Run } from '../state/run-state.ts'
import type { World } from '../world.ts'

/**
 * Receives every event of a run: stamps the time, masks secrets once for all readers, and hands the event to the report, to
 * the view and, once it is open, to the journal. The engine knows its `emit`, `durable` and `ask`.
 */
export interface Recorder {
  readonly report: Report
  readonly emit: Emit
  /** Asks on the terminal, one question at a time, while the live view stands still. */
  readonly ask: Run['ask']
  /** Keeps the events from now on. Lock events come earlier: a run that waits for a lock has no journal yet. */
  openJournal(run: string, onLost: () => void): Promise<void>
  /** As `Journal.durable`; resolves at once if no journal is open. */
  durable(): Promise<void>
  /** The failure to write the journal, if any. */
  readonly lost: Failure | undefined
  /** Writes everything to the disk and the screen. If `end` is given, shows the plan, or the failures and the summary. */
  close(end?: Unstamped<RunFinished>): Promise<void>
}

export async function openRecorder(
  request: Request,
  secrets: Secrets,
  sources: readonly Source[],
  world: World,
): Promise<Recorder> {
  const report = createReport()
  const view = await openView({ goal: request.goal, ...request.show }, world, report, sources)
  const kept: { journal?: Journal } = {}

  const show = (event: Event, reported = event): void => {
    report.add(reported)
    view.add(event)
  }
  const record = (event: Event): void => {
    const shown = maskEvent(secrets, event)
    if (shown.type === 'apply-started' && event.type === 'apply-started') {
      // The undo record may hold secrets: only the sealed blob gets it.
      show({ ...shown, undo: { ...shown.undo, params: undefined, before: undefined } })
      kept.journal?.addApply({ ...shown, undo: event.undo })
    } else if (shown.type === 'step-finished' && event.type === 'step-finished') {
      // Undo compares the host with the snapshot `after`: it must be exact, so it is not masked, and not shown.
      const { after: _after, ...rest } = shown
      // A saved plan is made from the report: it must distinguish hidden values.
      show(rest, { ...rest, changes: event.changes.map((change) => sealChange(secrets, change)) })
      kept.journal?.add(event.after === undefined ? rest : { ...rest, after: event.after })
    } else {
      show(shown)
      if (shown.type === 'step-progress') kept.journal?.addProgress(shown)
      else kept.journal?.add(shown)
    }
  }

  return {
    report,
    emit: (event) => record(stamped<Event>(event, world.clock.now())),
    ask: oneAtATime(world, view, secrets),
    async openJournal(run, onLost) {
      kept.journal = await openJournal(world, run, onLost)
      secrets.sealWith(kept.journal.mark)
    },
    durable: async () => kept.journal?.durable(),
    get lost() {
      return kept.journal?.lost
    },
    async close(end) {
      const last = end === undefined ? undefined : stamped<RunFinished>(end, world.clock.now())
      if (last !== undefined) record(last)
      await kept.journal?.close()
      await view.close()
      if (last !== undefined) view.finish(last)
    },
  }
}

function oneAtATime(world: World, view: RunView, secrets: Secrets): Run['ask'] {
  let last: Promise<unknown> = Promise.resolve()
  return (question) => {
    const answer = last.then(async () => {
      const resume = await view.hold()
      try {
        return await world.ask(secrets.mask(question))
      } finally {
        resume()
      }
    })
    last = answer.catch(() => undefined)
    return answer
  }
}
