/** Jobs on a host that outlive the connection, by job.sh and supervisor.sh. Called by hosts/target.ts and stream.ts. */
import { Failure } from '../../base/failure.ts'
import { type Progress, readProgress } from '../../base/progress.ts'
import type { HostAccess, Output } from '../connection.ts'
import { readProgram } from '../program.ts'

/**
 * Work on a host that outlives the connection, and is found again by its name. A job belongs to the user as whom the
 * host is used. Modules get a job by `target.job`. See docs/design/jobs-and-streams.md.
 */
export interface Job {
  /** The job's current state; undefined if the job was never started, or was removed. Only reads. */
  look(): Promise<JobState | undefined>
  /**
   * Starts the job, after removing an ended job of the same name. Throws `Failure` of kind `refused` if a job of this
   * name is running, also if another runner has just started one.
   */
  start(): Promise<void>
  /**
   * Waits for the end of the job and reports its progress. If the wait is interrupted (signal, lost connection), the
   * job continues. Throws `Failure` if the result is unknown. An exit status other than 0 is a result, not an error.
   */
  follow(): Promise<JobEnd>
  /**
   * Ends all processes of the job: SIGTERM, and SIGKILL after 10 s. Does nothing if none runs. Throws `Failure` if
   * one survives.
   */
  end(): Promise<void>
  /** Removes the job's folder. Throws `Failure` of kind `refused` while the job runs. */
  remove(): Promise<void>
}

/** The program of a job. */
export interface JobWork {
  /**
   * A program and its arguments. `RUNBOOK_PROGRESS` names a file in which it may write lines `DONE TOTAL UNIT NOTE…`
   * (`5 20 files`).
   */
  readonly argv: readonly string[]
  readonly env?: Readonly<Record<string, string>>
  /** Default: the folder of `run`. */
  readonly cwd?: string
  /** Kept in a file that only its user can read, until the job has opened the file. */
  readonly stdin?: string | Uint8Array
  /** Parses a line of the progress file in another form; undefined for a line without progress. */
  readonly progress?: (line: string) => Progress | undefined
}

/** Times are seconds since the epoch by the host's clock. `dead`: the job is gone, and its result is unknown. */
export type JobState =
  | { readonly kind: 'running'; readonly since: number; readonly progress: Progress | undefined }
  | (JobEnd & { readonly kind: 'ended' })
  | { readonly kind: 'dead'; readonly why: string; readonly progress: Progress | undefined; readonly stderr: string }

export interface JobEnd {
  readonly since: number
  readonly until: number
  /** Exit status; 128+n if signal n ended it. */
  readonly code: number
  /** The last 64 KiB of each output. */
  readonly stdout: string
  readonly stderr: string
  readonly progress: Progress | undefined
}

export interface JobContext {
  /** The host's name, for messages. */
  readonly host: string
  readonly signal: AbortSignal
  sleep(seconds: number): Promise<void>
  progress(progress: Progress): void
}

const JOB = readProgram(new URL('./job.sh', import.meta.url))
const SUPERVISOR = readProgram(new URL('./supervisor.sh', import.meta.url))

/** Exit statuses of job.sh. */
const RUNNING = 75
const NO_TOOLS = 69

const TAIL_BYTES = 65536
/** Seconds between two looks, at first and at most. */
const PAUSE = { first: 0.2, most: 2 }
/** Seconds that a job has after SIGTERM, and after SIGKILL. */
const GRACE = 10

const WHY: Readonly<Record<string, string>> = {
  restarted: 'the host was restarted while it ran',
  killed: 'its supervisor was killed',
}

/** The handle of a job whose program is started elsewhere. */
export type FoundJob = Omit<Job, 'start'>

/** Makes the handle of a job. @param open called at the first use */
export function hostJob(open: () => Promise<HostAccess>, name: string, work: JobWork, context: JobContext): Job {
  const { label, must } = actionsOf(open, name, context)
  return {
    ...findJob(open, name, context, work.progress),
    async start() {
      const { argv, cwd = '.', env, stdin } = work
      if (argv.length === 0) throw new Failure(`${label} has no program`, { kind: 'input' })
      await must('start', [cwd, ...argv], { stdin: stdin ?? '', ...(env === undefined ? {} : { env }) })
    },
  }
}

/** Makes the handle of a job whose program is started elsewhere. @param open called at the first use */
export function findJob(
  open: () => Promise<HostAccess>,
  name: string,
  context: JobContext,
  parse: NonNullable<JobWork['progress']> = readProgress,
): FoundJob {
  const { label, act, must } = actionsOf(open, name, context)
  const readLine = (text: string): Progress | undefined => {
    // The last whole line: a later one is still being written.
    const last = text
      .split(/[\r\n]/)
      .slice(0, -1)
      .findLast((line) => line !== '')
    return last === undefined ? undefined : parse(last)
  }

  const look = async (): Promise<JobState | undefined> => {
    const found = await must('look')
    const head = found.slice(0, found.indexOf('\n'))
    const [state = '', since, code, until] = head.split(' ')
    const progress = readLine(found.slice(head.length + 1))
    if (state === 'absent') return undefined
    if (state === 'running') return { kind: 'running', since: Number(since), progress }
    // After a power failure of the host, a file that was never opened is empty.
    const tail = async (file: string) => (await act('tail', [file, String(TAIL_BYTES)])).stdout
    const [stdout, stderr] = await Promise.all([tail('out'), tail('err')])
    if (state !== 'ended') return { kind: 'dead', why: WHY[state] ?? state, progress, stderr }
    return { kind: 'ended', since: Number(since), until: Number(until), code: Number(code), stdout, stderr, progress }
  }

  /** Returns true if the job stops within so many seconds. */
  const stops = async (seconds: number): Promise<boolean> => {
    for (let waited = 0; (await look())?.kind === 'running'; waited += PAUSE.first) {
      if (waited >= seconds) return false
      await context.sleep(PAUSE.first)
    }
    return true
  }

  return {
    look,
    async follow() {
      let told: string | undefined
      for (let pause = PAUSE.first; ; pause = Math.min(pause * 1.5, PAUSE.most)) {
        const state = await look()
        const said = JSON.stringify(state?.progress)
        if (state?.progress !== undefined && said !== told) context.progress(state.progress)
        told = said
        if (state?.kind === 'ended') return state
        if (state?.kind !== 'running') throw lost(label, state)
        await context.sleep(pause)
      }
    },
    async end() {
      for (const signal of ['TERM', 'KILL']) {
        await must('signal', [signal])
        if (await stops(GRACE)) return
      }
      throw new Failure(`${label} cannot be ended`, {
        why: 'even SIGKILL did not end it: it may hang in a disk or a network share',
        help: 'find out on the host what it waits for',
      })
    },
    async remove() {
      await must('remove')
    },
  }
}

/** The refusal to start or remove a job that is running. */
export const runningJob = (name: string, context: Pick<JobContext, 'host'>): Failure =>
  new Failure(`${labelOf(name, context)} is running`, {
    kind: 'refused',
    help: 'wait for its end, or end it: another run may have started it',
  })

const labelOf = (name: string, { host }: Pick<JobContext, 'host'>): string => `job ${name} on ${host}`

/** Runs the actions of job.sh. */
function actionsOf(open: () => Promise<HostAccess>, name: string, context: JobContext) {
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/.test(name)) {
    throw new Failure(`\`${name}\` cannot be the name of a job`, { kind: 'input', help: 'use letters, digits, `.`, `_` and `-`' })
  }
  const label = labelOf(name, context)
  const act = async (
    action: string,
    words: readonly string[] = [],
    options: Pick<JobWork, 'env' | 'cwd' | 'stdin'> = {},
  ): Promise<Output> => {
    const access = await open()
    return access.run(['sh', '-c', JOB, SUPERVISOR, action, name, ...words], { timeout: 60, signal: context.signal, ...options })
  }
  const must = async (...asked: Parameters<typeof act>): Promise<string> => {
    const { code, stdout, stderr } = await act(...asked)
    if (code === 0) return stdout
    if (code === RUNNING) throw runningJob(name, context)
    if (code === NO_TOOLS)
      throw new Failure(`${context.host} cannot run jobs`, {
        why: 'setsid or flock is missing',
        help: 'install them: package util-linux, or util-linux-core',
      })
    throw new Failure(`cannot ${asked[0]} ${label}`, { why: stderr.trim().split('\n').at(-1) || `exit status ${code}` })
  }
  return { label, act, must }
}

const lost = (label: string, state: Extract<JobState, { kind: 'dead' }> | undefined): Failure =>
  state === undefined
    ? new Failure(`${label} not found`, { why: 'it was never started, or it was removed meanwhile' })
    : new Failure(`the end of ${label} is unknown`, {
        why: state.why,
        help: 'check on the host how far it has come, then run again',
        ...(state.stderr === '' ? {} : { stderr: state.stderr.trimEnd().split('\n').slice(-5).join('\n') }),
      })
