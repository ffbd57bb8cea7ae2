/** The module contract: everything that a module may import. */
import type { Address } from './base/address.ts'
import type { HostAccess } from './connection/connection.ts'
import type { Cloud } from './openstack/cloud.ts'
import type { ObjectSchema, TypeOf } from './base/schema.ts'
import type { Progress } from './base/progress.ts'
import type { Job, JobWork } from './connection/job/job.ts'
import type { StreamWork } from './connection/stream/stream.ts'
import type { Database } from './database/database.ts'
import type { DatabaseChoice } from './hosts/database.ts'

export { mapLimit } from './base/concurrency.ts'
export { defined } from './base/defined.ts'
export type { Address, ResourceKind } from './base/address.ts'
export { Failure, invalidInput } from './base/failure.ts'
export { bytes, count, duration, GIB, list, MIB } from './base/format.ts'
export { compilePattern, type Match, type Pattern, PatternError } from './base/pattern.ts'
export { width, wrap } from './base/screen.ts'
export { kibOf } from './base/proc.ts'
export { hideSecrets, isSecretSetting } from './base/secret-names.ts'
export { nearest, suggestion } from './base/suggest.ts'
export { shellFeature, showWords, splitWords } from './source/shell-words.ts'
export { compareVersions } from './base/versions.ts'
export { parseXml, type Xml } from './base/xml.ts'
export type { HostAccess, Output, RunOptions, Stat, WriteOptions } from './connection/connection.ts'
export type * from './connection/job/job.ts'
export type * from './connection/stream/stream.ts'
export type * from './database/database.ts'
export type * from './openstack/cloud.ts'
export type { Progress } from './base/progress.ts'
export type { ObjectSchema, Schema, TypeOf } from './base/schema.ts'

/** One difference between the actual and the wanted state. */
export interface Change {
  readonly resource: Address
  /** `mode`, `[DEFAULT] my_ip`. Absent for the resource itself: its existence, content or state. */
  readonly property?: string
  readonly before: string | undefined
  readonly after: string | undefined
  /** Set when the values must never reach a terminal, a journal or a report. */
  readonly sensitive?: true
}

/** Properties without secrets. `undo` reads two of a file: `kind: 'absent'`, and `entries`, the names in a folder. */
export type Properties = Readonly<Record<string, string | readonly string[]>>

/** The state of resources at one moment, as JSON. */
export type Snapshot = readonly { readonly resource: Address; readonly properties: Properties }[]

/** JSON data that later tasks see under the name given by `register`. */
export type Result = Readonly<Record<string, unknown>>

/** The result of `check`. Without changes the host is converged, and `apply` is not called. */
export interface Diff<State> {
  readonly changes: readonly Change[]
  /** The data for `undo`, as JSON: it is journalled before `apply` starts. */
  readonly before: State
  /** The value for `register` if nothing changes. A read-only module returns its answer here. */
  readonly result?: Result
  /** Text for the operator, shown with every outcome (by `debug`, or a table of checks). */
  readonly message?: string
  /** Warnings for the operator; the step does not fail. */
  readonly warnings?: readonly string[]
  /** Work of this step that is running already, in words (`migration 41, 63 %`): `apply` joins it. */
  readonly inFlight?: string
  /** The likely duration of `apply`, with its basis, for the plan. */
  readonly estimate?: Estimate
  /**
   * `check` cannot detect if the step is done already (a command). After a crash during the step, the operator
   * decides.
   */
  readonly undetectable?: true
  /** Locks besides that of the step's own host: claimed before `apply`, held until the run ends. */
  readonly locks?: readonly LockRequest[]
  /**
   * The resources of the step before it. A saved plan is refused if they have changed since, unless an earlier step
   * has touched them. Report only properties that are stable while nobody changes them. Omit the snapshot if it
   * would be too large.
   */
  readonly snapshot?: Snapshot
  /** The step only makes other changes take effect (a restart): it is undone after they are restored. */
  readonly activates?: true
  /**
   * The reason why this change cannot be undone although the module has `undo` (`4.1 GiB in 312 files`), for the
   * plan.
   */
  readonly irreversible?: string
}

/** A lock, kept on an inventory host that every competing run can reach: the compute host of a server. */
export interface LockRequest {
  readonly host: string
  /**
   * The locked thing: an id that is the same for every run, and a name for operators (`server db-2`). Absent for
   * the host itself.
   */
  readonly thing?: { readonly id: string; readonly name: string }
  /**
   * Several runs may hold the lock if all share it: two moves on one host are compatible, a move and a change of
   * the host are not.
   */
  readonly shared?: true
}

export interface Estimate {
  readonly seconds: number
  /** In words: `as the last time`. */
  readonly basis: string
}

/** Everything that a module may use: no globals, no clock, no file system of the controller. */
export interface Target extends HostAccess {
  /** The host's name in the inventory. */
  readonly host: string
  /** The facts that the module asked for in `facts`. */
  readonly facts: Readonly<Record<string, unknown>>
  /** Aborted when the operator stops the run at once, or the task's time limit passes. */
  readonly signal: AbortSignal
  /** Another host of the inventory, as the same user. Throws `Failure` if the host is unknown or unreachable. */
  on(host: string): Promise<Target>
  /** The names that `on` accepts: the inventory's hosts. */
  readonly hosts: readonly string[]
  /** Work on the host that outlives the connection. `name` is unique among the user's jobs (`copy-UUID`). */
  job(name: string, work: JobWork): Job
  /** A job that pipes a program's output to a program on another inventory host, directly from host to host. */
  stream(name: string, to: string, work: StreamWork): Job
  /** A MySQL or MariaDB database as the host reaches it, not connected yet. Throws `Failure` of kind `input`. */
  database(choice: DatabaseChoice): Promise<Database>
  /** The OpenStack cloud; a name of clouds.yaml, or the one the environment selects. Throws `Failure`. */
  cloud(name?: string): Promise<Cloud>
  /**
   * The bytes of a file of the controller. A relative path is searched beside the playbook. Throws `Failure` if the
   * file is missing.
   */
  controllerFile(path: string): Promise<Uint8Array>
  /**
   * Renders a text's `{{ … }}` with the task's variables. `name` is the name of the text in errors. Throws
   * `Failure`.
   */
  render(text: string, name: string): string
  progress(progress: Progress): void
  /** The value of a condition (a parameter with `format: expression`) with the task's variables. Throws `Failure`. */
  evaluate(condition: string): boolean
  /** Waits; rejects when `signal` is aborted. */
  sleep(seconds: number): Promise<void>
  /** Seconds of a monotonic clock. */
  now(): number
}

/** The description of a module: its name, parameters and documentation. */
export interface ModuleHead<S extends ObjectSchema, P = TypeOf<S>> {
  readonly name: string
  /** One line: first sentence of the generated page and of `runbook modules`. */
  readonly summary: string
  /** Further paragraphs for the generated page (Markdown). */
  readonly description?: string
  readonly params: S
  /** Facts gathered before `check`, by name. */
  readonly facts?: readonly string[]
  /** `api`: the module works through the cloud's API alone; no connection to the host is opened. */
  readonly scope?: 'api'
  /** The keys of the registered value, for the generated page. */
  readonly returns?: Readonly<Record<string, string>>
  /** Each example is validated by a test and printed in the docs. */
  readonly examples: readonly { readonly name: string; readonly params: Readonly<Record<string, unknown>> }[]
  /**
   * Throws `Failure` if parameters contradict one another or are missing, in ways that the schema `params` cannot
   * express. Reads nothing but the parameters: `lint` calls it if all parameters of a task are known, and a run
   * calls it before `check`.
   */
  validate?(params: P): void
}

export interface Module<S extends ObjectSchema = ObjectSchema, State = unknown, P = TypeOf<S>> extends ModuleHead<S, P> {
  /** Compares without changing anything. Called in plan, before `apply`, and as the default `verify`. */
  check(params: P, target: Target): Promise<Diff<State>>
  /**
   * Makes the changes. Its result is merged over `diff.result` for `register`. A module without `apply` is
   * read-only.
   */
  apply?(params: P, diff: Diff<State>, target: Target): Promise<Result | void>
  /**
   * Restores `before`. Absent if irreversible, which the plan shows. After an interruption it is called again: be
   * idempotent.
   */
  undo?(params: P, before: State, target: Target): Promise<void>
  /**
   * Returns the present state of everything that `undo` would restore, for the drift check. For a module whose
   * `check` sees only a part of that state (one line of a file).
   */
  observe?(params: P, before: State, target: Target): Promise<Snapshot>
  /** Default: `check` again and expect no changes. Override only where success is not visible to `check`. */
  verify?(params: P, diff: Diff<State>, target: Target): Promise<readonly Change[]>
}

/** A module without its type parameters, for the registry and the engine. */
export type AnyModule = Module<ObjectSchema, any, any>

/** Identity at run time; gives the module body its parameter types from the schema beside it. */
export const defineModule = <const S extends ObjectSchema, State = undefined>(module: Module<S, State>): Module<S, State> =>
  module
