import { createTwoFilesPatch } from 'diff'
import { inWords } from '../base/address.ts'
import type { StepFinished } from '../events/events.ts'
import type { Change } from '../module.ts'
import { oneLine, paint } from '../base/screen.ts'
import { indent, sign, type Style } from './style.ts'

/** Renders one difference: a line if both sides are short, a unified diff if one has several lines. */
export function renderChange({ resource, property, before, after, sensitive }: Change, style: Style): string {
  const what = oneLine(inWords(resource, property))
  if (sensitive) return `${what}   (hidden)`
  const lines = (text: string | undefined) => (text ?? '').includes('\n')
  if (!lines(before) && !lines(after)) {
    if (before === undefined && after === undefined) return what
    return `${what}   ${before ?? 'absent'} ${sign(style, 'arrow')} ${after ?? 'absent'}`
  }
  const patch = createTwoFilesPatch('', '', before ?? '', after ?? '', undefined, undefined, { context: 1 })
  const body = patch
    .split('\n')
    .slice(4)
    .filter((line) => line !== '')
    .map(
      (line) =>
        `  ${line.startsWith('+') ? paint(style, 'green', line) : line.startsWith('-') ? paint(style, 'red', line) : paint(style, 'dim', line)}`,
    )
  return [what, ...body].join('\n')
}

/** Renders the changes of a step, for `--diff`; empty for a step without changes. */
export const changedLines = (
  { outcome, changes }: Pick<StepFinished, 'outcome' | 'changes'>,
  style: Style,
  by: string,
): readonly string[] => (outcome === 'changed' ? changes.map((change) => indent(renderChange(change, style), by)) : [])
