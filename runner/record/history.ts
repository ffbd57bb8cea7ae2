/** Folds a journal into what its run did. Called by resume, undo, runs and show. */
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

/** A step that was begun, with the name of the blob that holds what `undo` needs. */
export interface Applied {
  readonly step: StepRef
  readonly blob: string
  /** Of the journal, when it was begun. */
  readonly version: number
  /** The runs that began to take it back and did not come to the end of it, oldest first. */
  readonly undoing: readonly string[]
}

/** What a journal says: a fold over its lines. */
export interface History {
  readonly started: RunStarted
  /** The last that was said of the end of each step, by key. */
  readonly finished: ReadonlyMap<string, StepFinished>
  /** Steps that were begun and of which nobody knows what they have done: the runner died, or lost sight of them. */
  readonly inFlight: ReadonlyMap<string, StepRef>
  /** Everything that was begun and not undone, oldest first. */
  readonly applied: readonly Applied[]
  /** Every step that was begun, taken back since or not, in the order in which each was begun last. */
  readonly begun: readonly StepRef[]
  /** Keys of the steps that were taken back, and not begun again. */
  readonly undone: ReadonlySet<string>
  /** Keys of the steps that an undo came by and could not take back. */
  readonly passed: ReadonlySet<string>
  /** Undefined where the run was killed. */
  readonly ended: RunFinished | undefined
  /** How often it was started: once, and with every resume. */
  readonly lives: number
  /** When the last line was written, in milliseconds since the epoch. */
  readonly last: number
  /** The blocks whose `rescue` has begun, as `HOST BLOCK`. */
  readonly rescues: ReadonlySet<string>
  /** Those whose `rescue` went through: what failed in them no longer counts. */
  readonly rescued: ReadonlySet<string>
  /** Keys of steps of an `always` whose block has gone further since: they are done again when it ends. */
  readonly stale: ReadonlySet<string>
  /** What a task was not started for, as far as nothing has been done of it since; by task and host. */
  readonly notStarted: ReadonlyMap<string, NotStarted>
  /** Hosts that have not come to the end of all their plays in any life of the run. */
  readonly unfinished: ReadonlySet<string>
  /** The last that was found of each host, by its name. */
  readonly facts: ReadonlyMap<string, Readonly<Record<string, unknown>>>
  /** Every step that was begun or has ended, by key. */
  readonly records: ReadonlyMap<string, StepRef>
  /** The same, oldest first, as `HOST TASK`: the part of `same` that is the task's; nothing in older journals. */
  readonly byTask: ReadonlyMap<string, readonly StepRef[]>
}

/** @param content a journal's lines; a torn one (the runner was killed, the disk was full) is passed over */
export function readJournal(content: Uint8Array, path: string): History {
  const lines = tellingLines(Buffer.from(content.buffer, content.byteOffset, content.byteLength))
  const head = lines.next().value as { readonly type?: unknown; readonly version?: unknown } | undefined
  if (head?.type !== 'journal' || typeof head.version !== 'number') throw unreadable(path, 'it does not begin as a journal')
  if (head.version > JOURNAL_VERSION)
    throw unreadable(path, `it is of version ${head.version}; this runbook reads up to ${JOURNAL_VERSION}`)
  try {
    return foldHistory(lines, path, head.version)
  } catch (error) {
    if (!(error instanceof TypeError)) throw error
    throw unreadable(path, 'one of its lines is not as it was written')
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

/** A line of version 1 in today's form: a failure's `todo` is its `help`, a change has a resource, and snapshots are dropped. */
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
/** Most of the lines of a long run, and nothing of its state hangs on them: they are passed over unread. */
const PASSING = new Set([
  'play-started',
  'task-started',
  'loop-started',
  'step-started',
  'step-checked',
  'step-progress',
  'step-replayed',
])

/** The events that the fold is about, and the last one whatever it is. */
function* tellingLines(bytes: Buffer): Generator<Event | JournalHead, undefined> {
  let passed: readonly [number, number] = [0, 0]
  for (let start = 0; start < bytes.length;) {
    const next = bytes.indexOf(NEWLINE, start)
    const end = next === -1 ? bytes.length : next
    const [type = ''] = bytes.toString('latin1', start + TYPE_AT, Math.min(end, start + 40)).split('"', 1)
    passed = PASSING.has(type) ? [start, end] : [0, 0]
    if (passed[1] === 0) yield* parse(bytes.toString('utf8', start, end)) as unknown as Event[]
    start = end + 1
  }
  yield* parse(bytes.toString('utf8', ...passed)) as unknown as Event[]
}

/** Each life of the run begins with it. */
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
  const goesFurther = ({ host, task }: StepRef) => {
    for (const block of [...owners(task, 'block'), ...owners(task, 'rescue')])
      for (const key of always.get(`${host} ${block}`) ?? []) stale.add(key)
  }
  let walked: readonly string[] = []
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
        walked = event.hosts
        // A life that does not come to its end has finished nobody.
        for (const host of walked) if (!known.has(host)) unfinished.add(host)
        for (const host of walked) known.add(host)
        break
      case 'run-resumed':
        ended = undefined
        break
      case 'facts-gathered':
        facts.set(event.host, { ...facts.get(event.host), ...unmasked(event.facts) })
        break
      case 'apply-started': {
        const { step, blob } = event as ApplyStarted & { blob: string }
        goesFurther(step)
        inFlight.set(step.key, step)
        begunInThisLife.add(step.key)
        undone.delete(step.key)
        passed.delete(step.key)
        begun.delete(step.key)
        begun.set(step.key, step)
        // Begun again with the same to put back: it is taken back once, in the place of the last time.
        applied.delete(keyOf(step, blob))
        applied.set(keyOf(step, blob), { step, blob, version, undoing: [] })
        break
      }
      case 'step-finished':
        if (isKnown(event, begunInThisLife)) inFlight.delete(event.step.key)
        finished.set(event.step.key, event)
        goesFurther(event.step)
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
        for (const host of walked) unfinished.delete(host)
        for (const host of event.unfinished ?? (event.exitCode === 0 ? [] : walked)) unfinished.add(host)
        break
      default:
        break
    }
  }
  if (started === undefined) throw unreadable(path, 'it ends before the run began')
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

/** What a secret was masked in cannot stand for the real thing. */
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

/** Hosts whose last word is a failure that counts. */
export const failedHosts = ({ finished, rescued, unfinished }: History): readonly string[] => [
  ...new Set(
    [...finished.values()]
      .filter(({ step, failure, ignored }) => failure !== undefined && ignored !== true && !isInBlockOf(rescued, step))
      .map(({ step }) => step.host)
      .filter((host) => unfinished.has(host)),
  ),
]

/** A failure says what became of what was begun only where it is the answer to that, and not that there was none. */
const isKnown = ({ step, failure, ignored }: StepFinished, begunInThisLife: ReadonlySet<string>): boolean =>
  failure === undefined ||
  ignored === true ||
  (begunInThisLife.has(step.key) && !['unreachable', 'timeout', 'interrupted'].includes(failure.kind))

/** Every block that a step is in the rescue of, as `HOST BLOCK`. */
const rescuesOf = ({ task, host }: StepRef): string[] => owners(task, 'rescue').map((block) => `${host} ${block}`)

/** The recorded end of a step that a resumed run need not do again. */
export function replayable(history: History, key: string): StepFinished | undefined {
  const past = history.finished.get(key)
  // A failure that a `rescue` took over stays a failure: otherwise the block would be entered again.
  if (past?.outcome === 'failed' && isInBlockOf(history.rescues, past.step)) return past
  if (past === undefined || history.inFlight.has(key) || history.stale.has(key)) return undefined
  if (past.outcome === 'changed' || past.outcome === 'skipped' || past.ignored === true) return past
  // A result with a masked secret in it cannot stand for the real one; looking again costs nothing.
  return past.outcome === 'ok' && !holdsHidden(JSON.stringify(past.result)) ? past : undefined
}

/** @param rescues as `HOST BLOCK` */
const isInBlockOf = (rescues: ReadonlySet<string>, { task, host }: StepRef): boolean =>
  owners(task, 'block').some((block) => rescues.has(`${host} ${block}`))
