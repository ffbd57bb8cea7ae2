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

/** @param speed simulated seconds in one real second */
export function startClock(speed: number): Clock {
  const start = performance.now()
  const sleepers = new Set<{ timer: NodeJS.Timeout; reject: (error: Error) => void }>()
  const activities = new Set<Promise<void>>()
  const errors: unknown[] = []
  let stopped = false

  const sleep = (seconds: number) =>
    new Promise<void>((resolve, reject) => {
      if (stopped) return reject(new Stopped())
      const timer = setTimeout(
        () => {
          sleepers.delete(sleeper)
          resolve()
        },
        (seconds * 1000) / speed,
      )
      const sleeper = { timer, reject }
      sleepers.add(sleeper)
    })

  return {
    speed,
    now: () => ((performance.now() - start) / 1000) * speed,
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
      for (const { timer, reject } of sleepers) {
        clearTimeout(timer)
        reject(new Stopped())
      }
      sleepers.clear()
      await Promise.all(activities)
    },
  }
}
