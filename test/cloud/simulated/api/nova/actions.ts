/** POST /servers/{id}/action. */
import { consoleLines } from '../../guest.ts'
import { confirmResize, finishedMigration, orderColdMigration, revertResize } from '../../nova/cold-migration.ts'
import { NovaError } from '../../nova/engine.ts'
import { orderLiveMigration } from '../../nova/live-migration.ts'
import { pauseServer, reboot, start, stop, unpauseServer } from '../../nova/power.ts'
import { serviceIsUp, update } from '../../state.ts'
import type { Server } from '../../state.ts'
import { actorOf, badRequest, bodyOf, conflict, isAdmin, notFound, requireAdmin, serverOf } from './call.ts'
import type { Call } from './call.ts'
import { isRecord } from '../http.ts'
import type { Response } from '../http.ts'

type Action = (call: Call, server: Server, argument: unknown) => Response | Promise<Response>

const accepted: Response = { status: 202 }

export function actOnServer(call: Call): Response | Promise<Response> {
  const body = bodyOf(call)
  const names = isRecord(body) ? Object.keys(body) : []
  if (names.length !== 1 || !isRecord(body)) throw badRequest('Malformed request body')
  const name = names[0] ?? ''
  const action = actions[name]
  if (action === undefined) throw badRequest(`There is no such action: ${name}`)
  return action(call, serverOf(call), body[name])
}

const actions: Readonly<Record<string, Action>> = {
  'os-migrateLive': migrateLive,
  migrate: migrateCold,
  confirmResize: (call, server) => {
    const migration = awaited(call, server, 'confirmResize')
    confirmResize(call.engine, server, migration, actorOf(call))
    return { status: 204 }
  },
  revertResize: (call, server) => {
    const migration = awaited(call, server, 'revertResize')
    revertResize(call.engine, server, migration, actorOf(call))
    return accepted
  },
  'os-start': (call, server) => {
    assertIdle(call, server, 'start', ['stopped'])
    start(call.engine, server, actorOf(call))
    return accepted
  },
  'os-stop': (call, server) => {
    assertIdle(call, server, 'stop', ['active', 'error'])
    stop(call.engine, server, actorOf(call))
    return accepted
  },
  reboot: (call, server, argument) => {
    const type = isRecord(argument) ? argument.type : undefined
    if (type !== 'SOFT' && type !== 'HARD')
      throw badRequest(
        `Invalid input for field/attribute type. Value: ${String(type)}. '${String(type)}' is not one of ['HARD', 'Hard', 'hard', 'SOFT', 'Soft', 'soft']`,
      )
    assertIdle(call, server, 'reboot', type === 'SOFT' ? ['active'] : ['active', 'stopped', 'paused', 'error'])
    reboot(call.engine, server, actorOf(call), type)
    return accepted
  },
  pause: (call, server) => {
    assertIdle(call, server, 'pause', ['active'])
    pauseServer(call.engine, server, actorOf(call))
    return accepted
  },
  unpause: (call, server) => {
    assertIdle(call, server, 'unpause', ['paused'])
    unpauseServer(call.engine, server, actorOf(call))
    return accepted
  },
  lock: (_call, server, argument) => {
    const reason = isRecord(argument) && typeof argument.locked_reason === 'string' ? argument.locked_reason : undefined
    update(server, { locked: true, lockedReason: reason })
    return accepted
  },
  unlock: (_call, server) => {
    update(server, { locked: false, lockedReason: undefined })
    return accepted
  },
  'os-getConsoleOutput': consoleOutput,
}

/** @throws ApiError 409: locked (for who is no admin), busy, or in a state that does not do */
function assertIdle(call: Call, server: Server, method: string, states: readonly Server['vmState'][]): void {
  if (server.locked && !isAdmin(call)) throw conflict(`Instance ${server.id} is locked`)
  if (!states.includes(server.vmState))
    throw conflict(`Cannot '${method}' instance ${server.id} while it is in vm_state ${server.vmState}`)
  if (server.taskState !== undefined)
    throw conflict(`Cannot '${method}' instance ${server.id} while it is in task_state ${server.taskState}`)
}

const truths = ['True', 'TRUE', 'true', '1', 'ON', 'On', 'on', 'YES', 'Yes', 'yes']
const untruths = ['False', 'FALSE', 'false', '0', 'OFF', 'Off', 'off', 'NO', 'No', 'no']

/** @throws ApiError 400 as the schema check words it */
function booleanOf(name: string, value: unknown, more: readonly string[] = []): boolean | string {
  if (value === true || truths.includes(String(value))) return true
  if (value === false || untruths.includes(String(value))) return false
  if (typeof value === 'string' && more.includes(value)) return value
  const quoted = (texts: readonly string[]) => texts.map((text) => `'${text}'`).join(', ')
  const choices = ['True', quoted(truths), 'False', quoted(untruths), ...(more.length > 0 ? [quoted(more)] : [])].join(', ')
  throw badRequest(
    `Invalid input for field/attribute ${name}. Value: ${String(value)}. ${pythonic(value)} is not one of [${choices}]`,
  )
}

const pythonic = (value: unknown): string =>
  value === null || value === undefined ? 'None' : typeof value === 'string' ? `'${value}'` : JSON.stringify(value)

/** @throws ApiError 400 */
function checkKeys(
  name: string,
  given: unknown,
  required: readonly string[],
  optional: readonly string[] = [],
): Record<string, unknown> {
  const says = (what: string) => badRequest(`Invalid input for field/attribute ${name}. Value: ${pythonic(given)}. ${what}`)
  if (!isRecord(given)) throw says(`${pythonic(given)} is not of type 'object'`)
  const missing = required.find((key) => !(key in given))
  if (missing !== undefined) throw says(`'${missing}' is a required property`)
  const unknown = Object.keys(given).find((key) => !required.includes(key) && !optional.includes(key))
  if (unknown !== undefined) throw says(`Additional properties are not allowed ('${unknown}' was unexpected)`)
  return given
}

/** A host's name, or null. @throws ApiError 400 */
function hostOf(value: unknown): string | undefined {
  if (value === null || value === undefined) return undefined
  if (typeof value !== 'string')
    throw badRequest(
      `Invalid input for field/attribute host. Value: ${String(value)}. ${pythonic(value)} is not of type 'string', 'null'`,
    )
  return value
}

async function migrateLive(call: Call, server: Server, argument: unknown): Promise<Response> {
  const { version } = call
  const name = 'os-migrateLive'
  const given = checkKeys(
    name,
    argument,
    version < 25 ? ['block_migration', 'disk_over_commit', 'host'] : ['block_migration', 'host'],
    version >= 30 && version < 68 ? ['force'] : [],
  )
  const host = hostOf(given.host)
  const block = booleanOf('block_migration', given.block_migration, version >= 25 ? ['auto'] : [])
  const diskOverCommit = version < 25 ? booleanOf('disk_over_commit', given.disk_over_commit) === true : undefined
  // Below 2.30 a named host was always taken without asking the scheduler.
  const force = version < 30 ? host !== undefined : given.force !== undefined && booleanOf('force', given.force) === true
  requireAdmin(call, 'os-migrate-server:migrate_live')
  if (force && host === undefined) throw badRequest("Can't force to a non-provided destination")
  assertIdle(call, server, name, ['active', 'paused'])
  if (host !== undefined && !call.engine.state.computes.has(host)) throw badRequest(`Compute host ${host} could not be found.`)
  const checked = orderLiveMigration(
    call.engine,
    server,
    { host, block: block === 'auto' ? undefined : block === true, force, diskOverCommit },
    actorOf(call),
  )
  if (version < 34)
    try {
      await checked
    } catch (error) {
      throw error instanceof NovaError ? badRequest(error.message) : error
    }
  return accepted
}

function migrateCold(call: Call, server: Server, argument: unknown): Response {
  const given = argument === null ? {} : checkKeys('migrate', argument, [], call.version >= 56 ? ['host'] : [])
  const host = hostOf(given.host)
  requireAdmin(call, 'os-migrate-server:migrate')
  assertIdle(call, server, 'migrate', ['active', 'stopped'])
  const source = call.engine.state.computes.get(server.host)
  if (source === undefined || !serviceIsUp(source, call.engine.clock.now()))
    throw conflict('Service is unavailable at this time.')
  if (host === server.host) throw badRequest('Cannot migrate to the host where the server exists.')
  if (host !== undefined && !call.engine.state.computes.has(host)) throw badRequest(`Compute host ${host} could not be found.`)
  orderColdMigration(call.engine, server, host, actorOf(call))
  return accepted
}

function awaited(call: Call, server: Server, method: string) {
  assertIdle(call, server, method, ['resized'])
  const migration = finishedMigration(call.engine, server)
  if (migration === undefined) throw badRequest('Instance has not been resized.')
  return migration
}

function consoleOutput(call: Call, server: Server, argument: unknown): Response {
  const length =
    isRecord(argument) && argument.length !== undefined && argument.length !== null ? Number(argument.length) : undefined
  if (length !== undefined && !Number.isInteger(length))
    throw badRequest(`Invalid input for field/attribute length. Value: ${String(length)}.`)
  if (server.vmState === 'stopped') throw notFound('Guest does not have a console available.')
  const lines = consoleLines(server.guest, call.engine.clock.now())
  const shown = length === undefined || length < 0 ? lines : length === 0 ? [] : lines.slice(-length)
  return { status: 200, body: { output: shown.map((line) => `${line}\n`).join('') } }
}
