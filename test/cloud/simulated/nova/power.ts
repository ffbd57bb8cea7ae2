/** Start, stop, reboot, and nova-compute's own stop and start. */
import { boot, pause, powerOff, resume } from '../guest.ts'
import { computeOf, update } from '../state.ts'
import type { Server } from '../state.ts'
import { beginAction, NovaError, recorded } from './engine.ts'
import type { Actor, Engine } from './engine.ts'
import { domainOf, setStatus } from './live-migration.ts'

/** Runs one step of nova-compute in the background; a failure leaves the server as it was, without task_state. */
function inBackground(
  engine: Engine,
  server: Server,
  action: string,
  event: string,
  actor: Actor,
  taskState: string,
  work: () => Promise<void>,
): void {
  update(server, { taskState })
  const begun = beginAction(server, action, actor)
  engine.clock.spawn(async () => {
    try {
      await recorded(begun, event, server.host, work)
    } catch (error) {
      if (!(error instanceof NovaError)) throw error
      update(server, { taskState: undefined })
    }
  })
}

export const stop = (engine: Engine, server: Server, actor: Actor): void =>
  inBackground(engine, server, 'stop', 'compute_stop_instance', actor, 'powering-off', async () => {
    await engine.clock.sleep(1)
    turnOff(engine, server)
    update(server, { vmState: 'stopped', powerState: 4, taskState: undefined })
  })

export const start = (engine: Engine, server: Server, actor: Actor): void =>
  inBackground(engine, server, 'start', 'compute_start_instance', actor, 'powering-on', async () => {
    await engine.clock.sleep(0.5)
    await turnOn(engine, server)
    update(server, { vmState: 'active', powerState: 1, taskState: undefined })
  })

export const reboot = (engine: Engine, server: Server, actor: Actor, type: 'SOFT' | 'HARD'): void =>
  inBackground(
    engine,
    server,
    'reboot',
    'compute_reboot_instance',
    actor,
    type === 'HARD' ? 'rebooting_hard' : 'rebooting',
    async () => {
      await engine.clock.sleep(1)
      turnOff(engine, server)
      await turnOn(engine, server)
      update(server, { vmState: 'active', powerState: 1, taskState: undefined })
    },
  )

export const pauseServer = (engine: Engine, server: Server, actor: Actor): void =>
  inBackground(engine, server, 'pause', 'compute_pause_instance', actor, 'pausing', async () => {
    server.guest = pause(server.guest, engine.clock.now())
    setDomain(engine, server, 'paused')
    update(server, { vmState: 'paused', powerState: 3, taskState: undefined })
  })

export const unpauseServer = (engine: Engine, server: Server, actor: Actor): void =>
  inBackground(engine, server, 'unpause', 'compute_unpause_instance', actor, 'unpausing', async () => {
    server.guest = resume(server.guest, engine.clock.now())
    setDomain(engine, server, 'running')
    update(server, { vmState: 'active', powerState: 1, taskState: undefined })
  })

const setDomain = (engine: Engine, server: Server, state: 'running' | 'paused' | 'shut off') =>
  computeOf(engine.state, server.host).domains.set(server.id, domainOf(server, state))

export function turnOff(engine: Engine, server: Server): void {
  server.guest = powerOff(server.guest, engine.clock.now())
  setDomain(engine, server, 'shut off')
}

/** @throws NovaError DiskNotFound: Nova does not make a lost disk anew. */
export async function turnOn(engine: Engine, server: Server): Promise<void> {
  if ((await engine.files.exists(server.host, server.id)) === false)
    throw new NovaError('DiskNotFound', `No disk at /var/lib/nova/instances/${server.id}/disk`)
  server.guest = boot(server.guest, engine.clock.now())
  setDomain(engine, server, 'running')
  await engine.files.restartConsole(server.host, server)
}

/** nova-compute stops: it reports no more, drops what waited in its queue, and looks no longer after libvirt's jobs. */
export function agentStopped(engine: Engine, host: string): void {
  const compute = computeOf(engine.state, host)
  compute.silentSince ??= engine.clock.now()
  for (const job of engine.jobs.values()) if (job.source === compute) job.unwatched = true
  for (const migration of engine.state.migrations)
    if (migration.sourceHost === host && migration.status === 'queued') {
      engine.cancelled.add(migration.id)
      setStatus(migration, 'cancelled')
    }
}

/** nova-compute starts: it reports again, and gives up the live migrations that it finds half done. */
export function agentStarted(engine: Engine, host: string): void {
  const compute = computeOf(engine.state, host)
  compute.silentSince = undefined
  for (const server of engine.state.servers.values()) {
    if (server.host !== host || server.taskState !== 'migrating') continue
    const migration = engine.state.migrations.find(
      (candidate) => candidate.serverId === server.id && candidate.status === 'running',
    )
    const job = migration && engine.jobs.get(migration.id)
    if (job !== undefined) job.abort = true
    if (migration !== undefined) setStatus(migration, 'error')
    update(server, { taskState: undefined })
  }
}
