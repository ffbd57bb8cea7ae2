/** The vocabulary of execution. Journal, screen, report, resume and undo are folds over these events. */
import type { FailureKind } from '../base/failure.ts'
import type { Place } from '../source/source.ts'
import type { Change, Estimate, LockRequest, Progress, Result, Snapshot } from '../module.ts'

/**
 * An event of a run, as JSON. The engine emits events and nothing else; the terminal, the plain lines,
 * `--output json`, the report and the exit code are folds over them.
 */
export type Event =
  | RunStarted
  | PlayStarted
  | TaskStarted
  | FactsGathered
  | LoopStarted
  | StepStarted
  | StepChecked
  | ApplyStarted
  | StepProgress
  | StepFinished
  | TaskFinished
  | HandlersPending
  | RescuePlanned
  | Rescued
  | PlayStopped
  | Interrupted
  | LockAwaited
  | RunResumed
  | StepReplayed
  | UndoStarted
  | StepUndone
  | UndoPassed
  | RunFinished

export interface Stamped {
  /** Milliseconds since the epoch. */
  readonly at: number
}
export interface RunStarted extends Stamped {
  readonly type: 'run-started'
  readonly run: string
  readonly goal: Goal
  readonly playbook: string
  readonly name: string
  readonly inventory: readonly string[]
  /** The hosts of all plays. */
  readonly hosts: readonly string[]
  readonly tasks: number
  readonly params: Readonly<Record<string, unknown>>
  /** The run to undo, for an undo. */
  readonly undoes?: string
}
export interface PlayStarted extends Stamped {
  readonly type: 'play-started'
  readonly play: number
  readonly name: string
  readonly hosts: readonly string[]
  /** With `serial`: the number of this batch, from 1, and the number of batches. */
  readonly batch?: { readonly number: number; readonly of: number }
}
export interface TaskStarted extends Stamped {
  readonly type: 'task-started'
  readonly task: string
  readonly name: string
  readonly module: string
  readonly handler: boolean
  readonly hosts: readonly string[]
}
/** A resumed run begins. */
export interface RunResumed extends Stamped {
  readonly type: 'run-resumed'
  readonly run: string
  /** The number of steps with a recorded end. */
  readonly done: number
  /** Steps in flight when the runner died. */
  readonly inFlight: readonly StepRef[]
}
/** A resumed run reaches a finished step: its recorded outcome counts. */
export interface StepReplayed extends Stamped {
  readonly type: 'step-replayed'
  readonly step: StepRef
  readonly outcome: Outcome
}
/** An undo of a step begins. This event and `step-undone` stand in the journal of the original run. */
export interface UndoStarted extends Stamped {
  readonly type: 'undo-started'
  readonly step: StepRef
  readonly blob: string
  /** The run that undoes the step. */
  readonly by: string
}
/** A step is undone. */
export interface StepUndone extends Stamped {
  readonly type: 'step-undone'
  readonly step: StepRef
  readonly blob: string
}
/** An undo passes a step that cannot be undone, with a warning. Stands in the journal of the original run. */
export interface UndoPassed extends Stamped {
  readonly type: 'undo-passed'
  readonly step: StepRef
}
/** A task with a loop begins on a host. */
export interface LoopStarted extends Stamped {
  readonly type: 'loop-started'
  readonly task: string
  readonly host: string
  /** The name of the whole loop. */
  readonly name: string
  /** The number of items; absent in a plan if unknown. */
  readonly items?: number
  /** The values of `loop_control` in words; unknown ones as written. */
  readonly control: {
    readonly parallel?: string
    readonly limits?: Readonly<Record<string, string>>
    readonly maxFailures?: string
    readonly canary?: string
    /** Milliseconds since the epoch, or the text of the playbook. */
    readonly deadline?: number | string
  }
}
/** One task on one host, or one item of its loop there. */
export interface StepRef {
  /**
   * Unique within the run: task id, host, and the item's number; with `~` and the fingerprint if the key was
   * taken by another step.
   */
  readonly key: string
  readonly task: string
  readonly host: string
  readonly name: string
  readonly module: string
  /** The label of a loop's item. */
  readonly item?: string
  /**
   * The fingerprint: a digest of the task as written and of the item, independent of the task's position.
   * Absent in older journals.
   */
  readonly same?: string
  readonly place: Place
}
/** The facts of a host: a resumed run knows them without connecting to the host again. */
export interface FactsGathered extends Stamped {
  readonly type: 'facts-gathered'
  readonly host: string
  readonly facts: Readonly<Record<string, unknown>>
}
export interface StepStarted extends Stamped {
  readonly type: 'step-started'
  readonly step: StepRef
}
export interface StepChecked extends Stamped {
  readonly type: 'step-checked'
  readonly step: StepRef
  readonly changes: readonly Change[]
  readonly inFlight?: string
}
export interface ApplyStarted extends Stamped {
  readonly type: 'apply-started'
  readonly step: StepRef
  /** The data for `undo`. It can hold secrets and whole files: it goes into the journal's blobs and is never shown. */
  readonly undo: UndoRecord
}
export interface UndoRecord {
  readonly params: unknown
  /** The module's own `before`. */
  readonly before: unknown
  /** The host of the change: the step's own, or its `delegate_to`. */
  readonly host: string
  readonly become: { readonly wanted: boolean | undefined; readonly user: string | undefined }
  /** It only made other changes take effect: it is undone after those. */
  readonly activates?: true
  /** Locks of the step besides the host's. */
  readonly locks?: readonly LockRequest[]
  /**
   * The module's inputs from the controller, which may change later: rendered templates by name, files by
   * path (base64).
   */
  readonly inputs: { readonly rendered: Record<string, string>; readonly files: Record<string, string> }
  /** The variables of the `undo:` tasks, with their values at the step. */
  readonly variables?: Readonly<Record<string, unknown>>
}
export interface StepProgress extends Stamped {
  readonly type: 'step-progress'
  readonly step: StepRef
  readonly progress: Progress
}
export type Outcome =
  | 'ok' // nothing to do
  | 'changed' // done and verified
  | 'planned' // plan: would change
  | 'unknown' // plan: depends on a step that has not run
  | 'skipped' // its condition is false, or its loop is empty
  | 'failed'
  | 'unreachable'
export interface StepFinished extends Stamped {
  readonly type: 'step-finished'
  readonly step: StepRef
  readonly outcome: Outcome
  readonly seconds: number
  readonly changes: readonly Change[]
  readonly warnings: readonly string[]
  /** A message of the module for the operator. */
  readonly message?: string
  readonly result: Result
  /** The reason of a skip, or the step that an unknown outcome waits for. */
  readonly reason?: string
  readonly failure?: FailureInfo
  /** `ignore_errors` ignored the failure. */
  readonly ignored?: true
  /** True if `undo` can restore the state before the step. */
  readonly reversible: boolean
  /** Plan: the likely duration. */
  readonly estimate?: Estimate
  /** Plan: the question before the step; as written if its values are unknown. */
  readonly confirm?: string
  /** The resources before the step, if the module reports them. */
  readonly before?: Snapshot
  /** The resources after the step, for the drift check of undo. In the journal only, contents as keyed digests. */
  readonly after?: Snapshot
  /** The number of attempts, with `retries`. */
  readonly attempts?: number
}
export interface FailureInfo {
  readonly kind: FailureKind
  readonly what: string
  readonly why?: string
  readonly help?: string
  readonly stderr?: string
  readonly data?: Readonly<Record<string, unknown>>
  /** A closer place than the task: the unusable template or parameter. */
  readonly place?: Place
}
export interface TaskFinished extends Stamped {
  readonly type: 'task-finished'
  readonly task: string
  /** Hosts and loop items that the task was not started for. A resumed run starts them. */
  readonly notStarted?: readonly NotStarted[]
}
export interface NotStarted {
  readonly host: string
  /** Labels of a loop's items; absent if the whole task was not started on the host. */
  readonly items?: readonly string[]
  /**
   * The run was stopped; too many items failed; the loop's canary failed; its deadline passed; the host is
   * unreachable.
   */
  readonly reason: 'stopped' | 'failures' | 'canary' | 'deadline' | 'unreachable'
}
/** Notified handlers that did not run, because their host failed or the run stopped. */
export interface HandlersPending extends Stamped {
  readonly type: 'handlers-pending'
  readonly host: string
  readonly handlers: readonly string[]
}
/** Plan: the tasks of a `rescue`, which run if a step of the block fails. A saved plan covers them as well. */
export interface RescuePlanned extends Stamped {
  readonly type: 'rescue-planned'
  readonly host: string
  readonly block: string
  /** The name of the block, if any. */
  readonly name?: string
  readonly tasks: readonly (Pick<StepRef, 'task' | 'name' | 'module'> & Pick<StepFinished, 'reversible' | 'confirm'>)[]
}
/** The `rescue` of a block succeeded on a host: failures in the block no longer count. */
export interface Rescued extends Stamped {
  readonly type: 'rescued'
  readonly host: string
  /** The id of the block, a prefix of the ids of its tasks. */
  readonly block: string
}
/** Another run holds a lock, and this one waits (`--wait-lock`). Can come before `run-started`. */
export interface LockAwaited extends Stamped {
  readonly type: 'lock-awaited'
  /** The locks and their holders, in words. */
  readonly reasons: readonly string[]
}
/** Too many hosts failed: the other hosts stop as well, and no further play begins. */
export interface PlayStopped extends Stamped {
  readonly type: 'play-stopped'
  readonly reason: string
  /** Hosts without a failure. */
  readonly hosts: readonly string[]
}
export interface Interrupted extends Stamped {
  readonly type: 'interrupted'
  /** 1: finish the steps in flight; 2: abort now. */
  readonly times: number
  /** The steps in flight, with their last known progress. */
  readonly inFlight: readonly { readonly step: StepRef; readonly progress?: Progress }[]
}
export interface RunFinished extends Stamped {
  readonly type: 'run-finished'
  readonly run: string
  readonly seconds: number
  readonly interrupted: boolean
  readonly exitCode: number
  readonly counts: Counts
  /** Hosts that did not finish all their plays: failed, stopped, or not begun. */
  readonly unfinished?: readonly string[]
}
export type Counts = Readonly<Record<Outcome | 'ignored' | 'rescued', number>>

export type Goal = 'plan' | 'apply' | 'undo'

/** An event before it is emitted: `emit` stamps the time. */
export type Unstamped<E extends Event = Event> = E extends Event ? Omit<E, 'at'> : never
/** @param at milliseconds since the epoch; readers of a journal expect `type` first */
export const stamped = <E extends Event>({ type, ...rest }: Unstamped<E>, at: number): E =>
  ({ type, at, ...rest }) as unknown as E

export type Emit = (event: Unstamped) => void
