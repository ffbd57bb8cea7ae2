/** Folds a journal into the history of its run. Called by resume, undo, runs and show, through runs.ts. */
import type {
  ApplyStarted,
  Event,
  NotStarted,
  RunFinished,
  RunStarted,
  StepFinished,
  StepRef,
  Stamped,
} from '../events/events.ts'
import { owners } from '../events/step-address.ts'
import { Failure } from '../base/failure.ts'
import { holdsHidden } from '../base/secret-names.ts'
import { JOURNAL_VERSION } from './journal.ts'
import { taskPart } from '../state/fingerprint.ts'

/** A begun step, with the name of the blob that holds the data for `undo`. */
export interface Applied {
  readonly step: StepRef
  readonly blob: string
  /** The journal's version when the step began. */
  readonly version: number
  /** The unfinished undos of the step: run ids, oldest first. */
  readonly undoing: readonly string[]
}

/** The state of a run according to its journal. */
export interface History {
  readonly started: RunStarted
  /** The last recorded end of each step, by key. */
  readonly finished: ReadonlyMap<string, StepFinished>
  /** Begun steps with an unknown outcome: the runner died, or lost the connection. */
  readonly inFlight: ReadonlyMap<string, StepRef>
  /** The begun steps that are not undone, oldest first. */
  readonly applied: readonly Applied[]
  /** All begun steps, also the undone ones, in the order of their last start. */
  readonly begun: readonly StepRef[]
  /** Keys of the steps that were undone and not begun again. */
  readonly undone: ReadonlySet<string>
  /** Keys of the steps that an undo passed because they cannot be undone. */
  readonly passed: ReadonlySet<string>
  /** Undefined if the run was killed or is alive. */
  readonly ended: RunFinished | undefined
  /** The number of starts: the first one and every resume. */
  readonly lives: number
  /** The time of the last line, in milliseconds since the epoch. */
  readonly last: number
  /** The blocks with a begun `rescue`, as `HOST BLOCK`. */
  readonly rescues: ReadonlySet<string>
  /** The blocks whose `rescue` succeeded, as `HOST BLOCK`: failures in the block no longer count. */
  readonly rescued: ReadonlySet<string>
  /** Keys of steps of an `always` whose block has continued since: the steps run again when the block ends. */
  readonly stale: ReadonlySet<string>
  /** Tasks that were not started on a host, or for some items, and have not run there since; by `HOST TASK`. */
  readonly notStarted: ReadonlyMap<string, NotStarted>
  /** Hosts that did not finish all their plays in the last completed life that included them. */
  readonly unfinished: ReadonlySet<string>
  /** The last known facts of each host, by name. */
  readonly facts: ReadonlyMap<string, Readonly<Record<string, unknown>>>
  /** Every step in flight or with a recorded end, by key. */
  readonly records: ReadonlyMap<string, StepRef>
  /**
   * The same steps by `HOST DIGEST`, oldest first: the task's part of the fingerprint `same`, empty in older
   * journals.
   */
  readonly byTask: ReadonlyMap<string, readonly StepRef[]>
}

/** @param content the lines of a journal; torn lines (the runner was killed, the disk was full) are skipped */
export function readJournal(content: Uint8Array, path: string): History {
  const lines = relevantLines(Buffer.from(content.buffer, content.byteOffset, content.byteLength))
  const head = lines.next().value as { readonly type?: unknown; readonly version?: unknown } | undefined
  if (head?.type !== 'journal' || typeof head.version !== 'number') throw unreadable(path, 'the head of a journal is missing')
  if (head.version > JOURNAL_VERSION)
    throw unreadable(path, `its version is ${head.version}; this runbook reads up to ${JOURNAL_VERSION}`)
  try {
    return foldHistory(lines, path, head.version)
  } catch (error) {
    if (!(error instanceof TypeError)) throw error
    throw unreadable(path, 'one of its lines is damaged')
  }
}

export const parseLines = (text: string): Event[] => text.split('\n').flatMap((line) => parse(line)) as unknown as Event[]

function parse(line: string): Record<string, unknown>[] {
  if (line.trim() === '') return []
  try {
    const read = JSON.parse(line) as unknown
    return typeof read === 'object' && read !== null ? [upgraded(read as Record<string, unknown>)] : []
  } catch {
    return []
  }
}

/**
 * A line of version 1 in today's form: a failure's `todo` is its `help`, a change has a resource, and snapshots are
 * dropped.
 */
function upgraded(line: Record<string, unknown>): Record<string, unknown> {
  return withResources(withHelp(line))
}

function withHelp(line: Record<string, unknown>): Record<string, unknown> {
  const { todo, ...failure } = (line['failure'] ?? {}) as { readonly todo?: unknown }
  return todo === undefined ? line : { ...line, failure: { ...failure, help: todo } }
}

function withResources(line: Record<string, unknown>): Record<string, unknown> {
  const {
    changes,
    saw: _saw,
    left: _left,
    ...rest
  } = line as { changes?: unknown; saw?: unknown; left?: unknown; step?: StepRef }
  if (!Array.isArray(changes) || !changes.some((change: object) => 'path' in change)) return line
  const host = rest.step?.host ?? ''
  return {
    ...rest,
    changes: changes.map(({ path, ...change }: { path: string }) => ({ resource: { host, kind: 'act', name: path }, ...change })),
  }
}

const NEWLINE = 10
const TYPE_AT = '{"type":"'.length
/** Event types that do not affect the history. They are most lines of a long run, and are skipped unparsed. */
const IRRELEVANT = new Set([
  'play-started',
  'task-started',
  'loop-started',
  'step-started',
  'step-checked',
  'step-progress',
  'step-replayed',
])

/** Yields the events that affect the history, and the last event of any type. */
function* relevantLines(bytes: Buffer): Generator<Event | JournalHead, undefined> {
  let passed: readonly [number, number] = [0, 0]
  for (let start = 0; start < bytes.length;) {
    const next = bytes.indexOf(NEWLINE, start)
    const end = next === -1 ? bytes.length : next
    const [type = ''] = bytes.toString('latin1', start + TYPE_AT, Math.min(end, start + 40)).split('"', 1)
    passed = IRRELEVANT.has(type) ? [start, end] : [0, 0]
    if (passed[1] === 0) yield* parse(bytes.toString('utf8', start, end)) as unknown as Event[]
    start = end + 1
  }
  yield* parse(bytes.toString('utf8', ...passed)) as unknown as Event[]
}

/** The first line of each life of the run. */
interface JournalHead extends Stamped {
  readonly type: 'journal'
  readonly version: number
}

const unreadable = (path: string, why: string) => new Failure(`${path} cannot be read as a journal`, { kind: 'input', why })

function foldHistory(events: Iterable<Event | JournalHead>, path: string, firstVersion: number): History {
  let version = firstVersion
  let started: RunStarted | undefined
  let ended: RunFinished | undefined
  let lives = 0
  let last = 0
  const finished = new Map<string, StepFinished>()
  const inFlight = new Map<string, StepRef>()
  const begunInThisLife = new Set<string>()
  const applied = new Map<string, Applied>()
  const begun = new Map<string, StepRef>()
  const undone = new Set<string>()
  const passed = new Set<string>()
  const rescued = new Set<string>()
  const known = new Set<string>()
  const unfinished = new Set<string>()
  const facts = new Map<string, Readonly<Record<string, unknown>>>()
  const always = new Map<string, Set<string>>()
  const stale = new Set<string>()
  const notStarted = new Map<string, NotStarted>()
  const markAlwaysStale = ({ host, task }: StepRef) => {
    for (const block of [...owners(task, 'block'), ...owners(task, 'rescue')])
      for (const key of always.get(`${host} ${block}`) ?? []) stale.add(key)
  }
  let hostsOfLife: readonly string[] = []
  const keyOf = (step: StepRef, blob: string) => `${step.key} ${blob}`
  for (const event of events) {
    last = event.at ?? last
    switch (event.type) {
      case 'journal':
        version = event.version
        break
      case 'run-started':
        started ??= event
        lives++
        begunInThisLife.clear()
        hostsOfLife = event.hosts
        // A killed life finishes no host: until the life ends, its new hosts are unfinished.
        for (const host of hostsOfLife) if (!known.has(host)) unfinished.add(host)
        for (const host of hostsOfLife) known.add(host)
        break
      case 'run-resumed':
        ended = undefined
        break
      case 'facts-gathered':
        facts.set(event.host, { ...facts.get(event.host), ...unmasked(event.facts) })
        break
      case 'apply-started': {
        const { step, blob } = event as ApplyStarted & { blob: string }
        markAlwaysStale(step)
        inFlight.set(step.key, step)
        begunInThisLife.add(step.key)
        undone.delete(step.key)
        passed.delete(step.key)
        begun.delete(step.key)
        begun.set(step.key, step)
        // A step that begins again with the same before-image is undone once, in the place of its last start.
        applied.delete(keyOf(step, blob))
        applied.set(keyOf(step, blob), { step, blob, version, undoing: [] })
        break
      }
      case 'step-finished':
        if (isSettled(event, begunInThisLife)) inFlight.delete(event.step.key)
        finished.set(event.step.key, event)
        markAlwaysStale(event.step)
        stale.delete(event.step.key)
        notStarted.delete(`${event.step.host} ${event.step.task}`)
        for (const block of owners(event.step.task, 'always')) {
          const place = `${event.step.host} ${block}`
          always.set(place, (always.get(place) ?? new Set()).add(event.step.key))
        }
        break
      case 'task-finished':
        for (const one of event.notStarted ?? []) notStarted.set(`${one.host} ${event.task}`, one)
        break
      case 'undo-started': {
        const own = applied.get(keyOf(event.step, event.blob))
        if (own !== undefined)
          applied.set(keyOf(event.step, event.blob), { ...own, undoing: [...new Set([...own.undoing, event.by])] })
        break
      }
      case 'step-undone':
        applied.delete(keyOf(event.step, event.blob))
        undone.add(event.step.key)
        finished.delete(event.step.key)
        inFlight.delete(event.step.key)
        break
      case 'undo-passed':
        passed.add(event.step.key)
        break
      case 'rescued':
        rescued.add(`${event.host} ${event.block}`)
        break
      case 'run-finished':
        ended = event
        for (const host of hostsOfLife) unfinished.delete(host)
        for (const host of event.unfinished ?? (event.exitCode === 0 ? [] : hostsOfLife)) unfinished.add(host)
        break
      default:
        break
    }
  }
  if (started === undefined) throw unreadable(path, 'the start of the run is missing')
  const steps = [...[...finished.values()].map(({ step }) => step), ...inFlight.values()]
  const rescues = new Set(steps.flatMap(rescuesOf))
  const records = new Map(steps.map((step) => [step.key, step]))
  const said = {
    started,
    finished,
    inFlight,
    applied: [...applied.values()],
    begun: [...begun.values()],
    undone,
    passed,
    ended,
    lives,
    last,
    facts,
    stale,
    notStarted,
  }
  return { ...said, rescues, rescued, unfinished, records, byTask: grouped(records.values()) }
}

/** Drops facts with a masked secret: they cannot replace the real values. */
const unmasked = (facts: Readonly<Record<string, unknown>>) =>
  Object.fromEntries(Object.entries(facts).filter(([, value]) => !holdsHidden(JSON.stringify(value))))

function grouped(steps: Iterable<StepRef>): Map<string, StepRef[]> {
  const byTask = new Map<string, StepRef[]>()
  for (const step of steps) {
    const key = `${step.host} ${taskPart(step.same ?? '')}`
    const group = byTask.get(key)
    if (group === undefined) byTask.set(key, [step])
    else group.push(step)
  }
  return byTask
}

/** Unfinished hosts with a failure that was neither ignored nor rescued. */
export const failedHosts = ({ finished, rescued, unfinished }: History): readonly string[] => [
  ...new Set(
    [...finished.values()]
      .filter(({ step, failure, ignored }) => failure !== undefined && ignored !== true && !isInBlockOf(rescued, step))
      .map(({ step }) => step.host)
      .filter((host) => unfinished.has(host)),
  ),
]

/**
 * A failed step settles its apply-started event unless the failure is a lost connection, a timeout or an
 * interruption.
 */
const isSettled = ({ step, failure, ignored }: StepFinished, begunInThisLife: ReadonlySet<string>): boolean =>
  failure === undefined ||
  ignored === true ||
  (begunInThisLife.has(step.key) && !['unreachable', 'timeout', 'interrupted'].includes(failure.kind))

/** The blocks whose `rescue` holds the step, as `HOST BLOCK`. */
const rescuesOf = ({ task, host }: StepRef): string[] => owners(task, 'rescue').map((block) => `${host} ${block}`)

/** Returns the recorded end of a step that a resumed run can skip; undefined if the step must run. */
export function replayable(history: History, key: string): StepFinished | undefined {
  const past = history.finished.get(key)
  // A rescued failure stays a failure: otherwise the block would run again.
  if (past?.outcome === 'failed' && isInBlockOf(history.rescues, past.step)) return past
  if (past === undefined || history.inFlight.has(key) || history.stale.has(key)) return undefined
  if (past.outcome === 'changed' || past.outcome === 'skipped' || past.ignored === true) return past
  // A result with a masked secret cannot replace the real one; a new check costs nothing.
  return past.outcome === 'ok' && !holdsHidden(JSON.stringify(past.result)) ? past : undefined
}

/** @param rescues as `HOST BLOCK` */
const isInBlockOf = (rescues: ReadonlySet<string>, { task, host }: StepRef): boolean =>
  owners(task, 'block').some((block) => rescues.has(`${host} ${block}`))
