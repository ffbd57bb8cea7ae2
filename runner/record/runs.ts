/** Keeps and finds runs and their inputs. Called by run.ts, resume, undo and the history commands. */
import { createHash } from 'node:crypto'
import { openBeforeImages, readSealed } from './before-images.ts'
import { type History, parseLines, readJournal } from './history.ts'
import { inputsPath, journalPath, RUNS_FOLDER, sealedInputsPath } from './paths.ts'
import type { PlannedStep, Run } from '../state/run-state.ts'
import { Failure } from '../base/failure.ts'
import { isArgument } from '../source/render.ts'
import { nearest } from '../base/suggest.ts'
import type { Source } from '../source/source.ts'
import { readRequest, type Request } from '../events/request.ts'
import type { World } from '../world.ts'

/**
 * 1: the request had no parts. 2: nothing was sealed. 3: the differences of a saved plan had one text in place of
 * resource and property.
 */
const VERSION = 4
const SEALED = 3

/** The inputs of a run, for a resume or an undo: the request, and digests that reveal a changed file. */
export interface KeptInputs {
  readonly version: number
  /** The original request. Secret parameters are hidden; a resume asks for them again. */
  readonly request: Request
  /** SHA-256 of every input file, by name. */
  readonly digests: Readonly<Record<string, string>>
  /** The steps of the applied saved plan, by key: they bind a resumed run as well. */
  readonly agreed?: Readonly<Record<string, PlannedStep>>
}

export const digestOf = (text: string): string => createHash('sha256').update(text).digest('hex')

interface Given {
  readonly request: Request
  /** The same without its secrets. */
  readonly shown: Request
  readonly sources: readonly Source[]
  readonly plannedSteps: Run['plannedSteps']
}

/**
 * Kept encrypted, because variables may be secrets and a digest allows guesses. `inputs.json` has an empty `extra`
 * and no `agreed`.
 */
type Sealed = Pick<KeptInputs, 'agreed'> & { readonly extra: Request['what']['extra'] }

export async function keepInputs(world: World, run: string, { request, shown, sources, plannedSteps }: Given): Promise<void> {
  const digests = Object.fromEntries(
    sources
      .filter(({ file, document }) => document !== undefined && !isArgument(file))
      .map(({ file, text }) => [file, digestOf(text)]),
  )
  const sealed: Sealed = {
    extra: request.what.extra,
    ...(plannedSteps === undefined ? {} : { agreed: Object.fromEntries(plannedSteps) }),
  }
  const images = await openBeforeImages(world, run)
  await images.write(sealedInputsPath(run), JSON.stringify(sealed))
  const kept = {
    version: VERSION,
    request: { ...shown, what: { ...shown.what, extra: [] } },
    digests,
  }
  await world.files.write(inputsPath(run), `${JSON.stringify(kept, undefined, 2)}\n`, 0o600)
}

export async function loadKeptInputs(world: World, run: string): Promise<KeptInputs> {
  const content = await world.files.read(inputsPath(run))
  if (content === undefined)
    throw new Failure(`run ${run} has no ${inputsPath(run)}`, {
      kind: 'input',
      help: LOST_INPUTS,
    })
  const kept = parseKept(run, new TextDecoder().decode(content))
  if (kept.version > VERSION)
    throw new Failure(`run ${run} was started by a newer runbook`, {
      kind: 'input',
      help: `use at least the version that started it: this one cannot read ${inputsPath(run)}`,
    })
  if (kept.version < SEALED) return kept
  const { extra, agreed } = JSON.parse(await readSealed(world, run, sealedInputsPath(run), `the inputs of run ${run}`)) as Sealed
  const { what } = kept.request
  return {
    ...kept,
    request: { ...kept.request, what: { ...what, extra } },
    ...(agreed === undefined ? {} : { agreed }),
  }
}

/** Returns false if the run applied a saved plan in an older format, which cannot be compared. */
export const isPlanReadable = ({ version, agreed }: KeptInputs): boolean => agreed === undefined || version === VERSION

const LOST_INPUTS = 'without this file the run can be neither resumed nor undone; runbook show lists its changes'

function parseKept(run: string, text: string): KeptInputs {
  try {
    const kept = JSON.parse(text) as KeptInputs
    if (kept.version > VERSION) return kept
    Object.entries(kept.digests)
    return { ...kept, request: readRequest(kept.request) }
  } catch (cause) {
    throw new Failure(`${inputsPath(run)} is damaged`, {
      kind: 'input',
      why: cause instanceof SyntaxError ? cause.message : 'its content is not that of a run',
      help: LOST_INPUTS,
      cause,
    })
  }
}

/** The ids of all runs in this folder, oldest first. */
export const listRuns = async (world: World): Promise<readonly string[]> => (await world.files.list(RUNS_FOLDER)) ?? []

/** @param runs consecutive undos of the same step are read as the lives of one run */
export async function loadHistory(world: World, ...runs: readonly string[]): Promise<History> {
  const contents = await Promise.all(runs.map((run) => contentOf(world, run)))
  return readJournal(contents.length === 1 ? contents[0]! : Buffer.concat(contents), runs.map(journalPath).join(', '))
}

/** An unreadable journal, with the reason. */
export interface UnreadableRun {
  readonly run: string
  readonly why: string
  /** False for a journal without events: its run was killed before its first event, or is just starting. */
  readonly begun: boolean
}

export async function readRun(world: World, run: string): Promise<{ readonly history: History } | UnreadableRun> {
  const path = journalPath(run)
  let content: Uint8Array | undefined
  try {
    content = (await world.files.read(path)) ?? new Uint8Array()
    return { history: readJournal(content, path) }
  } catch (error) {
    if (content !== undefined && isWithoutEvents(content)) return { run, why: 'its run had not started', begun: false }
    const why = error instanceof Failure ? error.why : undefined
    return { run, why: why ?? (error instanceof Error ? error.message : String(error)), begun: true }
  }
}

/** Returns true for a journal of heads alone, and perhaps a torn last line. */
const isWithoutEvents = (content: Uint8Array): boolean =>
  new TextDecoder()
    .decode(content)
    .split('\n')
    .slice(0, -1)
    .every((line) => line === '' || (parseLines(line)[0]?.type as string | undefined) === 'journal')

async function contentOf(world: World, run: string): Promise<Uint8Array> {
  const content = await world.files.read(journalPath(run))
  if (content !== undefined) return content
  const near = nearest(run, await listRuns(world))
  throw new Failure(`run ${run} not found`, {
    kind: 'input',
    help: near === undefined ? 'runbook runs lists all' : `did you mean ${near}? runbook runs lists all`,
  })
}

/** Finds a run by its id or a unique prefix; without either, the newest run that `wanted` accepts. */
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
  const unread: UnreadableRun[] = []
  for (const run of runs.toReversed()) {
    const known = await readRun(world, run)
    if (!('history' in known)) unread.push(known)
    else if (wanted(known.history)) {
      for (const { run: newer, why } of unread.filter(({ begun }) => begun))
        world.stderr.write(`Run ${newer} is skipped: its journal cannot be read (${why}).\n`)
      return { run, history: known.history }
    }
  }
  throw new Failure(none, {
    kind: 'input',
    ...(unread.length === 0 ? {} : { why: unread.map(({ run, why }) => `${run} cannot be read: ${why}`).join('\n') }),
    help: 'runbook runs lists the runs kept in this folder',
  })
}
