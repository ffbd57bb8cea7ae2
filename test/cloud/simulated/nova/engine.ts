/** What Nova's activities have in common: the records, the clock, the hosts' files, and how an action is written down. */
import type { Clock } from '../clock.ts'
import type { Faults } from '../faults.ts'
import type { Copy } from '../guest.ts'
import { newRequestId } from '../state.ts'
import type { Compute, InstanceAction, Server, State } from '../state.ts'

/** How the cloud's Nova and network are set up. Times are simulated seconds. */
export interface NovaSettings {
  /** MiB/s of the link between two compute hosts, shared by the migrations on it. */
  readonly bandwidth: number
  /** Outbound per source host (Nova's `max_concurrent_live_migrations`). */
  readonly maxConcurrentLiveMigrations: number
  /** Seconds between two looks whose byte counts are saved; 5 in Nova. */
  readonly statsInterval: number
  /** Seconds per GiB until a migration is given up (Nova's `live_migration_completion_timeout`). */
  readonly completionTimeout: number
  readonly timeoutAction: 'abort' | 'force_complete'
  readonly permitPostCopy: boolean
  /** `cancelled` or `failed`: both are seen on real clouds after an abort. */
  readonly abortedStatus: 'cancelled' | 'failed'
  /** Whether /var/lib/nova/instances is one and the same on every host. */
  readonly sharedStorage: boolean
}

/** The instance folders on the hosts, as far as a host has been started. */
export interface InstanceFiles {
  /** undefined when that host has not been started, so that nobody can know. */
  exists(host: string, serverId: string): Promise<boolean | undefined>
  /** What nova-compute makes on the target before the copying begins. */
  prepare(host: string, server: Server): Promise<void>
  /** The disk's content goes over. */
  copy(source: string, target: string, server: Server): Promise<void>
  remove(host: string, serverId: string): Promise<void>
  /** The console starts anew. */
  restartConsole(host: string, server: Server): Promise<void>
  /** GiB free for instances on that host's disk, as its df would say. */
  freeDisk(host: string): Promise<number>
  /** One line for nova-compute's log. */
  log(host: string, level: 'INFO' | 'WARNING' | 'ERROR', serverId: string, text: string): void
}

/** A live migration that libvirt is busy with. */
export interface Job {
  readonly migrationId: number
  readonly serverId: string
  readonly source: Compute
  readonly target: Compute
  copy: Copy
  abort: boolean
  paused: boolean
  postCopy: boolean
  /** nova-compute on the source has gone: libvirt goes on, but nobody writes records. */
  unwatched: boolean
  /** Bytes of RAM that the guest dirties in a second while it runs. */
  readonly dirtyRate: number
  /** Bytes per second at the last look. */
  rate: number
}

export interface Engine {
  readonly state: State
  readonly clock: Clock
  readonly faults: Faults
  readonly settings: NovaSettings
  readonly files: InstanceFiles
  readonly jobs: Map<number, Job>
  /** Migrations that have or wait for their turn, by source host, in order: the first few run. */
  readonly queues: Map<string, number[]>
  /** Migrations that were aborted before they ran. */
  readonly cancelled: Set<number>
  /** Pairs of hosts that cannot reach each other, `a b` in order. */
  readonly cut: Set<string>
}

export const createEngine = (parts: Pick<Engine, 'state' | 'clock' | 'faults' | 'settings' | 'files'>): Engine => ({
  ...parts,
  jobs: new Map(),
  queues: new Map(),
  cancelled: new Set(),
  cut: new Set(),
})

export const linkOf = (a: string, b: string) => [a, b].sort().join(' ')

/** An error as Nova raises it: its text reaches fault and event details. */
export class NovaError extends Error {
  override readonly name: string
  /** @param kind name of Nova's exception class */
  constructor(kind: string, message: string) {
    super(message)
    this.name = kind
  }
}

export interface Actor {
  readonly userId: string
  readonly projectId: string
  readonly requestId?: string
}

export function beginAction(server: Server, action: string, actor: Actor): InstanceAction {
  const now = Date.now()
  const begun: InstanceAction = {
    action,
    requestId: actor.requestId ?? newRequestId(),
    startTime: now,
    userId: actor.userId,
    projectId: actor.projectId,
    updatedAt: now,
    message: undefined,
    events: [],
  }
  server.actions.push(begun)
  return begun
}

/** Records the step as an event of the action: Success, or Error with the text of what `work` throws. */
export async function recorded<T>(action: InstanceAction, event: string, host: string, work: () => Promise<T>): Promise<T> {
  const record: InstanceAction['events'][number] = {
    event,
    host,
    startTime: Date.now(),
    finishTime: undefined,
    result: undefined,
    details: undefined,
    traceback: undefined,
  }
  action.events.push(record)
  const finish = (result: 'Success' | 'Error') => {
    record.finishTime = Date.now()
    record.result = result
    action.updatedAt = record.finishTime
  }
  try {
    const value = await work()
    finish('Success')
    return value
  } catch (error) {
    if (!(error instanceof NovaError)) throw error
    finish('Error')
    action.message = 'Error'
    record.details = error.message
    record.traceback = `  File "/usr/lib/python3/dist-packages/nova/compute/utils.py", line 1439, in decorated_function\n    return function(self, context, *args, **kwargs)\n`
    throw error
  }
}
