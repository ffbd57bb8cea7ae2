import { styleText } from 'node:util'

export interface Style {
  readonly color: boolean
  readonly unicode: boolean
  readonly columns: number
}

type Tint = 'red' | 'green' | 'yellow' | 'cyan' | 'dim' | 'bold'

export const tint = (style: Style, name: Tint, text: string): string =>
  style.color && text !== '' ? styleText(name, text) : text

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

/** A sign, or its plain form where the terminal has no UTF-8. */
export const sign = (style: Style, name: keyof typeof SYMBOLS): string => SYMBOLS[name][style.unicode ? 0 : 1]

/** `2.1 s`, `3:41`, `1:02:03`. */
export function duration(seconds: number): string {
  if (seconds < 60) return `${seconds.toFixed(1)} s`
  const total = Math.round(seconds)
  const [h, m, s] = [Math.floor(total / 3600), Math.floor((total % 3600) / 60), total % 60]
  const two = (value: number) => String(value).padStart(2, '0')
  return h > 0 ? `${h}:${two(m)}:${two(s)}` : `${m}:${two(s)}`
}

/** `412 MiB`, `20.0 GiB`. */
export function size(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB']
  let value = bytes
  let unit = 0
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024
    unit++
  }
  return `${unit > 2 && value < 100 ? value.toFixed(1) : Math.round(value)} ${units[unit]}`
}

export const plural = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? '' : 's'}`

/** Cuts to a width, with an ellipsis; escape sequences must not be in the text yet. */
export const cut = (style: Style, text: string, width: number): string => {
  const ellipsis = sign(style, 'ellipsis')
  return text.length <= width ? text : text.slice(0, Math.max(1, width - ellipsis.length)) + ellipsis
}

/** Left and right text on one line of at most `width` columns: the terminal's, where nothing else is said. */
export const spread = (style: Style, left: string, right: string, width = style.columns): string => {
  const room = Math.max(8, width - right.length - 2)
  return `${cut(style, left, room).padEnd(room)}  ${right}`.trimEnd()
}

export const indent = (text: string, by: string): string =>
  text
    .split('\n')
    .map((line) => (line === '' ? line : by + line))
    .join('\n')
