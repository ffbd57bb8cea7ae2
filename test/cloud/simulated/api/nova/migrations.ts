/** Migrations: those of a server that run, and the records of all. */
import { forceComplete } from '../../nova/job.ts'
import { beginAction, recorded } from '../../nova/engine.ts'
import { inProgress } from '../../state.ts'
import type { Migration, Server } from '../../state.ts'
import {
  ApiError,
  actorOf,
  badRequest,
  bodyOf,
  conflict,
  isAdmin,
  knownQuery,
  links,
  notFound,
  page,
  requireAdmin,
  serverOf,
  stamp,
} from './call.ts'
import type { Call } from './call.ts'
import { isRecord } from '../http.ts'
import type { Response } from '../http.ts'

export function listServerMigrations(call: Call): Response {
  const server = serverOf(call)
  requireAdmin(call, 'servers:migrations:index')
  const running = call.engine.state.migrations.filter(
    (migration) =>
      migration.serverId === server.id && migration.type === 'live-migration' && inProgress.includes(migration.status),
  )
  return { status: 200, body: { migrations: running.map((migration) => serverMigrationView(call, migration)) } }
}

export function showServerMigration(call: Call): Response {
  const server = serverOf(call)
  requireAdmin(call, 'servers:migrations:show')
  const id = call.parts[1] ?? ''
  const migration = migrationOf(call, server, id)
  if (migration === undefined) throw notFound(`In-progress live migration ${id} is not found for server ${server.id}.`)
  if (migration.type !== 'live-migration') throw notFound(`Migration ${id} for server ${server.id} is not live-migration.`)
  if (!inProgress.includes(migration.status)) throw notFound(`Live migration ${id} for server ${server.id} is not in progress.`)
  return { status: 200, body: { migration: serverMigrationView(call, migration) } }
}

const migrationOf = (call: Call, server: Server, id: string) =>
  call.engine.state.migrations.find((migration) => String(migration.id) === id && migration.serverId === server.id)

export function abortMigration(call: Call): Response {
  const server = serverOf(call)
  requireAdmin(call, 'servers:migrations:delete')
  const migration = migratingNow(call, server, 'abort live migration')
  const allowed = call.version >= 65 ? ['running', 'queued', 'preparing'] : ['running']
  if (!allowed.includes(migration.status)) throw wrongState(migration, 'abort live migration')
  const action = beginAction(server, 'live_migration_cancel', actorOf(call))
  call.engine.clock.spawn(() =>
    recorded(action, 'compute_live_migration_abort', migration.sourceHost, async () => {
      const job = call.engine.jobs.get(migration.id)
      if (job === undefined) call.engine.cancelled.add(migration.id)
      else job.abort = true
    }),
  )
  return { status: 202 }
}

export function actOnMigration(call: Call): Response {
  const server = serverOf(call)
  const body = bodyOf(call)
  const name = isRecord(body) ? Object.keys(body)[0] : undefined
  if (name !== 'force_complete') throw badRequest(`There is no such action: ${name ?? ''}`)
  requireAdmin(call, 'servers:migrations:force_complete')
  const migration = migratingNow(call, server, 'force_complete')
  if (migration.status !== 'running') throw wrongState(migration, 'force complete')
  const action = beginAction(server, 'live_migration_force_complete', actorOf(call))
  call.engine.clock.spawn(() =>
    recorded(action, 'compute_live_migration_force_complete', migration.sourceHost, async () => {
      const job = call.engine.jobs.get(migration.id)
      if (job !== undefined) forceComplete(call.engine, server, migration, job)
    }),
  )
  return { status: 202 }
}

/** @throws ApiError 409 when the server does not migrate, 404 when it does, but that is not its migration */
function migratingNow(call: Call, server: Server, method: string): Migration {
  if (server.locked && !isAdmin(call)) throw conflict(`Instance ${server.id} is locked`)
  if (server.taskState !== 'migrating') throw conflict(`Instance ${server.id} is in an invalid state for '${method}'`)
  const id = call.parts[1] ?? ''
  const migration = migrationOf(call, server, id)
  if (migration === undefined)
    throw new ApiError(method === 'force_complete' ? 400 : 404, `Migration ${id} not found for instance ${server.id}`)
  return migration
}

const wrongState = (migration: Migration, method: string) =>
  badRequest(
    `Migration ${migration.id} state of instance ${migration.serverId} is ${migration.status}. Cannot ${method} while the migration is in this state.`,
  )

const serverMigrationView = (call: Call, migration: Migration) => ({
  created_at: stamp(migration.createdAt),
  dest_compute: migration.destHost ?? null,
  dest_host: migration.destAddress ?? null,
  dest_node: migration.destNode ?? null,
  disk_processed_bytes: migration.disk?.processed ?? null,
  disk_remaining_bytes: migration.disk?.remaining ?? null,
  disk_total_bytes: migration.disk?.total ?? null,
  id: migration.id,
  memory_processed_bytes: migration.memory?.processed ?? null,
  memory_remaining_bytes: migration.memory?.remaining ?? null,
  memory_total_bytes: migration.memory?.total ?? null,
  server_uuid: migration.serverId,
  source_compute: migration.sourceHost,
  source_node: migration.sourceNode ?? null,
  status: migration.status,
  updated_at: stamp(migration.updatedAt),
  ...(call.version >= 59 ? { uuid: migration.uuid } : {}),
  ...(call.version >= 80 ? { user_id: migration.userId, project_id: migration.projectId } : {}),
})

const filters = ['host', 'instance_uuid', 'source_compute', 'status', 'migration_type', 'hidden']

export function listMigrations(call: Call): Response {
  requireAdmin(call, 'os-migrations:index')
  const { query } = call.request
  const paged = call.version >= 59
  if (paged)
    knownQuery(call, [
      ...filters,
      'limit',
      'marker',
      'changes-since',
      ...(call.version >= 66 ? ['changes-before'] : []),
      ...(call.version >= 80 ? ['user_id', 'project_id'] : []),
    ])
  const is = (name: string, ...values: (string | undefined)[]) =>
    query.get(name) === null || values.includes(query.get(name) ?? '')
  const wanted = call.engine.state.migrations.filter(
    (migration) =>
      is('host', migration.sourceHost, migration.destHost) &&
      is('instance_uuid', migration.serverId) &&
      is('source_compute', migration.sourceHost) &&
      is('status', migration.status) &&
      is('migration_type', migration.type) &&
      (call.version < 80 || (is('user_id', migration.userId) && is('project_id', migration.projectId))) &&
      within(query, migration, paged),
  )
  const newestFirst = wanted.toReversed()
  if (!paged) return { status: 200, body: { migrations: newestFirst.map((migration) => migrationView(call, migration)) } }
  const found = page(
    call,
    newestFirst,
    (migration) => migration.uuid,
    (marker) => `Marker ${marker} could not be found.`,
  )
  const migrations = found.items.map((migration) => migrationView(call, migration))
  return { status: 200, body: found.next === undefined ? { migrations } : { migrations, migrations_links: found.next } }
}

function within(query: URLSearchParams, migration: Migration, counted: boolean): boolean {
  if (!counted) return true
  const changed = migration.updatedAt ?? migration.createdAt
  const [since, before] = [query.get('changes-since'), query.get('changes-before')]
  return (since === null || changed >= Date.parse(since)) && (before === null || changed <= Date.parse(before))
}

const migrationView = (call: Call, migration: Migration) => ({
  id: migration.id,
  ...(call.version >= 59 ? { uuid: migration.uuid } : {}),
  source_compute: migration.sourceHost,
  dest_compute: migration.destHost ?? null,
  source_node: migration.sourceNode ?? null,
  dest_node: migration.destNode ?? null,
  dest_host: migration.destAddress ?? null,
  old_instance_type_id: 1,
  new_instance_type_id: 1,
  instance_uuid: migration.serverId,
  status: migration.status,
  ...(call.version >= 23 ? { migration_type: migration.type } : {}),
  ...(call.version >= 80 ? { user_id: migration.userId, project_id: migration.projectId } : {}),
  created_at: stamp(migration.createdAt),
  updated_at: stamp(migration.updatedAt),
  ...(call.version >= 23 && migration.type === 'live-migration' && inProgress.includes(migration.status)
    ? { links: links(call, `servers/${migration.serverId}/migrations/${migration.id}`) }
    : {}),
})
