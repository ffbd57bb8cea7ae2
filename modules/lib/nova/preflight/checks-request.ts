/**
 * Checks of the request itself: does the target exist, may Nova move there. Pure, of the evidence that
 * inspect.ts gathered.
 */
import { compareVersions, type ComputeService, count, list, suggestion, type Server } from '../../../../runner/module.ts'
import { isRunning } from '../servers.ts'
import { candidates } from './ask-api.ts'
import { block, line, lines, ok, warn, type Check, type Verdict } from './check.ts'
import type { Seen } from './evidence.ts'
import { moving, sort, sources } from './partition.ts'

export const requestChecks = (seen: Seen): readonly Check[] => [
  permission(seen),
  ...parameters(seen),
  ...targetExists(seen),
  ...source(seen),
  ...lines('state', moving(seen), nameOf, state),
  ...notRunning(seen),
  ...lines('task_state', moving(seen), nameOf, (server) => task(server, seen)),
  ...lines('lock', moving(seen), nameOf, ({ locked }) =>
    locked ? warn('it is locked', 'its owner wants it left alone: ask, or unlock it') : ok('not locked'),
  ),
  ...services(seen),
]

export const nameOf = ({ name }: Server): string => name

function permission({ api }: Seen): Check {
  const { user, project, roles } = api.token
  const who = `${user.name} has the roles ${roles.join(', ') || '(none)'}${project === undefined ? '' : ` on project ${project.name}`}`
  const refused = [api.services, api.hypervisors].flatMap((one) => ('why' in one ? [one.why] : []))
  if (refused.length > 0)
    return line('permission', user.name, block(`${who}; ${refused[0]}`, 'use credentials with the admin role'))
  if (roles.includes('admin')) return line('permission', user.name, ok(`${who}; services and hypervisors answer`))
  return line(
    'permission',
    user.name,
    warn(
      `${who}, not admin; services and hypervisors answer all the same`,
      'whether it may move servers shows when it tries: the default policy wants admin',
    ),
  )
}

/** Nova 2.30, of the Newton release: the first to let the scheduler confirm a host that is named. */
const LOWEST = '2.30'

function parameters({ wanted, api }: Seen): readonly Check[] {
  const problems = wanted.problems.map((problem) =>
    line('parameters', 'servers', block(problem, 'correct the name or give the id, and use credentials that may see it')),
  )
  const old =
    compareVersions(api.microversion, LOWEST) >= 0
      ? []
      : [
          line(
            'parameters',
            'Nova',
            block(
              `it offers microversions to ${api.microversion}; ${LOWEST} is needed`,
              'upgrade Nova to Newton or later, or ask another cloud',
            ),
          ),
        ]
  const asked = `${count(wanted.servers.length, 'server')} ${wanted.named ? 'named' : `on ${wanted.source}`}, block_migration ${wanted.block}, Nova to ${api.microversion}`
  return problems.length + old.length > 0 ? [...problems, ...old] : [line('parameters', 'request', ok(asked))]
}

const known = <T>(looked: { readonly value: T } | { readonly why: string }, none: T): T =>
  'value' in looked ? looked.value : none

const serviceOf = (seen: Seen, host: string): ComputeService | undefined =>
  known(seen.api.services, []).find((one) => one.host === host)

function targetExists(seen: Seen): readonly Check[] {
  const { target } = seen.wanted
  if ('why' in seen.api.services) return []
  if (target === '') return [line('target_exists', 'target', ok('the scheduler chooses'))]
  return [line('target_exists', target, noComputeHost(seen, target) ?? ok('it runs nova-compute'))]
}

/** What is wrong with the name of a compute host; undefined where Nova knows it, or could not be asked. */
function noComputeHost(seen: Seen, name: string): Verdict | undefined {
  if ('why' in seen.api.services || serviceOf(seen, name) !== undefined) return undefined
  const node = known(seen.api.hypervisors, []).find((one) => one.name === name)
  if (node !== undefined)
    return block(`this is the name of a hypervisor; Nova calls its compute host ${node.host}`, `use ${node.host}`)
  const hosts = seen.api.services.value.map(({ host }) => host)
  return block(`no host of that name runs nova-compute${suggestion(name, hosts)}`, `compute hosts: ${list(hosts, 12)}`)
}

function source(seen: Seen): readonly Check[] {
  const { wanted } = seen
  const { source: from, target, servers } = wanted
  const unknown = from === '' ? undefined : noComputeHost(seen, from)
  // A misspelt host has no servers: without this it would look like one that is empty.
  if (unknown !== undefined) return [line('source', from, unknown)]
  if (from !== '' && from === target)
    return [line('source', from, block('source and target are the same host', 'name another target'))]
  const { there } = sort(wanted)
  return lines('source', servers, nameOf, (server) => {
    if (there.includes(server)) return ok(`on ${server.host} already`)
    if (server.host === undefined)
      return block(`it is on no host (${server.status})`, 'only a server that runs on a host can be moved')
    if (from !== '' && server.host !== from)
      return block(`it is on ${server.host}, not on ${from}`, `leave it out, or start from ${server.host}`)
    return ok(target === '' ? `on ${server.host}` : `on ${server.host}, not on ${target}`)
  })
}

const POWER = ['unknown', 'running', 'unknown', 'paused', 'shut down', 'unknown', 'crashed', 'suspended'] as const
const RUNNING = 1
const PAUSED = 3

function state(server: Server): Verdict {
  if (!isRunning(server)) return block(`it is ${server.status}`, 'start it, or move it cold')
  if (server.powerState === RUNNING || server.powerState === PAUSED)
    return ok(server.status === 'MIGRATING' ? 'ACTIVE' : server.status)
  return block(
    `it is ${server.status}, but its virtual machine is ${POWER[server.powerState] ?? 'unknown'}`,
    'wait until Nova has noticed, or mend the server first',
  )
}

function notRunning({ wanted }: Seen): readonly Check[] {
  const { left } = sort(wanted)
  if (left.length === 0) return []
  const names = list(
    left.map(({ name, status }) => `${name} (${status})`),
    6,
  )
  return [
    line(
      'not_running',
      count(left.length, 'server'),
      warn(`${left.length === 1 ? 'stays' : 'stay'} on ${wanted.source}: ${names}`, 'move them cold, or leave them'),
    ),
  ]
}

function task(server: Server, { wanted, api }: Seen): Verdict {
  if (server.taskState === undefined) return ok('no task')
  const running = api.inFlight[server.id]
  if (running === undefined) return block(`its task is ${server.taskState}`, 'wait until it is over')
  if (wanted.target === '' || running.targetHost === undefined || running.targetHost === wanted.target) {
    return ok(`migration ${running.id} to ${running.targetHost ?? 'a host to be chosen'} is ${running.status}: it will be joined`)
  }
  return block(
    `migration ${running.id} is moving it to ${running.targetHost}`,
    `wait, or stop it: openstack server migration abort ${server.id} ${running.id}`,
  )
}

function services(seen: Seen): readonly Check[] {
  if ('why' in seen.api.services || moving(seen).length === 0) return []
  const { target } = seen.wanted
  const leaving = [...sources(moving(seen)).keys()]
  const arriving = candidates({ target, servers: moving(seen) }, seen.api.services.value)
  const isSource = new Set(leaving)
  const hosts = target === '' ? leaving : [...leaving, target]
  const verdicts = lines(
    'services',
    hosts,
    (host) => host,
    (host) => service(serviceOf(seen, host), host === target && !isSource.has(host)),
    'host',
  )
  if (target !== '') return verdicts
  return [
    ...verdicts,
    line(
      'services',
      'scheduler',
      arriving.length > 0
        ? ok(`it may choose among ${list(arriving)}`)
        : block('no other compute host is up and enabled', 'enable one, or wait until one is up'),
    ),
  ]
}

function service(found: ComputeService | undefined, mustTake: boolean): Verdict {
  if (found === undefined) return block('it runs no nova-compute', 'start nova-compute there')
  if (found.forcedDown)
    return block(
      'nova-compute is marked as forced down',
      'lift the mark (`nova_service` with `forced_down: false`) if the host is alive',
    )
  if (found.state === 'down')
    return block(
      `nova-compute is down; Nova last heard of it at ${found.updatedAt ?? 'no time'}`,
      'start nova-compute there, and look at the message queue',
    )
  if (mustTake && found.status === 'disabled') {
    const reason = found.disabledReason === undefined ? '' : ` (${found.disabledReason})`
    return block(
      `nova-compute is disabled${reason}: Nova accepts the request and then fails it`,
      'enable it (`nova_service`), or choose another target',
    )
  }
  return ok(mustTake ? 'up and enabled' : 'up')
}
