/** A client of the real cloud's APIs for tests, on purpose not the one under test. */
import { password } from './layout.ts'
import { endpoints } from './settings.ts'

/** A user of the cloud: the administrator, and one who is only a member of a project. */
export type UserName = 'admin' | 'demo'

/** Their project is called as they are. */
export const users = ['admin', 'demo'] as const satisfies readonly UserName[]

/** An answer of the cloud that was not a success. */
export class ApiError extends Error {
  override readonly name = 'ApiError'
  readonly status: number
  constructor(what: string, status: number, text: string) {
    super(`${what}: ${status} ${text.slice(0, 600)}`)
    this.status = status
  }
}

/**
 * The cloud's API for the tests themselves: small, and on purpose not the client that is under test. Throws `ApiError` for a status of
 * 400 and above.
 */
export interface Api {
  get(service: Service, path: string): Promise<any>
  post(service: Service, path: string, body: unknown): Promise<any>
  put(service: Service, path: string, body?: unknown): Promise<any>
  remove(service: Service, path: string): Promise<void>
  /** The token, for a request of one's own. */
  readonly token: string
}

export type Service = keyof typeof endpoints

/** 2.93 is the newest of Zed. */
const versions: Partial<Record<Service, string>> = { compute: 'compute 2.93', placement: 'placement 1.36' }

const send = async (method: string, url: string, headers: Record<string, string>, body: unknown): Promise<Response> => {
  const raw = body instanceof Uint8Array
  const response = await fetch(url, {
    method,
    headers: {
      ...headers,
      // the services close a connection after an answer without having said so
      Connection: 'close',
      ...(body === undefined ? {} : { 'Content-Type': raw ? 'application/octet-stream' : 'application/json' }),
    },
    ...(body === undefined ? {} : { body: raw ? new Uint8Array(body) : JSON.stringify(body) }),
    signal: AbortSignal.timeout(180_000),
  })
  if (!response.ok) throw new ApiError(`${method} ${url}`, response.status, await response.text())
  return response
}

/** Logs in and gives the API as that user. */
export const login = async (user: UserName = 'admin'): Promise<Api> => {
  const domain = { id: 'default' }
  const identity = { methods: ['password'], password: { user: { name: user, domain, password } } }
  const auth = { identity, scope: { project: { name: user, domain } } }
  const response = await send('POST', `${endpoints.identity}/auth/tokens`, {}, { auth })
  const token = response.headers.get('X-Subject-Token') ?? ''
  const call = async (method: string, service: Service, path: string, body?: unknown) => {
    const version = versions[service]
    const headers = { 'X-Auth-Token': token, ...(version ? { 'OpenStack-API-Version': version } : {}) }
    const text = await (await send(method, endpoints[service] + path, headers, body)).text()
    return text ? JSON.parse(text) : undefined
  }
  return {
    token,
    get: (service, path) => call('GET', service, path),
    post: (service, path, body) => call('POST', service, path, body),
    put: (service, path, body) => call('PUT', service, path, body),
    remove: async (service, path) => void (await call('DELETE', service, path)),
  }
}

/** Whether every service of the cloud answers over HTTP, in whatever words. */
export const answers = async (): Promise<boolean> => {
  const urls = Object.values(endpoints).map((url) => new URL('/', url))
  const asked = await Promise.allSettled(urls.map((url) => fetch(url, { signal: AbortSignal.timeout(5000) })))
  return asked.every((one) => one.status === 'fulfilled' && one.value.status < 500)
}
