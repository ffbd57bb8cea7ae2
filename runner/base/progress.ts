/** The progress of work. */
export interface Progress {
  readonly done: number
  readonly total: number
  /** `bytes`, `items`, … Bytes are shown in binary units, with their rate. */
  readonly unit: string
  readonly note?: string
}

/** Reads a job's line of progress, `DONE TOTAL UNIT NOTE…`; undefined for any other line. */
export function readProgress(line: string): Progress | undefined {
  const [, done, total, unit, note] = /^(\d+) (\d+) (\S+)(?: (.+))?$/.exec(line) ?? []
  if (unit === undefined) return undefined
  return { done: Number(done), total: Number(total), unit, ...(note === undefined ? {} : { note }) }
}
