import { randomUUID } from 'node:crypto'
import { type FileHandle, mkdir, open, readdir, readFile, rename, rm, stat } from 'node:fs/promises'
import { hostname, userInfo } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { createInterface } from 'node:readline/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { Failure } from './base/failure.ts'
import { onScreen } from './base/screen.ts'
import type { Appender, Clock, Files, Interrupt, Screen, World } from './world.ts'

/** The world as it is. Heavy libraries are loaded when a host or a cloud is first asked for, not before. */
export function realWorld(process: NodeJS.Process): World {
  const cwd = process.cwd()
  return {
    env: process.env,
    cwd,
    operator: `${process.env['SUDO_USER'] ?? loginName()}@${hostname()}`,
    stdout: screen(process.stdout, process.env),
    stderr: screen(process.stderr, process.env),
    files: diskFiles(cwd),
    clock,
    ask: (question, options) => ask(process, question, options?.secret === true),
    interactive: process.stdin.isTTY === true,
    async connect(endpoint, signal) {
      const { connect } = await import('./connection/connect.ts')
      return connect(endpoint, { env: process.env }, signal)
    },
    async cloud(choice, signal) {
      const { openCloud } = await import('./openstack/index.ts')
      const env = choice.file === undefined ? process.env : { ...process.env, OS_CLIENT_CONFIG_FILE: choice.file }
      return openCloud(choice.name, { env, cwd, read: diskFiles(cwd).read, now: clock.now, sleep: clock.sleep, signal })
    },
    onInterrupt(callback) {
      const listener = (signal: NodeJS.Signals) => callback(signal as Interrupt)
      for (const signal of INTERRUPTS) process.on(signal, listener)
      return () => {
        for (const signal of INTERRUPTS) process.off(signal, listener)
      }
    },
  }
}

/** A user id without a name (in a container) is said as a number. */
function loginName(): string {
  try {
    return userInfo().username
  } catch {
    return String(process.getuid?.() ?? 'unknown')
  }
}

const INTERRUPTS: readonly Interrupt[] = ['SIGINT', 'SIGTERM', 'SIGHUP']

function screen(stream: NodeJS.WriteStream, env: NodeJS.ProcessEnv): Screen {
  let open = true
  // `| head` closes the pipe, a closed laptop the terminal: no error of the run, which goes on to its end.
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE' && error.code !== 'EIO') throw error
    open = false
  })
  const isTerminal = stream.isTTY === true && env['TERM'] !== 'dumb'
  return {
    write(text) {
      if (open) stream.write(onScreen(text))
    },
    isTerminal,
    get columns() {
      return stream.columns ?? 80
    },
    color: env['FORCE_COLOR'] !== undefined ? env['FORCE_COLOR'] !== '0' : isTerminal && (env['NO_COLOR'] ?? '') === '',
    unicode: /utf-?8/i.test(env['LC_ALL'] || env['LC_CTYPE'] || env['LANG'] || ''),
  }
}

const clock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  async sleep(ms, signal) {
    try {
      await sleep(ms, undefined, { signal })
    } catch {
      throw signal?.reason
    }
  },
}

const missing = (error: unknown): boolean => ['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '')

/** The value, or undefined where there is no such file. */
const ifThere = async <T>(work: Promise<T>): Promise<T | undefined> => {
  try {
    return await work
  } catch (error) {
    if (missing(error)) return undefined
    throw error
  }
}

/** The file just made, or undefined where there is one already. */
const ifNew = async (work: Promise<FileHandle>): Promise<FileHandle | undefined> => {
  try {
    return await work
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return undefined
    throw error
  }
}

function diskFiles(cwd: string): Files {
  const at = (path: string) => resolve(cwd, path)
  return {
    read: (path, from = 0) => ifThere(from === 0 ? readFile(at(path)) : readFrom(at(path), from)),
    remove: (path) => rm(at(path), { recursive: true, force: true }),
    async list(path) {
      return (await ifThere(readdir(at(path))))?.toSorted()
    },
    async kind(path) {
      const found = await ifThere(stat(at(path)))
      return found === undefined ? undefined : found.isDirectory() ? 'directory' : 'file'
    },
    write: (path, content, mode = 0o644) => writing(path, () => replace(at(path), content, mode)),
    create: (path, content, mode = 0o644) =>
      writing(path, async () => {
        await mkdir(dirname(at(path)), { recursive: true, mode: 0o700 })
        const file = await ifNew(open(at(path), 'wx', mode))
        if (file === undefined) return false
        try {
          await file.writeFile(content)
          await file.sync()
        } finally {
          await file.close()
        }
        return true
      }),
    append: (path) =>
      writing(path, async () => {
        await mkdir(dirname(at(path)), { recursive: true, mode: 0o700 })
        const file = await open(at(path), 'a+', 0o600)
        return appender(path, file, (await endsTorn(file)) ? '\n' : '')
      }),
  }
}

/** A disk that is full, or not ours to write to, is no defect of the program. */
async function writing<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (cause) {
    throw new Failure(`${path} cannot be written`, {
      kind: 'refused',
      why: cause instanceof Error ? cause.message : String(cause),
      todo: 'make room on the controller’s disk, or see to the rights, then say it again',
      cause,
    })
  }
}

async function replace(path: string, content: string | Uint8Array, mode: number): Promise<void> {
  const folder = dirname(path)
  await mkdir(folder, { recursive: true })
  const temporary = join(folder, `.${randomUUID()}.tmp`)
  try {
    const file = await open(temporary, 'wx', mode)
    try {
      await file.writeFile(content)
      await file.sync()
    } finally {
      await file.close()
    }
    await rename(temporary, path)
  } finally {
    await rm(temporary, { force: true })
  }
}

async function endsTorn(file: FileHandle): Promise<boolean> {
  const { size } = await file.stat()
  if (size === 0) return false
  const { buffer } = await file.read(Buffer.alloc(1), 0, 1, size - 1)
  return buffer[0] !== 0x0a
}

async function readFrom(path: string, from: number): Promise<Uint8Array> {
  const file = await open(path)
  try {
    const { size } = await file.stat()
    const { buffer, bytesRead } = await file.read(Buffer.alloc(Math.max(0, size - from)), 0, Math.max(0, size - from), from)
    return buffer.subarray(0, bytesRead)
  } finally {
    await file.close()
  }
}

/**
 * Writes and flushes together whatever came while the last flush was under way: one fdatasync for many.
 *
 * @param first what comes before all that is written
 */
function appender(path: string, file: FileHandle, first: string): Appender {
  let pending = first
  let running: Promise<void> | undefined
  let next: Promise<void> | undefined
  const flush = async () => {
    const text = pending
    pending = ''
    try {
      if (text !== '') await file.appendFile(text)
      await file.datasync()
    } catch (error) {
      // Part of it may be on the disk: the line break closes the torn line, which a reader passes over, and the whole is written again.
      pending = `\n${text}${pending}`
      throw error
    }
  }
  const start = (): Promise<void> => {
    running = writing(path, flush).finally(() => (running = undefined))
    return running
  }
  const sync = (): Promise<void> => {
    if (running === undefined) return start()
    next ??= running
      .catch(() => undefined)
      .then(() => {
        next = undefined
        return start()
      })
    return next
  }
  return {
    write(text) {
      pending += text
    },
    sync,
    async close() {
      try {
        await sync()
      } finally {
        await file.close()
      }
    },
  }
}

/** A question on the terminal (standard error, so that a pipe of standard output stays clean); a secret is not echoed. */
async function ask(process: NodeJS.Process, asked: string, secret: boolean): Promise<string | undefined> {
  if (process.stdin.isTTY !== true) return undefined
  const question = onScreen(asked)
  const { Writable } = await import('node:stream')
  const silent = new Writable({ write: (_chunk, _encoding, done) => done() })
  if (secret) process.stderr.write(question)
  const prompt = createInterface({ input: process.stdin, output: secret ? silent : process.stderr, terminal: true })
  try {
    return await prompt.question(secret ? '' : question)
  } catch {
    return undefined // Ctrl-D, or Ctrl-C at the question
  } finally {
    prompt.close()
    if (secret) process.stderr.write('\n')
  }
}
