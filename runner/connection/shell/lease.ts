import { Failure } from '../../base/failure.ts'
import { duration } from '../../base/format.ts'

/** Heartbeats to a host that holds locks for this runner. */
export interface Lease {
  /** Sends a heartbeat, or gives up if the last one was too long ago. */
  renew(): void
  end(): void
}

/**
 * Starts to send heartbeats, four per lease. After a longer pause (a suspended laptop, SIGSTOP) the runner must not
 * continue as if it still held its locks. So the time is that of the wall clock, which counts sleep.
 *
 * @param seconds after which the host may free the locks
 */
export function startLease(seconds: number, beat: () => void, giveUp: (failure: Failure) => void): Lease {
  let last = Date.now()
  const renew = () => {
    const silent = Date.now() - last
    last += silent
    if (silent <= seconds * 1000) beat()
    else giveUp(stoodStill(silent / 1000, seconds))
  }
  const timer = setInterval(renew, seconds * 250)
  timer.unref()
  return { renew, end: () => clearInterval(timer) }
}

const stoodStill = (silent: number, limit: number): Failure =>
  new Failure('the locks on the host are lost', {
    kind: 'unreachable',
    why: `the runner was suspended for ${duration(silent)}; the host frees its locks after ${duration(limit)} without a heartbeat`,
    help: 'resume the run: it checks the next steps again',
  })
