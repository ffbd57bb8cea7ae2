/** Compares dotted versions: negative if `a` is older than `b`. `2.9` is older than `2.10`; a missing part is 0. */
export function compareVersions(a: string, b: string): number {
  const [left, right] = [a.split('.').map(Number), b.split('.').map(Number)]
  const differences = Array.from({ length: Math.max(left.length, right.length) }, (_, at) => (left[at] ?? 0) - (right[at] ?? 0))
  return differences.find((difference) => difference !== 0) ?? 0
}
