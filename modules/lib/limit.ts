/** The results of `work` for each item, in order, with at most `limit` under way at once. The first failure is the outcome. */
export async function mapLimit<T, R>(items: readonly T[], limit: number, work: (item: T) => Promise<R>): Promise<readonly R[]> {
  const results: R[] = new Array(items.length)
  const queue = items.entries()
  const worker = async (): Promise<void> => {
    for (const [index, item] of queue) results[index] = await work(item)
  }
  await Promise.all(Array.from({ length: Math.min(limit, items.length) }, worker))
  return results
}

/** A record from keys and what `work` makes of each. */
export async function recordOf<R>(
  keys: readonly string[],
  limit: number,
  work: (key: string) => Promise<R>,
): Promise<Readonly<Record<string, R>>> {
  const values = await mapLimit(keys, limit, work)
  return Object.fromEntries(keys.map((key, index) => [key, values[index]!]))
}
