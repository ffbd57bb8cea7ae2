/** Nova's front door: version documents, tokens, microversions, routes. */
import type { Engine } from '../../nova/engine.ts'
import { newRequestId } from '../../state.ts'
import { askedVersion, compareVersions, formatVersion, parseVersion } from '../microversion.ts'
import type { Version } from '../microversion.ts'
import type { Request, Response } from '../http.ts'
import { rejectedToken } from '../keystone.ts'
import type { Session } from '../keystone.ts'
import { actOnServer } from './actions.ts'
import { ApiError, faultResponse } from './call.ts'
import type { Call } from './call.ts'
import { createGroup, deleteGroup, listGroups, showGroup } from './groups.ts'
import { deleteService, listHypervisors, listServices, showHypervisor, updateService, updateServiceByHost } from './hosts.ts'
import { listActions, showAction } from './instance-actions.ts'
import { abortMigration, actOnMigration, listMigrations, listServerMigrations, showServerMigration } from './migrations.ts'
import { listServers, showServer } from './servers.ts'

interface Route {
  readonly method: string
  readonly path: RegExp
  /** The microversions in which it is there; minor numbers. */
  readonly since?: number
  readonly until?: number
  readonly answer: (call: Call) => Response | Promise<Response>
}

const routes: readonly Route[] = [
  { method: 'GET', path: /^\/servers$/, answer: (call) => listServers(call, false) },
  { method: 'GET', path: /^\/servers\/detail$/, answer: (call) => listServers(call, true) },
  { method: 'GET', path: /^\/servers\/([^/]+)$/, answer: showServer },
  { method: 'POST', path: /^\/servers\/([^/]+)\/action$/, answer: actOnServer },
  { method: 'GET', path: /^\/servers\/([^/]+)\/migrations$/, since: 23, answer: listServerMigrations },
  { method: 'GET', path: /^\/servers\/([^/]+)\/migrations\/([^/]+)$/, since: 23, answer: showServerMigration },
  { method: 'DELETE', path: /^\/servers\/([^/]+)\/migrations\/([^/]+)$/, since: 24, answer: abortMigration },
  { method: 'POST', path: /^\/servers\/([^/]+)\/migrations\/([^/]+)\/action$/, since: 22, answer: actOnMigration },
  { method: 'GET', path: /^\/servers\/([^/]+)\/os-instance-actions$/, answer: listActions },
  { method: 'GET', path: /^\/servers\/([^/]+)\/os-instance-actions\/([^/]+)$/, answer: showAction },
  { method: 'GET', path: /^\/os-migrations$/, answer: listMigrations },
  { method: 'GET', path: /^\/os-services$/, answer: listServices },
  { method: 'PUT', path: /^\/os-services\/([^/]+)$/, until: 52, answer: updateServiceByHost },
  { method: 'PUT', path: /^\/os-services\/([^/]+)$/, since: 53, answer: updateService },
  { method: 'DELETE', path: /^\/os-services\/([^/]+)$/, since: 53, answer: deleteService },
  { method: 'GET', path: /^\/os-hypervisors$/, answer: (call) => listHypervisors(call, false) },
  { method: 'GET', path: /^\/os-hypervisors\/detail$/, answer: (call) => listHypervisors(call, true) },
  { method: 'GET', path: /^\/os-hypervisors\/([^/]+)$/, answer: showHypervisor },
  { method: 'GET', path: /^\/os-server-groups$/, answer: listGroups },
  { method: 'POST', path: /^\/os-server-groups$/, answer: createGroup },
  { method: 'GET', path: /^\/os-server-groups\/([^/]+)$/, answer: showGroup },
  { method: 'DELETE', path: /^\/os-server-groups\/([^/]+)$/, answer: deleteGroup },
]

export interface NovaApi {
  readonly engine: Engine
  readonly session: (token: string | undefined) => Session | undefined
  readonly keystoneUrl: () => string
  /** Highest microversion, e.g. `2.96`. */
  readonly maxVersion: string
}

const minVersion: Version = { major: 2, minor: 1 }

export function createNova(api: NovaApi): (request: Request) => Promise<Response> {
  const maxVersion = parseVersion(api.maxVersion) ?? minVersion
  return async (request) => {
    if (request.path === '/' || request.path === '')
      return { status: 200, body: { versions: [oldVersion(request), currentVersion(request, api.maxVersion)] } }
    const requestId = newRequestId()
    const ids = { 'x-openstack-request-id': requestId, 'x-compute-request-id': requestId }
    const path = /^\/v2\.1(\/.*)?$/.exec(request.path)
    if (path === null) return { status: 300, body: { choices: choices(request, api.maxVersion) } }
    const rest = (path[1] ?? '').replace(/\/+$/, '')
    if (rest === '')
      return {
        status: 200,
        headers: { ...ids, ...versionHeaders('2.1') },
        body: { version: describedVersion(request, api.maxVersion) },
      }

    const session = api.session(request.headers['x-auth-token'])
    if (session === undefined) return withHeaders(rejectedToken(api.keystoneUrl()), ids)
    const routed = withoutProject(rest, session)
    const candidates = routes.flatMap((route) => {
      const match = route.method === request.method ? route.path.exec(routed) : null
      return match === null ? [] : [{ route, parts: match.slice(1) }]
    })
    if (candidates.length === 0) return withHeaders(noSuchRoute(request), ids)
    const asked = askedVersion(request, 'compute', 'x-openstack-nova-api-version')
    if (asked.kind === 'malformed')
      return withHeaders(
        faultResponse(400, `API Version String ${asked.text} is of invalid format. Must be of format MajorNum.MinorNum.`),
        ids,
      )
    const version = asked.kind === 'none' ? minVersion : asked.kind === 'latest' ? maxVersion : asked.version
    const text = formatVersion(version)
    const headers = { ...ids, ...versionHeaders(text) }
    if (compareVersions(version, minVersion) < 0 || compareVersions(version, maxVersion) > 0)
      return withHeaders(
        faultResponse(406, `Version ${text} is not supported by the API. Minimum is 2.1 and maximum is ${api.maxVersion}.`),
        headers,
      )
    const fitting = candidates.find(
      ({ route }) => version.minor >= (route.since ?? 0) && version.minor <= (route.until ?? Infinity),
    )
    if (fitting === undefined) return withHeaders(faultResponse(404, 'The resource could not be found.'), headers)
    try {
      const answer = await fitting.route.answer({
        engine: api.engine,
        session,
        request,
        requestId,
        version: version.minor,
        parts: fitting.parts,
      })
      return withHeaders(answer, { 'Content-Type': 'application/json', ...headers })
    } catch (error) {
      if (!(error instanceof ApiError)) throw error
      return withHeaders(faultResponse(error.status, error.message), headers)
    }
  }
}

/** Old catalogues have the project's id in the URL. */
const withoutProject = (path: string, session: Session) => {
  const prefix = `/${session.projectId ?? ''}/`
  return path.startsWith(prefix) ? path.slice(prefix.length - 1) : path
}

const versionHeaders = (version: string) => ({
  'OpenStack-API-Version': `compute ${version}`,
  'X-OpenStack-Nova-API-Version': version,
  Vary: ['OpenStack-API-Version', 'X-OpenStack-Nova-API-Version'],
})

const withHeaders = (response: Response, headers: NonNullable<Response['headers']>): Response => ({
  ...response,
  headers: { ...headers, ...response.headers },
})

/** The router's own answer has another shape than Nova's faults, and is a page for who does not ask for JSON. */
const noSuchRoute = (request: Request): Response =>
  request.headers.accept?.includes('application/json') === true
    ? {
        status: 404,
        body: { message: 'The resource could not be found.<br /><br />\n\n\n', code: '404 Not Found', title: 'Not Found' },
      }
    : { status: 404, body: notFoundPage, headers: { 'Content-Type': 'text/html; charset=UTF-8' } }

const notFoundPage =
  '<html>\n <head>\n  <title>404 Not Found</title>\n </head>\n <body>\n  <h1>404 Not Found</h1>\n  The resource could not be found.<br /><br />\n\n\n\n </body>\n</html>'

const oldVersion = (request: Request) => ({
  id: 'v2.0',
  status: 'SUPPORTED',
  version: '',
  min_version: '',
  updated: '2011-01-21T11:33:21Z',
  links: [{ rel: 'self', href: `${request.origin}/v2/` }],
})

const currentVersion = (request: Request, max: string) => ({
  id: 'v2.1',
  status: 'CURRENT',
  version: max,
  min_version: '2.1',
  updated: '2013-07-23T11:33:21Z',
  links: [{ rel: 'self', href: `${request.origin}/v2.1/` }],
})

const describedVersion = (request: Request, max: string) => {
  const version = currentVersion(request, max)
  return {
    ...version,
    links: [...version.links, { rel: 'describedby', type: 'text/html', href: 'http://docs.openstack.org/' }],
    'media-types': [{ base: 'application/json', type: 'application/vnd.openstack.compute+json;version=2.1' }],
  }
}

const choices = (request: Request, max: string) =>
  [oldVersion(request), currentVersion(request, max)].map(({ id, status }) => ({
    id,
    status,
    links: [{ rel: 'self', href: `${request.origin}/${id === 'v2.0' ? 'v2' : id}${request.path}` }],
    'media-types': [
      { base: 'application/json', type: `application/vnd.openstack.compute+json;version=${id === 'v2.0' ? '2' : '2.1'}` },
    ],
  }))
