import type { Match, Pattern } from '../../../runner/module.ts'
import { insertLines, joinLines, replaceLines, splitLines, type Line } from './lines.ts'

/** The edit of `lineinfile`. */
export interface LineEdit {
  readonly state: 'present' | 'absent'
  readonly line: string | undefined
  /** True for a line to replace or remove. Default: the lines equal to `line`. */
  readonly matches: ((text: string) => Match | boolean | undefined) | undefined
  /** `line` contains `\1` or `\g<name>`, filled in from the match. Without a match, nothing is added. */
  readonly backrefs: boolean
  /** The first match counts instead of the last. */
  readonly firstmatch: boolean
  /** Place of a new line if no line matches: the start, the end, or before or after a line. */
  readonly place: 'start' | 'end' | { readonly side: 'before' | 'after'; readonly of: Pattern }
}

/** Sets one line, or removes all matching lines. Keeps every other byte and the style of line ends. */
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
  // The line exists, but the pattern does not match it: without this, every run would add the line again.
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

/**
 * Fills in a template as Python's `match.expand`: `\1`, `\g<1>`, `\g<name>`. A group without a match is empty; `\\`
 * is a backslash.
 */
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
