import { nearest } from '../../runner/module.ts'

/** `; did you mean …?`, to go on a sentence with, or nothing. */
export function didYouMean(word: string, candidates: readonly string[]): string {
  const meant = nearest(word, candidates)
  return meant === undefined ? '' : `; did you mean \`${meant}\`?`
}
