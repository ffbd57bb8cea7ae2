import type { ApplyStarted, Event, RunFinished, RunStarted, StepFinished, StepRef } from '../events.ts'
import { Failure } from '../failure.ts'
import { MASK } from '../redact.ts'
import { JOURNAL_VERSION } from './journal.ts'

/** A step that was begun, with the name of the blob that holds what `undo` needs. */
export interface Applied {
  readonly step: StepRef
  readonly blob: string
}

/** What a journal says: a fold over its lines. */
export interface History {
  readonly started: RunStarted
  /** The last that was said of the end of each step, by key. */
  readonly finished: ReadonlyMap<string, StepFinished>
  /** Steps that were begun and of whose end nothing is known. */
  readonly inFlight: ReadonlyMap<string, StepRef>
  /** Everything that was begun and not undone, oldest first. */
  readonly applied: readonly Applied[]
  /** Undefined where the run was killed. */
  readonly ended: RunFinished | undefined
  readonly events: readonly Event[]
}

/** @param text a journal's lines; a torn one (the runner was killed, the disk was full) is passed over */
export function readJournal(text: string, path: string): History {
  const lines = parseLines(text)
  const [head, ...rest] = lines
  if (head === undefined || (head as unknown as { type: string }).type !== 'journal')
    throw unreadable(path, 'it does not begin as a journal')
  const { version } = head as unknown as { version: number }
  if (version > JOURNAL_VERSION)
    throw unreadable(path, `it is of version ${version}; this runbook reads up to ${JOURNAL_VERSION}`)
  return foldHistory(rest, path)
}

export const parseLines = (text: string): Event[] => text.split('\n').flatMap((line) => parse(line)) as unknown as Event[]

function parse(line: string): Record<string, unknown>[] {
  if (line.trim() === '') return []
  try {
    return [JSON.parse(line) as Record<string, unknown>]
  } catch {
    return []
  }
}

const unreadable = (path: string, why: string) => new Failure(`${path} cannot be read as a journal`, { kind: 'input', why })

function foldHistory(events: readonly Event[], path: string): History {
  let started: RunStarted | undefined
  let ended: RunFinished | undefined
  const finished = new Map<string, StepFinished>()
  const inFlight = new Map<string, StepRef>()
  let applied: Applied[] = []
  for (const event of events) {
    switch (event.type) {
      case 'run-started':
        started ??= event
        break
      case 'run-resumed':
        ended = undefined
        break
      case 'apply-started':
        inFlight.set(event.step.key, event.step)
        applied.push({ step: event.step, blob: (event as ApplyStarted & { blob: string }).blob })
        break
      case 'step-finished':
        inFlight.delete(event.step.key)
        finished.set(event.step.key, event)
        break
      case 'step-undone':
        applied = applied.filter(({ blob, step }) => !(step.key === event.step.key && blob === event.blob))
        finished.delete(event.step.key)
        inFlight.delete(event.step.key)
        break
      case 'run-finished':
        ended = event
        break
      default:
        break
    }
  }
  if (started === undefined) throw unreadable(path, 'it ends before the run began')
  return { started, finished, inFlight, applied, ended, events }
}

/** The recorded end of a step that a resumed run need not do again. */
export function replayable(history: History, key: string): StepFinished | undefined {
  const past = history.finished.get(key)
  if (past === undefined || history.inFlight.has(key)) return undefined
  if (past.outcome === 'changed' || past.outcome === 'skipped' || past.ignored === true) return past
  // A result with a masked secret in it cannot stand for the real one; looking again costs nothing.
  if (past.outcome === 'ok') return JSON.stringify(past.result).includes(MASK) ? undefined : past
  return past.outcome === 'failed' && rescueBegun(history, past.step) ? past : undefined
}

/** A failure that a `rescue` took over stays a failure: otherwise the block would be entered again. */
function rescueBegun(history: History, { task, host }: StepRef): boolean {
  const parts = task.split('.')
  const blocks = parts.flatMap((part, index) => (part === 'block' ? [parts.slice(0, index).join('.')] : []))
  return blocks.some((block) =>
    [...history.finished.values(), ...[...history.inFlight.values()].map((step) => ({ step }))].some(
      ({ step }) => step.host === host && step.task.startsWith(`${block}.rescue.`),
    ),
  )
}
