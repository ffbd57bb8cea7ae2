/** Placement: providers, inventories, usages, traits, allocations, allocation candidates. */
import type { Engine } from '../nova/engine.ts'
import { inventoryOf, newRequestId, traitsOf, usageOf } from '../state.ts'
import type { Allocation, Compute } from '../state.ts'
import { isRecord, jsonBody } from './http.ts'
import type { Request, Response } from './http.ts'
import { rejectedToken } from './keystone.ts'
import type { Session } from './keystone.ts'
import { askedVersion, compareVersions, formatVersion } from './microversion.ts'
import type { Version } from './microversion.ts'

interface Call {
  readonly engine: Engine
  readonly request: Request
  readonly session: Session
  /** Minor number: 36 is 1.36. */
  readonly version: number
  readonly id: string
}

class Refusal extends Error {
  override readonly name = 'Refusal'
  readonly status: number
  constructor(status: number, message: string) {
    super(message)
    this.status = status
  }
}

const [minVersion, maxVersion]: [Version, Version] = [
  { major: 1, minor: 0 },
  { major: 1, minor: 39 },
]

const routes: readonly {
  readonly method: string
  readonly path: RegExp
  readonly since?: number
  readonly rule: string
  readonly answer: (call: Call) => Response
}[] = [
  { method: 'GET', path: /^\/resource_providers$/, rule: 'resource_providers:list', answer: listProviders },
  {
    method: 'GET',
    path: /^\/resource_providers\/([^/]+)$/,
    rule: 'resource_providers:show',
    answer: (call) => ok(providerView(call, providerOf(call))),
  },
  {
    method: 'GET',
    path: /^\/resource_providers\/([^/]+)\/inventories$/,
    rule: 'resource_providers:inventories:list',
    answer: inventories,
  },
  { method: 'GET', path: /^\/resource_providers\/([^/]+)\/usages$/, rule: 'resource_providers:usages', answer: usages },
  {
    method: 'GET',
    path: /^\/resource_providers\/([^/]+)\/traits$/,
    since: 6,
    rule: 'resource_providers:traits:list',
    answer: traits,
  },
  {
    method: 'GET',
    path: /^\/resource_providers\/([^/]+)\/aggregates$/,
    since: 1,
    rule: 'resource_providers:aggregates:list',
    answer: aggregates,
  },
  {
    method: 'GET',
    path: /^\/resource_providers\/([^/]+)\/allocations$/,
    rule: 'resource_providers:allocations:list',
    answer: providerAllocations,
  },
  { method: 'GET', path: /^\/allocations\/([^/]+)$/, rule: 'allocations:list', answer: allocations },
  { method: 'PUT', path: /^\/allocations\/([^/]+)$/, rule: 'allocations:update', answer: putAllocations },
  { method: 'DELETE', path: /^\/allocations\/([^/]+)$/, rule: 'allocations:delete', answer: deleteAllocations },
  { method: 'GET', path: /^\/allocation_candidates$/, since: 10, rule: 'allocation_candidates:list', answer: candidates },
]

export function createPlacement(
  engine: Engine,
  sessionOf: (token: string | undefined) => Session | undefined,
  keystoneUrl: () => string,
) {
  return async (request: Request): Promise<Response> => {
    const requestId = newRequestId()
    const ids = { 'x-openstack-request-id': requestId }
    if (request.path === '/')
      return {
        status: 200,
        headers: { ...ids, 'openstack-api-version': 'placement 1.0', vary: 'openstack-api-version' },
        body: versionDocument,
      }
    const session = sessionOf(request.headers['x-auth-token'])
    if (session === undefined)
      return { ...rejectedToken(keystoneUrl()), headers: { ...rejectedToken(keystoneUrl()).headers, ...ids } }
    const asked = askedVersion(request, 'placement')
    const version =
      asked.kind === 'none'
        ? minVersion
        : asked.kind === 'latest'
          ? maxVersion
          : asked.kind === 'version'
            ? asked.version
            : undefined
    if (version === undefined || compareVersions(version, minVersion) < 0 || compareVersions(version, maxVersion) > 0) {
      const text = version === undefined ? (asked.kind === 'malformed' ? asked.text : '') : formatVersion(version)
      return {
        status: 406,
        headers: ids,
        body: { errors: [{ ...unacceptable(text), request_id: requestId, max_version: '1.39', min_version: '1.0' }] },
      }
    }
    const headers = { ...ids, 'openstack-api-version': `placement ${formatVersion(version)}`, vary: 'openstack-api-version' }
    try {
      const answer = route(engine, request, session, version.minor)
      return { ...answer, headers: { ...headers, ...answer.headers } }
    } catch (error) {
      if (!(error instanceof Refusal)) throw error
      const code =
        version.minor >= 23 ? { code: error.status === 409 ? 'placement.concurrent_update' : 'placement.undefined_code' } : {}
      const detail = `${openings[error.status] ?? ''}\n\n ${error.message}  `
      return {
        status: error.status,
        headers,
        body: { errors: [{ status: error.status, title: titles[error.status], detail, ...code, request_id: requestId }] },
      }
    }
  }
}

const titles: Readonly<Record<number, string>> = { 400: 'Bad Request', 403: 'Forbidden', 404: 'Not Found', 409: 'Conflict' }
const openings: Readonly<Record<number, string>> = {
  400: 'The server could not comply with the request since it is either malformed or otherwise incorrect.',
  403: 'Access was denied to this resource.',
  404: 'The resource could not be found.',
  409: 'There was a conflict when trying to complete your request.',
}
const unacceptable = (version: string) => ({
  status: 406,
  title: 'Not Acceptable',
  detail: `The resource could not be generated that was acceptable to your browser (content of type application/json. \n\n Invalid microversion: Unacceptable version header: ${version}`,
})

const versionDocument = {
  versions: [{ id: 'v1.0', max_version: '1.39', min_version: '1.0', status: 'CURRENT', links: [{ rel: 'self', href: '' }] }],
}

function route(engine: Engine, request: Request, session: Session, version: number): Response {
  for (const candidate of routes) {
    const match = candidate.method === request.method ? candidate.path.exec(request.path) : null
    if (match === null || version < (candidate.since ?? 0)) continue
    if (!session.roles.includes('admin'))
      throw new Refusal(403, `Policy does not allow placement:${candidate.rule} to be performed.`)
    return candidate.answer({ engine, request, session, version, id: match[1] ?? '' })
  }
  throw new Refusal(404, '')
}

const ok = (body: unknown): Response => ({ status: 200, body })

const providers = (call: Call) => [...call.engine.state.computes.values()]

function providerOf(call: Call): Compute {
  const found = providers(call).find((compute) => compute.nodeId === call.id)
  if (found === undefined)
    throw new Refusal(404, `No resource provider with uuid ${call.id} found : No resource provider with uuid ${call.id} found`)
  return found
}

const listFilters = ['name', 'uuid', 'member_of', 'resources', 'in_tree', 'required']

function listProviders(call: Call): Response {
  const { query } = call.request
  const unknown = [...query.keys()].find((name) => !listFilters.includes(name))
  if (unknown !== undefined)
    throw new Refusal(400, `Invalid query string parameters: Additional properties are not allowed ('${unknown}' was unexpected)`)
  const wanted = query.get('resources')
  const found = providers(call).filter(
    (compute) =>
      (query.get('name') === null || compute.name === query.get('name')) &&
      (query.get('uuid') === null || compute.nodeId === query.get('uuid')) &&
      (query.get('in_tree') === null || compute.nodeId === query.get('in_tree')) &&
      traitsFit(call, compute) &&
      (wanted === null || holds(call, compute, parseResources(wanted))),
  )
  return ok({ resource_providers: found.map((compute) => providerView(call, compute)) })
}

const providerView = (call: Call, { nodeId, name, generation }: Compute) => ({
  uuid: nodeId,
  name,
  generation,
  links: [
    { rel: 'self', href: `/resource_providers/${nodeId}` },
    ...[
      'inventories',
      'usages',
      ...(call.version >= 1 ? ['aggregates'] : []),
      ...(call.version >= 6 ? ['traits'] : []),
      ...(call.version >= 11 ? ['allocations'] : []),
    ].map((rel) => ({ rel, href: `/resource_providers/${nodeId}/${rel}` })),
  ],
  ...(call.version >= 14 ? { parent_provider_uuid: null, root_provider_uuid: nodeId } : {}),
})

function inventories(call: Call): Response {
  const compute = providerOf(call)
  const all = Object.entries(inventoryOf(compute)).map(([name, { total, reserved, allocation_ratio }]) => [
    name,
    { total, reserved, min_unit: 1, max_unit: total, step_size: 1, allocation_ratio },
  ])
  return ok({ resource_provider_generation: compute.generation, inventories: Object.fromEntries(all) })
}

function usages(call: Call): Response {
  const compute = providerOf(call)
  return ok({ resource_provider_generation: compute.generation, usages: usageOf(call.engine.state, compute.nodeId) })
}

function traits(call: Call): Response {
  const compute = providerOf(call)
  return ok({ traits: traitsOf(compute), resource_provider_generation: compute.generation })
}

function aggregates(call: Call): Response {
  const compute = providerOf(call)
  return ok({ aggregates: [], ...(call.version >= 19 ? { resource_provider_generation: compute.generation } : {}) })
}

function providerAllocations(call: Call): Response {
  const compute = providerOf(call)
  const held = [...call.engine.state.allocations].flatMap(([consumer, allocation]) => {
    const resources = allocation[compute.nodeId]
    return resources === undefined
      ? []
      : [[consumer, { resources, ...(call.version >= 28 ? { consumer_generation: 1 } : {}) }] as const]
  })
  return ok({ allocations: Object.fromEntries(held), resource_provider_generation: compute.generation })
}

function allocations(call: Call): Response {
  const held = Object.entries(call.engine.state.allocations.get(call.id) ?? {})
  if (held.length === 0) return ok({ allocations: {} })
  const generationOf = (provider: string) => providers(call).find((compute) => compute.nodeId === provider)?.generation ?? 0
  const server = call.engine.state.servers.get(call.id)
  return ok({
    allocations: Object.fromEntries(
      held.map(([provider, resources]) => [provider, { resources, generation: generationOf(provider) }]),
    ),
    ...(call.version >= 12
      ? { project_id: server?.projectId ?? call.session.projectId, user_id: server?.userId ?? call.session.userId }
      : {}),
    ...(call.version >= 28 ? { consumer_generation: 1 } : {}),
    ...(call.version >= 38 ? { consumer_type: server === undefined ? 'MIGRATION' : 'INSTANCE' } : {}),
  })
}

function putAllocations(call: Call): Response {
  const wanted = readAllocations(call)
  const unknown = Object.keys(wanted).find((provider) => !providers(call).some((compute) => compute.nodeId === provider))
  if (unknown !== undefined)
    throw new Refusal(
      400,
      `Unable to allocate inventory for resource provider ${unknown} : No resource provider with uuid ${unknown} found`,
    )
  if (Object.keys(wanted).length === 0) call.engine.state.allocations.delete(call.id)
  else call.engine.state.allocations.set(call.id, wanted)
  for (const compute of providers(call)) if (compute.nodeId in wanted) compute.generation += 1
  return { status: 204 }
}

function readAllocations(call: Call): Allocation {
  let body: unknown
  try {
    body = jsonBody(call.request)
  } catch (error) {
    throw new Refusal(400, `Malformed JSON: ${String(error)}`)
  }
  if (!isRecord(body) || !isRecord(body.allocations))
    throw new Refusal(400, "JSON does not validate: 'allocations' is a required property")
  if (call.version >= 28 && !('consumer_generation' in body))
    throw new Refusal(400, "JSON does not validate: 'consumer_generation' is a required property")
  if (call.version >= 28 && body.consumer_generation !== (call.engine.state.allocations.has(call.id) ? 1 : null))
    throw new Refusal(409, `consumer generation conflict - expected 1 but got ${String(body.consumer_generation)}`)
  return Object.fromEntries(
    Object.entries(body.allocations).map(([provider, given]) => [
      provider,
      isRecord(given) && isRecord(given.resources) ? (given.resources as Record<string, number>) : {},
    ]),
  )
}

function deleteAllocations(call: Call): Response {
  if (!call.engine.state.allocations.delete(call.id)) throw new Refusal(404, `No allocations for consumer '${call.id}'`)
  return { status: 204 }
}

function parseResources(text: string): Record<string, number> {
  const parts = text.split(',').map((part) => part.split(':'))
  if (parts.some(([name, amount]) => !name || !/^[1-9]\d*$/.test(amount ?? '')))
    throw new Refusal(
      400,
      `Badly formed resources parameter. Expected resources query string parameter in form: ?resources=VCPU:2,MEMORY_MB:1024. Got: ${text}.`,
    )
  return Object.fromEntries(parts.map(([name, amount]) => [name ?? '', Number(amount)]))
}

function holds(call: Call, compute: Compute, wanted: Record<string, number>): boolean {
  const usage = usageOf(call.engine.state, compute.nodeId)
  const inventory: Record<string, { total: number; reserved: number; allocation_ratio: number }> = inventoryOf(compute)
  return Object.entries(wanted).every(([name, amount]) => {
    const stock = inventory[name]
    return stock !== undefined && (usage[name] ?? 0) + amount <= (stock.total - stock.reserved) * stock.allocation_ratio
  })
}

function traitsFit(call: Call, compute: Compute): boolean {
  const own = traitsOf(compute)
  const wanted = (call.request.query.get('required') ?? '').split(',').filter((trait) => trait !== '')
  return wanted.every((trait) => (trait.startsWith('!') ? !own.includes(trait.slice(1)) : own.includes(trait)))
}

function candidates(call: Call): Response {
  const { query } = call.request
  const text = query.get('resources')
  if (text === null) throw new Refusal(400, "Invalid query string parameters: 'resources' is a required property")
  const resources = parseResources(text)
  const fitting = providers(call)
    .filter(
      (compute) =>
        holds(call, compute, resources) &&
        traitsFit(call, compute) &&
        (query.get('in_tree') === null || query.get('in_tree') === compute.nodeId),
    )
    .slice(0, Number(query.get('limit') ?? Infinity))
  const summary = (compute: Compute) => {
    const usage = usageOf(call.engine.state, compute.nodeId)
    const stock = Object.entries(inventoryOf(compute)).map(([name, { total, reserved, allocation_ratio }]) => [
      name,
      { capacity: Math.floor((total - reserved) * allocation_ratio), used: usage[name] ?? 0 },
    ])
    return {
      resources: Object.fromEntries(stock),
      ...(call.version >= 17 ? { traits: traitsOf(compute) } : {}),
      ...(call.version >= 29 ? { parent_provider_uuid: null, root_provider_uuid: compute.nodeId } : {}),
    }
  }
  return ok({
    allocation_requests: fitting.map(({ nodeId }) => ({
      allocations: call.version >= 12 ? { [nodeId]: { resources } } : [{ resource_provider: { uuid: nodeId }, resources }],
      ...(call.version >= 34 ? { mappings: { '': [nodeId] } } : {}),
    })),
    provider_summaries: Object.fromEntries(fitting.map((compute) => [compute.nodeId, summary(compute)])),
  })
}
