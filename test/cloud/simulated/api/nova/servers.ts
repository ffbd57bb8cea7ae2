/** Reading servers. */
import { hostname } from '../../names.ts'
import { instanceName, serviceIsUp } from '../../state.ts'
import type { Server } from '../../state.ts'
import { badRequest, hostId, isAdmin, knownQuery, links, page, requireAdmin, serverOf, stamp, stampZ } from './call.ts'
import type { Call } from './call.ts'
import type { Response } from '../http.ts'

/** vm_state and task_state to the status that users see (nova.api.openstack.common). */
export function statusOf(server: Pick<Server, 'vmState' | 'taskState'>): string {
  const byTask = byState[server.vmState].tasks[server.taskState ?? '']
  return byTask ?? byState[server.vmState].status
}

const resizing = { resize_prep: 'RESIZE', resize_migrating: 'RESIZE', resize_migrated: 'RESIZE', resize_finish: 'RESIZE' }
const byState: Readonly<
  Record<Server['vmState'], { readonly status: string; readonly tasks: Readonly<Record<string, string>> }>
> = {
  active: {
    status: 'ACTIVE',
    tasks: { ...resizing, migrating: 'MIGRATING', rebooting: 'REBOOT', rebooting_hard: 'HARD_REBOOT' },
  },
  stopped: { status: 'SHUTOFF', tasks: resizing },
  paused: { status: 'PAUSED', tasks: { migrating: 'MIGRATING' } },
  resized: { status: 'VERIFY_RESIZE', tasks: { resize_reverting: 'REVERT_RESIZE' } },
  error: { status: 'ERROR', tasks: {} },
}

const everyStatus = [
  'ACTIVE',
  'BUILD',
  'DELETED',
  'ERROR',
  'HARD_REBOOT',
  'MIGRATING',
  'PASSWORD',
  'PAUSED',
  'REBOOT',
  'REBUILD',
  'RESCUE',
  'RESIZE',
  'REVERT_RESIZE',
  'SHELVED',
  'SHELVED_OFFLOADED',
  'SHUTOFF',
  'SOFT_DELETED',
  'SUSPENDED',
  'VERIFY_RESIZE',
]

export function listServers(call: Call, detail: boolean): Response {
  const collection = detail ? 'detail' : 'index'
  if (call.version >= 75) knownQuery(call, knownFilters, (name) => `'${name}' does not match any of the regexes: '^_'`)
  const found = page(
    call,
    selectServers(call, collection),
    (server) => server.id,
    (marker) => `marker [${marker}] not found`,
  )
  const servers = found.items.map((server) =>
    detail ? serverView(call, server, false) : { id: server.id, name: server.name, links: links(call, `servers/${server.id}`) },
  )
  return { status: 200, body: found.next === undefined ? { servers } : { servers, servers_links: found.next } }
}

export const showServer = (call: Call): Response => ({ status: 200, body: { server: serverView(call, serverOf(call), true) } })

const regexFilters = [
  'name',
  'display_name',
  'node',
  'hostname',
  'availability_zone',
  'flavor',
  'key_name',
  'ip',
  'ip6',
  'description',
]
const plainFilters = [
  'all_tenants',
  'host',
  'status',
  'project_id',
  'tenant_id',
  'user_id',
  'uuid',
  'image',
  'vm_state',
  'task_state',
  'power_state',
  'locked',
  'deleted',
  'tags',
  'tags-any',
  'not-tags',
  'not-tags-any',
  'changes-since',
  'changes-before',
  'created_at',
  'launched_at',
]
const knownFilters = [...regexFilters, ...plainFilters, 'limit', 'marker', 'sort_key', 'sort_dir']

function selectServers(call: Call, collection: string): Server[] {
  const { query } = call.request
  for (const name of regexFilters) assertRegex(name, query.get(name))
  const status = query.getAll('status')
  if (status.length > 0 && !status.every((wanted) => everyStatus.includes(wanted.toUpperCase()))) {
    if (call.version >= 38) throw badRequest('Invalid status value')
    return []
  }
  const everywhere = ['1', 'true', 'True', 'yes', 'on', ''].includes(query.get('all_tenants') ?? 'no')
  if (everywhere) requireAdmin(call, `servers:${collection}:get_all_tenants`)
  const project = everywhere ? (query.get('project_id') ?? query.get('tenant_id')) : call.session.projectId
  const admin = isAdmin(call)
  const same = (name: string, value: string) => !admin || query.get(name) === null || query.get(name) === value
  const matches = (name: string, value: string) => query.get(name) === null || new RegExp(query.get(name) ?? '', 'i').test(value)
  return [...call.engine.state.servers.values()]
    .filter(
      (server) =>
        (project === null || server.projectId === project) &&
        same('host', server.host) &&
        same('user_id', server.userId) &&
        (!admin || matches('node', server.node)) &&
        matches('name', server.name) &&
        matches('availability_zone', zoneOf(call, server)) &&
        same('vm_state', server.vmState) &&
        same('task_state', server.taskState ?? 'null') &&
        (query.get('uuid') === null || query.get('uuid') === server.id) &&
        (query.get('locked') === null || ['1', 'true', 'True'].includes(query.get('locked') ?? '') === server.locked) &&
        (status.length === 0 || status.some((wanted) => wanted.toUpperCase() === statusOf(server))),
    )
    .sort((a, b) => b.createdAt - a.createdAt || b.number - a.number)
}

function assertRegex(name: string, value: string | null): void {
  if (value === null) return
  try {
    new RegExp(value)
  } catch {
    throw badRequest(`Invalid input for query parameters ${name}. Value: ${value}. '${value}' is not a 'regex'`)
  }
}

const zoneOf = (call: Call, server: Server) => call.engine.state.computes.get(server.host)?.zone ?? ''

const withProgress = ['ACTIVE', 'BUILD', 'REBUILD', 'RESIZE', 'VERIFY_RESIZE', 'MIGRATING']

/** @param alone the single show: it has what lists leave out */
export function serverView(call: Call, server: Server, alone: boolean): Record<string, unknown> {
  const { version } = call
  const status = statusOf(server)
  const admin = isAdmin(call)
  const host = call.engine.state.computes.get(server.host)
  return {
    id: server.id,
    name: server.name,
    status,
    tenant_id: server.projectId,
    user_id: server.userId,
    metadata: {},
    hostId: hostId(server.projectId, server.host),
    image:
      server.imageId === undefined
        ? ''
        : { id: server.imageId, links: [{ rel: 'bookmark', href: `${call.request.origin}/images/${server.imageId}` }] },
    flavor: flavorView(call, server),
    created: stampZ(server.createdAt),
    updated: stampZ(server.updatedAt),
    addresses: {},
    accessIPv4: '',
    accessIPv6: '',
    links: links(call, `servers/${server.id}`),
    'OS-DCF:diskConfig': 'MANUAL',
    ...(status === 'ERROR' && server.fault !== undefined ? { fault: faultView(server.fault, admin) } : {}),
    ...(withProgress.includes(status) ? { progress: server.progress } : {}),
    'OS-EXT-AZ:availability_zone': zoneOf(call, server),
    config_drive: server.configDrive ? 'True' : '',
    key_name: null,
    'OS-SRV-USG:launched_at': stamp(server.launchedAt),
    'OS-SRV-USG:terminated_at': null,
    ...(admin ? extendedAttributes(version, server) : version >= 90 ? { 'OS-EXT-SRV-ATTR:hostname': hostname(server.name) } : {}),
    'OS-EXT-STS:task_state': server.taskState ?? null,
    'OS-EXT-STS:vm_state': server.vmState,
    'OS-EXT-STS:power_state': server.powerState,
    'os-extended-volumes:volumes_attached': server.volumes.map((id) =>
      version >= 3 ? { id, delete_on_termination: false } : { id },
    ),
    ...(version >= 16 && admin ? { host_status: host === undefined ? '' : hostStatus(call, host) } : {}),
    ...(version >= 9 ? { locked: server.locked } : {}),
    ...(version >= 73 ? { locked_reason: server.lockedReason ?? null } : {}),
    ...(version >= 19 ? { description: null } : {}),
    ...(version >= 26 ? { tags: [] } : {}),
    ...(version >= 63 ? { trusted_image_certificates: null } : {}),
    ...(version >= 96 ? { pinned_availability_zone: server.pinnedZone ?? null } : {}),
    ...(version >= 71 && alone
      ? { server_groups: call.engine.state.groups.filter((group) => group.members.includes(server.id)).map((group) => group.id) }
      : {}),
  }
}

const hostStatus = (call: Call, host: Parameters<typeof serviceIsUp>[0]) =>
  host.forcedDown ? 'DOWN' : !serviceIsUp(host, call.engine.clock.now()) ? 'UNKNOWN' : host.disabled ? 'MAINTENANCE' : 'UP'

const extendedAttributes = (version: number, server: Server) => ({
  'OS-EXT-SRV-ATTR:host': server.host,
  'OS-EXT-SRV-ATTR:instance_name': instanceName(server),
  'OS-EXT-SRV-ATTR:hypervisor_hostname': server.node,
  ...(version < 3
    ? {}
    : {
        'OS-EXT-SRV-ATTR:reservation_id': `r-${server.id.slice(0, 8)}`,
        'OS-EXT-SRV-ATTR:launch_index': 0,
        'OS-EXT-SRV-ATTR:hostname': hostname(server.name),
        'OS-EXT-SRV-ATTR:kernel_id': '',
        'OS-EXT-SRV-ATTR:ramdisk_id': '',
        'OS-EXT-SRV-ATTR:root_device_name': '/dev/vda',
        'OS-EXT-SRV-ATTR:user_data': null,
      }),
})

const faultView = (fault: NonNullable<Server['fault']>, admin: boolean) => ({
  code: fault.code,
  created: stampZ(fault.createdAt),
  message: fault.message,
  ...(admin ? { details: fault.details } : {}),
})

function flavorView(call: Call, server: Server) {
  const { flavor } = server
  if (call.version < 47)
    return { id: flavor.id, links: [{ rel: 'bookmark', href: `${call.request.origin}/flavors/${flavor.id}` }] }
  return {
    vcpus: flavor.vcpus,
    ram: flavor.ram,
    disk: flavor.disk,
    ephemeral: flavor.ephemeral,
    swap: flavor.swap,
    original_name: flavor.name,
    extra_specs: flavor.extraSpecs,
  }
}
