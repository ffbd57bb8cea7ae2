import { Failure } from '../../base/failure.ts'
import { duration } from '../../base/format.ts'
import type { Control } from './shell.ts'

export interface WatchOptions {
  /** For messages. */
  readonly program: string
  /** Seconds. */
  readonly timeout: number | undefined
  readonly signal: AbortSignal | undefined
}

/** A watched command. */
export interface Watch {
  /** The reason for which the runner stopped the command, for its caller. */
  readonly stopped: unknown
  /** Stops the timers, after the end of the command. */
  done(): void
}

/** Milliseconds from SIGTERM to SIGKILL, and from SIGKILL to `giveUp`. */
const grace = { kill: 2000, giveUp: 3000 }

/**
 * Ends a command's process group on the host after its timeout or its caller's abort: SIGTERM, then SIGKILL.
 * Calls `giveUp` if the command survives.
 */
export function watch(control: Control, { program, timeout, signal }: WatchOptions, giveUp: (reason: unknown) => void): Watch {
  const timers = new Set<NodeJS.Timeout>()
  let stopped: unknown

  const after = (ms: number, act: () => void) => {
    const timer = setTimeout(() => {
      timers.delete(timer)
      act()
    }, ms)
    timers.add(timer)
  }
  const stop = (reason: unknown) => {
    if (stopped !== undefined) return
    stopped = reason
    control.signal('TERM')
    after(grace.kill, () => {
      control.signal('KILL')
      after(grace.giveUp, () => {
        done()
        control.forget()
        giveUp(reason)
      })
    })
  }
  const onAbort = () => stop(signal?.reason ?? new Failure(`\`${program}\` was interrupted`, { kind: 'interrupted' }))
  const done = () => {
    for (const timer of timers) clearTimeout(timer)
    signal?.removeEventListener('abort', onAbort)
  }

  if (timeout !== undefined) after(timeout * 1000, () => stop(tooLong(program, timeout)))
  if (signal?.aborted === true) onAbort()
  else signal?.addEventListener('abort', onAbort, { once: true })
  return {
    get stopped() {
      return stopped
    },
    done,
  }
}

const tooLong = (program: string, seconds: number): Failure =>
  new Failure(`\`${program}\` did not end within ${duration(seconds)}`, {
    kind: 'timeout',
    why: 'it was stopped on the host, with the processes it had started',
    help: 'find out on the host why it hangs, or give the task a longer timeout',
  })
