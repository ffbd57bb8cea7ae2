/** Runs work as soon as there is room, in the order it was asked for. */
export type Limiter = <T>(work: () => Promise<T>) => Promise<T>

/** A place of a name, of which there are so many. */
export interface Need {
  readonly name: string
  readonly places: number
}

/** Runs work as soon as there is a free place for each of its needs. */
export type Places = <T>(needs: readonly Need[], work: () => Promise<T>) => Promise<T>

/**
 * Places that are taken by name while work is under way: in the order of asking, except that work for which a place is missing lets
 * others pass. The front is always looked at first, so the last one has its turn too.
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

/** Lets `most` pieces of work run at once; whatever becomes of one, the next takes its place. */
export function createLimiter(most: number): Limiter {
  const places = createPlaces()
  const needs = [{ name: '', places: most }]
  return (work) => places(needs, work)
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
