/** Simulated time: it runs `speed` times as fast as the machine's clock and stops when the cloud stops. */
export interface Clock {
  /** Simulated seconds in a real one. */
  readonly speed: number
  /** Simulated seconds since the cloud started. */
  now(): number
  /** Rejects with `Stopped` when the cloud stops. */
  sleep(seconds: number): Promise<void>
  /** Runs a background activity; it ends quietly when the cloud stops, and any other error of it is kept in `errors`. */
  spawn(activity: () => Promise<void>): void
  /** Errors of background activities: defects of the simulation, thrown again when the cloud is stopped. */
  readonly errors: unknown[]
  /** Ends every sleep and waits for the activities. */
  stop(): Promise<void>
}

/** Why a sleep ended early: the cloud was stopped. */
export class Stopped extends Error {
  override readonly name = 'Stopped'
}

/** Milliseconds of the machine's time. */
const TICK = 2

/**
 * Starts simulated time. Faster than real time, it goes in ticks, each worth the same however late it comes: on a busy machine simulated
 * time slows down with the work that is measured by it. At speed 1 it is the machine's, for those who compare clocks.
 *
 * @param speed simulated seconds in one real second
 */
export function startClock(speed: number): Clock {
  const start = performance.now()
  const sleepers = new Set<{ until: number; resolve: () => void; reject: (error: Error) => void }>()
  const activities = new Set<Promise<void>>()
  const errors: unknown[] = []
  let stopped = false
  let ticks = 0

  const now = () => (speed === 1 ? performance.now() - start : ticks * TICK * speed) / 1000
  const ticking = setInterval(() => {
    ticks++
    for (const sleeper of sleepers) {
      if (sleeper.until > now()) continue
      sleepers.delete(sleeper)
      sleeper.resolve()
    }
  }, TICK)

  const sleep = (seconds: number) =>
    new Promise<void>((resolve, reject) => {
      if (stopped) return reject(new Stopped())
      sleepers.add({ until: now() + seconds, resolve, reject })
    })

  return {
    speed,
    now,
    sleep,
    errors,
    spawn(activity) {
      const running = activity()
        .catch((error: unknown) => {
          if (!(error instanceof Stopped)) errors.push(error)
        })
        .finally(() => activities.delete(running))
      activities.add(running)
    },
    async stop() {
      stopped = true
      clearInterval(ticking)
      for (const { reject } of sleepers) reject(new Stopped())
      sleepers.clear()
      await Promise.all(activities)
    },
  }
}
