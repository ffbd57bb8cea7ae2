/** A module's access to a host: read, stat, list, write, run, as requests to the shell. Called by pooled.ts. */
import { posix } from 'node:path'
import { Failure } from '../base/failure.ts'
import { bytes } from '../base/format.ts'
import { allowListeners } from './abort.ts'
import type { HostAccess, Output, RunOptions, Stat, WriteOptions } from './connection.ts'
import type { Operation } from './shell/requests.ts'
import type { Answer, Control, Item } from './shell/shell.ts'
import { watch, type Watch } from './shell/watch.ts'

/** Takes operations: one user's side of a `Pool`. */
export interface RequestSink {
  add(item: Item): void
  /** Withdraws an operation. Returns false if the operation was already sent. */
  drop(item: Item): boolean
  /** A number that is unique among the connection's operations. */
  nextId(): number
  /** Ends running operations when the run is stopped. */
  readonly signal: AbortSignal | undefined
}

type Job = Extract<Answer, { kind: 'job' }>
type ProbeAnswer = Exclude<Answer, Job>
/** `Omit` for each member of the union. */
type Unnumbered<T> = T extends unknown ? Omit<T, 'id'> : never

/**
 * Sends one operation and returns its answer. Rejects with the connection's failure, or with the reason of the sink's
 * signal.
 */
export function askHost<A extends Answer>(
  sink: RequestSink,
  operation: Unnumbered<Operation>,
  more: Pick<Item, 'sent'> = {},
): Promise<A> {
  return new Promise((resolve, reject) => {
    const { signal } = sink
    if (signal?.aborted === true) return reject(signal.reason)
    const onAbort = () => reject(signal?.reason)
    const done = () => signal?.removeEventListener('abort', onAbort)
    signal?.addEventListener('abort', onAbort, { once: true })
    sink.add({
      ...more,
      operation: { ...operation, id: sink.nextId() } as Operation,
      answer(answer) {
        done()
        resolve(answer as A)
      },
      fail(failure) {
        done()
        reject(failure)
      },
    })
  })
}

/** Access to a host as one user. Operations travel in batches. */
export function hostAccess(sink: RequestSink): HostAccess {
  const ask = <A extends Answer>(operation: Unnumbered<Operation>): Promise<A> => askHost(sink, operation)

  /** Runs one of coreutils on a path that a probe could not read, for its output or its exact error message. */
  const insist = async (argv: readonly string[], act: string, path: string): Promise<Buffer | undefined> => {
    const { code, stdout, stderr } = await ask<Job>({ kind: 'ask', argv })
    if (code === '0') return stdout
    const said = stderr.toString()
    if (/: (No such file or directory|Not a directory)\s*$/.test(said)) return undefined
    throw new Failure(`cannot ${act} ${path}`, { why: lastLine(said) || `exit status ${code}`, ...helpFor(said, path) })
  }

  return {
    async run(argv, options = {}) {
      const { operation, program } = runOperation(argv, options)
      return output(await runJob(sink, operation, program, options), program, options.cwd)
    },

    async read(path) {
      const asked = checkedPath(path)
      const { flag, body } = await ask<ProbeAnswer>({ kind: 'read', path: asked })
      if (flag === '-') return undefined
      if (flag === '!') throw new Failure(`cannot read ${path}`, { why: 'it is not a regular file' })
      return flag === '+' ? body : insist(['cat', asked], 'read', path)
    },

    async stat(path) {
      const asked = checkedPath(path)
      const { flag, body, target } = await ask<ProbeAnswer>({ kind: 'stat', path: asked })
      if (flag === '-') return undefined
      if (flag !== '?') return parseStat(body.toString(), target)
      const line = await insist(['stat', '-c', statFormat, asked], 'look at', path)
      if (line === undefined) return undefined
      const found = parseStat(line.toString().trimEnd(), undefined)
      const link = found.kind === 'link' ? await insist(['readlink', '-n', asked], 'look at', path) : undefined
      return link === undefined ? found : { ...found, target: link.toString() }
    },

    async list(path) {
      const asked = checkedPath(path)
      const { flag, body } = await ask<ProbeAnswer>({ kind: 'list', path: asked })
      if (flag === '-') return undefined
      if (flag === '+') return names(body.toString(), '\0')
      // The slash makes `ls` follow a link, and fail unless the path is a folder.
      const lines = await insist(['ls', '-1A', `${asked}/`], 'list', path)
      return lines === undefined ? undefined : names(lines.toString(), '\n')
    },

    async write(path, content, options = {}) {
      const job = await ask<Job>({ kind: 'write', ...writeOperation(path, content, options) })
      if (job.code === '0') return
      const said = job.stderr.toString()
      throw new Failure(`cannot write ${path}`, { why: lastLine(said) || `exit status ${job.code}`, ...helpFor(said, path) })
    },
  }
}

/** Sends one command and watches it until its end, its time limit or its caller's abort. */
const runJob = (sink: RequestSink, operation: Unnumbered<Operation>, program: string, options: RunOptions): Promise<Job> =>
  new Promise((resolve, reject) => {
    const { timeout, signal = sink.signal } = options
    if (signal?.aborted === true) {
      reject(signal.reason)
      return
    }
    if (signal !== undefined) allowListeners(signal)
    let watched: Watch | undefined
    const onEarlyAbort = () => {
      if (sink.drop(item)) reject(signal?.reason)
    }
    const item: Item = {
      operation: { ...operation, id: sink.nextId() } as Operation,
      sent(control: Control) {
        signal?.removeEventListener('abort', onEarlyAbort)
        watched = watch(control, { program, timeout, signal }, (reason) => reject(unstoppable(reason, program)))
      },
      answer(answer) {
        watched?.done()
        if (watched?.stopped === undefined) resolve(answer as Job)
        else reject(withStderr(watched.stopped, (answer as Job).stderr))
      },
      fail(failure) {
        signal?.removeEventListener('abort', onEarlyAbort)
        watched?.done()
        reject(watched?.stopped ?? failure)
      },
    }
    signal?.addEventListener('abort', onEarlyAbort, { once: true })
    sink.add(item)
  })

/** Seconds beyond the limit after which the host itself ends a command, in case the runner is gone. */
const hostGrace = 30

function runOperation(argv: readonly string[], options: RunOptions): { operation: Unnumbered<Operation>; program: string } {
  const { env = {}, cwd = '', stdin, timeout, keep = 0 } = options
  const [program = ''] = argv
  const bad = (why: string) => new Failure(`cannot run \`${program}\``, { kind: 'input', why })
  if (program === '') throw bad('no program was named')
  if (program.startsWith('-')) throw bad('a program cannot begin with a dash')
  for (const word of [...argv, cwd, ...Object.values(env)])
    if (word.includes('\0')) throw bad('an argument holds a NUL character')
  for (const name of Object.keys(env)) {
    if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) throw bad(`\`${name}\` cannot be the name of an environment variable`)
  }
  const limit = timeout === undefined ? 0 : Math.ceil(timeout) + hostGrace
  return {
    program,
    operation: {
      kind: 'run',
      argv,
      env,
      cwd: cwd === '' ? '' : checkedPath(cwd),
      limit,
      keep,
      stdin: stdin === undefined ? undefined : bytesOf(stdin),
    },
  }
}

/**
 * The output of a command. Throws `Failure` if a word stands for the exit status: the command did not run, or its end
 * is unknown.
 */
function output({ code, stdout, stderr, written }: Job, program: string, cwd: string | undefined): Output {
  if (code === 'folder')
    throw new Failure(`cannot run \`${program}\` in ${cwd}`, { why: 'the folder is missing or may not be entered' })
  if (code === 'room')
    throw new Failure(`cannot run \`${program}\``, {
      why: 'no room for temporary files on the host',
      help: 'free /dev/shm and /tmp',
    })
  if (code === 'full')
    throw new Failure(`the output of \`${program}\` is lost`, {
      why: '/dev/shm and /tmp on the host are full; the command itself has run',
      help: 'free some room, or have the command write into a file',
    })
  if (code === 'lost') throw new Failure(`the end of \`${program}\` is unknown`, { why: 'its shell on the host was killed' })
  const [wroteOut, wroteErrors] = written ?? [stdout.length, stderr.length]
  const out = endsOf(stdout, wroteOut)
  const errors = endsOf(stderr, wroteErrors)
  let text: string | undefined
  let said: string | undefined
  return {
    code: Number(code),
    bytes: stdout,
    // Decoded on first use: a large output is often needed only as bytes.
    get stdout() {
      return (text ??= textOf(out))
    },
    get stderr() {
      return (said ??= textOf(errors))
    },
    ...(out.leftOut + errors.leftOut === 0 ? {} : { leftOut: { stdout: out.leftOut, stderr: errors.leftOut } }),
  }
}

interface Ends {
  readonly head: Buffer
  readonly tail: Buffer
  /** Bytes between them. */
  readonly leftOut: number
}

/**
 * Splits the kept part of `written` bytes at line ends: half a line is half a character, or a secret that masking
 * would not recognise.
 */
function endsOf(kept: Buffer, written: number): Ends {
  if (written <= kept.length) return { head: kept, tail: kept.subarray(kept.length), leftOut: 0 }
  const middle = kept.length / 2
  const lastLine = kept.lastIndexOf(NEWLINE, middle - 1) + 1
  const nextLine = kept.indexOf(NEWLINE, middle) + 1
  const head = kept.subarray(0, lastLine > 0 && middle - lastLine <= LONGEST_HALF ? lastLine : middle)
  const tail = kept.subarray(nextLine > 0 && nextLine - middle <= LONGEST_HALF ? nextLine : middle)
  return { head, tail, leftOut: written - head.length - tail.length }
}

const NEWLINE = 10
/** Most bytes of a line to drop at a split. */
const LONGEST_HALF = 16 * 1024

function textOf({ head, tail, leftOut }: Ends): string {
  if (leftOut === 0) return head.toString()
  // Drops half a character on either side.
  const end = new TextDecoder('utf-8', { ignoreBOM: true }).decode(head, { stream: true })
  const begin = tail.subarray(
    Math.max(
      0,
      tail.subarray(0, 4).findIndex((byte) => (byte & 0xc0) !== 0x80),
    ),
  )
  return `${end}${end.endsWith('\n') ? '' : '\n'}… ${bytes(leftOut)} left out …\n${begin.toString()}`
}

const unstoppable = (reason: unknown, program: string): unknown =>
  reason instanceof Failure && reason.kind === 'timeout'
    ? new Failure(reason.message, {
        kind: 'timeout',
        why: `even SIGKILL did not end \`${program}\`: it may hang in a disk or a network share`,
        help: reason.help,
      })
    : reason

const withStderr = (reason: unknown, stderr: Buffer): unknown =>
  reason instanceof Failure && stderr.length > 0
    ? new Failure(reason.message, {
        kind: reason.kind,
        why: reason.why,
        help: reason.help,
        stderr: stderr.toString().trimEnd().split('\n').slice(-5).join('\n'),
      })
    : reason

function writeOperation(path: string, content: string | Uint8Array, { owner = '', group = '', mode = '' }: WriteOptions) {
  const bad = (why: string) => new Failure(`cannot write ${path}`, { kind: 'input', why })
  if (mode !== '' && !/^[0-7]{3,4}$/.test(mode)) throw bad(`the mode \`${mode}\` is not three or four octal digits`)
  for (const name of [owner, group]) if (/[\0:\s]/.test(name) || name.startsWith('-')) throw bad(`\`${name}\` cannot own a file`)
  return { path: checkedPath(path), content: bytesOf(content), owner, group, mode }
}

/**
 * A path to send. A relative path starts at the home folder, with `./` before it so that no name looks like an
 * option.
 */
function checkedPath(path: string): string {
  if (path === '' || path.includes('\0')) throw new Failure(`\`${path}\` is not a path`, { kind: 'input' })
  return path.startsWith('/') ? path : `./${path}`
}

const bytesOf = (content: string | Uint8Array): Uint8Array => (typeof content === 'string' ? Buffer.from(content) : content)

const names = (text: string, separator: string): readonly string[] => text.split(separator).slice(0, -1).toSorted()

/** The format of host-program.sh: raw mode in hexadecimal, size, ids, time, names. */
const statFormat = '%f:%s:%u:%g:%Y:%U:%G'

const kinds: Readonly<Record<number, Stat['kind']>> = { 0o100000: 'file', 0o040000: 'directory', 0o120000: 'link' }

function parseStat(line: string, target: string | undefined): Stat {
  const [raw = '', size = '', uid = '', gid = '', mtime = '', owner = '', group = ''] = line.split(':')
  const mode = Number.parseInt(raw, 16)
  return {
    kind: kinds[mode & 0o170000] ?? 'other',
    size: Number(size),
    mode: (mode & 0o7777).toString(8).padStart(4, '0'),
    uid: Number(uid),
    gid: Number(gid),
    owner,
    group,
    mtime: Number(mtime),
    ...(target === undefined ? {} : { target }),
  }
}

/** `cat: /etc/shadow: Permission denied` without the name of the program. */
const lastLine = (text: string): string => (text.trimEnd().split('\n').at(-1) ?? '').replace(/^[a-z]+: /, '')

/** Help by the text of errno(3), which the host program requests in English. */
const HELP: readonly (readonly [RegExp, (path: string) => string])[] = [
  [/Permission denied|Operation not permitted/, () => 'use `become: true` if another user may'],
  [/No space left on device|Disk quota exceeded/, () => 'make room there, then run again'],
  [
    /Read-only file system/,
    () => 'find out why it is mounted read-only: the kernel does that by itself after an error on the disk',
  ],
  [/No such file or directory/, (path) => `make the folder first: \`file: { path: ${posix.dirname(path)}, state: directory }\``],
]

const helpFor = (said: string, path: string): { help?: string } => {
  const help = HELP.find(([text]) => text.test(said))?.[1](path)
  return help === undefined ? {} : { help }
}
