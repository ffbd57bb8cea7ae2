/** Cuts the output of host-program.sh into answers. Called by shell.ts. */

/** One answer of the host program: its words, and its sections of any bytes. */
export interface Frame {
  readonly words: readonly string[]
  readonly sections: readonly Buffer[]
}

/** Number of sections after the first line of each kind of answer: see host-program.sh. */
const sectionCount: Readonly<Record<string, number>> = { e: 0, r: 2, s: 2, l: 1, d: 2, '!': 0 }

/** Bytes of the longest section to hold in memory. */
const maxSection = 1024 ** 3

/** Bytes of the longest first line: a batch names a few hundred reads. */
const maxHeader = 64 * 1024

/**
 * Returns a function that takes chunks of any size and calls `onFrame` once per whole frame.
 * The function throws if the chunks do not come from the host program.
 */
export function frameReader(nonce: string, onFrame: (frame: Frame) => void): (chunk: Buffer) => void {
  const mark = Buffer.from(nonce)
  let words: readonly string[] | undefined
  let sections: Buffer[] = []
  let parts: Buffer[] = []
  let size = 0
  let rest: Buffer = Buffer.alloc(0)

  /** Takes the first line off `data`; undefined if the line is incomplete. */
  const header = (data: Buffer): Buffer | undefined => {
    const end = data.indexOf(10)
    if (end < 0 && data.length < maxHeader) return undefined
    const line = data.subarray(0, end).toString('latin1')
    const kind = line.slice(nonce.length + 1).split(' ')
    if (!line.startsWith(`${nonce} `) || sectionCount[kind[0] ?? ''] === undefined) {
      throw new Error(`unexpected output: ${JSON.stringify(data.subarray(0, 80).toString('latin1').replaceAll(nonce, '…'))}`)
    }
    words = kind
    return data.subarray(end + 1)
  }

  /** Takes a section, or the part received so far, off `data`; undefined if the section is incomplete. */
  const section = (data: Buffer): Buffer | undefined => {
    const end = data.indexOf(mark)
    const take = end < 0 ? Math.max(0, data.length - mark.length + 1) : end
    parts.push(data.subarray(0, take))
    size += take
    if (size > maxSection) throw new Error('an answer of more than 1 GiB')
    if (end < 0) {
      rest = data.subarray(take)
      return undefined
    }
    sections.push(parts.length === 1 ? data.subarray(0, take) : Buffer.concat(parts, size))
    parts = []
    size = 0
    return data.subarray(end + mark.length)
  }

  return (chunk) => {
    let data: Buffer | undefined = rest.length === 0 ? chunk : Buffer.concat([rest, chunk])
    rest = Buffer.alloc(0)
    while (data.length > 0) {
      if (words === undefined) {
        const after = header(data)
        if (after === undefined) {
          rest = data
          return
        }
        data = after
      }
      while (words !== undefined && sections.length < (sectionCount[words[0] ?? ''] ?? 0)) {
        const after = section(data)
        if (after === undefined) return
        data = after
      }
      const frame: Frame = { words: words ?? [], sections }
      words = undefined
      sections = []
      onFrame(frame)
    }
  }
}
