import { head, oneLine, pad, width } from '../base/screen.ts'

export interface Style {
  readonly color: boolean
  readonly unicode: boolean
  readonly columns: number
}

const SYMBOLS = {
  ok: ['✓', 'ok'],
  changed: ['✓', 'ok'],
  planned: ['~', '~'],
  unknown: ['?', '?'],
  skipped: ['·', '-'],
  failed: ['✗', 'x'],
  unreachable: ['✗', 'x'],
  pending: ['·', '-'],
  running: ['▸', '>'],
  full: ['█', '#'],
  empty: ['░', '.'],
  arrow: ['→', '->'],
  dot: ['·', '-'],
  rule: ['│', '|'],
  ellipsis: ['…', '...'],
} as const

/** Returns a sign, or its plain form if the terminal has no UTF-8. */
export const sign = (style: Style, name: keyof typeof SYMBOLS): string => SYMBOLS[name][style.unicode ? 0 : 1]

/** Cuts an unpainted line to a number of columns, with an ellipsis. */
export function cut(style: Style, text: string, columns: number): string {
  const line = oneLine(text)
  const ellipsis = sign(style, 'ellipsis')
  return width(line) <= columns ? line : head(line, Math.max(1, columns - width(ellipsis))) + ellipsis
}

/** Puts a left and a right text on one line of at most `columns`, by default the terminal's. */
export function spread(style: Style, left: string, right: string, columns = style.columns): string {
  const last = cut(style, right, columns - LEAST_LEFT - 2)
  const room = columns - width(last) - 2
  return `${pad(cut(style, left, room), room)}  ${last}`.trimEnd()
}
/** The minimum columns of the left text. */
const LEAST_LEFT = 8

export const indent = (text: string, by: string): string =>
  text
    .split('\n')
    .map((line) => (line === '' ? line : by + line))
    .join('\n')
