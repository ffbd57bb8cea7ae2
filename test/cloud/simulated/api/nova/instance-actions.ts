/** What was done to a server, and how each step ended. */
import type { InstanceAction, InstanceEvent, Server } from '../../state.ts'
import { hostId, isAdmin, notFound, page, serverOf, stamp } from './call.ts'
import type { Call } from './call.ts'
import type { Response } from '../http.ts'

export function listActions(call: Call): Response {
  const server = serverOf(call)
  const newestFirst = server.actions.toReversed()
  if (call.version < 58)
    return { status: 200, body: { instanceActions: newestFirst.map((action) => actionView(call, server, action)) } }
  const found = page(
    call,
    newestFirst,
    (action) => action.requestId,
    (marker) => `Marker ${marker} could not be found.`,
  )
  const instanceActions = found.items.map((action) => actionView(call, server, action))
  return { status: 200, body: found.next === undefined ? { instanceActions } : { instanceActions, links: found.next } }
}

export function showAction(call: Call): Response {
  const server = serverOf(call)
  const id = call.parts[1] ?? ''
  const action = server.actions.find((candidate) => candidate.requestId === id)
  if (action === undefined) throw notFound(`Action ${id} not found`)
  const events =
    isAdmin(call) || call.version >= 51
      ? { events: action.events.toReversed().map((event) => eventView(call, server, event)) }
      : {}
  return { status: 200, body: { instanceAction: { ...actionView(call, server, action), ...events } } }
}

const actionView = (call: Call, server: Server, action: InstanceAction) => ({
  action: action.action,
  instance_uuid: server.id,
  request_id: action.requestId,
  user_id: action.userId,
  project_id: action.projectId,
  start_time: stamp(action.startTime),
  message: action.message ?? null,
  ...(call.version >= 58 ? { updated_at: stamp(action.updatedAt) } : {}),
})

const eventView = (call: Call, server: Server, event: InstanceEvent) => ({
  event: event.event,
  start_time: stamp(event.startTime),
  finish_time: stamp(event.finishTime),
  result: event.result ?? null,
  ...(isAdmin(call) ? { traceback: event.traceback ?? null } : {}),
  ...(isAdmin(call) && call.version >= 62 ? { host: event.host } : {}),
  ...(call.version >= 62 ? { hostId: hostId(server.projectId, event.host) } : {}),
  ...(isAdmin(call) && call.version >= 84 ? { details: event.details ?? null } : {}),
})
