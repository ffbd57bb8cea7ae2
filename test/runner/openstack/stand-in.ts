/** OpenStack services with a test's answers. Called by the tests of the API clients. */
import type { ServerResponse } from 'node:http'
import type { TlsOptions } from 'node:tls'
import type { Cloud } from '../../../runner/openstack/cloud.ts'
import { openCloud } from '../../../runner/openstack/index.ts'
import { type Handler, json, type Loopback, type Received, serve } from './loopback.ts'

/** The answer of a route: JSON with 200, `[status, JSON]`, or a function that answers. */
export type Answer = readonly [status: number, body: unknown] | Handler | Readonly<Record<string, unknown>>

export interface StandIn extends Loopback {
  /** Opens a client of the stand-in. `clouds` are further settings of the cloud, as YAML lines. */
  open(
    settings?: readonly string[],
    env?: Readonly<Record<string, string>>,
    files?: Readonly<Record<string, string>>,
  ): Promise<Cloud>
  /** Requests to one service, without logins and version documents: `GET /servers/detail?all_tenants=1`. */
  calls(service?: string): string[]
  readonly logins: Received[]
  /** Makes every token given out so far invalid. */
  revoke(): void
  /** Milliseconds the client slept, in order. */
  readonly waits: number[]
  /** Moves the client's clock. */
  advance(ms: number): void
}

export interface StandInSettings {
  readonly max?: string
  readonly placementMax?: string
  /** Milliseconds that a token lives. */
  readonly life?: number
  /** Keystone's clock minus the client's. */
  readonly skew?: number
  readonly catalog?: (url: string) => readonly unknown[]
  readonly tls?: TlsOptions
  readonly limits?: { readonly connect?: number; readonly request?: number }
}

/**
 * A Keystone and services with given answers, good and bad, as one real HTTP server. Routes are `METHOD
 * /service/path`, e.g. `GET /compute/servers/detail`; paths without a route are 404 in the words of Nova's web
 * framework.
 */
export const standIn = async (routes: Readonly<Record<string, Answer>>, settings: StandInSettings = {}): Promise<StandIn> => {
  let valid = new Set<string>()
  let time = Date.parse('2026-01-01T00:00:00Z')
  const logins: Received[] = []
  const waits: number[] = []
  const counts = new Map<string, number>()

  const reply = (answer: Answer, request: Received, response: ServerResponse, count: number) => {
    if (typeof answer === 'function') return answer(request, response, count)
    return Array.isArray(answer) ? json(response, answer[0], answer[1]) : json(response, 200, answer)
  }
  const logIn = (request: Received, response: ServerResponse) => {
    logins.push(request)
    const token = `secret-token-${logins.length}`
    valid.add(token)
    const issued = time + (settings.skew ?? 0)
    const date = (ms: number) => new Date(ms).toISOString().replace('Z', '000Z')
    json(
      response,
      201,
      {
        token: {
          user: { id: 'u1', name: 'admin', domain: { id: 'default', name: 'Default' } },
          project: { id: 'p1', name: 'admin' },
          roles: [{ id: 'r1', name: 'admin' }],
          issued_at: date(issued),
          expires_at: date(issued + (settings.life ?? 3_600_000)),
          catalog: (settings.catalog ?? usualCatalog)(server.url),
        },
      },
      { 'X-Subject-Token': token },
    )
  }
  const server: Loopback = await serve(async (request, response) => {
    const [, service = '', rest = '/'] = /^\/([a-z]+)(?:\/v2\.1)?(\/.*)?$/.exec(request.path) ?? []
    const key = `${request.method} /${service}${rest}`
    const count = (counts.get(key) ?? 0) + 1
    counts.set(key, count)
    const route = routes[key]
    if (route !== undefined && service === 'identity') return reply(route, request, response, count)
    if (key === 'POST /identity/v3/auth/tokens') return logIn(request, response)
    if (!valid.has(request.headers['x-auth-token'] ?? ''))
      return json(response, 401, {
        error: { code: 401, title: 'Unauthorized', message: 'The request you have made requires authentication.' },
      })
    if (route !== undefined) return reply(route, request, response, count)
    if (key === 'GET /compute/')
      return json(response, 200, {
        version: {
          id: 'v2.1',
          status: 'CURRENT',
          version: settings.max ?? '2.96',
          min_version: settings.max === '' ? '' : '2.1',
        },
      })
    if (key === 'GET /placement/')
      return json(response, 200, { versions: [{ id: 'v1.0', max_version: settings.placementMax ?? '1.39', min_version: '1.0' }] })
    return json(response, 404, {
      message: 'The resource could not be found.<br /><br />\n\n\n',
      code: '404 Not Found',
      title: 'Not Found',
    })
  }, settings.tls)

  return {
    ...server,
    logins,
    waits,
    revoke: () => void (valid = new Set()),
    advance: (ms) => void (time += ms),
    calls: (service = 'compute') =>
      server.received
        .filter(({ path }) => path.startsWith(`/${service}/`))
        .map(
          ({ method, path, query }) => `${method} ${path.replace(/^\/[a-z]+(\/v2\.1)?/, '')}${query.size > 0 ? `?${query}` : ''}`,
        )
        .filter((call) => call !== 'GET /'),
    open: (lines = [], env = {}, files = {}) => {
      const text = `clouds:\n  lab:\n    auth: { auth_url: '${server.url}/identity/v3', username: admin, password: s3cret, project_name: admin }\n${lines.map((line) => `    ${line}\n`).join('')}`
      const all: Readonly<Record<string, string>> = { '/ops/clouds.yaml': text, ...files }
      return openCloud('lab', {
        env,
        cwd: '/ops',
        read: async (path) => (all[path] === undefined ? undefined : new TextEncoder().encode(all[path])),
        now: () => time,
        sleep: async (ms) => void waits.push(ms),
        signal: new AbortController().signal,
        random: () => 1,
        limits: settings.limits ?? {},
      })
    },
  }
}

const usualCatalog = (url: string) => [
  service('compute', `${url}/compute/v2.1`),
  service('placement', `${url}/placement`),
  service('network', `${url}/network`),
]

/** A service as a catalogue lists it. */
export const service = (type: string, url: string, region = 'RegionOne', face = 'public') => ({
  type,
  name: type,
  id: `${type}-id`,
  endpoints: [{ id: 'e1', interface: face, region, region_id: region, url }],
})
