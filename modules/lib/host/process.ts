import { posix } from 'node:path'
import { Failure, type Change, type Diff, type Result, type RunOptions, type Target } from '../../../runner/module.ts'

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
  stdout: 'What it printed, without the line end at its end.',
  stderr: 'Its error output, without the line end at its end.',
  stdout_lines: '`stdout` as a list of lines.',
  stderr_lines: '`stderr` as a list of lines.',
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
    return { changes: [], before: undefined, result: { ...resultOf(job, '', '', 0, 0), skip_reason: reason } }
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
    ...(job.chdir === undefined ? {} : { cwd: job.chdir }),
    ...(job.stdin === undefined ? {} : { stdin: job.stdin }),
  }
  const { code, stdout, stderr } = await target.run(job.argv, options)
  const result = resultOf(job, stdout, stderr, code, Math.round((target.now() - start) * 1000) / 1000)
  if (code !== 0) throw notZero(job, code, result, target.host)
  return result
}

const withoutLineEnd = (text: string): string => text.replace(/(\r?\n)+$/, '')
const lines = (text: string): readonly string[] => (text === '' ? [] : text.split(/\r?\n/))

function resultOf(job: Job, stdout: string, stderr: string, rc: number, seconds: number) {
  const [out, err] = [withoutLineEnd(stdout), withoutLineEnd(stderr)]
  return {
    cmd: job.shown,
    rc,
    stdout: out,
    stderr: err,
    stdout_lines: lines(out),
    stderr_lines: lines(err),
    seconds,
  } satisfies Result
}

function notZero(job: Job, code: number, result: ReturnType<typeof resultOf>, host: string): Failure {
  const said = (result.stderr_lines.length > 0 ? result.stderr_lines : result.stdout_lines).slice(-10).join('\n')
  const program = job.argv[0] ?? ''
  const ended = code > 128 ? `was ended by signal ${code - 128}` : `exited with ${code}`
  return new Failure(`\`${firstLine(job.shown)}\` ${ended}`, {
    ...(said === '' ? {} : { why: said.split('\n').at(-1) ?? said, stderr: said }),
    ...(code === 127 ? { todo: `is ${program} installed on ${host}, and in the PATH of the user?` } : {}),
    ...(code === 126 ? { todo: `is ${program} a program, and may the user run it?` } : {}),
    data: result,
  })
}

const firstLine = (text: string): string => (text.includes('\n') ? `${text.slice(0, text.indexOf('\n'))} …` : text)
