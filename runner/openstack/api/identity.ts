/** Logs in to Keystone v3 and keeps the token fresh. Called by session.ts. */
import { Failure } from '../../base/failure.ts'
import type { Auth } from '../config/auth.ts'
import type { Token } from '../cloud.ts'
import type { HttpAnswer } from '../http/exchange.ts'
import { type Asked, faultText, notTheService, parseBody, requestId } from './faults.ts'
import type { Http } from '../http/http.ts'
import { isRecord, type Json, list, record, text } from './json.ts'

export interface CatalogEntry {
  readonly type: string
  readonly endpoints: readonly { readonly interface: string; readonly region: string; readonly url: string }[]
}

/** A login with its expiry. `secret` is the token itself: never print it. */
export interface Login {
  readonly secret: string
  readonly token: Token
  readonly catalog: readonly CatalogEntry[]
  /** Milliseconds since the epoch, by our own clock. */
  readonly renewAt: number
}

export interface Identity {
  /** The current login; a new one if the current login is missing or about to expire. */
  login(): Promise<Login>
  /** Replaces a login that was not accepted. If another caller has already replaced it, returns the current login. */
  renew(stale: Login): Promise<Login>
}

export interface IdentitySettings {
  readonly auth: Auth
  /** The place of the login's settings, for errors: `at clouds.yaml:3:3`. */
  readonly where: string
  readonly http: Http
  now(): number
}

/**
 * Milliseconds before a token's end at which it is replaced. A short-lived token is replaced after nine tenths of its
 * life.
 */
const MARGIN = 120_000

export const openIdentity = (settings: IdentitySettings): Identity => {
  let current: Login | undefined
  let pending: Promise<Login> | undefined
  let base: Promise<string> | undefined

  const authenticate = async (): Promise<Login> => {
    base ??= findV3(settings)
    const url = await base.catch((error: unknown) => {
      base = undefined
      throw error
    })
    return logIn(url, settings)
  }
  /** Logs in once at a time: concurrent callers share one login. */
  const fresh = (): Promise<Login> => {
    pending ??= authenticate()
      .then((login) => (current = login))
      .finally(() => (pending = undefined))
    return pending
  }
  return {
    login: async () => (current && settings.now() < current.renewAt ? current : fresh()),
    renew: async (stale) => (current && current !== stale ? current : fresh()),
  }
}

const asked = (method: Asked['method'], url: string): Asked => ({ service: 'identity', method, path: new URL(url).pathname, url })

/**
 * The URL of Keystone v3: auth_url itself if it names v3, else from Keystone's list of versions. Takes only the path
 * from the list: behind a proxy the list often names a wrong host or scheme, and the password must go only to the
 * configured host.
 */
const findV3 = async ({ auth, where, http }: IdentitySettings): Promise<string> => {
  if (auth.url.endsWith('/v3')) return auth.url
  const answer = await http({ method: 'GET', url: `${auth.url}/`, headers: { Accept: 'application/json' }, repeatable: true })
  const body = record(parseBody(answer))
  const versions = isRecord(body['version']) ? [body['version']] : list(record(body['versions'])['values'] ?? body['versions'])
  if (versions.length === 0) throw stranger(auth, where, asked('GET', `${auth.url}/`), answer)
  const v3 = versions.filter(isRecord).find((version) => /^v3(\.|$)/.test(text(version['id']) ?? ''))
  if (v3 === undefined) {
    const ids = versions.map((version) => text(record(version)['id'])).join(', ')
    throw new Failure(`Keystone at ${auth.url} has no v3 API`, {
      kind: 'input',
      why: `it offers ${ids}`,
      help: 'Keystone v3 came with OpenStack Grizzly: check auth_url',
    })
  }
  const self = list(v3['links'])
    .filter(isRecord)
    .find((link) => link['rel'] === 'self')
  const path = URL.canParse(text(self?.['href']) ?? '') ? new URL(text(self?.['href']) ?? '').pathname.replace(/\/+$/, '') : ''
  const configured = new URL(auth.url).pathname.replace(/\/+$/, '')
  // A path that does not begin with the configured path comes from a Keystone that does not know its proxy's prefix.
  return path.startsWith(configured) && path !== configured ? new URL(path, auth.url).href : `${auth.url}/v3`
}

/**
 * The failure for an answer that is not Keystone's: Keystone is down or overloaded, or another service answers in its
 * place.
 */
const stranger = (auth: Auth, where: string, what: Asked, answer: HttpAnswer): Failure => {
  const failure = notTheService(what, answer)
  if (answer.status >= 500 || answer.status === 429) return failure
  const { why, data } = failure
  return new Failure(`Keystone not found at ${auth.url}`, {
    kind: 'input',
    ...(why && { why }),
    help: `correct auth_url of the cloud ${where}; it often ends in /v3 or /identity`,
    ...(data && { data }),
  })
}

const logIn = async (url: string, settings: IdentitySettings): Promise<Login> => {
  const { auth, where, http, now } = settings
  const address = `${url}/auth/tokens`
  const answer = await http({
    method: 'POST',
    url: address,
    headers: { Accept: 'application/json', 'Content-Type': 'application/json' },
    body: JSON.stringify({ auth: { identity: auth.identity, ...(auth.scope && { scope: auth.scope }) } }),
    // A second token does no harm.
    repeatable: true,
  })
  if (answer.status !== 201 && answer.status !== 200) throw notAccepted(settings, address, answer)
  const token = record(record(parseBody(answer))['token'])
  const secret = answer.headers['x-subject-token']
  const user = record(token['user'])
  const expiresAt = text(token['expires_at'])
  if (secret === undefined || expiresAt === undefined || text(user['id']) === undefined)
    throw stranger(auth, where, asked('POST', address), answer)
  if (!Array.isArray(token['catalog']))
    throw new Failure(`${auth.who} logged in to no project`, {
      kind: 'input',
      why: 'Keystone gave a token without a catalogue of services, as it does when no project is named and the user has no default one',
      help: `add project_name (and project_domain_name) to the cloud ${where}`,
    })
  return {
    secret,
    token: shown(token, user, expiresAt),
    catalog: token['catalog'].filter(isRecord).map(entry),
    renewAt: renewal(token, expiresAt, now()),
  }
}

/** The time of renewal, from the token's lifetime rather than its end: a wrong clock on either side does no harm. */
const renewal = (token: Json, expiresAt: string, now: number): number => {
  const left = Date.parse(expiresAt) - Date.parse(text(token['issued_at']) ?? '')
  const life = Number.isNaN(left) ? Date.parse(expiresAt) - now : left
  return now + Math.max(life - MARGIN, life * 0.9)
}

const shown = (token: Json, user: Json, expiresAt: string): Token => {
  const named = (value: Json) => ({ id: text(value['id']) ?? '', name: text(value['name']) ?? '' })
  return {
    user: named(user),
    project: isRecord(token['project']) ? named(token['project']) : undefined,
    roles: list(token['roles']).flatMap((role) => text(record(role)['name']) ?? []),
    expiresAt,
  }
}

const entry = (service: Json): CatalogEntry => ({
  type: text(service['type']) ?? '',
  endpoints: list(service['endpoints'])
    .filter(isRecord)
    .map((endpoint) => ({
      interface: text(endpoint['interface']) ?? '',
      region: text(endpoint['region_id']) ?? text(endpoint['region']) ?? '',
      url: text(endpoint['url']) ?? '',
    })),
})

const HELP: Readonly<Record<Auth['method'], string>> = {
  password: 'check username, password, user_domain_name, project_name and project_domain_name',
  token: 'a token lives for some hours only: get a new one',
  application_credential: 'check the id and the secret, and that the credential has not expired or been deleted',
}

/**
 * The failure of a login. Keystone answers alike to a wrong password, user, domain or project. The message never
 * shows the request.
 */
const notAccepted = ({ auth, where }: IdentitySettings, address: string, answer: HttpAnswer): Failure => {
  const said = faultText(parseBody(answer))
  if (said === undefined) return stranger(auth, where, asked('POST', address), answer)
  const id = requestId(answer)
  const message = said.split(/\s*Failed validating /)[0]!.trim()
  const wrong = answer.status === 401 || answer.status === 403 || answer.status === 400
  return new Failure(`Keystone at ${auth.url} did not accept ${auth.who}`, {
    kind: wrong ? 'input' : answer.status >= 502 ? 'unreachable' : 'failed',
    why: `${message} (${answer.status}${id ? `, request ${id}` : ''})`,
    help: wrong ? `${HELP[auth.method]} of the cloud ${where}` : 'look up the request id in the log of Keystone',
    data: { status: answer.status, service: 'identity', method: 'POST', path: new URL(address).pathname, requestId: id ?? null },
  })
}
