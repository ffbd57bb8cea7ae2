/** HTTP with retries of repeatable requests and redirects of reads. Called by identity.ts and session.ts. */
import { Failure } from '../../base/failure.ts'
import type { Exchange, HttpAnswer, HttpRequest, Outcome, Trouble } from './exchange.ts'

/**
 * Sends a request, with retries and redirects. Returns answers of every status. Throws a `Failure` if no answer
 * comes.
 */
export type Http = (request: HttpRequest) => Promise<HttpAnswer>

export interface Patience {
  /** Milliseconds since the epoch. */
  now(): number
  /** Rejects with the signal's reason if the signal is aborted. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>
  /** From 0 to 1. */
  random(): number
  readonly signal: AbortSignal
}

/**
 * Most tries of a request, and most tries with a server that has never answered: its address is more likely wrong
 * than its service restarting.
 */
const TRIES = 5
const TRIES_UNKNOWN = 2
/** Most tries after a timeout. A request may take a minute: more than two would look like hanging. */
const TRIES_TIMEOUT = 2
const LONGEST_WAIT = 60_000
const REDIRECTS = 3

const BUSY = new Set([429, 502, 503, 504])

/** The wait in Retry-After, in milliseconds. The header holds seconds or a date (RFC 9110, 10.2.3). */
export const retryAfter = (value: string | undefined, now: number): number | undefined => {
  if (value === undefined) return undefined
  if (/^\s*\d+\s*$/.test(value)) return Number(value) * 1000
  const date = Date.parse(value)
  return Number.isNaN(date) ? undefined : Math.max(0, date - now)
}

/**
 * Half a second, doubled each time up to eight. The second half of the wait is random, so that many clients do not
 * return at once.
 */
const backoff = (attempt: number, random: number): number => Math.min(8_000, 500 * 2 ** (attempt - 1)) * (0.5 + random / 2)

/**
 * Milliseconds to wait before a retry; undefined if the request must not be sent again.
 * A request that may change something is retried only if the server cannot have seen it.
 * @param attempt tries so far
 * @param known true if this server has ever answered
 */
export const waitBefore = (
  outcome: Outcome,
  { repeatable }: Pick<HttpRequest, 'repeatable'>,
  attempt: number,
  known: boolean,
  clock: Pick<Patience, 'now' | 'random'>,
): number | undefined => {
  if (attempt >= limit(outcome, known)) return undefined
  if (outcome.trouble) return repeatable || !outcome.trouble.sent ? backoff(attempt, clock.random()) : undefined
  if (!repeatable || !BUSY.has(outcome.answer.status)) return undefined
  const asked = retryAfter(outcome.answer.headers['retry-after'], clock.now())
  if (asked === undefined) return backoff(attempt, clock.random())
  return asked <= LONGEST_WAIT ? asked : undefined
}

const limit = ({ trouble }: Outcome, known: boolean): number => {
  if (trouble === undefined) return TRIES
  if (trouble.kind === 'reset') return TRIES
  if (trouble.kind === 'timeout') return TRIES_TIMEOUT
  if (['refused', 'connect-timeout', 'handshake'].includes(trouble.kind)) return known ? TRIES : TRIES_UNKNOWN
  return 1
}

export const openHttp = (exchange: Exchange, patience: Patience): Http => {
  const answered = new Set<string>()

  const send = async (request: HttpRequest): Promise<HttpAnswer> => {
    const { host } = new URL(request.url)
    for (let attempt = 1; ; attempt++) {
      patience.signal.throwIfAborted()
      const outcome = await exchange(request)
      patience.signal.throwIfAborted()
      if (outcome.answer) answered.add(host)
      const wait = waitBefore(outcome, request, attempt, answered.has(host), patience)
      if (wait !== undefined) await patience.sleep(wait, patience.signal)
      else if (outcome.answer) return outcome.answer
      else throw noAnswer(request, outcome.trouble, attempt)
    }
  }

  return async (request) => {
    let { url } = request
    for (let hop = 0; ; hop++) {
      const answer = await send({ ...request, url })
      const next = redirect(request, url, answer)
      if (next === undefined || hop === REDIRECTS) return answer
      url = next
    }
  }
}

/**
 * The URL to redirect to. Redirects only reads, and only within the same host: another host must not see the token. A
 * 300 is no redirect but Keystone's list of versions.
 */
const redirect = ({ method }: HttpRequest, url: string, { status, headers }: HttpAnswer): string | undefined => {
  const location = headers['location']
  if (method !== 'GET' || ![301, 302, 303, 307, 308].includes(status) || location === undefined || !URL.canParse(location, url))
    return undefined
  const next = new URL(location, url)
  return next.hostname === new URL(url).hostname && /^https?:$/.test(next.protocol) ? next.href : undefined
}

const HELP: Readonly<Record<Trouble['kind'], string>> = {
  name: 'check the name in auth_url or in the catalogue, and the resolver of this machine',
  refused: 'check that the service runs, its port, and that no firewall is in between',
  'connect-timeout': 'check the address, routes and firewalls; where a proxy is needed, set https_proxy',
  handshake: 'check whether the URL should begin with http://, and whether the service is up',
  tls: 'check that the URL should begin with https://, and that the certificate is for this name and still valid',
  proxy: 'check https_proxy, or name the host in no_proxy',
  timeout: 'look at the load of the service; api_timeout in clouds.yaml allows more',
  reset: 'look whether the service was restarted, and at its log',
  protocol: 'check whether the URL should begin with https:// and whether the port is right',
  aborted: '',
}
const UNTRUSTED = /SELF_SIGNED|UNABLE_TO_(GET_ISSUER|VERIFY)|CERT_UNTRUSTED/

const noAnswer = ({ method, url }: HttpRequest, { kind, sent, error }: Trouble, attempts: number): Failure => {
  const { origin, pathname } = new URL(url)
  const code = 'code' in error ? String(error.code) : ''
  const often = attempts > 1 ? ` (tried ${attempts} times)` : ''
  const lost = sent && method !== 'GET' ? '; whether it was carried out is not known' : ''
  return new Failure(`no answer from ${origin} to ${method} ${pathname}`, {
    kind: kind === 'timeout' ? 'timeout' : kind === 'tls' || kind === 'protocol' ? 'input' : 'unreachable',
    why: `${error.message || code}${often}${lost}`,
    help: UNTRUSTED.test(code)
      ? 'name the file with the certificate of the authority as `cacert` in clouds.yaml (or OS_CACERT)'
      : HELP[kind],
    data: { method, url: origin + pathname, trouble: kind, sent },
    cause: error,
  })
}
