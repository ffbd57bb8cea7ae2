/** How far work has come. */
export interface Progress {
  readonly done: number
  readonly total: number
  /** `bytes`, `items`, … Bytes are shown in binary units, with their rate. */
  readonly unit: string
  readonly note?: string
}

/** Reads `DONE TOTAL UNIT NOTE…`, as a job writes it; undefined for any other line. */
export function readProgress(line: string): Progress | undefined {
  const [, done, total, unit, note] = /^(\d+) (\d+) (\S+)(?: (.+))?$/.exec(line) ?? []
  if (unit === undefined) return undefined
  return { done: Number(done), total: Number(total), unit, ...(note === undefined ? {} : { note }) }
}
