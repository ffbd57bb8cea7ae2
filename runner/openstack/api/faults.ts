import { Failure, type FailureKind } from '../../base/failure.ts'
import { duration } from '../../base/format.ts'
import type { CloudRequest } from '../cloud.ts'
import type { HttpAnswer } from '../http/exchange.ts'
import { isRecord, type Json, list, record, text } from './json.ts'

/** What an answer belongs to, for its errors. */
export interface Asked {
  /** Catalogue type, e.g. `compute`. */
  readonly service: string
  readonly method: CloudRequest['method']
  /** As asked, without the endpoint. */
  readonly path: string
  readonly url: string
}

/**
 * The fault text of an error body: `{badRequest: {message}}` (Nova, Cinder), `{error: {message}}` (Keystone and its middleware),
 * `{errors: [{detail}]}` (Placement), `{NeutronError: {message}}` or a plain string under it. undefined for anything else.
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

/** `{message, code, title}`, the web framework's own form: what Glance says of a missing image, but Nova of a path it does not know. */
const bareText = (body: unknown): string | undefined =>
  text(record(body)['message'])
    ?.replace(/<[^>]*>|\s+/g, ' ')
    .trim()

/** Placement's detail starts with a general sentence for its status, then comes the point. */
const placementText = (error: Json): string | undefined => {
  const detail = text(error['detail'])
  const point = detail?.replace(/^[^\n]*\.?\s*\n\n\s*/, '').trim()
  return point || detail?.trim() || text(error['title'])
}

/** Schema errors repeat what was sent, which may hold a secret, and the schema, which helps nobody. */
const firstPart = (message: string): string => message.split(/\s*Failed validating /)[0]!.trim()

export const requestId = ({ headers }: HttpAnswer): string | undefined =>
  headers['x-openstack-request-id'] ?? headers['x-compute-request-id']

/** The body as JSON; undefined when it is none. */
export const parseBody = ({ text: body }: HttpAnswer): unknown => {
  try {
    return JSON.parse(body)
  } catch {
    return undefined
  }
}

/** The first words of a body that is no JSON: of a page its title. */
const gist = (body: string): string => {
  const title = /<title[^>]*>([^<]*)/i.exec(body)?.[1] ?? /<h1[^>]*>([^<]*)/i.exec(body)?.[1]
  const words = (title ?? body.replace(/<[^>]*>/g, ' ')).replace(/\s+/g, ' ').trim()
  return words.length > 80 ? `${words.slice(0, 80)}…` : words
}

/** An answer that cannot come from the service: a page of a proxy, a login form, half a JSON document. */
export const notTheService = (asked: Asked, answer: HttpAnswer): Failure => {
  const type = answer.headers['content-type']?.split(';')[0] ?? 'no content type'
  const moved = answer.status >= 300 && answer.status < 400 ? answer.headers['location'] : undefined
  return new Failure(`${asked.url} did not answer like the ${asked.service} service`, {
    kind: isGateway(answer.status) ? 'unreachable' : isTrouble(answer.status) ? 'failed' : 'input',
    why: moved
      ? `it answered ${answer.status} and points to ${moved}`
      : `it answered ${answer.status} with ${type}: ${gist(answer.text) || 'nothing'}`,
    todo: moved ? 'use that address in clouds.yaml or in the catalogue' : strangerCure(asked.service, type, answer),
    data: { status: answer.status, service: asked.service, method: asked.method, path: asked.path },
  })
}

const isGateway = (status: number): boolean => status >= 502 && status <= 504

/** It may be the right address all the same. */
const isTrouble = (status: number): boolean => status >= 500 || status === 429

const strangerCure = (service: string, type: string, answer: HttpAnswer): string => {
  const wait = waitCure(answer)
  if (wait) return wait
  if (isGateway(answer.status)) return `the load balancer has no working ${service} service behind it: look there`
  if (isTrouble(answer.status))
    return CURES[answer.status] ?? `look at the log of the ${service} service, and of what is before it`
  if (type.endsWith('json') && parseBody(answer) === undefined)
    return 'the answer is cut off or altered on its way: look at the proxies in between'
  const setting =
    service === 'identity'
      ? 'auth_url'
      : `the endpoint of ${service} in the catalogue (or ${service.replaceAll('-', '_')}_endpoint_override)`
  return `check ${setting}, and whether a proxy answers in its place`
}

const waitCure = ({ headers }: HttpAnswer): string | undefined => {
  const wait = headers['retry-after']
  return wait && `run again after ${/^\d+$/.test(wait) ? duration(Number(wait)) : wait}: the service asks for that wait`
}

const CURES: Readonly<Record<number, string>> = {
  401: 'log in again: the token was not accepted',
  403: 'log in as a user with the role that this needs (`admin`, in most clouds)',
  404: 'check the name or id: it may have been deleted',
  409: 'look at the state of the thing: another operation may be under way',
  413: 'wait, then run again: the API limits how much is asked',
  429: 'wait, then run again: the API limits how much is asked',
}

const kindOf = (status: number): FailureKind => (status === 401 ? 'input' : isGateway(status) ? 'unreachable' : 'failed')

const cureOf = (answer: HttpAnswer): string | undefined =>
  waitCure(answer) ??
  CURES[answer.status] ??
  (answer.status >= 500 ? 'look at the log of the service under that request id' : undefined)

/** An error answer of the service as a `Failure`: `data` has status, service, method, path and the request id. */
export const refused = (asked: Asked, answer: HttpAnswer): Failure => {
  const body = parseBody(answer)
  const said = faultText(body) ?? (asked.service === 'compute' ? undefined : bareText(body))
  if (said === undefined) return notTheService(asked, answer)
  const id = requestId(answer)
  const todo = cureOf(answer)
  return new Failure(`${asked.service} refused ${asked.method} ${asked.path} (${answer.status})`, {
    kind: kindOf(answer.status),
    why: `${firstPart(said)}${id ? ` (request ${id})` : ''}`,
    ...(todo && { todo }),
    data: { status: answer.status, service: asked.service, method: asked.method, path: asked.path, requestId: id ?? null },
  })
}

/** Whether an error status that the caller takes for an answer really is the service's: a proxy's 404 must not pass for "no such server". */
export const isFromService = (service: string, body: unknown): boolean =>
  faultText(body) !== undefined || (service !== 'compute' && bareText(body) !== undefined)

/** What an answer lacks that it must have. */
export const lacks = (service: string, path: string, what: string): Failure =>
  new Failure(`${service} answered ${path} without ${what}`, {
    why: 'the answer does not have the shape that its API describes',
    todo: 'check that the endpoint belongs to this service and that nothing in between alters answers',
    data: { service, path },
  })
