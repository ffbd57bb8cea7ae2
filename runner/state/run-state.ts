/** The state of a run, shared by the whole walk. Made by `run/new-run.ts`. */

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

/** A run: its request, its progress and its services. Made once by `run/`; the engine's functions take it as first argument. */
export interface Run extends Asked, Progress, Services {}

/** Fixed before the run begins. */
export interface Asked extends Pick<Request, 'goal' | 'which' | 'as' | 'how'> {
  readonly id: string
  /** The start of this life of the run, before it waited for any lock; milliseconds since the epoch. */
  readonly startedAt: number
  readonly playbook: Playbook
  readonly inventory: Inventory
  readonly modules: ReadonlyMap<string, AnyModule>
  /** `params`, validated and with defaults. */
  readonly params: Readonly<Record<string, unknown>>
  /** Values of `-e`. */
  readonly extra: Vars
  readonly becomePassword: string | undefined
  /** The journal of a resumed run, folded. */
  readonly history: History | undefined
  readonly resumed: Resumed | undefined
  /** The steps of a saved plan, by key: no other change may be made. */
  readonly plannedSteps: ReadonlyMap<string, PlannedStep> | undefined
}

/** Grows while the run works. */
export interface Progress {
  /** One state a host, kept from play to play: registered values, failure. */
  readonly states: Map<string, HostState>
  /** The resources that this run has touched, by host: the saved plan no longer holds for them. */
  readonly touched: Map<string, Touched>
  /** The questions of `confirm`, with the operator's answers. */
  readonly confirmations: Map<string, Promise<string | undefined>>
  /** Hosts that could not be reached for their lock: the first task does not try them again; later tasks do. */
  readonly unreachable: Map<string, Failure>
  readonly control: Control
}

/** The ways out of the run: to hosts, clouds, the screen and the journal. */
export interface Services {
  readonly world: World
  readonly session: Session
  readonly locks: Locks
  /** Values that must never be shown; grows as more become known. */
  readonly secrets: Secrets
  readonly emit: Emit
  /** Resolves when the journal is on the disk. Throws `Failure` once any write has failed. In plan, resolves at once. */
  durable(): Promise<void>
  /** Asks on the terminal, one question at a time, while the live view stands still. */
  ask(question: string): Promise<string | undefined>
}

/** The options of a resumed run. */
export interface Resumed {
  /** `--failed`: the hosts to act on. On all others, steps are only replayed. */
  readonly only: ReadonlySet<string> | undefined
  /** `--accept-changes`: a task may stand at another position than its record. */
  readonly changed: boolean
}

/** The locks of one run, held until the run ends. */
export interface Locks {
  /** Unique to this life of the run. */
  readonly token: string
  /** By host and name; `lock` is undefined if none is needed. */
  readonly held: Map<string, { readonly shared: boolean; readonly lock: HostLock | undefined }>
  /** Locks being taken now: another step that wants the same lock waits. */
  readonly taking: Map<string, Promise<unknown>>
}

export interface Control {
  /** Start nothing new: Ctrl-C, a journal that cannot be written, drift from the saved plan. */
  stopping: boolean
  /** The operator stopped the run. */
  interrupted: boolean
  /** Set by `end_play`, `any_errors_fatal` and `max_fail_percentage`: no further batch or play. */
  aborted: boolean
  /** Aborted by the second Ctrl-C. */
  readonly signal: AbortSignal
  /** False until the walk reaches the task of `--start-at-task`. */
  started: boolean
  /** The number of applied steps: a check made before the last of them may no longer hold. */
  changes: number
  /**
   * The number of tasks that are checked together: all at first; one after a change, as the next task then most likely
   * changes too; doubled by each step with nothing to do.
   */
  window: number
  /** `--step`: the operator answered "continue with all". */
  stepAll: boolean
}

export interface HostState {
  readonly name: string
  readonly host: InventoryHost
  readonly registered: Map<string, unknown>
  /** Facts gathered by this life of the run, over those of earlier lives. */
  readonly facts: Record<string, unknown>
  /** The names of the facts that this life has gathered. */
  readonly gathered: Set<string>
  /** Ids of handlers that are due. */
  readonly notified: Set<string>
  /** The number of times each handler has run: each time is a step of its own. */
  readonly rounds: Map<string, number>
  /** Keys of the records that this life of the run has matched: each is used once. */
  readonly replayed: Set<string>
  /** Checks made ahead of their turn, by step key. */
  readonly ahead: Map<string, Ahead>
  /** `done`: the host's records have all been replayed, and the run may not act on it. */
  status: 'active' | 'failed' | 'unreachable' | 'ended' | 'done'
  /** The number of steps that this life of the run has started (not replayed) on the host. */
  started: number
  /** The records of the coming steps no longer count: an earlier part of their block has advanced since. */
  stale: boolean
  /** The status is `failed` only because a deadline has passed. */
  outOfTime: boolean
  /** Plan found a change on this host: later checks may find something else once it is applied. */
  pending: boolean
}

/** One step of a saved plan: its planned outcome, and a digest of each difference (the values can be secrets). */
export interface PlannedStep {
  readonly outcome: Outcome
  readonly changes: readonly (Pick<Change, 'resource' | 'property'> & { readonly digest: string })[]
  /** The state when the plan was made, if the module reports it. */
  readonly before?: Snapshot
}

export interface Touched {
  readonly resources: readonly Address[]
  /** A step was applied that does not report its resources (a command). */
  readonly incomplete: boolean
}

export interface Ahead {
  /** `Control.changes` at the time of the check. */
  readonly changes: number
  /** The host's registered values at that time. */
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

/** Says whether the host takes part in the walk, active or only replayed. */
export const isPresent = (state: HostState): boolean => isActive(state) || state.status === 'done'

/** Says whether the run may read and change the host. */
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
