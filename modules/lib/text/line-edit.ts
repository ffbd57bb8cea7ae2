import type { Match, Pattern } from '../../../runner/module.ts'
import { insertLines, joinLines, replaceLines, splitLines, type Line } from './lines.ts'

/** What `lineinfile` wants of a text. */
export interface LineEdit {
  readonly state: 'present' | 'absent'
  readonly line: string | undefined
  /** Which lines are meant; where it is missing, those that equal `line`. */
  readonly matches: ((text: string) => Match | boolean | undefined) | undefined
  /** `line` holds `\1` or `\g<name>`, to be filled in from the match; without a match nothing is added. */
  readonly backrefs: boolean
  /** The first match counts instead of the last. */
  readonly firstmatch: boolean
  /** Where a new line goes when no line matches: at the start, at the end, or before or after a line. */
  readonly place: 'start' | 'end' | { readonly side: 'before' | 'after'; readonly of: Pattern }
}

/** The text with one line made sure of, or with all matching lines removed; every other byte stays, and how the lines end. */
export function editLines(text: string, edit: LineEdit): string {
  const lines = splitLines(text)
  const matches = edit.matches ?? ((line: string) => line === edit.line)
  if (edit.state === 'absent') return joinLines(without(lines, (line) => Boolean(matches(line.text))))
  const wanted = edit.line ?? ''
  const at = find(lines, edit.firstmatch, (line) => Boolean(matches(line.text)))
  if (at >= 0) {
    const match = matches(lines[at]?.text ?? '')
    const line = edit.backrefs && typeof match === 'object' ? expand(wanted, match) : wanted
    return lines[at]?.text === line ? text : joinLines(replaceLines(lines, at, at + 1, [line]))
  }
  // The line is there although the pattern does not know it: adding it once more would add it at every run.
  if (edit.backrefs || lines.some((line) => line.text === wanted)) return text
  return joinLines(insertLines(lines, position(lines, edit), [wanted]))
}

const find = (lines: readonly Line[], first: boolean, test: (line: Line) => boolean): number =>
  first ? lines.findIndex(test) : lines.findLastIndex(test)

function without(lines: readonly Line[], test: (line: Line) => boolean): readonly Line[] {
  return lines.reduceRight<readonly Line[]>((left, line, at) => (test(line) ? replaceLines(left, at, at + 1, []) : left), lines)
}

function position(lines: readonly Line[], { place, firstmatch }: LineEdit): number {
  if (place === 'start') return 0
  if (place === 'end') return lines.length
  const at = find(lines, firstmatch, ({ text }) => place.of.test(text))
  return at < 0 ? lines.length : place.side === 'before' ? at : at + 1
}

/** Python's `match.expand`: `\1`, `\g<1>`, `\g<name>`; a group that took no part is empty, `\\` is a backslash. */
export function expand(template: string, match: Match): string {
  return template.replace(/\\(?:(\d{1,2})|g<(\w+)>|\\)/g, (whole, number: string | undefined, name: string | undefined) => {
    const group = number ?? name
    if (group === undefined) return '\\'
    if (/^\d+$/.test(group)) {
      if (Number(group) >= match.groups.length) throw new RangeError(`the pattern has no group ${whole}`)
      return match.groups[Number(group)] ?? ''
    }
    if (!Object.hasOwn(match.named, group)) throw new RangeError(`the pattern has no group ${whole}`)
    return match.named[group] ?? ''
  })
}
