/** Keystone v3: tokens by password, by token and by application credential, and the catalogue. */
import { randomBytes } from 'node:crypto'
import { projectId, projects, userId, users } from '../fixture.ts'
import { shortIdOf } from '../state.ts'
import { isRecord, jsonBody } from './http.ts'
import type { Request, Response } from './http.ts'

export interface Session {
  readonly token: string
  readonly methods: readonly string[]
  readonly userId: string
  readonly userName: string
  readonly projectId: string | undefined
  readonly projectName: string | undefined
  readonly roles: readonly string[]
  readonly issuedAt: number
  readonly expiresAt: number
}

export interface Keystone {
  handle(request: Request): Promise<Response>
  /** The valid session of a token; undefined for a wrong, expired or revoked one. */
  session(token: string | undefined): Session | undefined
  /** Makes every token given out so far invalid. */
  revokeAll(): void
}

export const region = 'RegionOne'

/** What every user may log in with instead of a password. */
export const applicationCredential = (user: string) => ({
  id: shortIdOf(`application credential ${user}`),
  secret: `${user}-application-secret`,
})

/**
 * @param lifetime seconds that a token is valid (real ones)
 * @param endpoints URLs by catalogue type
 */
export function createKeystone(lifetime: number, endpoints: () => Readonly<Record<string, string>>): Keystone {
  const sessions = new Map<string, Session>()
  const session = (token: string | undefined) => {
    const found = token === undefined ? undefined : sessions.get(token)
    return found !== undefined && found.expiresAt > Date.now() ? found : undefined
  }
  const issue = (request: Request): Response => {
    const login = readLogin(request, session)
    if ('status' in login) return login
    const now = Date.now()
    const expiresAt = Math.min(now + lifetime * 1000, login.until ?? Infinity)
    const created: Session = {
      ...login.identity,
      token: `gAAAAAB${randomBytes(90).toString('base64url')}`,
      issuedAt: now,
      expiresAt,
    }
    sessions.set(created.token, created)
    return {
      status: 201,
      headers: { 'X-Subject-Token': created.token, Vary: 'X-Auth-Token' },
      body: { token: describe(created, endpoints()) },
    }
  }
  return {
    session,
    revokeAll: () => sessions.clear(),
    async handle(request) {
      const path = request.path.replace(/\/+$/, '') || '/'
      if (path === '/') return { status: 300, body: { versions: { values: [versionDocument(request)] } } }
      if (path === '/v3') return { status: 200, body: { version: versionDocument(request) } }
      if (path === '/v3/auth/tokens' && request.method === 'POST') return issue(request)
      const caller = session(request.headers['x-auth-token'])
      if (caller === undefined) return unauthorized
      if (path === '/v3/auth/catalog')
        return { status: 200, body: { catalog: catalog(endpoints()), links: { self: `${request.origin}${path}` } } }
      if (path === '/v3/auth/projects') return { status: 200, body: { projects: projectsOf(caller.userName), links: {} } }
      if (path !== '/v3/auth/tokens') return notFound(request.path)
      const subject = session(request.headers['x-subject-token'])
      if (subject === undefined) return error(404, 'Not Found', 'Could not recognize Fernet token')
      if (request.method !== 'DELETE')
        return { status: 200, headers: { 'X-Subject-Token': subject.token }, body: { token: describe(subject, endpoints()) } }
      sessions.delete(subject.token)
      return { status: 204 }
    },
  }
}

type Identity = Pick<Session, 'methods' | 'userId' | 'userName' | 'projectId' | 'projectName' | 'roles'>

function readLogin(request: Request, session: Keystone['session']): { identity: Identity; until?: number } | Response {
  let body: unknown
  try {
    body = jsonBody(request)
  } catch {
    return error(
      400,
      'Bad Request',
      'Expecting to find valid JSON in request body. The server could not comply with the request since it is either malformed or otherwise incorrect. The client is assumed to be in error.',
    )
  }
  const auth = isRecord(body) ? body.auth : undefined
  if (!isRecord(auth)) return error(400, 'Bad Request', "'auth' is a required property")
  const identity = isRecord(auth.identity) ? auth.identity : undefined
  const method = Array.isArray(identity?.methods) ? String(identity.methods[0]) : ''
  const given = isRecord(identity?.[method]) ? identity[method] : undefined
  if (given === undefined)
    return error(
      400,
      'Bad Request',
      `Expecting to find ${method || 'methods'} in identity. The server could not comply with the request since it is either malformed or otherwise incorrect. The client is assumed to be in error.`,
    )

  if (method === 'token') {
    const before = session(typeof given.id === 'string' ? given.id : undefined)
    if (before === undefined) return unauthorized
    const user = users.find((candidate) => candidate.name === before.userName)
    return user === undefined ? unauthorized : scoped(user, [method, ...before.methods], auth.scope, before.expiresAt)
  }
  if (method === 'application_credential') {
    const user = users.find((candidate) => applicationCredential(candidate.name).id === given.id)
    if (user === undefined || given.secret !== applicationCredential(user.name).secret) return unauthorized
    return scoped(user, [method], { project: { name: user.name === 'admin' ? 'admin' : 'demo', domain: { id: 'default' } } })
  }
  if (method !== 'password' || !isRecord(given.user)) return unauthorized
  const { name, id, password, domain } = given.user
  const user = users.find((candidate) =>
    id === undefined ? candidate.name === name && isDefault(domain) : userId(candidate.name) === id,
  )
  return user !== undefined && user.password === password ? scoped(user, [method], auth.scope) : unauthorized
}

function scoped(
  user: (typeof users)[number],
  methods: readonly string[],
  scope: unknown,
  until?: number,
): { identity: Identity; until?: number } | Response {
  const who = { methods, userId: userId(user.name), userName: user.name }
  const limit = until === undefined ? {} : { until }
  if (!isRecord(scope)) return { identity: { ...who, projectId: undefined, projectName: undefined, roles: [] }, ...limit }
  const wanted = scope.project
  if (!isRecord(wanted)) return unauthorized
  const name = projects.find((project) =>
    wanted.id === undefined ? project === wanted.name && isDefault(wanted.domain) : projectId(project) === wanted.id,
  )
  const roles = name === undefined ? undefined : (user.roles as Record<string, readonly string[]>)[name]
  if (name === undefined || roles === undefined) return unauthorized
  return { identity: { ...who, projectId: projectId(name), projectName: name, roles }, ...limit }
}

const isDefault = (domain: unknown) => isRecord(domain) && (domain.id === 'default' || domain.name === 'Default')

function describe(session: Session, endpoints: Readonly<Record<string, string>>) {
  const domain = { id: 'default', name: 'Default' }
  const project = session.projectId === undefined ? {} : { project: { domain, id: session.projectId, name: session.projectName } }
  return {
    methods: session.methods,
    user: { domain, id: session.userId, name: session.userName, password_expires_at: null },
    audit_ids: [shortIdOf(session.token).slice(0, 22)],
    expires_at: micros(session.expiresAt),
    issued_at: micros(session.issuedAt),
    ...project,
    ...(session.projectId === undefined
      ? {}
      : {
          is_domain: false,
          roles: session.roles.map((name) => ({ id: shortIdOf(`role ${name}`), name })),
          catalog: catalog(endpoints),
        }),
  }
}

const micros = (time: number) => new Date(time).toISOString().replace(/\.\d+Z$/, '.000000Z')

const names: Readonly<Record<string, string>> = { identity: 'keystone', compute: 'nova', placement: 'placement' }

const catalog = (endpoints: Readonly<Record<string, string>>) =>
  Object.entries(endpoints).map(([type, url]) => ({
    id: shortIdOf(`service ${type}`),
    type,
    name: names[type] ?? type,
    endpoints: ['admin', 'internal', 'public'].map((kind) => ({
      id: shortIdOf(`endpoint ${type} ${kind}`),
      interface: kind,
      region_id: region,
      url,
      region,
    })),
  }))

const projectsOf = (user: string) =>
  Object.keys(users.find((candidate) => candidate.name === user)?.roles ?? {}).map((name) => ({
    id: projectId(name),
    name,
    domain_id: 'default',
    description: '',
    enabled: true,
    parent_id: 'default',
    is_domain: false,
    tags: [],
    options: {},
    links: {},
  }))

const versionDocument = (request: Request) => ({
  id: 'v3.14',
  status: 'stable',
  updated: '2020-04-07T00:00:00Z',
  links: [{ rel: 'self', href: `${request.origin}/v3/` }],
  'media-types': [{ base: 'application/json', type: 'application/vnd.openstack.identity-v3+json' }],
})

const error = (code: number, title: string, message: string): Response => ({
  status: code,
  body: { error: { code, message, title } },
})

const notFound = (path: string) => error(404, 'Not Found', `(${path}): The resource could not be found.`)

const unauthorized: Response = {
  ...error(401, 'Unauthorized', 'The request you have made requires authentication.'),
  headers: { 'WWW-Authenticate': 'Keystone uri="http://127.0.0.1/v3"', Vary: 'X-Auth-Token' },
}

/** What keystonemiddleware answers in front of the other services. */
export const rejectedToken = (keystoneUrl: string): Response => ({
  status: 401,
  body: { error: { code: 401, title: 'Unauthorized', message: 'The request you have made requires authentication.' } },
  headers: { 'WWW-Authenticate': `Keystone uri="${keystoneUrl}"` },
})
