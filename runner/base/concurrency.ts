/** Runs work as soon as there is room, in the order it was asked for. */
export type Limiter = <T>(work: () => Promise<T>) => Promise<T>

/** Lets `most` pieces of work run at once; whatever becomes of one, the next takes its place. */
export function createLimiter(most: number): Limiter {
  let running = 0
  const waiting: (() => void)[] = []
  return async (work) => {
    if (running < most) running += 1
    else await new Promise<void>((resolve) => waiting.push(resolve))
    try {
      return await work()
    } finally {
      const next = waiting.shift()
      if (next === undefined) running -= 1
      else next()
    }
  }
}

/**
 * Runs `work` for every item, at most `limit` at once, and starts it in order. Returns the results in the order of the items. After a
 * rejection it starts no more; it throws the first rejection when everything that was under way has settled.
 */
export async function mapLimit<T, R>(
  items: readonly T[],
  limit: number,
  work: (item: T, index: number) => Promise<R>,
): Promise<R[]> {
  const run = createLimiter(limit)
  const results: R[] = new Array<R>(items.length)
  const errors: unknown[] = []
  const each = async (item: T, index: number) => {
    if (errors.length > 0) return
    try {
      results[index] = await work(item, index)
    } catch (error) {
      errors.push(error)
    }
  }
  await Promise.all(items.map((item, index) => run(() => each(item, index))))
  if (errors.length > 0) throw errors[0]
  return results
}
