import type { StepFinished } from '../events/events.ts'
import { frame } from '../source/render.ts'
import type { Place, Source } from '../source/source.ts'
import { paint } from '../base/screen.ts'
import { indent, sign, spread, type Style } from './style.ts'

/** Renders one failed step: its title and place, the task's lines, the reason, the help. */
export function renderFailure({ step, failure, ignored }: StepFinished, sources: readonly Source[], style: Style): string {
  if (failure === undefined) return ''
  const place = failure.place ?? step.place
  const title = step.item === undefined || step.name.includes(step.item) ? step.name : `${step.name} (${step.item})`
  const head = `${sign(style, 'failed')} ${title} ${sign(style, 'dot')} ${step.host}${ignored ? ' (ignored)' : ''}`
  const source = sources.find((candidate) => candidate.file === place.file)
  return [
    paint(style, 'red', spread(style, head, where(place))),
    '',
    ...frame(place, source, { color: style.color, unicode: style.unicode, columns: style.columns }).map((line) => `  ${line}`),
    '',
    indent(failure.what, '  '),
    ...labelled('Why', failure.why, style),
    ...labelled('Said', failure.stderr, style),
    ...labelled('Help', failure.help, style),
  ].join('\n')
}

const where = (place: Place) => `${place.file}:${place.line}:${place.column}`

const LABEL_WIDTH = 6
const labelled = (label: string, text: string | undefined, style: Style): string[] => {
  if (text === undefined || text.trim() === '') return []
  const [first = '', ...rest] = text.trimEnd().split('\n')
  return [
    `  ${paint(style, 'bold', label.padEnd(LABEL_WIDTH))}${first}`,
    ...rest.map((line) => `  ${' '.repeat(LABEL_WIDTH)}${line}`),
  ]
}
