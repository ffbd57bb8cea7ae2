/** One persistent shell on a host: sends batches of requests, pairs answers with them. Called by pool.ts. */
import type { Readable, Writable } from 'node:stream'
import { Failure } from '../../base/failure.ts'
import { duration } from '../../base/format.ts'
import type { Connection } from '../connection.ts'
import { type Frame, frameReader } from './frames.ts'
import { hostProgram, nonce } from './host-program.ts'
import { type Lease, startLease } from './lease.ts'
import { beat, encodeBatch, encodeRelease, encodeSignal, type Operation } from './requests.ts'

/** A process on a host, with its streams. */
export interface Pipe {
  readonly stdin: Writable
  readonly stdout: Readable
  readonly stderr: Readable
  /** Resolves at the end of the process, in words: `exit status 1`, `signal KILL`. */
  readonly ended: Promise<string>
  destroy(): void
}

/**
 * The answer to an operation. Flags of a probe: `+` found, `@` a symbolic link, `-` not found, `!` not a regular
 * file, `?` unreadable in a batch: ask again, alone. A job's `code` is a number, or a word if the command did not
 * run.
 */
export type Answer =
  | { readonly kind: 'read' | 'stat' | 'list'; readonly flag: string; readonly body: Buffer; readonly target?: string }
  | {
      readonly kind: 'job'
      readonly code: string
      readonly stdout: Buffer
      readonly stderr: Buffer
      /** Bytes written to each output, if `keep` was given. */
      readonly written?: readonly [stdout: number, stderr: number]
    }

/** Controls a sent job. */
export interface Control {
  signal(signal: 'TERM' | 'KILL'): void
  /** Drops the job: no answer is expected any more. */
  forget(): void
  /** Throws `Failure` if a held lock may be lost. */
  stands(): void
  /** Releases a lock. */
  release(): void
}

/** An operation with its callbacks. Exactly one of `answer` and `fail` is called, unless the job is forgotten. */
export interface Item {
  readonly operation: Operation
  sent?(control: Control): void
  answer(answer: Answer): void
  fail(failure: Failure): void
}

/** One persistent `sh` on a host. */
export interface Shell {
  /** True while a batch is unanswered. */
  readonly busy: boolean
  /** True if the shell is safe to close: no request is pending, no command runs, no lock is held. */
  readonly quiet: boolean
  send(items: readonly Item[]): void
  /** Ends the shell, and waits until it has removed its folder on the host. */
  close(): Promise<void>
  /** Ends the shell at once. Every pending item fails. */
  fail(failure: Failure): void
}

export interface ShellEvents {
  /** Milliseconds of silence that a probe may cause: a hung mount must end in a failure. */
  readonly stallLimit?: number
  /** Called when the shell can take the next batch, or has become quiet. */
  onFree(): void
  onEnd(): void
}

/** Starts the host program on a pipe whose `sh` is ready. */
export function startShell(pipe: Pipe, traffic: Connection['traffic'], events: ShellEvents): Shell {
  const { stallLimit = 60_000 } = events
  const secret = nonce()
  const pending = new Map<number, Item>()
  const locks = new Set<number>()
  let lease: Lease | undefined
  let mark = ''
  let busy = false
  let payloads = 0
  let lastByte = 0
  let stallTimer: NodeJS.Timeout | undefined
  let end: Failure | undefined

  const write = (chunks: readonly Buffer[]) => {
    const small = chunks.every((chunk) => chunk.length < 65536) ? [Buffer.concat(chunks)] : chunks
    for (const chunk of small) {
      traffic.sent += chunk.length
      pipe.stdin.write(chunk)
    }
  }

  const fail = (failure: Failure) => {
    if (end !== undefined) return
    end = failure
    busy = false
    clearTimeout(stallTimer)
    lease?.end()
    const items = [...pending.values()]
    pending.clear()
    pipe.destroy()
    events.onEnd()
    for (const item of items) item.fail(failure)
  }

  const settle = (id: number, answer: Answer) => {
    const item = pending.get(id)
    pending.delete(id)
    if (item?.operation.kind === 'lock' && answer.kind === 'job' && answer.code === '0') locks.add(id)
    item?.answer(answer)
  }

  const onFrame = ({ words, sections }: Frame) => {
    const [kind = '', ...rest] = words
    const [body = empty, more = empty] = sections
    if (kind === 'e') {
      busy = false
      clearTimeout(stallTimer)
    } else if (kind === 'd') {
      const [id, code = '', out, errors] = rest
      const written = out && errors ? { written: [Number(out), Number(errors)] as const } : {}
      settle(Number(id), { kind: 'job', code, stdout: body, stderr: more, ...written })
    } else if (kind === 'l') {
      const [id, flag] = flagOf(rest[0])
      settle(id, { kind: 'list', flag, body })
    } else if (kind === 'r') for (const [id, answer] of readAnswers(rest, body, mark, more.toString() === '0')) settle(id, answer)
    else if (kind === 's') for (const [id, answer] of statAnswers(rest, body, more)) settle(id, answer)
    else fail(new Failure('the shell on the host cannot work', { kind: 'unreachable', why: rest.join(' ') }))
    if (kind === 'e' || kind === 'd') events.onFree()
  }

  /** Fails the probes of a stuck batch. Commands beside them may still end. */
  const watchStall = (wait: number) => {
    stallTimer = setTimeout(() => {
      const silent = performance.now() - lastByte
      if (silent < stallLimit) return watchStall(stallLimit - silent)
      const stuck = [...pending.values()].filter(
        ({ operation: { kind } }) => kind === 'read' || kind === 'stat' || kind === 'list',
      )
      for (const item of stuck) pending.delete(item.operation.id)
      for (const item of stuck) item.fail(stalled(item.operation, stallLimit))
    }, wait)
  }

  const read = frameReader(secret, onFrame)
  pipe.stdout.on('data', (chunk: Buffer) => {
    traffic.received += chunk.length
    lastByte = performance.now()
    if (end !== undefined) return
    try {
      read(chunk)
    } catch (error) {
      fail(
        new Failure('the shell on the host answered with something else', { kind: 'unreachable', why: (error as Error).message }),
      )
    }
  })
  pipe.stdout.resume()
  void pipe.ended.then((how) =>
    fail(
      new Failure('the shell on the host has ended', {
        kind: 'unreachable',
        why: `${how}; a command that it was running may still be running on the host`,
      }),
    ),
  )
  write([Buffer.from(`${hostProgram}${secret}\n`)])

  return {
    get busy() {
      return busy
    },
    get quiet() {
      return !busy && pending.size === 0 && locks.size === 0
    },
    send(items) {
      if (end !== undefined) {
        for (const item of items) item.fail(end)
        return
      }
      busy = true
      lastByte = performance.now()
      watchStall(stallLimit)
      mark = nonce()
      traffic.requests += 1
      for (const item of items) {
        pending.set(item.operation.id, item)
        if (item.operation.kind === 'lock') lease ??= startLease(item.operation.lease, () => write([beat]), fail)
      }
      write(
        encodeBatch(
          items.map((item) => item.operation),
          mark,
          () => `p${++payloads}`,
        ),
      )
      for (const item of items) {
        const { id } = item.operation
        const tell = (bytes: Buffer) => {
          if (end === undefined && pending.has(id)) write([bytes])
        }
        item.sent?.({
          signal: (signal) => tell(encodeSignal(id, signal)),
          forget: () => void pending.delete(id),
          stands() {
            lease?.renew()
            if (end !== undefined) throw end
          },
          release() {
            if (locks.delete(id) && end === undefined) write([encodeRelease(id)])
          },
        })
      }
    },
    async close() {
      if (end !== undefined) return
      pipe.stdin.end()
      let timer: NodeJS.Timeout | undefined
      await Promise.race([pipe.ended, new Promise((resolve) => (timer = setTimeout(resolve, closeLimit)))])
      clearTimeout(timer)
      pipe.destroy()
    },
    fail,
  }
}

const stalled = (operation: Operation, limit: number): Failure =>
  new Failure(`the host did not answer within ${duration(limit / 1000)}`, {
    kind: 'timeout',
    why: `it was reading ${'path' in operation ? operation.path : 'a file'}, or another file of the same request`,
    help: 'check on the host for a hung disk or network share',
  })

/** Milliseconds that a shell has to clean up. */
const closeLimit = 3000

const empty = Buffer.alloc(0)

/** `12+` → 12 and `+`. */
const flagOf = (word = ''): [number, string] => [Number.parseInt(word, 10), word.slice(-1)]

/** Splits the contents at the marks. If files changed during the read, flags each with `?`, to be read alone. */
function readAnswers(words: readonly string[], body: Buffer, mark: string, sound: boolean): [number, Answer][] {
  const flags = words.map(flagOf)
  const contents: Buffer[] = []
  for (let at = 0, next = body.indexOf(mark); next >= 0; at = next + mark.length, next = body.indexOf(mark, at)) {
    contents.push(body.subarray(at, next))
  }
  const whole = sound && contents.length === flags.filter(([, flag]) => flag === '+').length
  return flags.map(([id, flag]) => {
    const seen = flag === '+' && !whole ? '?' : flag
    return [id, { kind: 'read', flag: seen, body: seen === '+' ? (contents.shift() ?? empty) : empty }]
  })
}

function statAnswers(words: readonly string[], body: Buffer, links: Buffer): [number, Answer][] {
  const flags = words.map(flagOf)
  const lines = body.toString().split('\n').slice(0, -1)
  const targets = links.toString().split('\0').slice(0, -1)
  const whole =
    lines.length === flags.filter(([, flag]) => flag === '+' || flag === '@').length &&
    targets.length === flags.filter(([, flag]) => flag === '@').length
  return flags.map(([id, flag]) => {
    const found = flag === '+' || flag === '@'
    if (found && !whole) return [id, { kind: 'stat', flag: '?', body: empty }]
    const line = Buffer.from(found ? (lines.shift() ?? '') : '')
    return [id, { kind: 'stat', flag, body: line, ...(flag === '@' ? { target: targets.shift() ?? '' } : {}) }]
  })
}
