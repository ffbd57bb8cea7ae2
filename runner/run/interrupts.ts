import type { Report } from '../output/report.ts'
import { abortedByOperator } from '../engine/execute.ts'
import type { Run } from '../state/run-state.ts'

export interface Interrupts {
  /** Ignores signals from now on: a second hang-up, say, must not stop the end from being written down. */
  rest(): void
  /** Leaves signals to the process again. */
  end(): void
}

/**
 * Once: start nothing new, finish what is in flight. Twice: abort. SIGTERM counts as Ctrl-C. So does SIGHUP, which comes when the terminal goes
 * away (often twice, from the kernel and the shell), but never as the second; not at all where the run was to go on without its terminal.
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
