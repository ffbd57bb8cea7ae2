/**
 * Draws diagnostics with their source lines and carets. Called by lint, by the commands and by the views of
 * failures.
 */
import { HIDDEN, hideSpans, outermost, secretSpans, type Span } from '../base/secret-names.ts'
import { SHORTEST } from '../base/secret-values.ts'
import type { Diagnostic } from './diagnostic.ts'
import type { Place, Source } from './source.ts'
import { count } from '../base/format.ts'
import { type Color, head, oneLine, paint, tail, width } from '../base/screen.ts'

export interface Look {
  readonly color: boolean
  /** Box-drawing characters may be used. */
  readonly unicode: boolean
  /** Width of the screen, default 120. A longer source line is cut around the marked text. */
  readonly columns?: number
}

/** The first words of the names of argument sources, which are shown without line numbers. */
export const commandLine = 'command line'

export const isArgument = (file: string) => file.startsWith(commandLine)

/**
 * Renders all diagnostics in order (`inOrder`), with an empty line between two and a newline at the end;
 * empty for none.
 */
export const renderDiagnostics = (diagnostics: readonly Diagnostic[], sources: readonly Source[], look: Look): string => {
  const byFile = new Map(sources.map((source) => [source.file, source]))
  return inOrder(diagnostics, sources)
    .map((diagnostic) => `${renderOne(diagnostic, byFile, look).join('\n')}\n`)
    .join('\n')
}

/** `2 errors, 1 warning, nothing was run`; undefined for none. */
export const summaryLine = (diagnostics: readonly Diagnostic[], outcome = 'nothing was run'): string | undefined => {
  const unique = inOrder(diagnostics, [])
  const of = (severity: Diagnostic['severity']) => unique.filter((diagnostic) => diagnostic.severity === severity).length
  const counted = (['error', 'warning'] as const)
    .filter((severity) => of(severity) > 0)
    .map((severity) => count(of(severity), severity))
  return counted.length === 0 ? undefined : [...counted, ...(of('error') > 0 ? [outcome] : [])].join(', ')
}

/**
 * Sorts by file in the order of the sources, then from top to bottom; diagnostics without a place come first.
 * Duplicates are dropped.
 */
export const inOrder = (diagnostics: readonly Diagnostic[], sources: readonly Source[]): Diagnostic[] => {
  const rank = new Map(sources.map(({ file }, index) => [file, index]))
  const key = ({ place }: Diagnostic) =>
    place === undefined ? [-1, 0, 0] : [rank.get(place.file) ?? rank.size, place.line, place.column]
  const unique = new Map(diagnostics.map((diagnostic) => [JSON.stringify(diagnostic), diagnostic]))
  return [...unique.values()]
    .map((diagnostic) => ({ diagnostic, key: key(diagnostic) }))
    .sort((a, b) => a.key[0]! - b.key[0]! || a.key[1]! - b.key[1]! || a.key[2]! - b.key[2]!)
    .map(({ diagnostic }) => diagnostic)
}

const renderOne = (diagnostic: Diagnostic, byFile: ReadonlyMap<string, Source>, look: Look): string[] => {
  const { severity, place } = diagnostic
  const { summary, label, notes = [] } = withoutSecretsOf(place && byFile.get(place.file), diagnostic)
  const tint = painter(look)
  const first = `${severity === 'error' ? tint('error:', 'red', 'bold') : tint('warning:', 'yellow', 'bold')} ${tint(oneLine(summary), 'bold')}`
  const source = place === undefined ? undefined : byFile.get(place.file)
  const gutter = gutterOf(place, source)
  const corner = look.unicode ? '┌─' : '-->'
  const where =
    place === undefined
      ? ''
      : isArgument(place.file)
        ? commandLine
        : source === undefined
          ? place.file
          : `${place.file}:${place.line}:${place.column}`
  const drawn = place === undefined ? [] : frame(place, source, look, label)
  return [
    first,
    ...(place === undefined ? [] : [`${gutter} ${tint(corner, 'blue')} ${oneLine(where)}`]),
    ...drawn,
    ...[...(drawn.length === 0 && label !== undefined ? [label] : []), ...notes].flatMap((note) => noteLines(note, gutter, tint)),
  ]
}

/** Aligns further lines of one note under its first. */
const noteLines = (note: string, gutter: string, tint: Paint): string[] =>
  note.split('\n').map((line, index) => `${gutter} ${index === 0 ? tint('=', 'blue') : ' '} ${oneLine(line)}`)

const gutterOf = (place: Place | undefined, source: Source | undefined): string =>
  ' '.repeat(place === undefined || source === undefined || isArgument(place.file) ? 2 : String(place.line).length)

/**
 * Draws the line of a place, with the marked text underlined: `12 │ text`, `   │ ^^^^ label`. Empty if the
 * source is missing. Tabs are widened and control characters shown as marks, so that the carets align.
 */
export const frame = (place: Place, source: Source | undefined, look: Look, label?: string): string[] => {
  const line = source === undefined ? undefined : lineAt(source, place.line)
  if (line === undefined) return []
  const { text: raw, start, end } = withoutSecrets(line, place)
  const tint = painter(look)
  const bar = tint(look.unicode ? '│' : '|', 'blue')
  const number = isArgument(place.file) ? '  ' : String(place.line)
  const view = cut(visible(raw.slice(0, start)), visible(raw.slice(start, end)), visible(raw.slice(end)), look)
  const carets = tint('^'.repeat(Math.max(1, width(view.marked))), 'red', 'bold')
  const under = `${' '.repeat(width(view.before))}${carets}${label === undefined ? '' : ` ${tint(oneLine(label), 'red')}`}`
  return [
    `${tint(number, 'blue')} ${bar} ${(view.before + view.marked + view.after).trimEnd()}`,
    `${' '.repeat(number.length)} ${bar} ${under}`,
  ]
}

interface Line {
  readonly text: string
  /** The parts to hide. */
  readonly secrets: readonly Span[]
}

/** A line of a source, counted from 1; undefined beyond its end. */
function lineAt({ text, secrets = [] }: Source, number: number): Line | undefined {
  const lines = text.split('\n', number)
  const line = lines[number - 1]?.replace(/\r$/, '')
  if (line === undefined) return undefined
  const start = lines.slice(0, -1).reduce((sum, one) => sum + one.length + 1, 0)
  const spans = outermost([...secretSpans(text), ...secrets])
    .map((span) => ({ start: Math.max(0, span.start - start), end: Math.min(line.length, span.end - start) }))
    .filter((span) => span.start < span.end)
  return { text: line, secrets: spans }
}

/** Hides the secrets of a line, and moves the mark accordingly. */
function withoutSecrets({ text, secrets }: Line, { column, length }: Place): { text: string; start: number; end: number } {
  /** @param side the end of a hidden value for a place inside it */
  const moved = (at: number, side: 'start' | 'end') =>
    hideSpans(
      text.slice(0, secrets.find((span) => span.start < at && at < span.end)?.[side] ?? at),
      secrets.filter((span) => span.end <= at || (side === 'end' && span.start < at)),
    ).length
  const start = Math.min(column - 1, text.length)
  return {
    text: hideSpans(text, secrets),
    start: moved(start, 'start'),
    end: moved(Math.min(start + length, text.length), 'end'),
  }
}

/** Hides the secrets of the line in the texts of its diagnostic. */
function withoutSecretsOf(
  source: Source | undefined,
  { summary, label, notes, place }: Diagnostic,
): Pick<Diagnostic, 'summary' | 'label' | 'notes'> {
  const line = source === undefined || place === undefined ? undefined : lineAt(source, place.line)
  const values = (line?.secrets ?? [])
    .map(({ start, end }) => line!.text.slice(start, end).replaceAll(/^["']|["']$/g, ''))
    .filter((value) => value.length >= SHORTEST)
  const hide = (text: string) => values.reduce((shown, value) => shown.replaceAll(value, HIDDEN), text)
  return {
    summary: hide(summary),
    ...(label === undefined ? {} : { label: hide(label) }),
    ...(notes === undefined ? {} : { notes: notes.map(hide) }),
  }
}

/** Cuts a long line to the screen, around the marked text. */
const cut = (before: string, marked: string, after: string, look: Look) => {
  const room = Math.max(40, (look.columns ?? 120) - 8)
  const dots = look.unicode ? '…' : '...'
  if (width(before) + width(marked) + width(after) <= room) return { before, marked, after }
  const shownMark = width(marked) > room / 2 ? head(marked, Math.floor(room / 2)) + dots : marked
  const left = Math.floor((room - width(shownMark)) / 2)
  const shownBefore = width(before) > left ? dots + tail(before, left) : before
  const right = Math.max(0, room - width(shownBefore) - width(shownMark))
  const shownAfter = shownMark === marked ? (width(after) > right ? head(after, right) + dots : after) : ''
  return { before: shownBefore, marked: shownMark, after: shownAfter }
}

const visible = (text: string): string => oneLine(text.replaceAll('\t', '    '))

type Paint = (text: string, ...colors: readonly Color[]) => string

const painter =
  (look: Look): Paint =>
  (text, ...colors) =>
    colors.reduce((painted, color) => paint(look, color, painted), text)
