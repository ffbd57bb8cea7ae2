/** libvirt's side of a live migration, and nova-compute's watch over it. */
import type { LiveMigrationFault } from '../faults.ts'
import { advanceCopy, beginCopy, copyConverged, MiB, newConsole, pause, resume } from '../guest.ts'
import type { Copy } from '../guest.ts'
import { computeOf, instanceName, update } from '../state.ts'
import type { Compute, Migration, Server } from '../state.ts'
import { linkOf } from './engine.ts'
import type { Engine, Job } from './engine.ts'

/**
 * `unwatched`: libvirt came to an end, but nova-compute had gone and writes nothing.
 * `raised`: nova-compute's watch itself failed, so that it cannot roll back.
 */
export type Outcome = 'completed' | 'failed' | 'cancelled' | 'unwatched' | 'raised'

/** Longest pause that Nova allows a guest (`live_migration_downtime`), and how long TCP holds out on a dead link; seconds. */
const downtime = 0.5
const deadLink = 30

export async function runJob(
  engine: Engine,
  server: Server,
  migration: Migration,
  target: Compute,
  block: boolean,
  fault: LiveMigrationFault | undefined,
): Promise<Outcome> {
  const source = computeOf(engine.state, migration.sourceHost)
  const job: Job = {
    migrationId: migration.id,
    serverId: server.id,
    source,
    target,
    copy: beginCopy(server.flavor.ram, server.guest, block),
    abort: false,
    paused: false,
    postCopy: false,
    unwatched: source.silentSince !== undefined,
    dirtyRate: server.guest.dirtyRate * MiB,
    rate: 0,
  }
  engine.jobs.set(migration.id, job)
  try {
    const failure = await copyAll(engine, server, migration, job, fault)
    if (failure === undefined) await switchOver(engine, server, job)
    if (failure === 'raised') return 'raised'
    if (job.paused && failure !== undefined) setGuestPaused(engine, server, job, false)
    if (job.unwatched) return 'unwatched'
    if (failure === undefined) return 'completed'
    engine.files.log(source.name, 'ERROR', server.id, `Live Migration failure: ${failure}`)
    return failure === cancelled ? 'cancelled' : 'failed'
  } finally {
    engine.jobs.delete(migration.id)
  }
}

const cancelled =
  'operation aborted: migration out job: canceled by client: libvirt.libvirtError: operation aborted: migration out job: canceled by client'

/** Copies until the guest can switch over; else libvirt's error text, or `raised`. */
async function copyAll(
  engine: Engine,
  server: Server,
  migration: Migration,
  job: Job,
  fault: LiveMigrationFault | undefined,
): Promise<string | undefined> {
  await engine.clock.sleep(0.2)
  const unreachable = connectError(engine, job, fault)
  if (unreachable !== undefined) return unreachable
  const room = (await engine.files.freeDisk(job.target.name)) * 1024 * MiB
  const start = engine.clock.now()
  let [last, saved, cutSince] = [start, start - engine.settings.statsInterval + 0.5, undefined as number | undefined]
  for (;;) {
    const dirtyRate = job.paused || job.postCopy || server.guest.since === undefined ? 0 : job.dirtyRate
    const cut = engine.cut.has(linkOf(job.source.name, job.target.name)) || fault === 'stalled'
    const bandwidth = cut ? 1 : (engine.settings.bandwidth * MiB) / sharers(engine, job)
    await engine.clock.sleep(tick(engine, job.copy, bandwidth, dirtyRate))
    const now = engine.clock.now()
    job.copy = advanceCopy(job.copy, now - last, bandwidth, dirtyRate)
    job.rate = bandwidth
    last = now

    if (!job.source.libvirtRuns || fault === 'server-error') return 'raised'
    if (!job.target.libvirtRuns) return socketClosed
    cutSince = engine.cut.has(linkOf(job.source.name, job.target.name)) ? (cutSince ?? now) : undefined
    if (cutSince !== undefined && now - cutSince > deadLink) return keepalive
    if (job.abort && !job.postCopy) return cancelled
    if ((job.copy.diskTotal > 0 && job.copy.diskTotal - job.copy.diskRemaining > room) || fault === 'no-space') return noSpace
    // However late this look comes, the limit has passed before the copy is over.
    const limitFirst = fault === 'timeout' && !job.paused && !job.postCopy
    if (!limitFirst && copyConverged(job.copy, bandwidth, downtime)) return undefined
    if (job.unwatched) continue
    if (now - saved >= engine.settings.statsInterval) {
      saveStats(server, migration, job.copy)
      saved = now
    }
    if (!job.postCopy && (fault === 'timeout' || now - start > timeLimit(engine, server))) {
      if (engine.settings.timeoutAction === 'abort') job.abort = true
      else forceComplete(engine, server, migration, job)
    }
  }
}

const socketClosed =
  'operation failed: migration out job: unexpectedly failed: libvirt.libvirtError: operation failed: migration out job: unexpectedly failed'
const keepalive =
  'internal error: connection closed due to keepalive timeout: libvirt.libvirtError: internal error: connection closed due to keepalive timeout'
const noSpace =
  'operation failed: migration of disk vda failed: No space left on device: libvirt.libvirtError: operation failed: migration of disk vda failed: No space left on device'

function connectError(engine: Engine, job: Job, fault: LiveMigrationFault | undefined): string | undefined {
  const address = `${job.target.address}:16509`
  const refused = fault === 'libvirt-down' || !job.target.libvirtListens || !job.target.libvirtRuns
  const why = refused
    ? 'Connection refused'
    : engine.cut.has(linkOf(job.source.name, job.target.name))
      ? 'No route to host'
      : undefined
  if (why === undefined) return undefined
  const text = `unable to connect to server at '${address}': ${why}`
  return `${text}: libvirt.libvirtError: ${text}`
}

const sharers = (engine: Engine, job: Job) =>
  [...engine.jobs.values()].filter(
    (other) => other.source === job.source || other.target === job.target || other.source === job.target,
  ).length || 1

/** Until the next look: about 25 real ms, sooner when the copy will be over. */
function tick(engine: Engine, copy: Copy, bandwidth: number, dirtyRate: number): number {
  const longest = 0.025 * engine.clock.speed
  const left =
    copy.diskRemaining / bandwidth + (dirtyRate < bandwidth ? copy.memoryRemaining / (bandwidth - dirtyRate) : Infinity)
  return Math.max(0.02, Math.min(longest, left))
}

const timeLimit = (engine: Engine, server: Server) =>
  engine.settings.completionTimeout * Math.max(2, Math.round((server.flavor.ram + server.guest.allocatedDisk) / 1024))

function saveStats(server: Server, migration: Migration, copy: Copy): void {
  Object.assign(migration, {
    memory: { total: copy.memoryTotal, processed: copy.memoryProcessed, remaining: copy.memoryRemaining },
    disk: {
      total: copy.diskTotal,
      processed: Math.round(copy.diskTotal - copy.diskRemaining),
      remaining: Math.round(copy.diskRemaining),
    },
    updatedAt: Date.now(),
  })
  update(server, { progress: 100 - Math.round((copy.memoryRemaining * 100) / copy.memoryTotal) })
}

/** What `force_complete` brings about: post-copy where it is permitted, else the guest stands still until it has been copied. */
export function forceComplete(engine: Engine, server: Server, migration: Migration, job: Job): void {
  if (engine.settings.permitPostCopy) {
    job.postCopy = true
    migration.status = 'running (post-copy)'
    migration.updatedAt = Date.now()
    return
  }
  if (!job.paused && server.powerState === 1) setGuestPaused(engine, server, job, true)
}

function setGuestPaused(engine: Engine, server: Server, job: Job, paused: boolean): void {
  job.paused = paused
  const now = engine.clock.now()
  server.guest = paused ? pause(server.guest, now) : resume(server.guest, now)
  const domain = job.source.domains.get(server.id)
  if (domain !== undefined) domain.state = paused ? 'paused' : 'running'
}

/** The guest runs on the target from here on, whether or not anybody records it. */
async function switchOver(engine: Engine, server: Server, job: Job): Promise<void> {
  if (!engine.settings.sharedStorage) await engine.files.copy(job.source.name, job.target.name, server)
  const now = engine.clock.now()
  const wasPaused = server.powerState === 3
  server.guest = newConsole(job.paused && !wasPaused ? resume(server.guest, now) : server.guest, now)
  job.source.domains.delete(server.id)
  job.target.domains.set(server.id, {
    id: server.id,
    name: instanceName(server),
    number: server.number,
    state: wasPaused ? 'paused' : 'running',
  })
  await engine.files.restartConsole(job.target.name, server)
}
