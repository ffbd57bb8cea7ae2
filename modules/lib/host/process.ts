/** The common part of `command` and `shell`: parameters, conditions, the run and its result. */
import { posix } from 'node:path'
import {
  type Change,
  type Diff,
  Failure,
  MIB,
  type Output,
  type Result,
  type RunOptions,
  type Target,
} from '../../../runner/module.ts'

export interface Job {
  readonly argv: readonly string[]
  /** The command in plans, results and errors. */
  readonly shown: string
  readonly chdir?: string | undefined
  readonly creates?: string | undefined
  readonly removes?: string | undefined
  readonly stdin?: string | undefined
}

/** Bytes kept of each output. Journal, views and later tasks all hold them in memory. */
const KEPT = MIB

/** The parameters that `command` and `shell` share. */
export const jobParams = {
  chdir: {
    type: 'string',
    pattern: '^/',
    description: 'Folder to run in. Default: the home of the user; on a local connection, the working folder.',
  },
  creates: {
    type: 'string',
    minLength: 1,
    description: 'Skip the command if this file exists. A relative path starts at `chdir`.',
  },
  removes: {
    type: 'string',
    minLength: 1,
    description: 'Skip the command if this file does not exist. A relative path starts at `chdir`.',
  },
  stdin: { type: 'string', description: 'Text for standard input.' },
} as const

export const jobReturns = {
  rc: 'Exit status; 128+n if signal n ended the command.',
  stdout:
    'Standard output without its last line end. Beyond 1 MiB the middle is left out, and a line in its place says how much.',
  stderr: 'Standard error, cut in the same way.',
  stdout_lines: '`stdout` as a list of lines.',
  stderr_lines: '`stderr` as a list of lines.',
  stdout_left_out: 'Bytes of `stdout` that were left out; 0 if it is complete.',
  stderr_left_out: 'Bytes of `stderr` that were left out; 0 if it is complete.',
  cmd: 'The command that ran.',
  seconds: 'Seconds that the command took.',
  skip_reason: 'Why the command did not run, if `creates` or `removes` skipped it.',
} as const

/**
 * Plans a command. Its effect is unknown beforehand, so the command itself is the change, unless `creates` or `removes`
 * show that it has run before.
 */
export async function planJob(job: Job, target: Target): Promise<Diff<undefined>> {
  const reason = await doneBefore(job, target)
  if (reason !== undefined)
    return {
      changes: [],
      before: undefined,
      result: { ...resultOf(job, { code: 0, stdout: '', stderr: '' }, 0), skip_reason: reason },
    }
  const change: Change = { resource: { host: target.host, kind: 'act', name: 'command' }, before: undefined, after: job.shown }
  // After a crash, only `creates` and `removes` can show that the command had run.
  const undetectable = job.creates === undefined && job.removes === undefined
  return { changes: [change], before: undefined, ...(undetectable ? { undetectable } : {}) }
}

async function doneBefore({ chdir, creates, removes }: Job, target: Target): Promise<string | undefined> {
  const stat = (path: string | undefined) => (path === undefined ? undefined : target.stat(absolute(path, chdir)))
  const [created, removed] = await Promise.all([stat(creates), stat(removes)])
  if (creates !== undefined && created !== undefined) return `${creates} exists`
  if (removes !== undefined && removed === undefined) return `${removes} does not exist`
  return undefined
}

function absolute(path: string, chdir: string | undefined): string {
  if (posix.isAbsolute(path)) return path
  if (chdir === undefined)
    throw new Failure(`\`${path}\` is a relative path, and \`chdir\` is missing`, {
      kind: 'input',
      help: 'give an absolute path, or set `chdir`',
    })
  return posix.join(chdir, path)
}

/**
 * Runs a command. If its status is not 0, throws `Failure` with the result as data, for `register` and `failed_when`.
 */
export async function runJob(job: Job, target: Target): Promise<Result> {
  const start = target.now()
  const options: RunOptions = {
    keep: KEPT,
    ...(job.chdir === undefined ? {} : { cwd: job.chdir }),
    ...(job.stdin === undefined ? {} : { stdin: job.stdin }),
  }
  const output = await target.run(job.argv, options)
  const { code } = output
  const result = resultOf(job, output, Math.round((target.now() - start) * 1000) / 1000)
  if (code !== 0) throw notZero(job, code, result, target.host)
  return result
}

const withoutLineEnd = (text: string): string => text.replace(/(\r?\n)+$/, '')

/** `register` adds `stdout_lines` and `stderr_lines`. */
function resultOf(job: Job, { code, stdout, stderr, leftOut }: Omit<Output, 'bytes'>, seconds: number) {
  return {
    cmd: job.shown,
    rc: code,
    stdout: withoutLineEnd(stdout),
    stderr: withoutLineEnd(stderr),
    stdout_left_out: leftOut?.stdout ?? 0,
    stderr_left_out: leftOut?.stderr ?? 0,
    seconds,
  } satisfies Result
}

function notZero(job: Job, code: number, result: ReturnType<typeof resultOf>, host: string): Failure {
  const said = lastOf(result.stderr === '' ? result.stdout : result.stderr)
  const program = job.argv[0] ?? ''
  const ended = code > 128 ? `was ended by signal ${code - 128}` : `exited with ${code}`
  return new Failure(`\`${firstLine(job.shown)}\` ${ended}`, {
    ...(said === '' ? {} : { why: said.split('\n').at(-1) ?? said, stderr: said }),
    ...(code === 127 ? { help: `install ${program} on ${host}, or add its folder to the PATH of the user` } : {}),
    ...(code === 126 ? { help: `check that ${program} is a program and that the user may run it` } : {}),
    data: result,
  })
}

/** The last ten lines, at most 2000 characters. */
const lastOf = (text: string): string => text.slice(-2000).split(/\r?\n/).slice(-10).join('\n')

const firstLine = (text: string): string => (text.includes('\n') ? `${text.slice(0, text.indexOf('\n'))} …` : text)
