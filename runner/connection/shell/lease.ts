import { Failure } from '../../base/failure.ts'
import { duration } from '../../base/format.ts'

/** Signs of life to a host that keeps locks for this runner. */
export interface Lease {
  /** Gives a sign of life; where too long has passed since the last one it gives up instead. */
  renew(): void
  end(): void
}

/**
 * Begins to give signs of life, four in a lease. A runner that stood still for longer (a suspended laptop, SIGSTOP) must not go on
 * as if it still had its locks, whatever the host has done meanwhile: so the time is that of the wall clock, which counts sleep.
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
    why: `the runner stood still for ${duration(silent)}; the host frees its locks after ${duration(limit)} without a sign of life`,
    todo: 'resume the run: it looks again at what it does next',
  })
