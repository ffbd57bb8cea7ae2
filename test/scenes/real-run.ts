/** Runs the built program in a workplace of its own, on a terminal or off. */
import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { lstatSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { quoteWord } from '../../runner/source/shell-words.ts'
import type { Event } from '../../runner/events/events.ts'

/** The built program and what was built with it. */
const built = join(process.env['RUNBOOK_BIN'] ?? fileURLToPath(new URL('../../dist/runner/bin.js', import.meta.url)), '../..')

export interface Ended {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  /** Standard output and standard error, as they came. */
  readonly text: string
}

export interface RunOptions {
  readonly env?: Readonly<Record<string, string>>
  /** A module of the tests that is loaded into the program, by its path in `test/`. */
  readonly hook?: string
  /** The program that starts it, given its own command line. */
  readonly within?: (argv: readonly string[]) => readonly string[]
  /** Called with all that has been said so far, and a way to answer. */
  readonly onText?: (text: string, answer: (line: string) => void) => void
  readonly onStart?: (pid: number) => void
}

/** A folder of an operator, with the built program in it. */
export function workplace(files: Readonly<Record<string, string>>) {
  const folder = mkdtempSync(join(tmpdir(), 'runbook-real-'))
  const path = (name: string) => join(folder, name)
  const put = (name: string, text: string) => {
    mkdirSync(dirname(path(name)), { recursive: true })
    writeFileSync(path(name), text)
  }
  for (const [name, text] of Object.entries(files)) put(name, text)
  return {
    folder,
    path,
    put,
    remove: () => rmSync(folder, { recursive: true, force: true }),
    /** `runbook ARGS` in the folder, to its end. */
    runbook: (
      args: readonly string[],
      { env = {}, hook, within = (argv) => argv, onText, onStart }: RunOptions = {},
    ): Promise<Ended> => {
      const program = [process.execPath, ...(hook === undefined ? [] : ['--import', join(built, 'test', hook)])]
      const [first = '', ...rest] = within([...program, join(built, 'runner/bin.js'), ...args])
      const child = spawn(first, rest, {
        cwd: folder,
        env: { ...process.env, NODE_COMPILE_CACHE: join(tmpdir(), 'runbook-compiled'), ...env },
        stdio: [onText === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
      })
      if (child.pid !== undefined) onStart?.(child.pid)
      let text = ''
      for (const stream of [child.stdout, child.stderr])
        stream?.on('data', (chunk: Buffer) => {
          text += chunk.toString()
          onText?.(text, (line) => child.stdin?.write(`${line}\n`))
        })
      return new Promise((resolve, reject) => {
        child.once('error', reject)
        child.once('close', (code, signal) => resolve({ code, signal, text }))
      })
    },
    /** Ids, oldest first. */
    runs: () => readdirSync(path('.runbook/runs')).toSorted(),
    /** Every whole line of a run's journal; default: of the only one. */
    journal: (run = readdirSync(path('.runbook/runs'))[0] ?? ''): Event[] => {
      return readFileSync(path(`.runbook/runs/${run}/journal.jsonl`), 'utf8')
        .split('\n')
        .flatMap((line) => {
          try {
            return [JSON.parse(line) as Event]
          } catch {
            return []
          }
        })
    },
  }
}
export type Workplace = ReturnType<typeof workplace>

/** Everything that can be seen of files, by path. @param exact also inode and times: nothing has been written at all */
export function snapshot(
  root: string,
  folders: readonly string[],
  { exact = false, except = /$^/ } = {},
): Record<string, string> {
  const seen: Record<string, string> = {}
  const look = (path: string) => {
    if (except.test(path)) return
    const stat = lstatSync(join(root, path))
    const { mode, uid, gid, size, ino, mtimeMs, ctimeMs } = stat
    const content = stat.isSymbolicLink()
      ? readlinkSync(join(root, path))
      : stat.isFile()
        ? createHash('sha256')
            .update(readFileSync(join(root, path)))
            .digest('hex')
        : ''
    seen[path] = [mode.toString(8), uid, gid, content, ...(exact ? [ino, size, mtimeMs, ctimeMs] : [])].join(' ')
    if (stat.isDirectory()) for (const name of readdirSync(join(root, path))) look(join(path, name))
  }
  for (const folder of folders) look(folder)
  return seen
}

/** Runs it on a terminal and answers the questions that a pattern finds (its group is the host), each once. */
export function onTerminal(
  runbook: Workplace['runbook'],
  args: readonly string[],
  question: RegExp,
  answerFor: (host: string) => string,
): Promise<Ended> {
  let answers = 0
  const quoted = (argv: readonly string[]) => argv.map(quoteWord).join(' ')
  return runbook(args, {
    within: (argv) => ['script', '--quiet', '--flush', '--return', '--command', quoted(argv), '/dev/null'],
    onText(text, answer) {
      const [, host] = [...text.matchAll(question)][answers] ?? []
      if (host === undefined) return
      answers++
      answer(answerFor(host))
    },
  })
}

/** Steps that were applied once more although it was on the disk that they had ended well. */
export const twice = (events: readonly Event[]): string[] =>
  events.flatMap((event, index) =>
    event.type === 'apply-started' &&
    events
      .slice(0, index)
      .some((earlier) => earlier.type === 'step-finished' && earlier.step.key === event.step.key && earlier.failure === undefined)
      ? [event.step.key]
      : [],
  )
