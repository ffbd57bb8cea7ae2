/**
 * The state of a run as a fold over its events: counts, failures, steps in flight. Called by run/ and read by
 * the views.
 */
import type {
  Counts,
  Event,
  Interrupted,
  LoopStarted,
  NotStarted,
  Outcome,
  RescuePlanned,
  RunStarted,
  StepFinished,
} from '../events/events.ts'
import { isWithin } from '../events/step-address.ts'
import type { FailureKind } from '../base/failure.ts'

/** The state of a run so far. */
export interface Report {
  readonly started: RunStarted | undefined
  readonly finished: readonly StepFinished[]
  /** Plan: the tasks that run only if a block fails. */
  readonly rescues: readonly RescuePlanned[]
  /** Notified handlers that did not run, by host. */
  readonly pendingHandlers: ReadonlyMap<string, readonly string[]>
  /** The loops, with their terms. */
  readonly loops: readonly LoopStarted[]
  readonly notStarted: readonly NotStarted[]
  /** Failures that count: neither ignored by `ignore_errors` nor rescued. */
  failures(): readonly StepFinished[]
  counts(): Counts
  /** Steps in flight. */
  inFlight(): Interrupted['inFlight']
}

export interface ReportFold extends Report {
  add(event: Event): void
}

export function createReport(): ReportFold {
  let started: RunStarted | undefined
  const finished: StepFinished[] = []
  const rescues: RescuePlanned[] = []
  const pendingHandlers = new Map<string, readonly string[]>()
  const loops: LoopStarted[] = []
  const notStarted: NotStarted[] = []
  const rescued = new Set<StepFinished>()
  const applying = new Map<string, Interrupted['inFlight'][number]>()
  const lost = (step: StepFinished) => step.failure !== undefined && step.ignored !== true
  return {
    get started() {
      return started
    },
    finished,
    rescues,
    loops,
    notStarted,
    pendingHandlers,
    add(event) {
      if (event.type === 'run-started') started = event
      else if (event.type === 'apply-started') applying.set(event.step.key, { step: event.step })
      else if (event.type === 'step-progress' && applying.has(event.step.key))
        applying.set(event.step.key, { step: event.step, progress: event.progress })
      else if (event.type === 'step-finished') {
        finished.push(event)
        applying.delete(event.step.key)
      } else if (event.type === 'handlers-pending') pendingHandlers.set(event.host, event.handlers)
      else if (event.type === 'loop-started') loops.push(event)
      else if (event.type === 'task-finished') notStarted.push(...(event.notStarted ?? []))
      else if (event.type === 'rescue-planned') rescues.push(event)
      else if (event.type === 'rescued') {
        for (const step of finished)
          if (step.step.host === event.host && isWithin(step.step.task, event.block) && lost(step)) rescued.add(step)
      }
    },
    failures: () => finished.filter((step) => lost(step) && !rescued.has(step)),
    inFlight: () => [...applying.values()],
    counts() {
      const counted = finished.filter((step) => step.ignored !== true && !rescued.has(step))
      const of = (outcome: Outcome) => counted.filter((step) => step.outcome === outcome).length
      return {
        ok: of('ok'),
        changed: of('changed'),
        planned: of('planned'),
        unknown: of('unknown'),
        skipped: of('skipped'),
        failed: of('failed'),
        unreachable: of('unreachable'),
        ignored: finished.filter((step) => step.ignored === true).length,
        rescued: rescued.size,
      }
    },
  }
}

export const failureKinds = (report: Report): FailureKind[] => report.failures().map((step) => step.failure?.kind ?? 'failed')

/** Returns true if a deadline passed before everything was started. */
export const isLate = ({ notStarted }: Report): boolean => notStarted.some(({ reason }) => reason === 'deadline')
