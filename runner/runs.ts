import { createHash } from 'node:crypto'
import { type History, readJournal } from './engine/history.ts'
import { inputsPath, journalPath, RUNS_FOLDER } from './engine/paths.ts'
import type { AgreedStep, Run } from './engine/run-state.ts'
import { Failure } from './failure.ts'
import { nearest } from './suggest.ts'
import type { Source } from './language/source.ts'
import type { Request } from './request.ts'
import type { World } from './world.ts'

/** What a run was started with: enough to start it again, and to see whether its files are still the same. */
export interface KeptInputs {
  readonly version: 1
  /** As asked; secrets are masked, and asked for again. */
  readonly request: Request
  /** SHA-256 of every file that was read, by its name. */
  readonly digests: Readonly<Record<string, string>>
  /** What the saved plan said that was applied: a resumed run does nothing else either. */
  readonly agreed?: Readonly<Record<string, AgreedStep>>
}

export const digestOf = (text: string): string => createHash('sha256').update(text).digest('hex')

export async function keepInputs(
  world: World,
  run: string,
  request: Request,
  sources: readonly Source[],
  agreed: Run['agreed'],
): Promise<void> {
  const digests = Object.fromEntries(sources.map(({ file, text }) => [file, digestOf(text)]))
  const kept: KeptInputs = {
    version: 1,
    request,
    digests,
    ...(agreed === undefined ? {} : { agreed: Object.fromEntries(agreed) }),
  }
  await world.files.write(inputsPath(run), `${JSON.stringify(kept, undefined, 2)}\n`, 0o600)
}

export async function loadKeptInputs(world: World, run: string): Promise<KeptInputs> {
  const content = await world.files.read(inputsPath(run))
  if (content === undefined)
    throw new Failure(`run ${run} has no ${inputsPath(run)}`, {
      kind: 'input',
      todo: 'it cannot be resumed; start the playbook anew',
    })
  return JSON.parse(new TextDecoder().decode(content)) as KeptInputs
}

/** Ids of all runs kept here, oldest first. */
export const listRuns = async (world: World): Promise<readonly string[]> => (await world.files.list(RUNS_FOLDER)) ?? []

/** @param runs several that did one thing, one after the other, are read as the lives of one run */
export async function loadHistory(world: World, ...runs: readonly string[]): Promise<History> {
  const contents = await Promise.all(runs.map((run) => contentOf(world, run)))
  return readJournal(contents.length === 1 ? contents[0]! : Buffer.concat(contents), runs.map(journalPath).join(', '))
}

async function contentOf(world: World, run: string): Promise<Uint8Array> {
  const content = await world.files.read(journalPath(run))
  if (content !== undefined) return content
  const near = nearest(run, await listRuns(world))
  throw new Failure(`there is no run ${run}`, {
    kind: 'input',
    todo: near === undefined ? 'runbook runs lists them' : `did you mean ${near}? runbook runs lists all`,
  })
}

/** A run by its id or the beginning of one; without either the newest that `wanted` accepts. */
export async function findRun(
  world: World,
  text: string | undefined,
  wanted: (history: History) => boolean,
  none: string,
): Promise<{ run: string; history: History }> {
  const runs = await listRuns(world)
  if (text !== undefined) {
    const found = runs.filter((run) => run.startsWith(text.toUpperCase()))
    const run = found.length === 1 ? (found[0] as string) : text.toUpperCase()
    return { run, history: await loadHistory(world, run) }
  }
  const unread: string[] = []
  for (const run of runs.toReversed()) {
    const history = await loadHistory(world, run).catch(() => undefined)
    if (history === undefined) unread.push(run)
    else if (wanted(history)) return { run, history }
  }
  throw new Failure(none, {
    kind: 'input',
    // A journal that holds nothing yet: its run was killed before it could begin.
    ...(unread.length === 0 ? {} : { why: `not one of them can be read, or had begun anything: ${unread.join(', ')}` }),
    todo: 'runbook runs lists the runs kept in this folder',
  })
}
