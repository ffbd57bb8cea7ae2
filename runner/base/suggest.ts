/** Returns the candidate nearest to a misspelt `name`; undefined if none is near. */
export const nearest = (name: string, candidates: Iterable<string>): string | undefined => {
  const typed = name.toLowerCase()
  // Every name is near to one of one or two letters.
  const limit = name.length < 3 ? 0 : Math.max(1, Math.floor(name.length / 3))
  let best: { name: string; distance: number } | undefined
  for (const candidate of new Set(candidates)) {
    if (candidate === name || Math.abs(candidate.length - name.length) > limit) continue
    const distance = editDistance(typed, candidate.toLowerCase())
    if (distance <= limit && (best === undefined || distance < best.distance)) best = { name: candidate, distance }
  }
  return best?.name
}

/** Returns `did you mean …?` as a label; undefined if no candidate is near. */
export const didYouMean = (name: string, candidates: Iterable<string>): string | undefined => {
  const meant = nearest(name, candidates)
  return meant === undefined ? undefined : `did you mean \`${meant}\`?`
}

/** Returns `; did you mean …?` for the end of a sentence; empty if no candidate is near. */
export const suggestion = (name: string, candidates: Iterable<string>): string => {
  const label = didYouMean(name, candidates)
  return label === undefined ? '' : `; ${label}`
}

/** Counts insertions, deletions, substitutions and swaps of neighbours (optimal string alignment). */
export const editDistance = (a: string, b: string): number => {
  let older: number[] = []
  let previous = Array.from({ length: b.length + 1 }, (_, column) => column)
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1]
      let cost = Math.min(previous[j]! + 1, row[j - 1]! + 1, previous[j - 1]! + (same ? 0 : 1))
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) cost = Math.min(cost, older[j - 2]! + 1)
      row.push(cost)
    }
    older = previous
    previous = row
  }
  return previous[b.length]!
}
