import { width } from '../../runner/module.ts'

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
  const widths = columns.map((heading, at) => Math.max(...[heading, ...rows.map((row) => row[at] ?? '')].map(width)))
  const numeric = columns.map(
    (_, at) => rows.some((row) => row[at]) && rows.every((row) => /^(-?\d+(\.\d+)?)?$/.test(row[at] ?? '')),
  )
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, at) => {
        const blanks = ' '.repeat((widths[at] ?? 0) - width(cell))
        return numeric[at] ? blanks + cell : cell + blanks
      })
      .join('  ')
      .trimEnd()
  return [columns, ...rows].map(line).join('\n')
}
