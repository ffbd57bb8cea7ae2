/**
 * Concludes a live migration: verifies the server's host, or explains the failure and gives help. Called by
 * `live_migration`.
 */
import { bytes, type Compute, duration, Failure, type Result, type Server, type Target } from '../../../../runner/module.ts'
import { reach } from '../compute-host.ts'
import { isRunning } from '../servers.ts'
import { helpFor } from './help.ts'
import { course } from './convergence.ts'
import { lastFault } from './fault.ts'
import type { Ending, MigrationWatch } from './follow.ts'
import { driverless, whereabouts } from './whereabouts.ts'

/** Seconds until Nova's record of the server must agree with its record of the migration. */
const SETTLE_SECONDS = 60

/**
 * Returns the result if the migration's record is `completed` and the server's record has the new host and no
 * task. Neither record is enough alone: a rolled-back server is ACTIVE too, and a completed migration has been
 * observed with the host unchanged. Throws `Failure` otherwise, with the reason that Nova recorded.
 */
export async function conclude(watch: MigrationWatch, ending: Ending, compute: Compute, target: Target): Promise<Result> {
  const { id, name, host: source } = watch.server
  const { migration, seconds } = ending
  const completed = ending.how === 'ended' && migration?.status === 'completed'
  const continues = ending.how === 'left' || ending.how === 'given up'
  const server = continues ? await compute.server(id) : await settled(watch, completed, compute, target)
  const data = {
    server_id: id,
    migration_id: migration?.id ?? null,
    status: migration?.status ?? null,
    host: server?.host ?? null,
  }
  if (server === undefined) throw new Failure(`${name} was deleted while it was being moved`, { data })
  if (continues) throw await stillRunning(watch, ending, data, compute, target)
  if (completed && hasArrived(watch, server)) return { ...moved(server, source, ending), seconds: Math.round(seconds * 10) / 10 }
  if (completed) throw await halfMoved(watch, ending, server, data, target)
  throw await rolledBack(watch, ending, server, data, compute, target)
}

function hasArrived({ target, server: { host: source } }: MigrationWatch, server: Server): boolean {
  const there = target === '' ? server.host !== source : server.host === target
  return there && server.taskState === undefined && isRunning(server)
}

/**
 * Waits until the server has no task and, after a completed migration, another host. Returns the server's last
 * state when `SETTLE_SECONDS` are over.
 */
async function settled(watch: MigrationWatch, completed: boolean, compute: Compute, target: Target): Promise<Server | undefined> {
  const start = target.now()
  for (;;) {
    const server = await compute.server(watch.server.id)
    const calm = server === undefined || (server.taskState === undefined && (!completed || server.host !== watch.server.host))
    if (calm || target.now() - start >= SETTLE_SECONDS) return server
    await target.sleep(1)
  }
}

const moved = (server: Server, source: string | undefined, { migration, samples, forced }: Ending): Result => ({
  server_id: server.id,
  server: server.name,
  from: source ?? null,
  to: server.host ?? null,
  migration_id: migration?.id ?? null,
  // Nova stores its figures every 5 s, so a short migration has none.
  memory_bytes: Math.max(0, ...samples.map(({ memory }) => memory.processed)) || null,
  disk_bytes: Math.max(0, ...samples.map(({ disk }) => disk.processed)) || null,
  forced,
})

const called = ({ migration }: Ending): string =>
  migration === undefined ? 'no migration record' : `migration ${migration.id}, ${migration.status}`

async function halfMoved(
  { server: { id, name, host: source }, target: to }: MigrationWatch,
  ending: Ending,
  server: Server,
  data: Record<string, unknown>,
  target: Target,
): Promise<Failure> {
  const task = server.taskState === undefined ? '' : `, with the task ${server.taskState}`
  const found = await whereabouts(target, [source, ending.migration?.targetHost ?? to, server.host], id)
  return new Failure(
    `Nova says that the move of ${name} is completed, and also that ${name} is ${server.status} on ${server.host ?? 'no host'}${task}`,
    {
      why: sentences(
        `${called(ending)}, from ${source ?? 'its host'}${to === '' ? '' : ` to ${to}`}`,
        `Nova's record of the server did not follow within ${duration(SETTLE_SECONDS)}`,
        found,
      ),
      help: `find out where it runs (\`virsh list --all\` on both hosts) before anything else is done to it: do not reboot, move or delete it; then mend Nova's record of ${id}`,
      data,
    },
  )
}

const sentences = (...parts: readonly (string | undefined)[]): string => parts.filter((part) => part !== undefined).join('; ')

async function stillRunning(
  { server: { id, name, host: source }, target: to }: MigrationWatch,
  ending: Ending,
  data: Record<string, unknown>,
  compute: Compute,
  target: Target,
): Promise<Failure> {
  const now = course(ending.samples)
  const dead = await driverless(compute, source)
  const found = dead === undefined ? undefined : await whereabouts(target, [source, ending.migration?.targetHost ?? to], id)
  const what = `${name} is still on its way from ${source ?? 'its host'}${to === '' ? '' : ` to ${to}`} after ${duration(ending.seconds)}`
  const show = `openstack server migration show ${id} ${ending.migration?.id ?? ''}`.trim()
  return new Failure(
    ending.how === 'left' ? `${what}, and was left to Nova` : `${what}: Nova did not end it when asked to abort`,
    {
      kind: 'timeout',
      why: sentences(
        called(ending),
        now === undefined ? undefined : `${bytes(now.remaining)} left${now.stuck ? ', and it does not get less' : ''}`,
        ending.refusal === undefined ? undefined : `Nova: ${ending.refusal}`,
        dead,
        found,
      ),
      help:
        dead === undefined
          ? `run the same again to join it, or look at: ${show}`
          : `find out where the guest runs (\`virsh list --all\` on both hosts) before nova-compute on ${source ?? 'the source'} is started: when it starts it takes the server for one that is on ${source ?? 'the source'} still`,
      data,
    },
  )
}

async function rolledBack(
  { server: { name, host: source }, limit, requestId }: MigrationWatch,
  ending: Ending,
  server: Server,
  data: Record<string, unknown>,
  compute: Compute,
  target: Target,
): Promise<Failure> {
  const asBefore = server.host === source && isRunning(server) && server.taskState === undefined
  const where = `${name} is ${server.status} on ${server.host ?? 'no host'}`
  const before = asBefore ? ', as before' : ''
  if (ending.aborted) {
    const now = course(ending.samples)
    const rest =
      now === undefined
        ? ''
        : `; ${bytes(now.remaining)} were left${now.stuck ? ', and it did not get less: the guest changes memory as fast as it is sent' : ''}`
    return new Failure(`${where}${before}: its migration did not finish within ${duration(limit)} and was aborted`, {
      kind: 'timeout',
      why: `${called(ending)}${rest}`,
      help: 'raise `timeout`, move it when it is less busy, or use `on_timeout: force_complete`, which pauses the guest',
      data,
    })
  }
  const fault = await lastFault(compute, server.id, requestId)
  const logged =
    fault === undefined && source !== undefined ? await lastLog(target, source, server.id, ending.seconds) : undefined
  const why =
    fault !== undefined
      ? `${fault.host === undefined ? '' : `${fault.host}: `}"${fault.text.replace(/\s+/g, ' ').trim()}" (${called(ending)})`
      : logged !== undefined
        ? `nova-compute.log on ${source}: "${logged}" (${called(ending)})`
        : `Nova recorded no reason (${called(ending)}); it is in the log of nova-compute on ${source ?? 'the source'}`
  const found = asBefore ? undefined : await whereabouts(target, [source, ending.migration?.targetHost, server.host], server.id)
  const how =
    ending.how === 'no record'
      ? 'Nova took the request and did not start it'
      : asBefore
        ? 'Nova rolled the migration back'
        : 'its migration failed'
  return new Failure(`${where}${before}: ${how}`, {
    why: sentences(why, found),
    help: asBefore
      ? (helpFor(`${fault?.text ?? ''} ${logged ?? ''}`) ?? 'mend the reason, then run the same again')
      : 'find out where the guest runs (`virsh list --all` on both hosts) before anything else is done to it',
    data,
  })
}

/** The error lines about server $1 of the last $2 seconds; oslo.log writes the host's local time. */
const ERRORS_SINCE = `since=$(date -d "-$2 seconds" "+%F %T")
grep -hF "$1" /var/log/nova/nova-compute.log | grep -E " (ERROR|CRITICAL) " | awk -v since="$since" '$0 >= since' | tail -n 40`

/**
 * Reads the reason from the log on the source, if that host can be reached. Nova's API does not carry libvirt's
 * messages.
 */
async function lastLog(target: Target, source: string, serverId: string, seconds: number): Promise<string | undefined> {
  try {
    const reached = await reach(target, source)
    if (!('host' in reached)) return undefined
    const since = Math.ceil(seconds) + 1
    const { stdout } = await reached.host.run(['sh', '-c', ERRORS_SINCE, 'log', serverId, String(since)], { timeout: 30 })
    return reasonIn(stdout)
  } catch {
    return undefined
  }
}

/**
 * Picks the reason from the last error lines about a server: libvirt's message as Nova quotes it, else the last
 * line. Nova may log `has aborted` before or after the reason.
 */
export function reasonIn(log: string): string | undefined {
  const messages = log.split('\n').flatMap((line) => messageOf(line) ?? [])
  return messages.findLast((message) => message.startsWith('Live Migration failure')) ?? messages.at(-1)
}

/**
 * Extracts the message of a line in oslo.log's default format: the text after the request and the instance in
 * brackets.
 */
export const messageOf = (line: string): string | undefined =>
  line.trim().replace(/^.*? (ERROR|CRITICAL) \S+ (\[[^\]]*\] )*/, '') || undefined
