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

interface Wish {
  readonly target: string
  readonly block: 'auto' | boolean
  readonly timeout: number
  readonly onTimeout: OnTimeout
  readonly poll: number
}

/** Moves a running server to another compute host without stopping it, and says so only when Nova's records agree that it has moved. */
export default defineModule({
  name: 'live_migration',
  summary: 'Move a running server to another compute host without stopping it.',
  description:
    'Asks Nova for a live migration and watches it to its end. It has moved when the migration is `completed`, the server is on the new host ' +
    'and has no task left; ACTIVE alone proves nothing, as a server that was rolled back is ACTIVE too. A migration of this server that is ' +
    'running already is joined, unless it goes elsewhere. It never stops the server to move it cold. ' +
    'When the run is stopped, the migration goes on in Nova; the next run joins it.\n\n' +
    'The time limit counts from the start of the transfer: the time in Nova’s queue behind other migrations of the same host is not counted. ' +
    'Undo moves the server back to the host it came from, live.',
  params: {
    type: 'object',
    additionalProperties: false,
    required: ['server'],
    properties: {
      server: { type: 'string', minLength: 1, description: 'Name or id.' },
      target: { type: 'string', description: 'Compute host to move it to. Empty: the scheduler chooses.', default: '' },
      source: {
        type: 'string',
        description:
          'Compute host it should leave. Anywhere else but there (and the target) is an error; without a target, it is done once the server has left. Empty: wherever it is.',
        default: '',
      },
      block_migration: {
        enum: ['auto', true, false],
        description: 'Copy the local disks: true, false, or as the storage of both hosts demands.',
        default: 'auto',
      },
      timeout: {
        type: 'integer',
        minimum: 0,
        description:
          'Seconds until `on_timeout`. 0: as Nova reckons by default, 800 s for each GiB of memory and of local disk, at least 1600 s.',
        default: 0,
      },
      on_timeout: {
        type: 'string',
        enum: ['abort', 'force_complete', 'leave'],
        description:
          'abort: it stays where it is. force_complete: Nova pauses the guest (or switches to post-copy) until it is over; when that does not end either, abort. leave: fail, and let Nova go on.',
        default: 'abort',
      },
      poll: {
        type: 'number',
        minimum: 0.5,
        description: 'Seconds between looks at the API, at most. Short moves are looked at more often.',
        default: 5,
      },
      cloud: cloudParam,
    },
  },
  scope: 'api',
  returns: {
    server_id: 'Id.',
    server: 'Name.',
    from: 'The compute host it was on.',
    to: 'The compute host it is on; null as long as the scheduler has not chosen.',
    migration_id: "Nova's number of the migration; null when nothing had to move.",
    seconds: 'How long it took.',
    memory_bytes: 'Memory transferred; null where it was over before Nova stored a figure.',
    disk_bytes: 'Disk transferred, as far as the hypervisor tells; null where it does not.',
    forced: 'Whether it had to be forced.',
  },
  examples: [
    { name: 'To a named host', params: { server: 'web-1', target: 'compute15' } },
    { name: 'Away from a host, to wherever the scheduler likes', params: { server: 'web-1', source: 'compute14' } },
    {
      name: 'A busy database: pause it rather than give up',
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
        help: 'only a running server can be moved live',
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
        why: 'it has been moved since, or the name is wrong',
        help: 'look again which servers are meant, then run again',
      })
    }
    mustBeMovable(server)
    // Away from wherever it is: a server that has moved already looks like one that has not.
    const blind = to === '' && source === '' ? { blind: true as const } : {}
    return { changes: [change], before, locks, estimate: await estimate(compute, server, block_migration), ...blind }
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

/** As long as this server's last live migration took; where none is known, what a link of 1 Gbit/s makes of it. */
async function estimate(compute: Compute, { id, flavor }: Server, block: Wish['block']): Promise<Estimate> {
  const last = (await compute.migrations({ serverId: id })).find(
    ({ type, status, updatedAt }) => type === 'live-migration' && status === 'completed' && updatedAt !== undefined,
  )
  if (last?.updatedAt !== undefined)
    return { seconds: (Date.parse(last.updatedAt) - Date.parse(last.createdAt)) / 1000, basis: 'as the last time' }
  const mebibytes = flavor.ram + (block === true ? (flavor.disk + flavor.ephemeral) * 1024 : 0)
  return { seconds: (mebibytes * MIB * 8) / 1e9, basis: `${bytes(mebibytes * MIB)} at 1 Gbit/s; it has not moved before` }
}

/** Starts the migration, or joins the one that runs, and watches it to its end. */
async function move(serverId: string, wish: Wish, compute: Compute, target: Target): Promise<Result> {
  const server = await compute.server(serverId)
  if (server === undefined) throw new Failure(`there is no server ${serverId} any more`)
  const running = await inFlight(compute, server)
  if (running === undefined && wish.target !== '' && server.host === wish.target) return unmoved(server, server.host)
  if (running === undefined) mustBeMovable(server)
  const earlier =
    running === undefined ? new Set((await compute.migrations({ serverId })).map(({ id }) => id)) : new Set<number>()
  const started = running === undefined ? await start(server, wish, earlier, compute) : {}
  const joined = running ?? started.joined
  if (joined !== undefined && wish.target !== '' && joined.targetHost !== undefined && joined.targetHost !== wish.target) {
    throw elsewhere(server, joined, wish.target)
  }
  const { ram, disk, ephemeral } = server.flavor
  const journey = {
    server,
    target: wish.target,
    earlier,
    joined,
    requestId: started.requestId,
    limit: wish.timeout > 0 ? wish.timeout : defaultLimit(ram, wish.block === false ? 0 : disk + ephemeral),
    onTimeout: wish.onTimeout,
    poll: wish.poll,
  }
  return conclude(journey, await follow(journey, compute, target), compute, target)
}

interface Started {
  readonly requestId?: string | undefined
  /** What is under way already, where Nova refused a second migration, or where its answer was lost on the way. */
  readonly joined?: Migration
}

async function start(
  server: Server,
  { target: host, block }: Wish,
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
      why:
        server.taskState === 'migrating'
          ? 'Nova has no migration record that belongs to it'
          : 'Nova moves a server only when it does nothing else',
      help:
        server.taskState === 'migrating'
          ? 'look at `openstack server migration list`; if nothing moves it, `openstack server set --state active` ends the task'
          : 'wait until it is over, then run again',
    })
  }
  if (!isRunning(server)) {
    throw new Failure(`${server.name} is ${server.status}: only a running or paused server can be moved live`, {
      help: 'start it, or move it cold (`openstack server migrate`); this module never does that by itself',
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
    help: `wait until it is over, or stop it: openstack server migration abort ${server.id} ${running.id}`,
  })

async function inWords(compute: Compute, running: Migration): Promise<string> {
  const { memory } = (await compute.runningMigrations(running.serverId)).find(({ id }) => id === running.id) ?? {}
  const percent =
    memory === undefined || memory.total === 0
      ? ''
      : `, ${Math.floor((100 * (memory.total - memory.remaining)) / memory.total)} %`
  return `migration ${running.id} to ${running.targetHost ?? 'a host that the scheduler chooses'} is ${running.status}${percent}`
}
