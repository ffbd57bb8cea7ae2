import { count, width, wrap } from '../../../../runner/module.ts'
import type { Check, CheckName } from './check.ts'

/** Columns of the report, which is shown indented within 80. */
const WIDTH = 72

export interface Summary {
  readonly blocks: number
  readonly warns: number
  /** Number of accepted warns. */
  readonly accepted: number
  readonly checks: number
  /** One line for people. */
  readonly text: string
}

export function summaryOf(checks: readonly Check[], accept: readonly string[]): Summary {
  const blocks = checks.filter(({ level }) => level === 'BLOCK').length
  const warned = checks.filter(({ level }) => level === 'WARN')
  const accepted = warned.filter(({ check }) => accept.includes(check)).length
  const names = new Set(checks.map(({ check }) => check)).size
  const open = warned.length - accepted
  const text =
    blocks + open > 0
      ? [
          ...(blocks > 0 ? [`${blocks === 1 ? '1 line blocks' : `${blocks} lines block`}`] : []),
          ...(open > 0 ? [`${open === 1 ? '1 warns' : `${open} warn`}`] : []),
        ].join(', ')
      : `${count(names, 'check')} pass${names === 1 ? 'es' : ''}${accepted > 0 ? `, ${count(accepted, 'warning')} accepted` : ''}`
  return { blocks, warns: warned.length, accepted, checks: names, text }
}

/** Obstacles to the move: every BLOCK, and every WARN that is not accepted. */
export const standing = (checks: readonly Check[], accept: readonly string[]): readonly Check[] =>
  checks.filter(({ level, check }) => level === 'BLOCK' || (level === 'WARN' && !accept.includes(check)))

/** Formats the report: first each BLOCK and WARN with evidence and help, then the passed checks in one paragraph. */
export function report(checks: readonly Check[], accept: readonly string[]): string {
  const order = { BLOCK: 0, WARN: 1, ok: 2 } as const
  const loud = checks.filter(({ level }) => level !== 'ok').toSorted((a, b) => order[a.level] - order[b.level])
  const longest = Math.max(0, ...loud.map(({ check }) => check.length))
  const troubled = new Set<CheckName>(loud.map(({ check }) => check))
  const fine = [...new Set(checks.map(({ check }) => check))].filter((check) => !troubled.has(check))
  return [
    ...loud.flatMap((check) => entry(check, accept, longest)),
    ...(fine.length === 0 ? [] : wrapped('  ok     ', fine.join(' · '))),
  ].join('\n')
}

function entry({ check, level, subject, evidence, help }: Check, accept: readonly string[], longest: number): readonly string[] {
  const lead = `  ${level.padEnd(5)}  ${check.padEnd(longest)}  `
  const margin = ' '.repeat(lead.length)
  const after = level === 'BLOCK' ? [] : [accept.includes(check) ? 'accepted' : `accept: [${check}]`]
  return [...wrapped(lead, `${subject}: ${evidence}`), ...wrapped(margin, help), ...after.map((text) => margin + text)]
}

/** Wraps a text after `lead`, with all lines in the same column. */
function wrapped(lead: string, text: string): readonly string[] {
  if (text === '') return []
  const [first = '', ...rest] = wrap(text, WIDTH - width(lead))
  return [lead + first, ...rest.map((line) => ' '.repeat(width(lead)) + line)]
}
