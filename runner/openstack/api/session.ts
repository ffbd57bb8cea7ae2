/** Calls to one cloud's services: token, endpoint, microversion, faults. The clients in this folder are made on it. */
import type { CloudRequest, CloudResponse, Token } from '../cloud.ts'
import type { CloudConfig } from '../config/config.ts'
import { endpointOf } from './endpoint.ts'
import type { HttpAnswer } from '../http/exchange.ts'
import { type Asked, isFromService, notTheService, parseBody, refused } from './faults.ts'
import type { Http } from '../http/http.ts'
import type { Identity, Login } from './identity.ts'
import { documentUrl, mustReach, type Range, readRange, versionHeaders } from './versions.ts'

export interface Session {
  token(): Promise<Token>
  /** The microversions of a service; undefined if it has none. Read once. */
  range(service: string): Promise<Range | undefined>
  request(service: string, request: SessionRequest): Promise<CloudResponse>
}

export interface SessionRequest extends CloudRequest {
  /** A POST that only reads: it may be sent again. */
  readonly reads?: true
}

export interface SessionSettings {
  readonly config: CloudConfig
  readonly identity: Identity
  readonly http: Http
}

export const openSession = ({ config, identity, http }: SessionSettings): Session => {
  const ranges = new Map<string, Promise<Range | undefined>>()

  /**
   * Sends with the current login. After a 401, logs in and sends once more: a request refused for its token changed
   * nothing.
   */
  const authorised = async (send: (login: Login) => Promise<HttpAnswer>): Promise<HttpAnswer> => {
    const login = await identity.login()
    const answer = await send(login)
    return answer.status === 401 ? send(await identity.renew(login)) : answer
  }

  const discover = async (service: string): Promise<Range | undefined> => {
    let url = ''
    const answer = await authorised((login) => {
      url = documentUrl(versioned(service, endpointOf(service, login.catalog, config)))
      return http({ method: 'GET', url, headers: { Accept: 'application/json', 'X-Auth-Token': login.secret }, repeatable: true })
    })
    const range = readRange(parseBody(answer))
    if (range === undefined) throw notTheService({ service, method: 'GET', path: new URL(url).pathname, url }, answer)
    return range === 'none' ? undefined : range
  }
  const range: Session['range'] = (service) => {
    const known = ranges.get(service) ?? discover(service)
    ranges.set(service, known)
    known.catch(() => ranges.delete(service))
    return known
  }

  return {
    token: async () => (await identity.login()).token,
    range,
    async request(service, request) {
      const { method, path, query, body, microversion, accept = [] } = request
      if (microversion !== undefined) mustReach(service, microversion, await range(service), `${method} ${path}`)
      const asked = { service, method, path, url: '' }
      const answer = await authorised((login) => {
        asked.url = versioned(service, endpointOf(service, login.catalog, config)) + path + queryString(path, query)
        return http({
          method,
          url: asked.url,
          headers: {
            Accept: 'application/json',
            'X-Auth-Token': login.secret,
            ...(body !== undefined && { 'Content-Type': 'application/json' }),
            ...(microversion !== undefined && versionHeaders(service, microversion)),
          },
          ...(body !== undefined && { body: JSON.stringify(body) }),
          repeatable: request.reads === true || (method !== 'POST' && method !== 'PATCH'),
        })
      })
      return respond(asked, answer, accept)
    },
  }
}

/** Adds /v2.1 to an endpoint of Nova without a version: some catalogues name Nova's root. */
const versioned = (service: string, endpoint: string): string =>
  service === 'compute' && !/\/v\d/.test(new URL(endpoint).pathname) ? `${endpoint}/v2.1` : endpoint

const queryString = (path: string, query: CloudRequest['query']): string => {
  const given = Object.entries(query ?? {}).flatMap(([name, value]) =>
    value === undefined ? [] : [[name, String(value)] as [string, string]],
  )
  return given.length === 0 ? '' : (path.includes('?') ? '&' : '?') + new URLSearchParams(given).toString()
}

const respond = (asked: Asked, answer: HttpAnswer, accept: readonly number[]): CloudResponse => {
  const body = parseBody(answer)
  const good = answer.status >= 200 && answer.status < 300
  if (!good && !accept.includes(answer.status)) throw refused(asked, answer)
  const genuine = answer.text === '' || (good ? body !== undefined : isFromService(asked.service, body))
  if (!genuine) throw notTheService(asked, answer)
  return { status: answer.status, headers: answer.headers, body }
}
