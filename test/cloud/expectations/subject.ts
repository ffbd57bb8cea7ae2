/** A cloud that is held to the expectations of this folder: the simulated one or a real one. */
import { readFile } from 'node:fs/promises'
import { parse } from 'yaml'

export type Service = 'identity' | 'compute' | 'placement'

export interface Ask {
  readonly method?: 'GET' | 'POST' | 'PUT' | 'DELETE' | 'HEAD'
  readonly body?: unknown
  /** Sent as it is instead of JSON. */
  readonly text?: string
  /** Microversion; none is sent when it is missing. */
  readonly version?: string
  readonly headers?: Readonly<Record<string, string>>
}

export interface Reply {
  readonly status: number
  readonly headers: Headers
  /** Parsed when it is JSON, else the text. */
  readonly body: any
}

/** As one user. A bad status is a reply too. */
export interface Api {
  /** @param path below the service's endpoint; one that begins with `//` is below its host */
  ask(service: Service, path: string, ask?: Ask): Promise<Reply>
}

export interface Login {
  readonly authUrl: string
  readonly user: string
  readonly password: string
  readonly project: string
}

export interface Subject {
  readonly admin: Api
  /** Only a member of a project of its own. */
  readonly member: Api
  readonly stranger: Api
  readonly login: Login
  /** Two compute hosts, the same in all that matters to a live migration. */
  readonly source: string
  readonly target: string
  /** A running server of the administrator's on a host. A `restless` one dirties its memory faster than it can be copied. */
  boot(name: string, shape: 'quiet' | 'restless', host: string): Promise<string>
  remove(id: string): Promise<void>
  /** Runs a shell script on a host, as root. */
  run(host: string, script: string): Promise<{ readonly code: number; readonly stdout: string }>
  /** Seconds between two looks, and how long one looks at all. */
  readonly patience: { readonly every: number; readonly limit: number }
}

export interface Expectation {
  readonly name: string
  /** Throws when the cloud does otherwise. */
  readonly check: (cloud: Subject) => Promise<void>
}

/** The logins of clouds.yaml. */
export async function readLogin(cloudsFile: string, name: string): Promise<Login> {
  const { auth } = parse(await readFile(cloudsFile, 'utf8')).clouds[name]
  return { authUrl: auth.auth_url, user: auth.username, password: auth.password, project: auth.project_name }
}

const domain = { id: 'default' }

export const passwordBody = ({ user, password, project }: Omit<Login, 'authUrl'>, scoped = true) => ({
  auth: {
    identity: { methods: ['password'], password: { user: { name: user, domain, password } } },
    ...(scoped ? { scope: { project: { name: project, domain } } } : {}),
  },
})

const send = async (url: string, { method = 'GET', body, text, headers = {} }: Ask): Promise<Reply> => {
  const content = text ?? (body === undefined ? undefined : JSON.stringify(body))
  const response = await fetch(url, {
    method,
    redirect: 'manual',
    headers: { Accept: 'application/json', ...(content === undefined ? {} : { 'Content-Type': 'application/json' }), ...headers },
    ...(content === undefined ? {} : { body: content }),
    signal: AbortSignal.timeout(60_000),
  })
  const said = await response.text()
  const json = response.headers.get('Content-Type')?.startsWith('application/json') === true && said !== ''
  return { status: response.status, headers: response.headers, body: json ? JSON.parse(said) : said }
}

const endpointsOf = (token: any): Readonly<Record<string, string>> =>
  Object.fromEntries(
    token.catalog.map((entry: any) => [entry.type, entry.endpoints.find((endpoint: any) => endpoint.interface === 'public').url]),
  )

/** The API as a user who has logged in; without a login, as nobody at all, who knows the addresses only. */
export async function connect(login: Login, anonymous = false): Promise<Api> {
  const granted = await send(`${login.authUrl}/auth/tokens`, { method: 'POST', body: passwordBody(login) })
  if (granted.status !== 201)
    throw new Error(`${login.authUrl} does not let ${login.user} in: ${granted.status} ${JSON.stringify(granted.body)}`)
  const token = granted.headers.get('X-Subject-Token') ?? ''
  // The catalogue's own entry may lack the version, or be for other machines' eyes.
  const endpoints: Readonly<Record<string, string>> = { ...endpointsOf(granted.body.token), identity: login.authUrl }
  return {
    ask(service, path, ask = {}) {
      const endpoint = (endpoints[service] ?? '').replace(/\/+$/, '')
      const version: Record<string, string> =
        ask.version === undefined ? {} : { 'OpenStack-API-Version': `${service} ${ask.version}` }
      return send(path.startsWith('//') ? new URL(endpoint).origin + path.slice(1) : endpoint + path, {
        ...ask,
        headers: { ...(anonymous ? {} : { 'X-Auth-Token': token }), ...version, ...ask.headers },
      })
    },
  }
}

/** Looks until `look` finds something. @throws Error naming what did not come about */
export async function until<T>(cloud: Subject, what: string, look: () => Promise<T | undefined>): Promise<T> {
  const deadline = performance.now() + cloud.patience.limit * 1000
  for (;;) {
    const found = await look()
    if (found !== undefined) return found
    if (performance.now() > deadline) throw new Error(`within ${cloud.patience.limit} s it did not come about that ${what}`)
    await new Promise((resolve) => setTimeout(resolve, cloud.patience.every * 1000))
  }
}

/** Gives the check servers of its own and removes them, whatever comes. */
export async function withServer(
  cloud: Subject,
  name: string,
  shape: 'quiet' | 'restless',
  check: (id: string) => Promise<void>,
): Promise<void> {
  const id = await cloud.boot(`exp-${name}`, shape, cloud.source)
  try {
    await check(id)
  } finally {
    await cloud.remove(id)
  }
}

/** The newest that Zed has: what all of these clouds know. */
export const newest = '2.93'

export const compute = async (cloud: Subject, path: string, ask: Ask = {}): Promise<Reply> =>
  cloud.admin.ask('compute', path, { version: newest, ...ask })

export const act = (cloud: Subject, id: string, action: unknown, ask: Ask = {}): Promise<Reply> =>
  compute(cloud, `/servers/${id}/action`, { method: 'POST', body: action, ...ask })

export const serverNow = async (cloud: Subject, id: string): Promise<any> => (await compute(cloud, `/servers/${id}`)).body.server

/** Records of a server's migrations, newest first. */
export const records = async (cloud: Subject, id: string): Promise<any[]> =>
  (await compute(cloud, `/os-migrations?instance_uuid=${id}`)).body.migrations

const over = ['completed', 'failed', 'error', 'cancelled']

/**
 * Waits for the newest migration of a server to end, and gives its record.
 *
 * @param before the id of an earlier one: Nova makes the record of an accepted order a moment after its answer
 */
export const ended = (cloud: Subject, id: string, before?: number): Promise<any> =>
  until(cloud, `the migration of ${id} ends`, async () => {
    const [newestRecord] = await records(cloud, id)
    return newestRecord !== undefined && newestRecord.id !== before && over.includes(newestRecord.status)
      ? newestRecord
      : undefined
  })

/** Waits for a server to have a status and nothing under way. */
export const settled = (cloud: Subject, id: string, status: string): Promise<any> =>
  until(cloud, `server ${id} is ${status}`, async () => {
    const server = await serverNow(cloud, id)
    return server.status === status && server['OS-EXT-STS:task_state'] === null ? server : undefined
  })

/** The action that a request began (its id is the request's), once all that it began is over: Nova writes that down after the server's state. */
export const actionOf = (cloud: Subject, id: string, reply: Reply, version = newest): Promise<any> =>
  until(cloud, `the actions of ${id} are over`, async () => {
    const path = `/servers/${id}/os-instance-actions/${reply.headers.get('x-openstack-request-id')}`
    const { instanceAction } = (await compute(cloud, path, { version })).body
    const { events } = instanceAction
    return events.length > 0 && events.every((event: any) => event.finish_time !== null) ? instanceAction : undefined
  })

export const moveTo = (host: string | null, block: unknown = 'auto') => ({ 'os-migrateLive': { host, block_migration: block } })

export const hostOf = (server: any): string => server['OS-EXT-SRV-ATTR:host']
