/** Server groups. */
import { randomUUID } from 'node:crypto'
import type { ServerGroup } from '../../state.ts'
import { badRequest, bodyOf, isAdmin, notFound } from './call.ts'
import type { Call } from './call.ts'
import { isRecord } from '../http.ts'
import type { Response } from '../http.ts'

const policies = ['affinity', 'anti-affinity', 'soft-affinity', 'soft-anti-affinity'] as const

export function listGroups(call: Call): Response {
  const all = isAdmin(call) && ['1', 'true', 'True'].includes(call.request.query.get('all_projects') ?? '')
  const groups = call.engine.state.groups.filter((group) => all || group.projectId === call.session.projectId)
  return { status: 200, body: { server_groups: groups.map((group) => groupView(call, group)) } }
}

export const showGroup = (call: Call): Response => ({ status: 200, body: { server_group: groupView(call, groupOf(call)) } })

export function createGroup(call: Call): Response {
  const body = bodyOf(call)
  const given = isRecord(body) ? body.server_group : undefined
  if (!isRecord(given) || typeof given.name !== 'string') throw badRequest("'name' is a required property")
  const wanted = call.version >= 64 ? given.policy : Array.isArray(given.policies) ? given.policies[0] : undefined
  const policy = policies.find((candidate) => candidate === wanted)
  if (policy === undefined)
    throw badRequest(
      `Invalid input for field/attribute policy. Value: ${String(wanted)}. '${String(wanted)}' is not one of ['anti-affinity', 'affinity', 'soft-anti-affinity', 'soft-affinity']`,
    )
  const group: ServerGroup = {
    id: randomUUID(),
    name: given.name,
    policy,
    projectId: call.session.projectId ?? '',
    userId: call.session.userId,
    members: [],
  }
  call.engine.state.groups.push(group)
  return { status: 200, body: { server_group: groupView(call, group) } }
}

export function deleteGroup(call: Call): Response {
  const { groups } = call.engine.state
  groups.splice(groups.indexOf(groupOf(call)), 1)
  return { status: 204, headers: { 'Content-Type': 'application/json' } }
}

function groupOf(call: Call): ServerGroup {
  const id = call.parts[0] ?? ''
  const group = call.engine.state.groups.find(
    (candidate) => candidate.id === id && (isAdmin(call) || candidate.projectId === call.session.projectId),
  )
  if (group === undefined) throw notFound(`Instance group ${id} could not be found.`)
  return group
}

const groupView = (call: Call, group: ServerGroup) => ({
  id: group.id,
  name: group.name,
  ...(call.version >= 64 ? { policy: group.policy, rules: {} } : { policies: [group.policy], metadata: {} }),
  members: group.members,
  ...(call.version >= 13 ? { project_id: group.projectId, user_id: group.userId } : {}),
})
