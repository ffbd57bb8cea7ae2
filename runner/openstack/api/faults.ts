/**
 * Error answers of OpenStack services, and of proxies in front of them, as Failures. Called by every client
 * in this folder.
 */
import { Failure, type FailureKind } from '../../base/failure.ts'
import { duration } from '../../base/format.ts'
import type { CloudRequest } from '../cloud.ts'
import type { HttpAnswer } from '../http/exchange.ts'
import { isRecord, type Json, list, record, text } from './json.ts'

/** The request of an answer, for error messages. */
export interface Asked {
  /** Catalogue type, e.g. `compute`. */
  readonly service: string
  readonly method: CloudRequest['method']
  /** Path of the request, without the endpoint. */
  readonly path: string
  readonly url: string
}

/**
 * The fault text of an error body: `{badRequest: {message}}` (Nova, Cinder), `{error: {message}}` (Keystone and its
 * middleware), `{errors: [{detail}]}` (Placement), `{NeutronError: {message}}` or a plain string under it. undefined
 * for anything else.
 */
export const faultText = (body: unknown): string | undefined => {
  if (!isRecord(body)) return undefined
  const [first] = list(body['errors'])
  if (isRecord(first)) return placementText(first)
  for (const [name, fault] of Object.entries(body)) {
    if (isRecord(fault) && typeof fault['message'] === 'string') return fault['message']
    if (name.endsWith('Error') && typeof fault === 'string') return fault
  }
  return undefined
}

/**
 * The message of `{message, code, title}`, the web framework's form. Glance sends it for a missing image, Nova for an
 * unknown path.
 */
const bareText = (body: unknown): string | undefined =>
  text(record(body)['message'])
    ?.replace(/<[^>]*>|\s+/g, ' ')
    .trim()

/** The specific part of Placement's detail, after the general sentence for the status. */
const placementText = (error: Json): string | undefined => {
  const detail = text(error['detail'])
  const point = detail?.replace(/^[^\n]*\.?\s*\n\n\s*/, '').trim()
  return point || detail?.trim() || text(error['title'])
}

/** Cuts off the rest of a schema error, which repeats the schema and the request. The request may hold a secret. */
const firstPart = (message: string): string => message.split(/\s*Failed validating /)[0]!.trim()

export const requestId = ({ headers }: HttpAnswer): string | undefined =>
  headers['x-openstack-request-id'] ?? headers['x-compute-request-id']

/** The body as JSON; undefined if the body is not JSON. */
export const parseBody = ({ text: body }: HttpAnswer): unknown => {
  try {
    return JSON.parse(body)
  } catch {
    return undefined
  }
}

/** The first words of a body that is not JSON; of a page, the title. */
const gist = (body: string): string => {
  const title = /<title[^>]*>([^<]*)/i.exec(body)?.[1] ?? /<h1[^>]*>([^<]*)/i.exec(body)?.[1]
  const words = (title ?? body.replace(/<[^>]*>/g, ' ')).replace(/\s+/g, ' ').trim()
  return words.length > 80 ? `${words.slice(0, 80)}…` : words
}

/**
 * The failure for an answer that cannot come from the service: a page of a proxy, a login form, half a JSON document.
 */
export const notTheService = (asked: Asked, answer: HttpAnswer): Failure => {
  const type = answer.headers['content-type']?.split(';')[0] ?? 'no content type'
  const moved = answer.status >= 300 && answer.status < 400 ? answer.headers['location'] : undefined
  return new Failure(`${asked.url} did not answer like the ${asked.service} service`, {
    kind: isGateway(answer.status) ? 'unreachable' : isTrouble(answer.status) ? 'failed' : 'input',
    why: moved
      ? `it answered ${answer.status} and points to ${moved}`
      : `it answered ${answer.status} with ${type}: ${gist(answer.text) || 'nothing'}`,
    help: moved ? 'use that address in clouds.yaml or in the catalogue' : strangerHelp(asked.service, type, answer),
    data: { status: answer.status, service: asked.service, method: asked.method, path: asked.path },
  })
}

const isGateway = (status: number): boolean => status >= 502 && status <= 504

/** Statuses that may come from the right address all the same. */
const isTrouble = (status: number): boolean => status >= 500 || status === 429

const strangerHelp = (service: string, type: string, answer: HttpAnswer): string => {
  const wait = waitHelp(answer)
  if (wait) return wait
  if (isGateway(answer.status)) return `the load balancer has no working ${service} service behind it: look there`
  if (isTrouble(answer.status)) return HELP[answer.status] ?? `read the log of the ${service} service, and of the proxy before it`
  if (type.endsWith('json') && parseBody(answer) === undefined)
    return 'the answer was truncated or altered on its way: check the proxies in between'
  const setting =
    service === 'identity'
      ? 'auth_url'
      : `the endpoint of ${service} in the catalogue (or ${service.replaceAll('-', '_')}_endpoint_override)`
  return `check ${setting}, and whether a proxy answers in its place`
}

const waitHelp = ({ headers }: HttpAnswer): string | undefined => {
  const wait = headers['retry-after']
  return wait && `run again after ${/^\d+$/.test(wait) ? duration(Number(wait)) : wait}: the service asks for that wait`
}

const HELP: Readonly<Record<number, string>> = {
  401: 'log in again: the token was not accepted',
  403: 'log in as a user with the role that this needs (`admin`, in most clouds)',
  404: 'check the name or id: it may have been deleted',
  409: 'look at the state of the thing: another operation may be under way',
  413: 'wait, then run again: the API limits how much is asked',
  429: 'wait, then run again: the API limits how much is asked',
}

const kindOf = (status: number): FailureKind => (status === 401 ? 'input' : isGateway(status) ? 'unreachable' : 'failed')

const helpOf = (answer: HttpAnswer): string | undefined =>
  waitHelp(answer) ??
  HELP[answer.status] ??
  (answer.status >= 500 ? 'look up the request id in the log of the service' : undefined)

/** An error answer of the service as a `Failure`: `data` has status, service, method, path and the request id. */
export const refused = (asked: Asked, answer: HttpAnswer): Failure => {
  const body = parseBody(answer)
  const said = faultText(body) ?? (asked.service === 'compute' ? undefined : bareText(body))
  if (said === undefined) return notTheService(asked, answer)
  const id = requestId(answer)
  const help = helpOf(answer)
  return new Failure(`${asked.service} refused ${asked.method} ${asked.path} (${answer.status})`, {
    kind: kindOf(answer.status),
    why: `${firstPart(said)}${id ? ` (request ${id})` : ''}`,
    ...(help && { help }),
    data: { status: answer.status, service: asked.service, method: asked.method, path: asked.path, requestId: id ?? null },
  })
}

/**
 * Returns true if an error answer comes from the service itself: a proxy's 404 must not pass for "server not found".
 */
export const isFromService = (service: string, body: unknown): boolean =>
  faultText(body) !== undefined || (service !== 'compute' && bareText(body) !== undefined)

/** The failure for an answer that lacks a required field. */
export const lacks = (service: string, path: string, what: string): Failure =>
  new Failure(`${service} answered ${path} without ${what}`, {
    why: 'the answer does not have the shape that its API describes',
    help: 'check that the endpoint belongs to this service and that nothing in between alters answers',
    data: { service, path },
  })
