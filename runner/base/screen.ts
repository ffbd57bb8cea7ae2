/**
 * Text on its way to a terminal: foreign text cannot act, the colours are the runner's own, widths count
 * columns. Called by the views, and by both screens of the `World` (`onScreen`).
 */
import { randomInt } from 'node:crypto'
import { inspect } from 'node:util'
import stringWidth from 'string-width'
import wrapAnsi from 'wrap-ansi'

/** A secret of this process: no text from outside can hold a colour that `paint` did not write. */
const KEY = Array.from({ length: 6 }, () => randomInt(1000, 10_000)).join(';')

/**
 * Characters that a terminal obeys or hides: C0 except newline and tab, DEL, C1 (ECMA-48), and Unicode's line
 * separators, marks and controls of direction (UAX #9: they can reorder a text on the screen).
 */
const ACTING = new RegExp(
  `\\x1b(?!\\[${KEY};\\d+m)|[\\x00-\\x08\\x0b-\\x1a\\x1c-\\x1f\\x7f-\\x9f\\u061c\\u200e\\u200f\\u2028-\\u202e\\u2066-\\u2069\\ufeff]`,
  'g',
)

/**
 * Writes a character as `\r` or `\x1b`; beyond C0 in JSON's form (`\u009b`), so that a line of JSON keeps its
 * meaning.
 */
const markOf = (character: string): string => {
  if (character === '\r') return '\\r'
  const code = character.charCodeAt(0).toString(16)
  return character < ' ' ? `\\x${code.padStart(2, '0')}` : `\\u${code.padStart(4, '0')}`
}

/** Shows every such character as a mark. Newlines, tabs and the runner's own colours stay. */
const visible = (text: string): string => text.replace(ACTING, markOf)

/** Shows a one-line text (a name, a label): a newline in it cannot begin a line of its own. */
export const oneLine = (text: string): string => visible(text).replaceAll('\n', '\\n').replaceAll('\t', ' ')

/** Converts text for a terminal, a pipe or a file of output: the last step of all output. */
export const onScreen = (text: string): string => visible(text).replaceAll(`\x1b[${KEY};`, '\x1b[')

export type Color = 'red' | 'green' | 'yellow' | 'blue' | 'cyan' | 'dim' | 'bold'

/** Colours a text if the screen has colours. The colour takes effect in `onScreen`. */
export function paint({ color }: { readonly color: boolean }, name: Color, text: string): string {
  const [on, off] = inspect.colors[name] ?? [0, 0]
  return color && text !== '' ? `\x1b[${KEY};${on}m${text}\x1b[${KEY};${off}m` : text
}

/** The columns of a line on a terminal. */
export const width = (text: string): number => stringWidth(visible(text))

/** Pads a text with blanks to a number of columns. */
export const pad = (text: string, columns: number): string => text + ' '.repeat(Math.max(0, columns - width(text)))

/** The beginning of an unpainted line, of at most so many columns. */
export const head = (text: string, columns: number): string => within(lettersOf(text), columns).join('')

/** The end of an unpainted line, of at most so many columns. */
export const tail = (text: string, columns: number): string =>
  within([...lettersOf(text)].toReversed(), columns)
    .toReversed()
    .join('')

const SEGMENTER = new Intl.Segmenter()
/** Splits a text into user-perceived characters: with combining marks; an emoji of several code points is one. */
function* lettersOf(text: string): Generator<string> {
  for (const { segment } of SEGMENTER.segment(oneLine(text))) yield segment
}

function within(letters: Iterable<string>, columns: number): readonly string[] {
  const kept: string[] = []
  let room = columns
  for (const letter of letters) {
    room -= width(letter)
    if (room < 0) break
    kept.push(letter)
  }
  return kept
}

/** Wraps a text to lines of at most so many columns, at blanks, or inside a longer word. */
export const wrap = (text: string, columns: number): readonly string[] =>
  wrapAnsi(visible(text), columns, { hard: true }).split('\n')
