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

/** One difference between what is and what should be. */
export interface Change {
  readonly resource: Address
  /** `mode`, `[DEFAULT] my_ip`. Left out: the resource itself, as far as it is there, its content, its state. */
  readonly property?: string
  readonly before: string | undefined
  readonly after: string | undefined
  /** Set when the values must never reach a terminal, a journal or a report. */
  readonly sensitive?: true
}

/** Properties in words that tell no secret. `undo` reads two of a file: `kind: 'absent'`, and `entries`, the names in a folder. */
export type Properties = Readonly<Record<string, string | readonly string[]>>

/** How resources are at one moment; JSON. */
export type Snapshot = readonly { readonly resource: Address; readonly properties: Properties }[]

/** JSON data that later tasks see under the name given by `register`. */
export type Result = Readonly<Record<string, unknown>>

/** What `check` learned. No changes means converged: `apply` is never called. */
export interface Diff<State> {
  readonly changes: readonly Change[]
  /** What `undo` needs to restore; JSON-serialisable, because it is journalled before `apply` starts. */
  readonly before: State
  /** What `register` gets when nothing changes. A read-only module answers here. */
  readonly result?: Result
  /** Text for the operator, shown whatever the outcome (of `debug`, of a table of checks). */
  readonly message?: string
  /** Things the operator should know although nothing is wrong. */
  readonly warnings?: readonly string[]
  /** Work of this step that is running already, in words (`migration 41, 63 %`): `apply` joins it instead of starting another. */
  readonly inFlight?: string
  /** How long `apply` is likely to take, and what that is reckoned from; the plan says so. */
  readonly estimate?: Estimate
  /** The check cannot tell whether this has been done before (a command): after a crash in the midst of it somebody must decide. */
  readonly blind?: true
  /** What nobody else may change meanwhile, beside the step's own host: taken before `apply`, kept until the run ends. */
  readonly locks?: readonly LockRequest[]
  /**
   * How all that it acts on is before: a saved plan is applied only where this is still so, if no earlier step has acted on the same. Properties
   * that stay the same while nobody changes them; left out if that is too much to tell.
   */
  readonly snapshot?: Snapshot
  /** It only makes other changes take effect (a restart): it is undone after those have been restored. */
  readonly activates?: true
  /** Why this very change cannot be undone although the module has an `undo` (`4.1 GiB in 312 files`); the plan says so. */
  readonly irreversible?: string
}

/** A lock on a host of the inventory that all who could collide reach: the compute host that a server is on. */
export interface LockRequest {
  readonly host: string
  /** What is locked there, by an id that is the same for everybody, and as an operator calls it (`server db-2`). Left out: the host itself. */
  readonly thing?: { readonly id: string; readonly name: string }
  /** Others may hold it too, as long as they all want it so: two moves on one host get along, a move and a change of the host do not. */
  readonly shared?: true
}

export interface Estimate {
  readonly seconds: number
  /** In words: `as the last time`. */
  readonly basis: string
}

/** Everything a module may touch. Nothing else: no globals, no clock, no file system of the controller. */
export interface Target extends HostAccess {
  /** The host's name in the inventory. */
  readonly host: string
  /** The facts that the module asked for in `facts`. */
  readonly facts: Readonly<Record<string, unknown>>
  /** Aborted when the operator stops the run at once, or the task's time limit passes. */
  readonly signal: AbortSignal
  /** Another host of the inventory, as the same user as this one. Throws `Failure` when it is unknown or cannot be reached. */
  on(host: string): Promise<Target>
  /** Inventory hosts by name: what `on` accepts. */
  readonly hosts: readonly string[]
  /** Work on the host that outlives the connection; `name` holds all that tells it from others of its user (`copy-UUID`). */
  job(name: string, work: JobWork): Job
  /** Sends what a program here prints to one on another host of the inventory, without a detour by the controller. A job of this host. */
  stream(name: string, to: string, work: StreamWork): Job
  /** A MySQL or MariaDB database as the host reaches it; nothing is opened yet. Throws `Failure` of kind `input`. */
  database(choice: DatabaseChoice): Promise<Database>
  /** The OpenStack cloud; a name of clouds.yaml, or the one the environment selects. Throws `Failure`. */
  cloud(name?: string): Promise<Cloud>
  /** The bytes of a file of the controller; a relative path is looked for beside the playbook. Throws `Failure` where there is none. */
  controllerFile(path: string): Promise<Uint8Array>
  /** Renders a text's `{{ … }}` with the task's variables, as `template` needs. `name` is what an error calls the text. Throws `Failure`. */
  render(text: string, name: string): string
  progress(progress: Progress): void
  /** The value of a condition (a parameter with `format: expression`) with the task's variables. Throws `Failure`. */
  evaluate(condition: string): boolean
  /** Waits; rejects when `signal` is aborted. */
  sleep(seconds: number): Promise<void>
  /** Seconds of a monotonic clock. */
  now(): number
}

/** What every module tells of itself. */
export interface ModuleHead<S extends ObjectSchema, P = TypeOf<S>> {
  readonly name: string
  /** One line: first sentence of the generated page and of `runbook modules`. */
  readonly summary: string
  /** Further paragraphs for the generated page (Markdown). */
  readonly description?: string
  readonly params: S
  /** Facts gathered before `check`, by name. */
  readonly facts?: readonly string[]
  /** `api`: it works through the cloud's API and needs nothing of the host it runs for; no connection is opened for it. */
  readonly scope?: 'api'
  /** What `register` gets, by key, for the generated page. */
  readonly returns?: Readonly<Record<string, string>>
  /** Each example is validated by a test and printed in the docs. */
  readonly examples: readonly { readonly name: string; readonly params: Readonly<Record<string, unknown>> }[]
  /**
   * Throws `Failure` where parameters contradict one another, or leave out what is needed, in ways that `params` cannot say. Looks at nothing
   * else: `lint` asks it wherever a task's parameters are all known, and a run asks it before `check`.
   */
  validate?(params: P): void
}

export interface Module<S extends ObjectSchema = ObjectSchema, State = unknown, P = TypeOf<S>> extends ModuleHead<S, P> {
  /** Reads only. Called in plan and again, by the runner, as the default `verify`. */
  check(params: P, target: Target): Promise<Diff<State>>
  /** Makes it so. What it returns is merged over `diff.result` for `register`. A module without it only reads, in plan as well. */
  apply?(params: P, diff: Diff<State>, target: Target): Promise<Result | void>
  /** Absent means irreversible: the plan says so. Called again where it was cut off: what has been put back already stays. */
  undo?(params: P, before: State, target: Target): Promise<void>
  /**
   * How all that `undo` would restore is now: a step is undone only if it is still as the step left it. For a module whose `check` sees only a
   * part of it (one line of a file).
   */
  observe?(params: P, before: State, target: Target): Promise<Snapshot>
  /** Default: `check` again and expect no changes. Override only where success is not visible to `check`. */
  verify?(params: P, diff: Diff<State>, target: Target): Promise<readonly Change[]>
}

/** A module whose types have been forgotten: what the registry and the engine hold. */
export type AnyModule = Module<ObjectSchema, any, any>

/** Identity at run time; gives the module body its parameter types from the schema beside it. */
export const defineModule = <const S extends ObjectSchema, State = undefined>(module: Module<S, State>): Module<S, State> =>
  module
