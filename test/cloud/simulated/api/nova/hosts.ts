/** Services and hypervisors. */
import { idOf, inProgress, serviceIsUp, usageOf } from '../../state.ts'
import type { Compute, Server, State } from '../../state.ts'
import { badRequest, bodyOf, conflict, knownQuery, notFound, page, requireAdmin } from './call.ts'
import type { Call } from './call.ts'
import { isRecord } from '../http.ts'
import type { Response } from '../http.ts'

interface ServiceRecord {
  readonly number: number
  readonly id: string
  readonly binary: string
  readonly host: string
  readonly zone: string
  readonly compute: Compute | undefined
}

const controlServices: readonly ServiceRecord[] = ['nova-scheduler', 'nova-conductor'].map((binary, index) => ({
  number: index + 1,
  id: idOf(`service ${binary}`),
  binary,
  host: 'controller',
  zone: 'internal',
  compute: undefined,
}))

const servicesOf = (state: State): ServiceRecord[] => [
  ...controlServices,
  ...[...state.computes.values()].map((compute) => ({
    number: compute.number + controlServices.length,
    id: compute.serviceId,
    binary: 'nova-compute',
    host: compute.name,
    zone: compute.zone,
    compute,
  })),
]

export function listServices(call: Call): Response {
  requireAdmin(call, 'os-services:list')
  const { query } = call.request
  const services = servicesOf(call.engine.state).filter(
    (service) =>
      (!query.get('host') || service.host === query.get('host')) &&
      (!query.get('binary') || service.binary === query.get('binary')),
  )
  return { status: 200, body: { services: services.map((service) => serviceView(call, service)) } }
}

const serviceView = (call: Call, { number, id, binary, host, zone, compute }: ServiceRecord) => ({
  binary,
  host,
  id: call.version >= 53 ? id : number,
  zone,
  status: compute?.disabled === true ? 'disabled' : 'enabled',
  state: compute === undefined || serviceIsUp(compute, call.engine.clock.now()) ? 'up' : 'down',
  updated_at: new Date(lastReport(call, compute)).toISOString().replace(/\d\d\dZ$/, '000000'),
  disabled_reason: compute?.disabledReason ?? null,
  ...(call.version >= 11 ? { forced_down: compute?.forcedDown ?? false } : {}),
})

/** nova-compute reports each ten seconds. */
const lastReport = (call: Call, compute: Compute | undefined): number => {
  const silence =
    compute?.silentSince === undefined ? 0 : ((call.engine.clock.now() - compute.silentSince) / call.engine.clock.speed) * 1000
  return Math.floor((Date.now() - silence) / 10_000) * 10_000
}

const uuidLike = /^[0-9a-f]{8}-?([0-9a-f]{4}-?){3}[0-9a-f]{12}$/i

/** PUT /os-services/{uuid} from 2.53 on. */
export function updateService(call: Call): Response {
  const id = call.parts[0] ?? ''
  const body = bodyOf(call)
  if (!isRecord(body)) throw badRequest(`Invalid input for field/attribute body. Value: None. None is not of type 'object'`)
  checkChange(body)
  if (!uuidLike.test(id)) throw badRequest(`Invalid uuid ${id}`)
  requireAdmin(call, 'os-services:update')
  const service = servicesOf(call.engine.state).find((candidate) => candidate.id === id)
  if (service === undefined) throw notFound(`Service ${id} could not be found.`)
  if (service.compute === undefined)
    throw badRequest(`Updating a ${service.binary} service is not supported. Only nova-compute services can be updated.`)
  if (body.status === undefined && body.forced_down === undefined)
    throw badRequest("No updates were requested. Fields 'status' or 'forced_down' should be specified.")
  if (body.status === 'enabled' && body.disabled_reason)
    throw badRequest("Specifying 'disabled_reason' with status 'enabled' is invalid.")
  const reason = typeof body.disabled_reason === 'string' ? body.disabled_reason : undefined
  if (body.status === 'enabled') Object.assign(service.compute, { disabled: false, disabledReason: undefined })
  if (body.status === 'disabled') Object.assign(service.compute, { disabled: true, disabledReason: reason })
  if (body.forced_down !== undefined) service.compute.forcedDown = String(body.forced_down).toLowerCase() === 'true'
  service.compute.generation += 1
  return { status: 200, body: { service: serviceView(call, service) } }
}

function checkChange(body: Record<string, unknown>): void {
  const unknown = Object.keys(body).find((key) => !['status', 'disabled_reason', 'forced_down'].includes(key))
  if (unknown !== undefined) throw badRequest(`Additional properties are not allowed ('${unknown}' was unexpected)`)
  if (body.status !== undefined && body.status !== 'enabled' && body.status !== 'disabled')
    throw badRequest(
      `Invalid input for field/attribute status. Value: ${String(body.status)}. '${String(body.status)}' is not one of ['enabled', 'disabled']`,
    )
}

/** PUT /os-services/{enable,disable,disable-log-reason,force-down} below 2.53; the answer holds only what was asked. */
export function updateServiceByHost(call: Call): Response {
  requireAdmin(call, 'os-services:update')
  const name = call.parts[0] ?? ''
  const body = bodyOf(call)
  if (!['enable', 'disable', 'disable-log-reason', ...(call.version >= 11 ? ['force-down'] : [])].includes(name))
    throw notFound('Unknown action')
  if (!isRecord(body) || typeof body.host !== 'string' || typeof body.binary !== 'string')
    throw badRequest("'host' is a required property")
  const { host, binary } = body
  if (binary !== 'nova-compute')
    throw badRequest(`Updating a ${binary} service is not supported. Only nova-compute services can be updated.`)
  if (name === 'disable-log-reason' && body.disabled_reason === undefined) throw badRequest('Missing disabled reason field')
  if (name === 'force-down' && body.forced_down === undefined) throw badRequest('Missing forced_down field')
  const compute = call.engine.state.computes.get(host)
  if (compute === undefined) throw notFound(`Host '${host}' is not mapped to any cell`)
  if (name === 'force-down') {
    compute.forcedDown = String(body.forced_down).toLowerCase() === 'true'
    return { status: 200, body: { service: { host, binary, forced_down: compute.forcedDown } } }
  }
  const reason = name === 'disable-log-reason' ? String(body.disabled_reason) : undefined
  Object.assign(compute, { disabled: name !== 'enable', disabledReason: reason })
  const said = reason === undefined ? {} : { disabled_reason: reason }
  return { status: 200, body: { service: { host, binary, status: compute.disabled ? 'disabled' : 'enabled', ...said } } }
}

export function deleteService(call: Call): Response {
  requireAdmin(call, 'os-services:delete')
  const id = call.parts[0] ?? ''
  const { state } = call.engine
  const compute = [...state.computes.values()].find((candidate) => candidate.serviceId === id)
  if (compute === undefined) throw notFound(`Service ${id} not found.`)
  if ([...state.servers.values()].some((server) => server.host === compute.name))
    throw conflict('Unable to delete compute service that is hosting instances. Migrate or delete the instances first.')
  const busy = [...inProgress, 'accepted', 'pre-migrating', 'migrating', 'finished']
  if (
    state.migrations.some(
      (migration) => busy.includes(migration.status) && [migration.sourceHost, migration.destHost].includes(compute.name),
    )
  )
    throw conflict(
      'Unable to delete compute service that has in-progress migrations. Complete the migrations or delete the instances first.',
    )
  state.computes.delete(compute.name)
  return { status: 204 }
}

const hypervisorQuery = ['limit', 'marker', 'hypervisor_hostname_pattern', 'with_servers']

export function listHypervisors(call: Call, detail: boolean): Response {
  requireAdmin(call, `os-hypervisors:${detail ? 'list-detail' : 'list'}`)
  const { query } = call.request
  const computes = [...call.engine.state.computes.values()]
  const view = (compute: Compute) => hypervisorView(call, compute, detail)
  if (call.version >= 75) knownQuery(call, hypervisorQuery)
  const pattern = call.version >= 53 ? query.get('hypervisor_hostname_pattern') : null
  if (pattern !== null) {
    if (query.has('limit') || query.has('marker'))
      throw badRequest('Paging over hypervisors with the hypervisor_hostname_pattern query parameter is not supported.')
    const matching = computes.filter((compute) => compute.name.includes(pattern))
    if (matching.length === 0) throw notFound(`No hypervisor matching '${pattern}' could be found.`)
    return { status: 200, body: { hypervisors: matching.map(view) } }
  }
  if (call.version < 33) return { status: 200, body: { hypervisors: computes.map(view) } }
  const found = page(
    call,
    computes,
    (compute) => (call.version >= 53 ? compute.nodeId : String(compute.number)),
    (marker) => `marker [${marker}] not found`,
  )
  const hypervisors = found.items.map(view)
  return { status: 200, body: found.next === undefined ? { hypervisors } : { hypervisors, hypervisors_links: found.next } }
}

export function showHypervisor(call: Call): Response {
  requireAdmin(call, 'os-hypervisors:show')
  const id = call.parts[0] ?? ''
  const compute = [...call.engine.state.computes.values()].find(
    (candidate) => (call.version >= 53 ? candidate.nodeId : String(candidate.number)) === id,
  )
  if (compute === undefined) throw notFound(`Hypervisor with ID '${id}' could not be found.`)
  return { status: 200, body: { hypervisor: hypervisorView(call, compute, true) } }
}

function hypervisorView(call: Call, compute: Compute, detail: boolean) {
  const { version } = call
  const up = serviceIsUp(compute, call.engine.clock.now())
  const servers = [...call.engine.state.servers.values()].filter((server) => server.host === compute.name)
  return {
    id: version >= 53 ? compute.nodeId : compute.number,
    hypervisor_hostname: compute.name,
    state: up ? 'up' : 'down',
    status: compute.disabled ? 'disabled' : 'enabled',
    ...(detail ? detailView(call, compute, up, servers) : {}),
    ...(version >= 53 && call.request.query.get('with_servers') === 'true'
      ? { servers: servers.map(({ id, name }) => ({ name, uuid: id })) }
      : {}),
  }
}

const detailView = (call: Call, compute: Compute, up: boolean, servers: readonly Server[]) => ({
  hypervisor_type: compute.hypervisorType,
  hypervisor_version: compute.hypervisorVersion,
  host_ip: compute.address,
  service: {
    id: call.version >= 53 ? compute.serviceId : compute.number + controlServices.length,
    host: compute.name,
    disabled_reason: compute.disabledReason ?? null,
  },
  ...(call.version >= 88
    ? { uptime: up ? ' 03:30:12 up 24 days,  0 user,  load average: 0.52, 0.56, 0.65\n' : null }
    : capacityView(call, compute, servers)),
})

function capacityView(call: Call, compute: Compute, servers: readonly Server[]) {
  const usage = usageOf(call.engine.state, compute.nodeId)
  const [memoryUsed, diskUsed] = [(usage.MEMORY_MB ?? 0) + 512, usage.DISK_GB ?? 0]
  const cpu = { ...compute.cpu, topology: { cells: 1, ...compute.cpu.topology } }
  return {
    vcpus: compute.vcpus,
    memory_mb: compute.memory,
    local_gb: compute.disk,
    vcpus_used: usage.VCPU ?? 0,
    memory_mb_used: memoryUsed,
    local_gb_used: diskUsed,
    free_ram_mb: compute.memory - memoryUsed,
    free_disk_gb: compute.disk - diskUsed,
    current_workload: servers.filter((server) => server.taskState !== undefined).length,
    running_vms: servers.filter((server) => server.vmState === 'active').length,
    disk_available_least: compute.disk - compute.occupiedDisk - servers.reduce((sum, server) => sum + server.flavor.disk, 0),
    cpu_info: call.version < 28 ? JSON.stringify(cpu) : cpu,
  }
}
