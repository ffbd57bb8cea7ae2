/** Turns Nova's JSON into this program's types, whatever the microversion. Called by compute.ts. */
import type { Bytes, ComputeService, Hypervisor, InstanceAction, Migration, Server } from '../cloud.ts'
import { lacks } from './faults.ts'
import { id, isRecord, type Json, list, number, record, text } from './json.ts'

// Field names, and the microversions that introduced them, are from Nova's API reference.

type Flavor = Server['flavor']

const needed = (value: string | undefined, what: string): string => {
  if (value === undefined) throw lacks('compute', 'a request', what)
  return value
}

const texts = (values: unknown, key: string): readonly string[] => list(values).flatMap((value) => text(record(value)[key]) ?? [])

const strings = (values: unknown): Readonly<Record<string, string>> =>
  Object.fromEntries(Object.entries(record(values)).map(([name, value]) => [name, String(value)]))

/** Converts a server. For a server of a down cell (2.69) Nova sends only id, status UNKNOWN, project and creation. */
export const toServer = (server: Json, flavor: Flavor): Server => {
  const status = text(server['status']) ?? 'UNKNOWN'
  const fault = server['fault']
  return {
    id: needed(text(server['id']), '`id` of a server'),
    name: text(server['name']) ?? '',
    status,
    vmState: text(server['OS-EXT-STS:vm_state']) ?? '',
    taskState: text(server['OS-EXT-STS:task_state']),
    powerState: number(server['OS-EXT-STS:power_state']) ?? 0,
    host: text(server['OS-EXT-SRV-ATTR:host']),
    node: text(server['OS-EXT-SRV-ATTR:hypervisor_hostname']),
    instanceName: text(server['OS-EXT-SRV-ATTR:instance_name']),
    projectId: text(server['tenant_id']) ?? text(server['project_id']) ?? '',
    availabilityZone: text(server['OS-EXT-AZ:availability_zone']),
    pinnedAvailabilityZone: text(server['pinned_availability_zone']),
    locked: server['locked'] === true,
    configDrive: /^true$/i.test(String(server['config_drive'] ?? '')),
    flavor,
    imageId: text(record(server['image'])['id']),
    volumes: texts(server['os-extended-volumes:volumes_attached'], 'id'),
    serverGroups: list(server['server_groups']).flatMap((group) => text(group) ?? []),
    fault: isRecord(fault) ? toFault(fault) : undefined,
    launchedAt: text(server['OS-SRV-USG:launched_at']),
  }
}

const toFault = (fault: Json): NonNullable<Server['fault']> => {
  const details = text(fault['details'])
  return { code: number(fault['code']) ?? 0, message: text(fault['message']) ?? '', ...(details && { details }) }
}

/** Converts a flavor as embedded in a server since 2.47. */
export const embeddedFlavor = (flavor: Json): Flavor => ({
  name: text(flavor['original_name']) ?? '',
  vcpus: number(flavor['vcpus']) ?? 0,
  ram: number(flavor['ram']) ?? 0,
  disk: number(flavor['disk']) ?? 0,
  ephemeral: number(flavor['ephemeral']) ?? 0,
  swap: number(flavor['swap']) ?? 0,
  extraSpecs: strings(flavor['extra_specs']),
})

/**
 * Converts a flavor from /flavors/{id}. Before 2.75 no swap is an empty text; before 2.61 the extra specs have their
 * own page.
 */
export const shownFlavor = (flavor: Json, extraSpecs: unknown): Flavor =>
  embeddedFlavor({
    ...flavor,
    original_name: flavor['name'],
    ephemeral: flavor['OS-FLV-EXT-DATA:ephemeral'],
    extra_specs: extraSpecs ?? flavor['extra_specs'],
  })

/**
 * Converts a record of os-migrations, or a running migration of a server: always live, without a type, later with
 * byte counts.
 */
export const toMigration = (migration: Json): Migration => {
  const memory = toBytes(migration, 'memory')
  const disk = toBytes(migration, 'disk')
  const server = text(migration['instance_uuid']) ?? text(migration['server_uuid'])
  return {
    id: Number(needed(id(migration['id']), '`id` of a migration')),
    uuid: text(migration['uuid']),
    serverId: needed(server, '`instance_uuid` of a migration'),
    status: needed(text(migration['status']), '`status` of a migration'),
    type: text(migration['migration_type']) ?? ('server_uuid' in migration ? 'live-migration' : 'unknown'),
    sourceHost: text(migration['source_compute']),
    targetHost: text(migration['dest_compute']),
    createdAt: text(migration['created_at']) ?? '',
    updatedAt: text(migration['updated_at']),
    ...(memory && { memory }),
    ...(disk && { disk }),
  }
}

const toBytes = (migration: Json, kind: 'memory' | 'disk'): Bytes | undefined => {
  const total = number(migration[`${kind}_total_bytes`])
  const processed = number(migration[`${kind}_processed_bytes`])
  const remaining = number(migration[`${kind}_remaining_bytes`])
  return total === undefined || processed === undefined || remaining === undefined ? undefined : { total, processed, remaining }
}

export const toAction = (action: Json): InstanceAction => ({
  action: text(action['action']) ?? '',
  requestId: needed(text(action['request_id']), '`request_id` of an action'),
  startTime: text(action['start_time']) ?? '',
  message: text(action['message']),
  ...('events' in action && { events: list(action['events']).filter(isRecord).map(toEvent) }),
})

/** Converts an event: `host` since 2.62, `details` since 2.84; both and `traceback` for administrators only. */
const toEvent = (event: Json): NonNullable<InstanceAction['events']>[number] => {
  const traceback = text(event['traceback'])
  const details = text(event['details'])
  return {
    event: text(event['event']) ?? '',
    result: text(event['result']),
    host: text(event['host']),
    ...(traceback && { traceback }),
    ...(details && { details }),
  }
}

/**
 * Converts a service. For a down cell (2.69) Nova sends only binary, host and status UNKNOWN: the service counts as
 * disabled and down.
 */
export const toService = (service: Json): ComputeService => {
  const unknown = service['status'] === 'UNKNOWN'
  return {
    id: id(service['id']) ?? '',
    binary: needed(text(service['binary']), '`binary` of a service'),
    host: needed(text(service['host']), '`host` of a service'),
    zone: text(service['zone']) ?? '',
    status: service['status'] === 'enabled' ? 'enabled' : 'disabled',
    state: service['state'] === 'up' ? 'up' : 'down',
    disabledReason: unknown ? 'the database of its cell does not answer' : text(service['disabled_reason']),
    forcedDown: service['forced_down'] === true,
    updatedAt: text(service['updated_at']),
  }
}

export const toHypervisor = (hypervisor: Json): Hypervisor => ({
  id: needed(id(hypervisor['id']), '`id` of a hypervisor'),
  name: needed(text(hypervisor['hypervisor_hostname']), '`hypervisor_hostname`'),
  host: needed(text(record(hypervisor['service'])['host']), '`service.host` of a hypervisor'),
  type: text(hypervisor['hypervisor_type']) ?? '',
  version: number(hypervisor['hypervisor_version']) ?? 0,
  state: hypervisor['state'] === 'up' ? 'up' : 'down',
  status: hypervisor['status'] === 'enabled' ? 'enabled' : 'disabled',
  hostIp: text(hypervisor['host_ip']),
  memory: number(hypervisor['memory_mb']) ?? 0,
  memoryUsed: number(hypervisor['memory_mb_used']) ?? 0,
  diskAvailableLeast: number(hypervisor['disk_available_least']),
  localDisk: number(hypervisor['local_gb']),
  vcpus: number(hypervisor['vcpus']),
  runningServers: number(hypervisor['running_vms']),
  cpu: toCpu(hypervisor['cpu_info']),
})

/** Converts `cpu_info`: JSON as text before 2.28, an object since; empty for some drivers. */
const toCpu = (info: unknown): Hypervisor['cpu'] => {
  if (isRecord(info)) return Object.keys(info).length > 0 ? info : undefined
  try {
    const parsed: unknown = JSON.parse(text(info) ?? '')
    return isRecord(parsed) ? parsed : undefined
  } catch {
    return undefined
  }
}

/** Converts a server group: one `policy` since 2.64, before a list of one. */
export const toGroup = (group: Json) => ({
  id: needed(text(group['id']), '`id` of a server group'),
  name: text(group['name']) ?? '',
  policy: text(group['policy']) ?? text(list(group['policies'])[0]) ?? '',
  members: list(group['members']).flatMap((member) => text(member) ?? []),
})
