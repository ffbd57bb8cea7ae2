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

/** What `command` and `shell` share: when they run, how, and what comes of it. */
export interface Job {
  readonly argv: readonly string[]
  /** As people see it in a plan, a result and an error. */
  readonly shown: string
  readonly chdir?: string | undefined
  readonly creates?: string | undefined
  readonly removes?: string | undefined
  readonly stdin?: string | undefined
}

/** Bytes of each output that are kept: the journal, every view and later tasks have them in memory. */
const KEPT = MIB

/** The parameters that `command` and `shell` share. */
export const jobParams = {
  chdir: {
    type: 'string',
    pattern: '^/',
    description: 'Folder to run in. Default: the home of the user, or the working folder where the connection is local.',
  },
  creates: {
    type: 'string',
    minLength: 1,
    description: 'Do not run where this file exists. A relative path counts from `chdir`.',
  },
  removes: {
    type: 'string',
    minLength: 1,
    description: 'Do not run where this file does not exist. A relative path counts from `chdir`.',
  },
  stdin: { type: 'string', description: 'Text for its standard input.' },
} as const

export const jobReturns = {
  rc: 'Exit status; 128+n where signal n ended it.',
  stdout:
    'What it printed, without the line end at its end. Of more than 1 MiB the middle is left out; a line in its place says how much.',
  stderr: 'Its error output, likewise.',
  stdout_lines: '`stdout` as a list of lines.',
  stderr_lines: '`stderr` as a list of lines.',
  stdout_left_out: 'Bytes of `stdout` that were left out; 0 where it is whole.',
  stderr_left_out: 'Bytes of `stderr` that were left out; 0 where it is whole.',
  cmd: 'The command as it ran.',
  seconds: 'How long it took.',
  skip_reason: 'Why it did not run, where `creates` or `removes` said so.',
} as const

/**
 * A command is a change of its own unless `creates` or `removes` show that it was done before: what it would do cannot be
 * known.
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
  // `creates` and `removes` tell after a crash whether it went through; nothing else does.
  const blind = job.creates === undefined && job.removes === undefined
  return { changes: [change], before: undefined, ...(blind ? { blind } : {}) }
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
    throw new Failure(`\`${path}\` is a relative path, and there is no \`chdir\``, {
      kind: 'input',
      todo: 'give an absolute path',
    })
  return posix.join(chdir, path)
}

/**
 * Runs it. A status other than 0 throws `Failure` whose data is the whole result, so that `register` and `failed_when` see it.
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
    ...(code === 127 ? { todo: `is ${program} installed on ${host}, and in the PATH of the user?` } : {}),
    ...(code === 126 ? { todo: `is ${program} a program, and may the user run it?` } : {}),
    data: result,
  })
}

/** The last lines, as far as a person reads them. */
const lastOf = (text: string): string => text.slice(-2000).split(/\r?\n/).slice(-10).join('\n')

const firstLine = (text: string): string => (text.includes('\n') ? `${text.slice(0, text.indexOf('\n'))} …` : text)
