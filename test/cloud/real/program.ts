/** Runs programs and waits for them. Used by everything in this folder. */
import { spawn } from 'node:child_process'

export interface Finished {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

export interface ProgramOptions {
  readonly stdin?: string | Uint8Array
  readonly env?: Readonly<Record<string, string>>
  /** Milliseconds; then it is killed, and `ProgramError` is thrown. */
  readonly timeout?: number
}

/** A program that ended badly: its command line, exit status and last words. */
export class ProgramError extends Error {
  override readonly name = 'ProgramError'
  readonly finished: Finished

  constructor(argv: readonly string[], finished: Finished, note = '') {
    const said = (finished.stderr.trim() || finished.stdout.trim()).split('\n').slice(-12).join('\n')
    super(`${argv.join(' ')}\n${note || `exit status ${finished.code}`}${said ? `\n${said}` : ''}`)
    this.finished = finished
  }
}

/** Runs a program to its end and gives what it said; throws only when it cannot be started or takes too long. */
export const finish = (argv: readonly string[], options: ProgramOptions = {}): Promise<Finished> =>
  new Promise((resolve, reject) => {
    const [file = '', ...args] = argv
    const child = spawn(file, args, { env: { ...process.env, LC_ALL: 'C.UTF-8', ...options.env }, stdio: 'pipe' })
    const out: Buffer[] = []
    const err: Buffer[] = []
    const late = { is: false }
    const timer =
      options.timeout === undefined
        ? undefined
        : setTimeout(() => {
            late.is = true
            child.kill('SIGKILL')
          }, options.timeout)
    child.stdout.on('data', (chunk: Buffer) => out.push(chunk))
    child.stderr.on('data', (chunk: Buffer) => err.push(chunk))
    child.stdin.on('error', () => {})
    child.stdin.end(options.stdin)
    child.on('error', (error) => {
      clearTimeout(timer)
      reject(error)
    })
    child.on('close', (code, signal) => {
      clearTimeout(timer)
      const finished = {
        code: code ?? (signal ? 128 : 1),
        stdout: Buffer.concat(out).toString(),
        stderr: Buffer.concat(err).toString(),
      }
      if (late.is) reject(new ProgramError(argv, finished, `not done after ${options.timeout} ms`))
      else resolve(finished)
    })
  })

/** Runs a program that must succeed and gives its standard output. */
export const run = async (argv: readonly string[], options?: ProgramOptions): Promise<string> => {
  const finished = await finish(argv, options)
  if (finished.code !== 0) throw new ProgramError(argv, finished)
  return finished.stdout
}

export const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

/** Asks again and again until the answer is neither undefined nor false; `what` names it when the time is over. */
export const until = async <T>(
  what: string,
  seconds: number,
  ask: () => Promise<T | undefined | false>,
  every = 200,
): Promise<T> => {
  const end = performance.now() + seconds * 1000
  for (;;) {
    const answer = await ask()
    if (answer !== undefined && answer !== false) return answer
    if (performance.now() > end) throw new Error(`${what}: not after ${seconds} s`)
    await sleep(every)
  }
}
