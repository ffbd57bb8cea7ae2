/** Columns by key, and for each row the text of each column. */
export interface Table {
  readonly columns: readonly string[]
  readonly rows: readonly (readonly string[])[]
}

type Row = Readonly<Record<string, unknown>>

/** A value as a person wants to read it in a line: text as it is, nothing for what is missing, JSON for the rest. */
export const inline = (value: unknown): string =>
  value === undefined || value === null
    ? ''
    : typeof value === 'string'
      ? value.replace(/\s+/g, ' ').trim()
      : JSON.stringify(value)

/** The columns asked for, or every key in the order of its first appearance. */
export const tableOf = (rows: readonly Row[], columns: readonly string[] = [...new Set(rows.flatMap(Object.keys))]): Table => ({
  columns,
  rows: rows.map((row) => columns.map((column) => inline(row[column]))),
})

/** Aligned plain text: a line of headings, then one a row; columns of numbers stand right. No blanks at the end of a line. */
export function tableText({ columns, rows }: Table): string {
  const widths = columns.map((heading, at) => Math.max(...[heading, ...rows.map((row) => row[at] ?? '')].map(displayWidth)))
  const numeric = columns.map(
    (_, at) => rows.some((row) => row[at]) && rows.every((row) => /^(-?\d+(\.\d+)?)?$/.test(row[at] ?? '')),
  )
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, at) => {
        const blanks = ' '.repeat((widths[at] ?? 0) - displayWidth(cell))
        return numeric[at] ? blanks + cell : cell + blanks
      })
      .join('  ')
      .trimEnd()
  return [columns, ...rows].map(line).join('\n')
}

const WIDE =
  /[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{1f300}-\u{1faff}\u{20000}-\u{3fffd}]/u
const NONE = /[\p{Mn}\p{Me}\p{Cf}]/u

/** Terminal columns that a text takes: two for East Asian wide characters and emoji, none for combining marks. */
export const displayWidth = (text: string): number =>
  [...text].reduce((width, char) => width + (NONE.test(char) ? 0 : WIDE.test(char) ? 2 : 1), 0)
