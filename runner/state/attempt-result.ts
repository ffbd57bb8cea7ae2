/** The result of one attempt at a step, and the `step-finished` event made of it. Called by the engine, `undo/undo.ts` and `locks/`. */
import { HIDDEN } from '../base/secret-names.ts'
import type { FailureInfo, Outcome, StepFinished, StepRef, UndoRecord, Unstamped } from '../events/events.ts'
import { defined } from '../base/defined.ts'
import { Failure } from '../base/failure.ts'
import type { Task } from '../language/playbook/types.ts'
import { TemplateError } from '../language/template/template.ts'
import { Unknown } from '../language/value.ts'
import type { AnyModule, Change, Diff, Estimate, Result, Snapshot, Target } from '../module.ts'

/** The result of one attempt at a step, before `changed_when`, `failed_when` and `verify` are applied. */
export type Attempt =
  | (Checked & { readonly kind: 'done'; readonly changed: boolean; readonly result: Result; readonly after?: Snapshot })
  | (Checked & { readonly kind: 'planned' })
  | { readonly kind: 'unknown'; readonly reason: string }
  | { readonly kind: 'skipped'; readonly reason: string }
  | { readonly kind: 'failed'; readonly failure: FailureInfo; readonly changes: readonly Change[]; readonly result: Result }

/** The part of a check's answer that the operator should see. */
export interface Checked {
  readonly changes: readonly Change[]
  readonly warnings: readonly string[]
  readonly message?: string
  readonly estimate?: Estimate
  /** The question of the task's `confirm`. */
  readonly confirm?: string
  readonly reversible: boolean
  readonly before?: Snapshot
}

/** A step made ready: its differences, or the reason why nothing is to be done. Only reads were needed, so it may be made early. */
export type Prepared =
  | {
      readonly kind: 'ready'
      readonly module: AnyModule
      readonly params: unknown
      readonly target: Target
      readonly record: Omit<UndoRecord, 'before'>
      readonly diff: Diff<unknown>
      /** Checks again, if time has passed. */
      readonly again: () => Promise<Diff<unknown>>
    }
  | { readonly kind: 'settled'; readonly attempt: Attempt }

/** Says whether the step can be undone: by its module, or by the tasks of its `undo:`. */
export const isReversible = (module: AnyModule, diff: Diff<unknown>, { undo }: Pick<Task, 'undo'>): boolean =>
  (module.undo !== undefined && diff.irreversible === undefined) || undo.length > 0

/** Turns a thrown error into data. A programming error keeps its stack, so that the defect can be found. */
export function failureInfo(error: unknown): FailureInfo {
  if (error instanceof Failure) {
    const { kind, message: what, why, help, stderr, data } = error
    return defined({ kind, what, why, help, stderr: stderr === '' ? undefined : stderr, data })
  }
  if (error instanceof TemplateError) {
    const { summary, label, notes, place } = error.diagnostic
    const help = [label, ...(notes ?? [])].filter((line) => line !== undefined).join('; ')
    return defined({ kind: 'input' as const, what: summary, help: help === '' ? undefined : help, place })
  }
  return {
    kind: 'failed',
    what: error instanceof Error ? error.message : String(error),
    ...(error instanceof Error && error.stack !== undefined ? { why: error.stack } : {}),
    help: 'this is a defect of runbook or of a module: please report it with the lines above',
  }
}

export const failed = (error: unknown, changes: readonly Change[] = []): Attempt => {
  const failure = failureInfo(error)
  return { kind: 'failed', failure, changes, result: { msg: failure.what, ...failure.data } }
}

/** The fields of `step-finished` beside the step and its outcome. */
export type StepFinishedGiven = {
  readonly [Field in keyof Omit<StepFinished, 'type' | 'at' | 'step' | 'outcome'>]?: StepFinished[Field] | undefined
}

/** Builds the event that ends a step. Fields that are not given are empty. */
export const stepFinished = (step: StepRef, outcome: Outcome, given: StepFinishedGiven): Unstamped<StepFinished> => ({
  type: 'step-finished',
  step,
  outcome,
  seconds: 0,
  changes: [],
  warnings: [],
  result: {},
  reversible: false,
  ...defined(given),
})

/** The part of an attempt that the operator and the journal see. */
export function shownOf(attempt: Attempt, noLog: boolean): StepFinishedGiven {
  switch (attempt.kind) {
    case 'failed':
      return { changes: shownChanges(attempt, noLog), failure: hideFailureIf(noLog, attempt.failure) }
    case 'skipped':
    case 'unknown':
      return { reason: attempt.reason }
    case 'planned':
      return { ...shownCheck(attempt, noLog), estimate: attempt.estimate, confirm: attempt.confirm }
    case 'done':
      return { ...shownCheck(attempt, noLog), after: attempt.after }
  }
}

const shownCheck = (checked: Checked, noLog: boolean): StepFinishedGiven => ({
  changes: shownChanges(checked, noLog),
  warnings: noLog ? hideWarnings(checked.warnings) : checked.warnings,
  reversible: checked.reversible,
  message: noLog ? undefined : checked.message,
  before: noLog ? undefined : checked.before,
})

const shownChanges = ({ changes }: Pick<Checked, 'changes'>, noLog: boolean): readonly Change[] =>
  noLog ? hideChanges(changes) : changes

/** The value for `register`. */
export function registeredValue(
  attempt: Attempt,
  flags: { readonly changed: boolean; readonly failed: boolean },
): Record<string, unknown> {
  const own = attempt.kind === 'done' || attempt.kind === 'failed' ? attempt.result : {}
  const reason = attempt.kind === 'skipped' || attempt.kind === 'unknown' ? { skip_reason: attempt.reason } : {}
  return { ...own, ...reason, changed: flags.changed, failed: flags.failed, skipped: attempt.kind === 'skipped' }
}

/** A registered value as conditions and templates see it: with each output also as a list of lines, which the journal does not repeat. */
export function withLines(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || value instanceof Unknown) return value
  const texts = Object.entries(value).filter(([key, text]) => OUTPUTS.includes(key) && typeof text === 'string')
  const lines = texts.map(([key, text]) => [`${key}_lines`, text === '' ? [] : text.split(/\r?\n/)])
  return { ...Object.fromEntries(lines), ...value }
}
const OUTPUTS = ['stdout', 'stderr']

/** Hides the values of changes (`no_log`). Resource and property stay visible. */
export const hideChanges = (changes: readonly Change[]): readonly Change[] =>
  changes.map((change) => ({ ...change, before: HIDDEN, after: HIDDEN, sensitive: true as const }))
export const hideFailureIf = (noLog: boolean, failure: FailureInfo): FailureInfo =>
  noLog
    ? {
        kind: failure.kind,
        what: `the step failed ${HIDDEN}`,
        help: 'remove no_log from the task to see why',
        ...(failure.place === undefined ? {} : { place: failure.place }),
      }
    : failure
export const hideWarnings = (warnings: readonly string[]): readonly string[] => warnings.map(() => HIDDEN)
