/** The module `live_migration`: asks Nova to move a running server, follows it, and verifies where it is. */
import {
  type Address,
  bytes,
  type Change,
  type Compute,
  defineModule,
  type Estimate,
  Failure,
  MIB,
  type Migration,
  type Result,
  type Server,
  type Target,
} from '../runner/module.ts'
import { cloudParam } from './lib/nova/cloud-param.ts'
import { conclude } from './lib/nova/live-migration/conclude.ts'
import { follow } from './lib/nova/live-migration/follow.ts'
import { inFlight } from './lib/nova/live-migration/in-flight.ts'
import { defaultLimit, type OnTimeout } from './lib/nova/live-migration/ladder.ts'
import { moveLocks } from './lib/nova/move-locks.ts'
import { hasArrived, isRunning, oneServer } from './lib/nova/servers.ts'

interface Before {
  readonly server_id: string
  readonly name: string
  readonly host: string
}

interface Wanted {
  readonly target: string
  readonly block: 'auto' | boolean
  readonly timeout: number
  readonly onTimeout: OnTimeout
  readonly poll: number
}

export default defineModule({
  name: 'live_migration',
  summary: 'Move a running server to another compute host without stopping it.',
  description:
    'Asks Nova for a live migration and watches it to the end. The step succeeds when the migration is `completed` and the server is on ' +
    'the new host without a task; ACTIVE alone proves nothing, because a rolled-back server is ACTIVE too. If a migration of the server ' +
    'is already running, the step joins it, unless that migration goes to another host. The module never stops a server to move it cold. ' +
    'If you stop the run, Nova continues the migration, and the next run joins it.\n\n' +
    'The time limit starts with the transfer: time in Nova’s queue behind other migrations of the same host does not count. ' +
    'Undo moves the server live to the host it came from.',
  params: {
    type: 'object',
    additionalProperties: false,
    required: ['server'],
    properties: {
      server: { type: 'string', minLength: 1, description: 'Name or id of the server.' },
      target: { type: 'string', description: 'Compute host to move to. Empty: the scheduler chooses.', default: '' },
      source: {
        type: 'string',
        description:
          'Compute host to move from. A server on a third host is an error. Without `target`, the step is done once the server has left this host. Empty: the current host.',
        default: '',
      },
      block_migration: {
        enum: ['auto', true, false],
        description: 'Copy the local disks: true, false, or auto, which depends on the storage of both hosts.',
        default: 'auto',
      },
      timeout: {
        type: 'integer',
        minimum: 0,
        description:
          'Seconds until `on_timeout`. 0: the default of Nova, 800 s for each GiB of memory and local disk, at least 1600 s.',
        default: 0,
      },
      on_timeout: {
        type: 'string',
        enum: ['abort', 'force_complete', 'leave'],
        description:
          'abort: stop the migration; the server stays on its host. force_complete: let Nova pause the guest or switch to post-copy; if that does not finish either, abort. leave: fail, but let Nova continue.',
        default: 'abort',
      },
      poll: {
        type: 'number',
        minimum: 0.5,
        description: 'Seconds between two requests to the API, at most. Short moves are polled more often.',
        default: 5,
      },
      cloud: cloudParam,
    },
  },
  scope: 'api',
  returns: {
    server_id: 'Id of the server.',
    server: 'Name of the server.',
    from: 'Compute host before the move.',
    to: 'Compute host after the move; null until the scheduler has chosen one.',
    migration_id: "Nova's id of the migration; null if nothing had to move.",
    seconds: 'Duration of the move, in seconds.',
    memory_bytes: 'Bytes of memory transferred; null if Nova stored no figure.',
    disk_bytes: 'Bytes of disk transferred; null if the hypervisor reports none.',
    forced: 'Whether completion was forced.',
  },
  examples: [
    { name: 'To a named host', params: { server: 'web-1', target: 'compute15' } },
    { name: 'Away from a host; the scheduler chooses the target', params: { server: 'web-1', source: 'compute14' } },
    {
      name: 'A busy database: pause it if it takes too long',
      params: { server: 'db-2', target: 'compute15', timeout: 600, on_timeout: 'force_complete' },
    },
  ],

  async check({ server: name, source, target: to, block_migration, cloud }, target) {
    const { compute } = await target.cloud(cloud)
    const server = await oneServer(compute, name)
    const { host } = server
    if (host === undefined)
      throw new Failure(`${server.name} is on no host`, {
        why: `it is ${server.status}`,
        help: 'start the server first: only a running one can be moved live',
      })
    const before: Before = { server_id: server.id, name: server.name, host }
    const running = await inFlight(compute, server)
    const locks = moveLocks(server, [host, running?.targetHost ?? to], target.hosts)
    const change: Change = {
      resource: addressOf(server, cloud),
      property: 'host',
      before: host,
      after: to === '' ? 'chosen by the scheduler' : to,
    }
    if (running !== undefined) {
      if (to !== '' && running.targetHost !== undefined && running.targetHost !== to) throw elsewhere(server, running, to)
      return { changes: [change], before, locks, inFlight: await inWords(compute, running) }
    }
    if (hasArrived(server, { source, target: to }))
      return { changes: [], before, result: { ...unmoved(server, host), ...(source === '' ? {} : { from: source }) } }
    if (source !== '' && host !== source) {
      throw new Failure(`${server.name} is on ${host}, not on ${source}`, {
        kind: 'refused',
        why: 'it has moved since, or the name is wrong',
        help: 'check which servers you mean, then run again',
      })
    }
    mustBeMovable(server)
    // Without source and target, a server that has moved looks like one that has not.
    const undetectable = to === '' && source === '' ? { undetectable: true as const } : {}
    return { changes: [change], before, locks, estimate: await estimate(compute, server, block_migration), ...undetectable }
  },

  async apply({ target: to, block_migration, timeout, on_timeout, poll, cloud }, { before }, target) {
    const { compute } = await target.cloud(cloud)
    return move(before.server_id, { target: to, block: block_migration, timeout, onTimeout: on_timeout, poll }, compute, target)
  },

  async verify({ target: to, cloud }, { before }, target) {
    const { compute } = await target.cloud(cloud)
    const server = await compute.server(before.server_id)
    const resource = addressOf(before, cloud)
    if (server === undefined) return [{ resource, before: undefined, after: `on ${to === '' ? 'another host' : to}` }]
    const there = to === '' ? server.host !== before.host : server.host === to
    return [
      ...(there ? [] : [{ resource, property: 'host', before: server.host, after: to === '' ? `not ${before.host}` : to }]),
      ...(server.taskState === undefined ? [] : [{ resource, property: 'task', before: server.taskState, after: 'none' }]),
      ...(isRunning(server) ? [] : [{ resource, property: 'state', before: server.status, after: 'ACTIVE' }]),
    ]
  },

  async undo({ block_migration, timeout, on_timeout, poll, cloud }, before, target) {
    const { compute } = await target.cloud(cloud)
    await move(
      before.server_id,
      { target: before.host, block: block_migration, timeout, onTimeout: on_timeout, poll },
      compute,
      target,
    )
  },
})

const addressOf = ({ name }: Pick<Server, 'name'>, cloud = ''): Address => ({ host: cloud, kind: 'server', name })

/** Duration of the server's last live migration; if none is known, the transfer time at 1 Gbit/s. */
async function estimate(compute: Compute, { id, flavor }: Server, block: Wanted['block']): Promise<Estimate> {
  const last = (await compute.migrations({ serverId: id })).find(
    ({ type, status, updatedAt }) => type === 'live-migration' && status === 'completed' && updatedAt !== undefined,
  )
  if (last?.updatedAt !== undefined)
    return { seconds: (Date.parse(last.updatedAt) - Date.parse(last.createdAt)) / 1000, basis: 'as the last time' }
  const mebibytes = flavor.ram + (block === true ? (flavor.disk + flavor.ephemeral) * 1024 : 0)
  return { seconds: (mebibytes * MIB * 8) / 1e9, basis: `${bytes(mebibytes * MIB)} at 1 Gbit/s; it has not moved before` }
}

/** Starts a migration, or joins the running one, and watches the migration to its end. */
async function move(serverId: string, wanted: Wanted, compute: Compute, target: Target): Promise<Result> {
  const server = await compute.server(serverId)
  if (server === undefined) throw new Failure(`server ${serverId} has been deleted`)
  const running = await inFlight(compute, server)
  if (running === undefined && wanted.target !== '' && server.host === wanted.target) return unmoved(server, server.host)
  if (running === undefined) mustBeMovable(server)
  const earlier =
    running === undefined ? new Set((await compute.migrations({ serverId })).map(({ id }) => id)) : new Set<number>()
  const started = running === undefined ? await start(server, wanted, earlier, compute) : {}
  const joined = running ?? started.joined
  if (joined !== undefined && wanted.target !== '' && joined.targetHost !== undefined && joined.targetHost !== wanted.target) {
    throw elsewhere(server, joined, wanted.target)
  }
  const { ram, disk, ephemeral } = server.flavor
  const watch = {
    server,
    target: wanted.target,
    earlier,
    joined,
    requestId: started.requestId,
    limit: wanted.timeout > 0 ? wanted.timeout : defaultLimit(ram, wanted.block === false ? 0 : disk + ephemeral),
    onTimeout: wanted.onTimeout,
    poll: wanted.poll,
  }
  return conclude(watch, await follow(watch, compute, target), compute, target)
}

interface Started {
  readonly requestId?: string | undefined
  /** The running migration, if Nova refused a second one or if its answer was lost. */
  readonly joined?: Migration
}

async function start(
  server: Server,
  { target: host, block }: Wanted,
  earlier: ReadonlySet<number>,
  compute: Compute,
): Promise<Started> {
  try {
    return { requestId: await compute.liveMigrate(server.id, { blockMigration: block, ...(host === '' ? {} : { host }) }) }
  } catch (error) {
    if (!(error instanceof Failure)) throw error
    const lost = error.kind === 'unreachable' || error.kind === 'timeout'
    if (!lost && error.data?.['status'] !== 409) throw refused(server, error)
    const now = await compute.server(server.id)
    const running = now === undefined ? undefined : await inFlight(compute, now)
    if (running === undefined || (lost && earlier.has(running.id))) throw refused(server, error)
    return { joined: running }
  }
}

const refused = ({ name, host }: Server, error: Failure): Failure =>
  new Failure(`Nova does not start a live migration of ${name}, which stays on ${host ?? 'its host'}`, {
    kind: error.kind,
    why: error.why ?? error.message,
    help: error.help,
    data: error.data,
    cause: error,
  })

function mustBeMovable(server: Server): void {
  if (server.taskState !== undefined) {
    throw new Failure(`${server.name} is busy: its task is ${server.taskState}`, {
      why: server.taskState === 'migrating' ? 'Nova has no record of its migration' : 'Nova moves only servers without a task',
      help:
        server.taskState === 'migrating'
          ? 'check `openstack server migration list`; if no migration is running, end the task: `openstack server set --state active`'
          : 'wait until the task ends, then run again',
    })
  }
  if (!isRunning(server)) {
    throw new Failure(`${server.name} is ${server.status}: only a running or paused server can be moved live`, {
      help: 'start it, or move it cold (`openstack server migrate`); this module does not stop servers',
    })
  }
}

const unmoved = (server: Server, host: string) => ({
  server_id: server.id,
  server: server.name,
  from: host,
  to: host,
  migration_id: null,
  seconds: 0,
  memory_bytes: null,
  disk_bytes: null,
  forced: false,
})

const elsewhere = (server: Server, running: Migration, to: string): Failure =>
  new Failure(`${server.name} is being moved to ${running.targetHost}, not to ${to}`, {
    kind: 'refused',
    why: `migration ${running.id} is ${running.status}, started at ${running.createdAt}`,
    help: `wait until the migration ends, or stop it: openstack server migration abort ${server.id} ${running.id}`,
  })

async function inWords(compute: Compute, running: Migration): Promise<string> {
  const { memory } = (await compute.runningMigrations(running.serverId)).find(({ id }) => id === running.id) ?? {}
  const percent =
    memory === undefined || memory.total === 0
      ? ''
      : `, ${Math.floor((100 * (memory.total - memory.remaining)) / memory.total)} %`
  return `migration ${running.id} to ${running.targetHost ?? 'a host that the scheduler chooses'} is ${running.status}${percent}`
}
