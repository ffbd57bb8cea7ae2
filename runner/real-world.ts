import { hostname, userInfo } from 'node:os'
import { createInterface } from 'node:readline/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { Failure } from './base/failure.ts'
import { onScreen } from './base/screen.ts'
import { diskFiles } from './disk.ts'
import type { Clock, Interrupt, Screen, World } from './world.ts'

/** The world as it is. Heavy libraries are loaded when a host or a cloud is first asked for, not before. */
export function realWorld(process: NodeJS.Process): World {
  const cwd = workingFolder(process)
  const stderr = screen(process.stderr, process.env)
  return {
    env: process.env,
    cwd,
    operator: `${process.env['SUDO_USER'] ?? loginName()}@${hostname()}`,
    stdout: screen(process.stdout, process.env, (why) =>
      stderr.write(`Standard output cannot be written (${why}): a run continues without it, and \`runbook logs\` shows it.\n`),
    ),
    stderr,
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

/** Throws `Failure` where it has been removed since the shell entered it. */
function workingFolder(process: NodeJS.Process): string {
  try {
    return process.cwd()
  } catch (cause) {
    throw new Failure('the working folder cannot be found', {
      kind: 'input',
      why: 'it has been removed, or may not be entered',
      todo: 'change to another folder: cd',
      cause,
    })
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

/**
 * What cannot be written any more is no error of a run, which continues to its end: its journal has everything.
 *
 * @param onLost called once, with the reason, where somebody should know: not for a reader that has gone
 */
export function screen(stream: NodeJS.WriteStream, env: NodeJS.ProcessEnv, onLost: (why: string) => void = () => {}): Screen {
  let open = true
  stream.on('error', (error: NodeJS.ErrnoException) => {
    const tell = open && !READER_GONE.has(error.code ?? '')
    open = false
    if (tell) onLost(error.message)
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

/** `| head` closes the pipe, a closed laptop the terminal. */
const READER_GONE = new Set(['EPIPE', 'EIO'])

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

/** A question on the terminal (standard error, so that a pipe of standard output stays clean); a secret is not echoed. */
async function ask(process: NodeJS.Process, asked: string, secret: boolean): Promise<string | undefined> {
  if (process.stdin.isTTY !== true) return undefined
  const question = onScreen(asked)
  const { Writable } = await import('node:stream')
  const silent = new Writable({ write: (_chunk, _encoding, done) => done() })
  if (secret) process.stderr.write(question)
  const prompt = createInterface({ input: process.stdin, output: secret ? silent : process.stderr, terminal: true })
  const abort = new AbortController()
  let interrupted = false
  // The terminal is in raw mode: Ctrl-C comes as a key, and has to mean what it means at any other time.
  prompt.on('SIGINT', () => {
    interrupted = true
    abort.abort()
  })
  try {
    return await prompt.question(secret ? '' : question, { signal: abort.signal })
  } catch {
    return undefined // Ctrl-D, or Ctrl-C at the question
  } finally {
    prompt.close()
    if (secret || interrupted) process.stderr.write('\n')
    if (interrupted && !process.emit('SIGINT', 'SIGINT')) process.kill(process.pid, 'SIGINT')
  }
}
