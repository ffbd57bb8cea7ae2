/** A live migration as conductor, target and source go through it: what is checked where, and what is left behind by each failure. */
import { randomUUID } from 'node:crypto'
import { MiB } from '../guest.ts'
import { computeOf, instanceName, resourcesOf, update, usageOf } from '../state.ts'
import type { Compute, InstanceAction, Migration, Server } from '../state.ts'
import type { LiveMigrationFault } from '../faults.ts'
import { beginAction, NovaError, recorded } from './engine.ts'
import type { Actor, Engine } from './engine.ts'
import { runJob } from './job.ts'
import {
  assertHostIsUp,
  dropClaim,
  hasRoom,
  holdSource,
  releaseSource,
  revertAllocation,
  selectDestination,
} from './scheduler.ts'

export interface LiveMigrationRequest {
  readonly host: string | undefined
  /** undefined: block copy where the storage is not shared. */
  readonly block: boolean | undefined
  /** Skips the scheduler (2.30 to 2.67). */
  readonly force: boolean
  /** Only below 2.25, where Nova still looks at the target's disk. */
  readonly diskOverCommit: boolean | undefined
}

interface Move {
  readonly engine: Engine
  readonly server: Server
  readonly action: InstanceAction
  readonly migration: Migration
  readonly request: LiveMigrationRequest
  readonly fault: LiveMigrationFault | undefined
}

/**
 * Takes the order: task_state is `migrating` when this returns. The promise ends when the conductor is done with its checks;
 * it is what API versions below 2.34 wait for. @throws NovaError (by the promise)
 */
export function orderLiveMigration(engine: Engine, server: Server, request: LiveMigrationRequest, actor: Actor): Promise<void> {
  update(server, { taskState: 'migrating' })
  const action = beginAction(server, 'live-migration', actor)
  const migration = recordMigration(engine, server, 'live-migration', actor)
  const move: Move = { engine, server, action, migration, request, fault: engine.faults.strikeLiveMigration(server) }
  const checked = conduct(move)
  engine.clock.spawn(async () => {
    try {
      await checked
    } catch (error) {
      if (error instanceof NovaError) return
      throw error
    }
    if (move.fault !== 'lost') await onSource(move)
  })
  return checked
}

export function recordMigration(engine: Engine, server: Server, type: Migration['type'], actor: Actor): Migration {
  const migration: Migration = {
    id: engine.state.migrations.length + 1,
    uuid: randomUUID(),
    serverId: server.id,
    type,
    sourceHost: server.host,
    sourceNode: undefined,
    createdAt: Date.now(),
    userId: actor.userId,
    projectId: actor.projectId,
    updatedAt: undefined,
    status: 'accepted',
    destHost: undefined,
    destNode: undefined,
    destAddress: undefined,
    memory: undefined,
    disk: undefined,
  }
  engine.state.migrations.push(migration)
  return migration
}

export const setStatus = (migration: Migration, status: string): void => {
  migration.status = status
  migration.updatedAt = Date.now()
}

async function conduct(move: Move): Promise<void> {
  const { engine, server, action, migration } = move
  await recorded(action, 'conductor_live_migrate_instance', 'controller', async () => {
    try {
      await engine.clock.sleep(0.3)
      assertHostIsUp(engine.state, server.host, engine.clock.now())
      holdSource(engine.state, server, migration)
      const target =
        move.request.force && move.request.host !== undefined
          ? await forced(move, move.request.host)
          : await findDestination(move)
      Object.assign(migration, { sourceNode: server.node, destHost: target.name, destNode: target.name, updatedAt: Date.now() })
    } catch (error) {
      if (!(error instanceof NovaError)) throw error
      revertAllocation(engine.state, server, migration)
      update(server, { taskState: undefined })
      setStatus(migration, 'error')
      throw error
    }
  })
}

/** Exceptions after which the conductor tries the next host; at all others it gives up. */
const skipsHost = ['MigrationPreCheckError', 'InvalidHypervisorType', 'DestinationHypervisorTooOld']

async function findDestination(move: Move): Promise<Compute> {
  const { engine, server } = move
  const ignore = [server.host]
  for (;;) {
    const target = selectDestination(engine.state, server, { only: move.request.host, ignore }, engine.clock.now())
    try {
      assertCompatible(computeOf(engine.state, server.host), target)
      await checkHosts(move, target)
      return target
    } catch (error) {
      dropClaim(engine.state, server, target)
      if (!(error instanceof NovaError) || !skipsHost.includes(error.name)) throw error
      ignore.push(target.name)
    }
  }
}

async function forced(move: Move, host: string): Promise<Compute> {
  const { engine, server } = move
  if (host === server.host)
    throw new NovaError('UnableToMigrateToSelf', `Unable to migrate instance (${server.id}) to current host (${host}).`)
  assertHostIsUp(engine.state, host, engine.clock.now())
  const target = computeOf(engine.state, host)
  const free = target.memory - (usageOf(engine.state, target.nodeId).MEMORY_MB ?? 0)
  if (!hasRoom(engine.state, target, server))
    throw new NovaError(
      'MigrationPreCheckError',
      `Migration pre-check error: Unable to migrate ${server.id} to ${host}: Lack of memory(host:${free} <= instance:${server.flavor.ram})`,
    )
  assertCompatible(computeOf(engine.state, server.host), target)
  engine.state.allocations.set(server.id, { [target.nodeId]: resourcesOf(server.flavor) })
  await checkHosts(move, target)
  return target
}

function assertCompatible(source: Compute, target: Compute): void {
  if (source.hypervisorType !== target.hypervisorType)
    throw new NovaError('InvalidHypervisorType', 'The supplied hypervisor type of is invalid.')
  if (source.hypervisorVersion > target.hypervisorVersion)
    throw new NovaError('DestinationHypervisorTooOld', 'The instance requires a newer hypervisor version than has been provided.')
}

/** The target's own checks, in the course of which it asks the source. */
const checkHosts = (move: Move, target: Compute): Promise<void> =>
  recorded(move.action, 'compute_check_can_live_migrate_destination', target.name, async () => {
    const { engine, server } = move
    if (target.silentSince !== undefined) {
      await engine.clock.sleep(60)
      throw new NovaError('MigrationPreCheckError', `Timeout while checking if we can live migrate to host: ${target.name}`)
    }
    await engine.clock.sleep(0.2)
    const source = computeOf(engine.state, server.host)
    if (move.fault === 'cpu' || !runsCpuOf(target, source))
      throw new NovaError(
        'MigrationPreCheckError',
        "Migration pre-check error: Unacceptable CPU info: CPU doesn't have compatibility.\n\n0\n\nRefer to http://libvirt.org/html/libvirt-libvirt-host.html#virCPUCompareResult",
      )
    await recorded(move.action, 'compute_check_can_live_migrate_source', source.name, async () => {
      await engine.clock.sleep(0.2)
      await checkStorage(move, target)
    })
  })

/** Whether a guest with the source's CPU model runs on the target. */
export const runsCpuOf = (target: Compute, source: Compute): boolean =>
  target.cpu.arch === source.cpu.arch &&
  target.cpu.vendor === source.cpu.vendor &&
  source.cpu.features.every((feature) => target.cpu.features.includes(feature))

async function checkStorage(move: Move, target: Compute): Promise<void> {
  const { engine, server, request } = move
  const shared = engine.settings.sharedStorage || server.volumes.length > 0
  const block = request.block ?? !shared
  if (block && shared)
    throw new NovaError(
      'InvalidLocalStorage',
      `${server.host} is not on local storage: Block migration can not be used with shared storage.`,
    )
  if (!block && !shared)
    throw new NovaError(
      'InvalidSharedStorage',
      `${server.host} is not on shared storage: Shared storage live-migration requires either shared storage or boot-from-volume with no local disks.`,
    )
  if (!block || request.diskOverCommit === undefined) return
  const available = (await engine.files.freeDisk(target.name)) * 1024 * MiB
  const necessary = request.diskOverCommit ? server.guest.allocatedDisk * MiB : server.flavor.disk * 1024 * MiB
  if (available < necessary)
    throw new NovaError(
      'MigrationPreCheckError',
      `Migration pre-check error: Unable to migrate ${server.id}: Disk of instance is too large(available on destination host:${available} < need:${necessary})`,
    )
}

async function onSource(move: Move): Promise<void> {
  const { engine, server, migration } = move
  const source = computeOf(engine.state, migration.sourceHost)
  const target = computeOf(engine.state, migration.destHost ?? '')
  setStatus(migration, 'queued')
  await recorded(move.action, 'compute_live_migration', source.name, async () => undefined)
  if (!(await turn(move, source.name))) return
  try {
    setStatus(migration, 'preparing')
    try {
      await prepareTarget(move, target)
    } catch (error) {
      if (!(error instanceof NovaError)) throw error
      engine.files.log(source.name, 'ERROR', server.id, `Pre live migration failed at ${target.name}: ${error.message}`)
      return await rollBack(move, target, 'failed')
    }
    if (engine.cancelled.has(migration.id)) return await rollBack(move, target, 'cancelled')
    setStatus(migration, 'running')
    const outcome = await runJob(engine, server, migration, target, blockCopy(move), move.fault)
    if (outcome === 'completed') return await afterwards(move, source, target)
    if (outcome === 'unwatched') return
    if (outcome === 'raised') {
      setStatus(migration, 'error')
      return update(server, {
        vmState: 'error',
        taskState: undefined,
        fault: { code: 500, message: 'Live migration failed.', details: '', createdAt: Date.now() },
      })
    }
    await rollBack(move, target, outcome === 'cancelled' ? engine.settings.abortedStatus : 'failed')
  } finally {
    leaveQueue(engine, source.name, migration.id)
  }
}

const blockCopy = (move: Move) => move.request.block ?? !(move.engine.settings.sharedStorage || move.server.volumes.length > 0)

/** Waits for this source's turn; false when it was cancelled while it waited. */
async function turn({ engine, server, migration }: Move, source: string): Promise<boolean> {
  const queue = engine.queues.get(source) ?? []
  engine.queues.set(source, queue)
  queue.push(migration.id)
  const limit = engine.settings.maxConcurrentLiveMigrations || Infinity
  await engine.clock.sleep(0.1)
  while (queue.indexOf(migration.id) >= limit && !engine.cancelled.has(migration.id)) await engine.clock.sleep(0.1)
  if (!engine.cancelled.has(migration.id)) return true
  leaveQueue(engine, source, migration.id)
  if (migration.status !== 'queued') return false
  revertAllocation(engine.state, server, migration)
  update(server, { taskState: undefined })
  setStatus(migration, 'cancelled')
  return false
}

const leaveQueue = (engine: Engine, source: string, migrationId: number) => {
  const queue = engine.queues.get(source)
  const place = queue?.indexOf(migrationId) ?? -1
  if (place >= 0) queue?.splice(place, 1)
}

const prepareTarget = (move: Move, target: Compute): Promise<void> =>
  recorded(move.action, 'compute_pre_live_migration', target.name, async () => {
    const { engine, server } = move
    await engine.clock.sleep(0.5)
    if (!blockCopy(move)) return
    if (move.fault === 'destination-disk' || (await engine.files.exists(target.name, server.id)) === true)
      throw new NovaError(
        'DestinationDiskExists',
        `The supplied disk path (/var/lib/nova/instances/${server.id}) already exists, it is expected not to exist.`,
      )
    await engine.files.prepare(target.name, server)
  })

/** The guest stays where it was; what was made on the target goes, whatever it was. */
async function rollBack(move: Move, target: Compute, status: string): Promise<void> {
  const { engine, server, migration } = move
  revertAllocation(engine.state, server, migration)
  if (blockCopy(move))
    await recorded(move.action, 'compute_rollback_live_migration_at_destination', target.name, async () => {
      await engine.files.remove(target.name, server.id)
      target.domains.delete(server.id)
    })
  update(server, { taskState: undefined, progress: 0 })
  await engine.clock.sleep(0.1)
  setStatus(migration, status)
}

/** The guest runs on the target: Nova's records follow, then the source is cleaned, and last the migration is `completed`. */
async function afterwards(move: Move, source: Compute, target: Compute): Promise<void> {
  const { engine, server, migration } = move
  if (move.fault === 'completed-but-on-source') {
    update(server, { taskState: undefined, progress: 0 })
    return setStatus(migration, 'completed')
  }
  await recorded(move.action, 'compute_post_live_migration_at_destination', target.name, async () => {
    await engine.clock.sleep(0.3)
    update(server, { host: target.name, node: target.name, taskState: undefined, progress: 0 })
  })
  if (!engine.settings.sharedStorage) await engine.files.remove(source.name, server.id)
  releaseSource(engine.state, migration)
  engine.files.log(source.name, 'INFO', server.id, `Migrating instance to ${target.name} finished successfully.`)
  await engine.clock.sleep(0.4)
  setStatus(migration, 'completed')
}

/** The domain's name and number follow the server to the target. */
export const domainOf = (server: Server, state: 'running' | 'paused' | 'shut off') => ({
  id: server.id,
  name: instanceName(server),
  number: server.number,
  state,
})
