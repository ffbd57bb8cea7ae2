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
  /** Every host that any play selects. */
  readonly hosts: readonly string[]
  readonly tasks: number
  readonly params: Readonly<Record<string, unknown>>
  /** The run that this one takes back. */
  readonly undoes?: string
}
export interface PlayStarted extends Stamped {
  readonly type: 'play-started'
  readonly play: number
  readonly name: string
  readonly hosts: readonly string[]
  /** Where `serial` splits the play: this batch, from 1, and how many there are. */
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
/** The run goes on where it stood. */
export interface RunResumed extends Stamped {
  readonly type: 'run-resumed'
  readonly run: string
  /** Steps whose end was recorded before. */
  readonly done: number
  /** Steps that were in flight when the runner died. */
  readonly inFlight: readonly StepRef[]
}
/** A resumed run came by a step that was done before: its recorded outcome counts. */
export interface StepReplayed extends Stamped {
  readonly type: 'step-replayed'
  readonly step: StepRef
  readonly outcome: Outcome
}
/** `undo` begins to put back what the step had changed. This and `step-undone` stand in the journal of the run that is taken back. */
export interface UndoStarted extends Stamped {
  readonly type: 'undo-started'
  readonly step: StepRef
  readonly blob: string
  /** The run that takes it back. */
  readonly by: string
}
/** `undo` has put back what the step had changed. */
export interface StepUndone extends Stamped {
  readonly type: 'step-undone'
  readonly step: StepRef
  readonly blob: string
}
/** `undo` came by a step that nobody can take back, and said so. Stands in the journal of the run that is taken back. */
export interface UndoPassed extends Stamped {
  readonly type: 'undo-passed'
  readonly step: StepRef
}
/** A task with a loop begins on a host. */
export interface LoopStarted extends Stamped {
  readonly type: 'loop-started'
  readonly task: string
  readonly host: string
  /** Of the loop as a whole. */
  readonly name: string
  /** How many there are; absent in a plan that does not know yet. */
  readonly items?: number
  /** What `loop_control` says, in words; what is not known yet as it is written. */
  readonly control: {
    readonly parallel?: string
    readonly limits?: Readonly<Record<string, string>>
    readonly maxFailures?: string
    readonly canary?: string
    /** Milliseconds since the epoch, or the words of the playbook. */
    readonly deadline?: number | string
  }
}
/** One task on one host, or one item of its loop there. */
export interface StepRef {
  /** Unique within the run: task id, host, and the item's number; with `~` and `same` where another step stood in that place before. */
  readonly key: string
  readonly task: string
  readonly host: string
  readonly name: string
  readonly module: string
  /** The label of a loop's item. */
  readonly item?: string
  /** Digest of the task as written and of the item: the same wherever the task stands. Absent in older journals. */
  readonly same?: string
  readonly place: Place
}
/** What a host was found to be: a resumed run knows it of hosts that it does not look at again. */
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
  /** What `undo` needs. It can hold secrets and whole files: it goes into the journal's blobs and is shown nowhere. */
  readonly undo: UndoRecord
}
export interface UndoRecord {
  readonly params: unknown
  /** The module's own `before`. */
  readonly before: unknown
  /** The host that was acted on: the step's own, or the one it was delegated to. */
  readonly host: string
  readonly become: { readonly wanted: boolean | undefined; readonly user: string | undefined }
  /** It only made other changes take effect: it is undone after those. */
  readonly activates?: true
  /** What the module wanted locked, besides the host. */
  readonly locks?: readonly LockRequest[]
  /** What the module was given from the controller: rendered templates by name, files by path (base64). They may change later. */
  readonly inputs: { readonly rendered: Record<string, string>; readonly files: Record<string, string> }
  /** The variables that the tasks of an `undo:` refer to, as the step saw them. */
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
  | 'skipped' // its condition is false, or there was nothing to loop over
  | 'failed'
  | 'unreachable'
export interface StepFinished extends Stamped {
  readonly type: 'step-finished'
  readonly step: StepRef
  readonly outcome: Outcome
  readonly seconds: number
  readonly changes: readonly Change[]
  readonly warnings: readonly string[]
  /** Text that the module wants the operator to read. */
  readonly message?: string
  readonly result: Result
  /** Why it was skipped, or what it is unknown until. */
  readonly reason?: string
  readonly failure?: FailureInfo
  /** The failure was let pass by `ignore_errors`. */
  readonly ignored?: true
  /** Whether `undo` could take back what changed, or would. */
  readonly reversible: boolean
  /** Plan: how long it is likely to take. */
  readonly estimate?: Estimate
  /** Plan: what the operator will be asked before it; as it is written where what it refers to is not known yet. */
  readonly confirm?: string
  /** How what it acts on was before, if the module tells. */
  readonly before?: Snapshot
  /** How it was afterwards, for undo to compare with; in the journal only, contents by a keyed digest. */
  readonly after?: Snapshot
  /** Attempts made, where `retries` allowed several. */
  readonly attempts?: number
}
export interface FailureInfo {
  readonly kind: FailureKind
  readonly what: string
  readonly why?: string
  readonly todo?: string
  readonly stderr?: string
  readonly data?: Readonly<Record<string, unknown>>
  /** Nearer than the task itself: the template or parameter that could not be used. */
  readonly place?: Place
}
export interface TaskFinished extends Stamped {
  readonly type: 'task-finished'
  readonly task: string
  /** Hosts and items of loops that it was not started for. A resumed run starts them. */
  readonly notStarted?: readonly NotStarted[]
}
export interface NotStarted {
  readonly host: string
  /** Labels of a loop's items; without them the whole task was not started on the host. */
  readonly items?: readonly string[]
  /** The run was stopped; enough items have failed; the loop's canary has; its deadline has come; the host is out of reach. */
  readonly reason: 'stopped' | 'failures' | 'canary' | 'deadline' | 'unreachable'
}
/** Handlers that were notified and did not run, because their host failed or the run stopped. */
export interface HandlersPending extends Stamped {
  readonly type: 'handlers-pending'
  readonly host: string
  readonly handlers: readonly string[]
}
/** Plan: what is done on the host if, against the plan, a step of a block fails. A saved plan agrees to it as well. */
export interface RescuePlanned extends Stamped {
  readonly type: 'rescue-planned'
  readonly host: string
  readonly block: string
  /** Of the block, where it has one. */
  readonly name?: string
  readonly tasks: readonly (Pick<StepRef, 'task' | 'name' | 'module'> & Pick<StepFinished, 'reversible' | 'confirm'>)[]
}
/** A host failed in a block and its `rescue` went through: what failed in the block no longer counts. */
export interface Rescued extends Stamped {
  readonly type: 'rescued'
  readonly host: string
  /** Id of the block; those of its tasks begin with it. */
  readonly block: string
}
/** Somebody else holds what is needed; the run waits, as `--wait-lock` allows. Can come before `run-started`. */
export interface LockAwaited extends Stamped {
  readonly type: 'lock-awaited'
  /** What is held by whom, in words. */
  readonly reasons: readonly string[]
}
/** Too many hosts have failed: the others are taken out as well, and no further play begins. */
export interface PlayStopped extends Stamped {
  readonly type: 'play-stopped'
  readonly reason: string
  /** Hosts that had not failed. */
  readonly hosts: readonly string[]
}
export interface Interrupted extends Stamped {
  readonly type: 'interrupted'
  /** 1: finish what is in flight; 2: abort now. */
  readonly times: number
  /** What is being applied at that moment, with the last that is known of it. */
  readonly inFlight: readonly { readonly step: StepRef; readonly progress?: Progress }[]
}
export interface RunFinished extends Stamped {
  readonly type: 'run-finished'
  readonly run: string
  readonly seconds: number
  readonly interrupted: boolean
  readonly exitCode: number
  readonly counts: Counts
  /** Hosts that have not come to the end of all their plays: failed, stopped, taken out, or not begun. */
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
