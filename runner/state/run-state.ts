/** The state of a run, that the whole walk shares. Made by `run/new-run.ts`. */

import type { HostLock } from '../connection/connection.ts'
import type { Failure } from '../base/failure.ts'
import type { Emit, Outcome } from '../events/events.ts'
import type { Request } from '../events/request.ts'
import type { Inventory, InventoryHost } from '../inventory/inventory.ts'
import type { Playbook, Vars } from '../language/playbook/types.ts'
import type { Address, AnyModule, Change, Snapshot } from '../module.ts'
import type { Secrets } from '../base/secret-values.ts'
import type { World } from '../world.ts'
import type { History } from '../record/history.ts'
import type { Prepared } from './attempt-result.ts'
import type { Session } from './session.ts'

/** A run: what was asked, how far it has come, and what serves it. Made once by `run/`; the engine's functions take it as their first argument. */
export interface Run extends Asked, Progress, Services {}

/** Fixed before the run begins. */
export interface Asked extends Pick<Request, 'goal' | 'which' | 'as' | 'how'> {
  readonly id: string
  /** When this life of it was started, in milliseconds since the epoch: before it waited for any lock. */
  readonly startedAt: number
  readonly playbook: Playbook
  readonly inventory: Inventory
  readonly modules: ReadonlyMap<string, AnyModule>
  /** `params`, validated and with defaults. */
  readonly params: Readonly<Record<string, unknown>>
  /** Values of `-e`. */
  readonly extra: Vars
  readonly becomePassword: string | undefined
  /** What a resumed run did before it stopped. */
  readonly history: History | undefined
  readonly resumed: Resumed | undefined
  /** What a saved plan says of each step, by key: nothing else may be done. */
  readonly agreed: ReadonlyMap<string, PlannedStep> | undefined
}

/** Grows while the run goes on. */
export interface Progress {
  /** One state a host, kept from play to play: what was registered, whether it failed. */
  readonly states: Map<string, HostState>
  /** What this run has touched, by host: what a saved plan says of it no longer holds. */
  readonly touched: Map<string, Touched>
  /** What the operator was asked by a `confirm`, with the answer. */
  readonly confirmations: Map<string, Promise<string | undefined>>
  /** Hosts that could not be reached for their lock: the first task need not wait for them again, and later ones may find them up. */
  readonly unreachable: Map<string, Failure>
  readonly control: Control
}

/** The ways out of the run: to hosts, clouds, the screen and the journal. */
export interface Services {
  readonly world: World
  readonly session: Session
  readonly locks: Locks
  /** Values that must never be shown; more as they become known. */
  readonly secrets: Secrets
  readonly emit: Emit
  /** The journal is on the disk when this resolves; throws `Failure` when it, or once anything of it, could not be put there. Nothing to wait for in plan. */
  durable(): Promise<void>
  /** Asks on the terminal, one question at a time, while the live view stands still. */
  ask(question: string): Promise<string | undefined>
}

/** How a resumed run goes on. */
export interface Resumed {
  /** `--failed`: nothing is done but on these hosts; of the others only what is recorded counts. */
  readonly only: ReadonlySet<string> | undefined
  /** `--accept-changes`: a task may stand elsewhere than when it was recorded. */
  readonly changed: boolean
}

/** The locks of one run. They are kept until it ends: what it has changed belongs together. */
export interface Locks {
  /** Told apart from all others, this run's earlier life included. */
  readonly token: string
  /** By host and name; without a lock where none is needed. */
  readonly held: Map<string, { readonly shared: boolean; readonly lock: HostLock | undefined }>
  /** Locks being taken now: another step that wants the same one waits for it. */
  readonly taking: Map<string, Promise<unknown>>
}

export interface Control {
  /** Start nothing new: Ctrl-C, a journal that cannot be written, a world that is not as the saved plan saw it. */
  stopping: boolean
  /** It was the operator who stopped it. */
  interrupted: boolean
  /** Set by `end_play`, `any_errors_fatal` and `max_fail_percentage`: no further batch or play. */
  aborted: boolean
  /** Aborted by the second Ctrl-C. */
  readonly signal: AbortSignal
  /** Until `--start-at-task` has found its task. */
  started: boolean
  /** How many steps have been applied: what was checked before the last of them may no longer hold. */
  changes: number
  /** How many tasks are checked together: all at first; one after a change, for what comes next then most likely changes too; doubled by each step with nothing to do. */
  window: number
  /** `--step`: the operator said "all of the rest". */
  stepAll: boolean
}

export interface HostState {
  readonly name: string
  readonly host: InventoryHost
  readonly registered: Map<string, unknown>
  /** Those that this life of the run has gathered, over those that an earlier one had. */
  readonly facts: Record<string, unknown>
  /** Names of those that this life has gathered. */
  readonly gathered: Set<string>
  /** Ids of handlers that are due. */
  readonly notified: Set<string>
  /** How often each handler has run: the second time it is another step. */
  readonly rounds: Map<string, number>
  /** Keys of the recorded steps that this life of the run has come by: each stands for one step. */
  readonly replayed: Set<string>
  /** Checks made ahead of their turn, by step key. */
  readonly ahead: Map<string, Ahead>
  /** `left`: what is recorded of it has come to its end, and nothing is to be done there. */
  status: 'active' | 'failed' | 'unreachable' | 'ended' | 'left'
  /** How many steps this life of the run has started there, rather than replayed. */
  started: number
  /** What is recorded of the steps to come no longer stands: what leads to them has gone further since. */
  stale: boolean
  /** It is `failed` only because a deadline has come. */
  outOfTime: boolean
  /** Whether plan found something that would change on this host: what is seen later may look different then. */
  pending: boolean
}

/** What a saved plan holds of one step: its outcome then, and a digest of each difference (the values can be secrets). */
export interface PlannedStep {
  readonly outcome: Outcome
  readonly changes: readonly (Pick<Change, 'resource' | 'property'> & { readonly digest: string })[]
  /** What was there then, where the module tells. */
  readonly before?: Snapshot
}

export interface Touched {
  readonly resources: readonly Address[]
  /** Something was applied that does not tell what it touches (a command). */
  readonly untold: boolean
}

export interface Ahead {
  /** `Control.changes` when it was checked. */
  readonly changes: number
  /** What the host had registered then. */
  readonly registered: ReadonlyMap<string, unknown>
  readonly prepared: Promise<Prepared>
}

export const newProgress = ({ startAtTask }: Request['which'], signal: AbortSignal): Progress => ({
  states: new Map(),
  touched: new Map(),
  confirmations: new Map(),
  unreachable: new Map(),
  control: {
    stopping: false,
    interrupted: false,
    aborted: false,
    signal,
    started: startAtTask === undefined,
    stepAll: false,
    changes: 0,
    window: Number.POSITIVE_INFINITY,
  },
})

export const isActive = (state: HostState): boolean => state.status === 'active'

/** Still in the walk, or with steps in it that were recorded. */
export const isPresent = (state: HostState): boolean => isActive(state) || state.status === 'left'

/** Whether the host may be looked at and changed. */
export const mayAct = ({ resumed }: Run, { name }: Pick<HostState, 'name'>): boolean => resumed?.only?.has(name) ?? true

export function stateOf(run: Run, name: string): HostState | undefined {
  const known = run.states.get(name)
  if (known !== undefined) return known
  const host = run.inventory.hosts.get(name)
  if (host === undefined) return undefined
  const state: HostState = {
    name,
    host,
    registered: new Map(),
    facts: { ...run.history?.facts.get(name) },
    gathered: new Set(),
    notified: new Set(),
    ahead: new Map(),
    rounds: new Map(),
    replayed: new Set(),
    status: 'active',
    started: 0,
    stale: false,
    outOfTime: false,
    pending: false,
  }
  run.states.set(name, state)
  return state
}
