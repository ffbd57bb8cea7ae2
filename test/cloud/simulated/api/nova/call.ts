/** One request to Nova's API, and the ways in which it is refused. */
import { createHash } from 'node:crypto'
import type { Engine } from '../../nova/engine.ts'
import type { Server } from '../../state.ts'
import type { Request, Response } from '../http.ts'
import { jsonBody } from '../http.ts'
import type { Session } from '../keystone.ts'

export interface Call {
  readonly engine: Engine
  readonly session: Session
  readonly request: Request
  readonly requestId: string
  /** Minor number of the microversion: 30 is 2.30. */
  readonly version: number
  /** What the route's pattern captured. */
  readonly parts: readonly string[]
}

/** A refusal as Nova words it. */
export class ApiError extends Error {
  override readonly name = 'ApiError'
  readonly status: number
  constructor(status: number, message: string) {
    super(message)
    this.status = status
  }
}

const faultNames: Readonly<Record<number, string>> = {
  400: 'badRequest',
  401: 'unauthorized',
  403: 'forbidden',
  404: 'itemNotFound',
  405: 'badMethod',
  409: 'conflictingRequest',
  501: 'notImplemented',
  503: 'serviceUnavailable',
}

export const faultResponse = (status: number, message: string): Response => ({
  status,
  headers: { 'Content-Type': 'application/json; charset=UTF-8' },
  body: { [faultNames[status] ?? 'computeFault']: { code: status, message } },
})

export const badRequest = (message: string) => new ApiError(400, message)
export const notFound = (message: string) => new ApiError(404, message)
export const conflict = (message: string) => new ApiError(409, message)

export const isAdmin = (call: Call): boolean => call.session.roles.includes('admin')

/** @throws ApiError 403 */
export function requireAdmin(call: Call, rule: string): void {
  if (!isAdmin(call)) throw new ApiError(403, `Policy doesn't allow os_compute_api:${rule} to be performed.`)
}

/** The server of the path; one of another project is unknown to a member. @throws ApiError 404 */
export function serverOf(call: Call, id = call.parts[0] ?? ''): Server {
  const server = call.engine.state.servers.get(id)
  if (server === undefined || (!isAdmin(call) && server.projectId !== call.session.projectId))
    throw notFound(`Instance ${id} could not be found.`)
  return server
}

/** @throws ApiError 400 */
export function bodyOf(call: Call): unknown {
  try {
    return jsonBody(call.request)
  } catch {
    throw badRequest('Malformed request body')
  }
}

/** Seconds only, as Nova's database keeps them. */
export const stamp = (time: number | undefined): string | null =>
  time === undefined ? null : new Date(time).toISOString().replace(/\.\d+Z$/, '.000000')
export const stampZ = (time: number): string => new Date(time).toISOString().replace(/\.\d+Z$/, 'Z')

export const hostId = (projectId: string, host: string): string =>
  createHash('sha224')
    .update(projectId + host)
    .digest('hex')

export const actorOf = (call: Call) => ({
  userId: call.session.userId,
  projectId: call.session.projectId ?? '',
  requestId: call.requestId,
})

export const links = (call: Call, path: string) => [
  { rel: 'self', href: `${call.request.origin}/v2.1/${path}` },
  { rel: 'bookmark', href: `${call.request.origin}/${path}` },
]

export interface Page<T> {
  readonly items: readonly T[]
  /** Link to the next page; there whenever this one is as long as its limit. */
  readonly next: readonly { readonly rel: 'next'; readonly href: string }[] | undefined
}

/** Nova's `max_limit`. */
const maxLimit = 1000

/**
 * @param idOf what a marker names
 * @param unknownMarker the text of the 400 for a marker that names nothing
 */
export function page<T>(
  call: Call,
  all: readonly T[],
  idOf: (item: T) => string,
  unknownMarker: (marker: string) => string,
): Page<T> {
  const { query } = call.request
  const given = query.get('limit')
  if (given !== null && !/^\d+$/.test(given))
    throw badRequest(`Invalid input for query parameters limit. Value: ${given}. '${given}' does not match '^[0-9]*$'`)
  const limit = Math.min(given === null ? maxLimit : Number(given), maxLimit)
  const marker = query.get('marker')
  const place = marker === null ? -1 : all.findIndex((item) => idOf(item) === marker)
  if (marker !== null && place < 0) throw badRequest(unknownMarker(marker))
  const items = all.slice(place + 1, place + 1 + limit)
  const last = items.at(-1)
  if (last === undefined || items.length < limit) return { items, next: undefined }
  const following = new URLSearchParams(query)
  following.sort()
  following.set('marker', idOf(last))
  return { items, next: [{ rel: 'next', href: `${call.request.origin}${call.request.path}?${following.toString()}` }] }
}

/** @throws ApiError 400 naming the first parameter that this microversion does not know */
export function knownQuery(
  call: Call,
  known: readonly string[],
  say = (name: string) => `Additional properties are not allowed ('${name}' was unexpected)`,
): void {
  const unknown = [...call.request.query.keys()].find((name) => !known.includes(name))
  if (unknown !== undefined) throw badRequest(say(unknown))
}
