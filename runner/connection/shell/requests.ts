/** Requests to the host program, and their encoding. Called by shell.ts; host-access.ts makes the operations. */
import { quoteWord } from '../../source/shell-words.ts'
import { nonce } from './host-program.ts'

/** One request, sent as a line or a payload: see host-program.sh. */
export type Operation =
  | { readonly kind: 'read' | 'stat' | 'list'; readonly id: number; readonly path: string }
  | {
      readonly kind: 'run'
      readonly id: number
      readonly argv: readonly string[]
      readonly env: Readonly<Record<string, string>>
      readonly cwd: string
      /** Seconds until the host itself ends the command; 0 for never. */
      readonly limit: number
      /** Bytes to keep of each output, half from each end; 0 for all. */
      readonly keep: number
      readonly stdin: Uint8Array | undefined
    }
  | {
      readonly kind: 'write'
      readonly id: number
      readonly path: string
      readonly content: Uint8Array
      readonly owner: string
      readonly group: string
      readonly mode: string
    }
  | {
      readonly kind: 'lock'
      readonly id: number
      /** Seconds without a heartbeat after which the host frees the lock. */
      readonly lease: number
      readonly path: string
      readonly token: string
      readonly shared: boolean
      /** The holder in one line, for other runs. */
      readonly note: string
    }
  /** One of coreutils, alone and in English, for its exact error message. */
  | { readonly kind: 'ask'; readonly id: number; readonly argv: readonly string[] }

/**
 * Longest line. A longer one costs more, read byte by byte, than the process for a payload; and lines must fit into
 * PIPE_BUF (4096).
 */
const maxLine = 2000

/**
 * Longest content in octal escapes. It travels in a line, which starts no process; larger contents travel as
 * payloads.
 */
const maxInline = 1000

/** Encodes `operations` as one batch. `mark` separates the contents of files in the answer. */
export function encodeBatch(operations: readonly Operation[], mark: string, name: () => string): Buffer[] {
  const out: Buffer[] = []
  const sendPayload = (bytes: Uint8Array): string => {
    const payload = name()
    const end = nonce()
    out.push(
      Buffer.from(`p ${payload} ${bytes.length} ${end}\n`),
      Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length),
      Buffer.from(`\n${end}\n`),
    )
    return payload
  }
  const line = (text: string) => {
    if (text.length <= maxLine && /^[\x20-\x7e]*$/.test(text)) out.push(Buffer.from(`${text}\n`))
    else {
      const bytes = Buffer.from(`${text}\n`)
      out.push(Buffer.from(`I ${sendPayload(bytes)}\n`))
    }
  }
  const content = (bytes: Uint8Array): string => {
    const text = bytes.length <= maxInline ? octal(bytes) : undefined
    if (text === undefined || text.length > maxInline) return sendPayload(bytes)
    const payload = name()
    line(`printf '${text}' >"$d/${payload}" || rm -f "$d/${payload}"`)
    return payload
  }
  const pairs = (kind: 'read' | 'stat'): string =>
    operations.map((operation) => (operation.kind === kind ? ` ${operation.id} ${quoteWord(operation.path)}` : '')).join('')

  const stats = pairs('stat')
  const reads = pairs('read')
  if (stats !== '') line(`s${stats}`)
  if (reads !== '') line(`r ${mark}${reads}`)
  for (const operation of operations) if (operation.kind === 'list') line(`l ${operation.id} ${quoteWord(operation.path)}`)
  for (const operation of operations) {
    const { kind, id } = operation
    if (kind === 'run') {
      const variables = Object.entries(operation.env).map(([key, value]) => quoteWord(`${key}=${value}`))
      const stdin = operation.stdin === undefined ? "''" : content(operation.stdin)
      const words = [...variables, ...operation.argv.map(quoteWord)].join(' ')
      line(`R ${id} ${operation.limit} ${operation.keep} ${quoteWord(operation.cwd)} ${stdin} ${variables.length} ${words}`)
    } else if (kind === 'write') {
      const options = [`.runbook.${nonce().slice(0, 12)}`, operation.owner, operation.group, operation.mode]
        .map(quoteWord)
        .join(' ')
      line(`W ${id} ${quoteWord(operation.path)} ${content(operation.content)} ${options}`)
    } else if (kind === 'lock') {
      const { lease, path, token, shared, note } = operation
      line(`L ${id} ${lease} ${[path, token, shared ? '-s' : '-x', note].map(quoteWord).join(' ')}`)
    } else if (kind === 'ask') {
      line(`C ${id} ${operation.argv.map(quoteWord).join(' ')}`)
    }
  }
  line('E')
  return out
}

/** A format of sh's `printf` for these bytes: digits and letters as they are, all others escaped. */
const octal = (bytes: Uint8Array): string =>
  Array.from(bytes, (byte) => {
    const char = String.fromCharCode(byte)
    if (char === '%') return '%%' // dash expands `\045` before it looks for conversions
    return /[\w ./:=,]/.test(char) ? char : `\\${byte.toString(8).padStart(3, '0')}`
  }).join('')

/** Requests a signal to a command's process group. */
export const encodeSignal = (id: number, signal: 'TERM' | 'KILL'): Buffer => Buffer.from(`K ${id} ${signal}\n`)

/** Releases a lock. */
export const encodeRelease = (id: number): Buffer => Buffer.from(`U ${id}\n`)

/** A heartbeat: the host frees the locks of a silent runner. */
export const beat = Buffer.from('b\n')
