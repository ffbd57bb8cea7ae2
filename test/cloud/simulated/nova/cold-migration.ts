/** A cold migration: off, copied, on again elsewhere, and kept in both places until it is confirmed or reverted. */
import { computeOf, resourcesOf, update } from '../state.ts'
import type { Migration, Server } from '../state.ts'
import { beginAction, NovaError, recorded } from './engine.ts'
import type { Actor, Engine } from './engine.ts'
import { domainOf, recordMigration, setStatus } from './live-migration.ts'
import { turnOff, turnOn } from './power.ts'
import { holdSource, releaseSource, revertAllocation, selectDestination } from './scheduler.ts'

/** @param host undefined: the scheduler chooses */
export function orderColdMigration(engine: Engine, server: Server, host: string | undefined, actor: Actor): void {
  update(server, { taskState: 'resize_prep' })
  const action = beginAction(server, 'migrate', actor)
  const migration = recordMigration(engine, server, 'migration', actor)
  const wasRunning = server.vmState === 'active'
  const source = server.host
  engine.clock.spawn(async () => {
    try {
      const target = await recorded(action, 'conductor_migrate_server', 'controller', async () => {
        await engine.clock.sleep(0.3)
        holdSource(engine.state, server, migration)
        return selectDestination(engine.state, server, { only: host, ignore: [source] }, engine.clock.now())
      })
      Object.assign(migration, { sourceNode: source, destHost: target.name, destNode: target.name, destAddress: target.address })
      setStatus(migration, 'pre-migrating')
      await recorded(action, 'compute_prep_resize', target.name, () => engine.clock.sleep(0.3))
      setStatus(migration, 'migrating')
      update(server, { taskState: 'resize_migrating' })
      await recorded(action, 'compute_resize_instance', source, async () => {
        if (wasRunning) turnOff(engine, server)
        await engine.clock.sleep(1 + server.guest.allocatedDisk / engine.settings.bandwidth)
        await engine.files.prepare(target.name, server)
        await engine.files.copy(source, target.name, server)
      })
      setStatus(migration, 'post-migrating')
      update(server, { taskState: 'resize_finish', host: target.name, node: target.name })
      computeOf(engine.state, source).domains.set(server.id, domainOf(server, 'shut off'))
      target.domains.set(server.id, domainOf(server, 'shut off'))
      await recorded(action, 'compute_finish_resize', target.name, async () => {
        await engine.clock.sleep(0.5)
        if (wasRunning) await turnOn(engine, server)
      })
      setStatus(migration, 'finished')
      update(server, { vmState: 'resized', taskState: undefined, powerState: wasRunning ? 1 : 4 })
    } catch (error) {
      if (!(error instanceof NovaError)) throw error
      revertAllocation(engine.state, server, migration)
      setStatus(migration, 'error')
      update(server, { taskState: undefined })
    }
  })
}

/** The one that waits for confirmation. */
export const finishedMigration = (engine: Engine, server: Server): Migration | undefined =>
  engine.state.migrations.findLast(
    (migration) => migration.serverId === server.id && migration.type === 'migration' && migration.status === 'finished',
  )

/** The source's copy goes. */
export function confirmResize(engine: Engine, server: Server, migration: Migration, actor: Actor): void {
  const action = beginAction(server, 'confirmResize', actor)
  setStatus(migration, 'confirming')
  engine.clock.spawn(() =>
    recorded(action, 'compute_confirm_resize', migration.sourceHost, async () => {
      await engine.clock.sleep(0.5)
      await engine.files.remove(migration.sourceHost, server.id)
      computeOf(engine.state, migration.sourceHost).domains.delete(server.id)
      releaseSource(engine.state, migration)
      setStatus(migration, 'confirmed')
      update(server, { vmState: server.powerState === 1 ? 'active' : 'stopped' })
    }),
  )
}

/** The source's copy is taken up again, the target's goes. */
export function revertResize(engine: Engine, server: Server, migration: Migration, actor: Actor): void {
  const action = beginAction(server, 'revertResize', actor)
  const target = server.host
  const wasRunning = server.powerState === 1
  update(server, { taskState: 'resize_reverting' })
  setStatus(migration, 'reverting')
  engine.clock.spawn(async () => {
    await recorded(action, 'compute_revert_resize', target, async () => {
      await engine.clock.sleep(0.5)
      if (wasRunning) turnOff(engine, server)
      await engine.files.remove(target, server.id)
      computeOf(engine.state, target).domains.delete(server.id)
    })
    update(server, { host: migration.sourceHost, node: migration.sourceHost })
    engine.state.allocations.delete(migration.uuid)
    engine.state.allocations.set(server.id, {
      [computeOf(engine.state, migration.sourceHost).nodeId]: resourcesOf(server.flavor),
    })
    await recorded(action, 'compute_finish_revert_resize', migration.sourceHost, async () => {
      if (wasRunning) await turnOn(engine, server)
      else computeOf(engine.state, server.host).domains.set(server.id, domainOf(server, 'shut off'))
      update(server, { vmState: wasRunning ? 'active' : 'stopped', taskState: undefined })
      setStatus(migration, 'reverted')
    })
  })
}
