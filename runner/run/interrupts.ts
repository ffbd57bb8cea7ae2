import type { Report } from '../output/report.ts'
import { abortedByOperator } from '../engine/execute.ts'
import type { Run } from '../state/run-state.ts'

export interface Interrupts {
  /** Ignores signals from now on: a second hang-up, for example, must not keep the end from being recorded. */
  rest(): void
  /** Leaves signals to the process again. */
  end(): void
}

/**
 * Handles signals. The first one starts nothing new and finishes the steps in flight; the second one aborts. SIGTERM counts
 * as Ctrl-C. SIGHUP, sent when the terminal closes (often twice, by the kernel and the shell), counts only as a first one,
 * and with `--detach` not at all.
 */
export function watchInterrupts({ world, control, how, emit }: Run, report: Report, abort: AbortController): Interrupts {
  let times = 0
  let resting = false
  const end = world.onInterrupt((signal) => {
    if (resting || (signal === 'SIGHUP' && (how.detach || times > 0))) return
    times++
    control.stopping = true
    control.interrupted = true
    if (times <= 2) emit({ type: 'interrupted', times, inFlight: report.inFlight() })
    if (times === 2) abort.abort(abortedByOperator())
  })
  return { rest: () => void (resting = true), end }
}
