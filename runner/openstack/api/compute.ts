/** The client of Nova. Opened by index.ts; modules reach it through `target.cloud()`. */
import { Failure } from '../../base/failure.ts'
import type { CloudResponse, Compute, ComputeService, Migration, Server, ServerFilter } from '../cloud.ts'
import { faultText, lacks } from './faults.ts'
import { isRecord, type Json, record, text } from './json.ts'
import { allPages } from './pages.ts'
import type { Session, SessionRequest } from './session.ts'
import { embeddedFlavor, shownFlavor, toAction, toGroup, toHypervisor, toMigration, toServer, toService } from './shapes.ts'
import { compareVersions } from '../../base/versions.ts'
import { mustReach } from './versions.ts'

/** The newest microversion to send. Above 2.96, answers lose fields that this client reads. */
const NEWEST = '2.96'
/** The newest microversion for hypervisors: 2.88 drops their memory, disk and CPU figures. */
const NEWEST_HYPERVISORS = '2.87'

/** Statuses in Nova's list of a server's running migrations. */
const IN_PROGRESS = ['queued', 'preparing', 'running', 'post-migrating']

/** Opens the client of Nova, at the newest microversion that Nova and this client share. */
export const openCompute = (session: Session): Compute => {
  const reach = async (newest = NEWEST): Promise<string> => {
    const max = (await session.range('compute'))?.max ?? '2.0'
    return compareVersions(max, newest) < 0 ? max : newest
  }
  const has = async (version: string): Promise<boolean> => compareVersions(await reach(), version) >= 0
  /** Adds the microversion to a request. API 2.0 has no microversions, so no header may name one. */
  const call = async (request: SessionRequest, newest?: string): Promise<SessionRequest> => {
    const microversion = request.microversion ?? (await reach(newest))
    return microversion === '2.0' ? request : { ...request, microversion }
  }
  const ask = async (request: SessionRequest): Promise<CloudResponse> => session.request('compute', await call(request))
  const pages = async (request: SessionRequest, key: string, newest?: string) =>
    allPages(session, 'compute', await call(request, newest), key)
  const need = async (version: string, what: string) => mustReach('compute', version, await session.range('compute'), what)
  /** One record; undefined if Nova answers 404. */
  const find = async (path: string, key: string): Promise<Json | undefined> => {
    const { status, body } = await ask({ method: 'GET', path, accept: [404] })
    if (status === 404) return undefined
    const found = record(body)[key]
    if (!isRecord(found)) throw lacks('compute', path, `\`${key}\``)
    return found
  }

  const flavors = new Map<string, Promise<Server['flavor']>>()
  const lookUpFlavor = async (id: string): Promise<Server['flavor']> => {
    const flavor = await find(`/flavors/${id}`, 'flavor')
    if (flavor === undefined) return embeddedFlavor({ original_name: `${id} (deleted)` })
    const specs = (await has('2.61')) ? undefined : await find(`/flavors/${id}/os-extra_specs`, 'extra_specs')
    return shownFlavor(flavor, specs)
  }
  /**
   * The flavor of a server: embedded since 2.47; before, one request per flavor. The sizes of a deleted flavor are
   * then unknown and read 0.
   */
  const flavorOf = (server: Json): Promise<Server['flavor']> | Server['flavor'] => {
    const flavor = record(server['flavor'])
    const id = text(flavor['id'])
    if (id === undefined) return embeddedFlavor(flavor)
    const known = flavors.get(id) ?? lookUpFlavor(id)
    flavors.set(id, known)
    known.catch(() => flavors.delete(id))
    return known
  }
  const server = async (json: Json): Promise<Server> => toServer(json, await flavorOf(json))

  /** The server groups of a server, by a search of all groups. Since 2.71 a server shows its own. */
  const groupsOf = async (id: string): Promise<readonly string[]> => {
    const groups = await pages({ method: 'GET', path: '/os-server-groups', query: { all_projects: true } }, 'server_groups')
    return groups.map(toGroup).flatMap((group) => (group.members.includes(id) ? [group.id] : []))
  }

  const migrations: Compute['migrations'] = async (filter = {}) => {
    const query = { instance_uuid: filter.serverId, host: filter.host, status: filter.status, migration_type: filter.type }
    const found = (await pages({ method: 'GET', path: '/os-migrations', query }, 'migrations')).map(toMigration)
    return found.filter(matches(filter)).sort(newestFirst)
  }

  /**
   * Returns true for 202, false if the migration's state does not allow the action. Throws a `Failure` if the server
   * is locked.
   */
  const steer = async (request: SessionRequest): Promise<boolean> => {
    const { status, body } = await ask({ ...request, accept: [400, 404, 409] })
    const said = faultText(body) ?? ''
    if (status === 409 && /is locked/.test(said))
      throw new Failure('the server is locked', {
        kind: 'refused',
        why: said,
        help: 'ask its owner, or unlock it',
        data: { status, service: 'compute' },
      })
    return status < 300
  }

  const services: Compute['services'] = async ({ binary, host } = {}) =>
    (await pages({ method: 'GET', path: '/os-services', query: { binary, host } }, 'services')).map(toService)

  const updateOldService = async (id: string, change: Parameters<Compute['updateService']>[1]): Promise<ComputeService> => {
    const find = async () => (await services()).find((service) => service.id === id)
    const service = await find()
    if (service === undefined) throw new Failure(`compute service ${id} not found`, { data: { status: 404, service: 'compute' } })
    for (const [path, fields] of oldServiceCalls(change))
      await ask({ method: 'PUT', path: `/os-services/${path}`, body: { host: service.host, binary: service.binary, ...fields } })
    return (await find()) ?? service
  }

  return {
    versions: async () => (await session.range('compute')) ?? { min: '2.0', max: '2.0' },

    async servers(filter = {}) {
      const all = filter.allProjects === true || filter.projectId !== undefined
      const query = {
        all_tenants: all ? 1 : undefined,
        host: filter.host,
        status: filter.status,
        project_id: filter.projectId,
        name: filter.name,
      }
      const found = await Promise.all((await pages({ method: 'GET', path: '/servers/detail', query }, 'servers')).map(server))
      return found.filter(isMeant(filter))
    },

    async server(id) {
      const json = await find(`/servers/${id}`, 'server')
      if (json === undefined) return undefined
      const shown = await server(json)
      return (await has('2.71')) ? shown : { ...shown, serverGroups: await groupsOf(shown.id) }
    },

    action: (id, action, microversion) =>
      ask({ method: 'POST', path: `/servers/${id}/action`, body: action, ...(microversion !== undefined && { microversion }) }),

    async liveMigrate(id, { host, blockMigration }) {
      if (blockMigration === 'auto') await need('2.25', 'block_migration: auto')
      const options = {
        host: host ?? null,
        block_migration: blockMigration,
        ...(!(await has('2.25')) && { disk_over_commit: false }),
      }
      const { headers } = await ask({ method: 'POST', path: `/servers/${id}/action`, body: { 'os-migrateLive': options } })
      return headers['x-openstack-request-id'] ?? headers['x-compute-request-id']
    },

    async runningMigrations(serverId) {
      if (await has('2.23'))
        return (await pages({ method: 'GET', path: `/servers/${serverId}/migrations` }, 'migrations')).map(toMigration)
      return (await migrations({ serverId })).filter(({ status }) => IN_PROGRESS.includes(status))
    },

    migrations,

    async abortMigration(serverId, migrationId) {
      await need('2.24', 'aborting a live migration')
      return steer({ method: 'DELETE', path: `/servers/${serverId}/migrations/${migrationId}` })
    },

    async forceComplete(serverId, migrationId) {
      await need('2.22', 'forcing a live migration to complete')
      return steer({
        method: 'POST',
        path: `/servers/${serverId}/migrations/${migrationId}/action`,
        body: { force_complete: null },
      })
    },

    instanceActions: async (serverId) =>
      (await pages({ method: 'GET', path: `/servers/${serverId}/os-instance-actions` }, 'instanceActions')).map(toAction),

    async instanceAction(serverId, requestId) {
      const found = await find(`/servers/${serverId}/os-instance-actions/${requestId}`, 'instanceAction')
      return found && toAction(found)
    },

    services,

    async updateService(id, change) {
      if (!(await has('2.53'))) return updateOldService(id, change)
      const { status, disabledReason, forcedDown } = change
      const body = { status, disabled_reason: disabledReason, forced_down: forcedDown }
      const answer = await ask({ method: 'PUT', path: `/os-services/${id}`, body })
      return toService(record(record(answer.body)['service']))
    },

    hypervisors: async () =>
      (await pages({ method: 'GET', path: '/os-hypervisors/detail' }, 'hypervisors', NEWEST_HYPERVISORS)).map(toHypervisor),

    async serverGroup(id) {
      const found = await find(`/os-server-groups/${id}`, 'server_group')
      return found && toGroup(found)
    },

    async consoleOutput(id, lines) {
      const body = { 'os-getConsoleOutput': { length: lines } }
      const answer = await ask({ method: 'POST', path: `/servers/${id}/action`, body, accept: [404, 409, 501], reads: true })
      const output = record(answer.body)['output']
      return answer.status === 200 && typeof output === 'string' ? output : undefined
    },
  }
}

/**
 * Repeats the filters by host and project. For an ordinary user Nova ignores a filter by host and shows no hosts:
 * every server of the project would pass for "on that host". So a server without a host is an error here.
 */
const isMeant =
  ({ host, projectId }: ServerFilter) =>
  (server: Server): boolean => {
    if (host !== undefined && server.host === undefined)
      throw new Failure('the compute hosts of servers cannot be seen', {
        kind: 'input',
        why: `Nova shows no host for server ${server.name || server.id} to this user, and would ignore the filter by host ${host}`,
        help: 'log in as a user with the `admin` role',
        data: { status: 403, service: 'compute', method: 'GET', path: '/servers/detail' },
      })
    return (host === undefined || server.host === host) && (projectId === undefined || server.projectId === projectId)
  }

/** Repeats the filters of migrations: Nova before Queens (2.59) ignores some. */
const matches =
  ({ serverId, host, status, type }: NonNullable<Parameters<Compute['migrations']>[0]>) =>
  (migration: Migration): boolean =>
    (serverId === undefined || migration.serverId === serverId) &&
    (host === undefined || migration.sourceHost === host || migration.targetHost === host) &&
    (status === undefined || migration.status === status) &&
    (type === undefined || migration.type === type || migration.type === 'unknown')

const newestFirst = (a: Migration, b: Migration): number =>
  a.createdAt === b.createdAt ? b.id - a.id : a.createdAt < b.createdAt ? 1 : -1

/** The calls that change a service before 2.53, one path per change. */
const oldServiceCalls = ({
  status,
  disabledReason,
  forcedDown,
}: Parameters<Compute['updateService']>[1]): readonly (readonly [string, Json])[] => [
  ...(status === 'enabled' ? ([['enable', {}]] as const) : []),
  ...(status === 'disabled' && disabledReason === undefined ? ([['disable', {}]] as const) : []),
  ...(status === 'disabled' && disabledReason !== undefined
    ? ([['disable-log-reason', { disabled_reason: disabledReason }]] as const)
    : []),
  ...(forcedDown === undefined ? [] : ([['force-down', { forced_down: forcedDown }]] as const)),
]
