/** The real `World`: process, terminal, disk, network. Made by `bin.ts`. */
import { hostname, userInfo } from 'node:os'
import { createInterface } from 'node:readline/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { Failure } from './base/failure.ts'
import { onScreen } from './base/screen.ts'
import { diskFiles } from './disk.ts'
import type { Clock, Interrupt, Screen, World } from './world.ts'

/** Makes the real world. Heavy libraries are loaded on the first connection to a host or a cloud. */
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

/** The working folder. Throws `Failure` (input) if it was removed since the shell entered it. */
function workingFolder(process: NodeJS.Process): string {
  try {
    return process.cwd()
  } catch (cause) {
    throw new Failure('working folder not found', {
      kind: 'input',
      why: 'it was removed, or you may not enter it',
      help: 'change to another folder: cd',
      cause,
    })
  }
}

/** The user's name, or the user id if it has no name (in a container). */
function loginName(): string {
  try {
    return userInfo().username
  } catch {
    return String(process.getuid?.() ?? 'unknown')
  }
}

const INTERRUPTS: readonly Interrupt[] = ['SIGINT', 'SIGTERM', 'SIGHUP']

/**
 * A terminal or pipe to write to. If it can no longer be written, the run still continues to its end: the journal has
 * everything.
 *
 * @param onLost called once, with the reason, unless the reader has simply gone
 */
export function screen(stream: NodeJS.WriteStream, env: NodeJS.ProcessEnv, onLost: (why: string) => void = () => {}): Screen {
  let open = true
  stream.on('error', (error: NodeJS.ErrnoException) => {
    const isNews = open && !READER_GONE.has(error.code ?? '')
    open = false
    if (isNews) onLost(error.message)
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

/** EPIPE: `| head` has ended. EIO: the terminal is gone. */
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

/** Asks on the terminal, through standard error, so that a pipe of standard output stays clean. A secret is not echoed. */
async function ask(process: NodeJS.Process, asked: string, secret: boolean): Promise<string | undefined> {
  if (process.stdin.isTTY !== true) return undefined
  const question = onScreen(asked)
  const { Writable } = await import('node:stream')
  const silent = new Writable({ write: (_chunk, _encoding, done) => done() })
  if (secret) process.stderr.write(question)
  const prompt = createInterface({ input: process.stdin, output: secret ? silent : process.stderr, terminal: true })
  const abort = new AbortController()
  let interrupted = false
  // The terminal is in raw mode: Ctrl-C arrives as a key, and must work as at any other time.
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
