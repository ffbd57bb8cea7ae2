/** Runs work as soon as there is room, in the order of the calls. */
export type Limiter = <T>(work: () => Promise<T>) => Promise<T>

/** A need for one place under a name, with the total number of its places. */
export interface Need {
  readonly name: string
  readonly places: number
}

/** Runs work as soon as each of its needs has a free place. */
export type Places = <T>(needs: readonly Need[], work: () => Promise<T>) => Promise<T>

/**
 * Creates places, taken by name while work runs. Work starts in the order of the calls, except that work
 * without a free place lets others pass. The front of the queue is tried first, so no work starves.
 */
export function createPlaces(): Places {
  const taken = new Map<string, number>()
  const waiting = new Set<{ readonly needs: readonly Need[]; readonly start: () => void }>()
  const add = (needs: readonly Need[], by: number) => {
    for (const { name } of needs) taken.set(name, (taken.get(name) ?? 0) + by)
  }
  const isFree = ({ name, places }: Need) => (taken.get(name) ?? 0) < places
  const giveBack = (needs: readonly Need[]) => {
    add(needs, -1)
    for (const next of waiting) {
      if (!needs.some(isFree)) return
      if (!next.needs.every(isFree)) continue
      waiting.delete(next)
      add(next.needs, 1)
      next.start()
    }
  }
  return async (needs, work) => {
    if (needs.every(isFree)) add(needs, 1)
    else await new Promise<void>((start) => waiting.add({ needs, start }))
    try {
      return await work()
    } finally {
      giveBack(needs)
    }
  }
}

/** Lets `most` pieces of work run at once. When one ends or fails, the next starts. */
export function createLimiter(most: number): Limiter {
  const places = createPlaces()
  const needs = [{ name: '', places: most }]
  return (work) => places(needs, work)
}

/**
 * Runs `work` for every item, in order, at most `limit` at once. Returns the results in the order of the
 * items. After a rejection no more work starts; the first rejection is thrown once all running work has
 * settled.
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
