/** Checks of the request: permission, parameters, target, services. Pure; called by inspect.ts with the evidence. */
import { compareVersions, type ComputeService, count, list, suggestion, type Server } from '../../../../runner/module.ts'
import { isRunning } from '../servers.ts'
import { candidates } from './ask-api.ts'
import { block, line, lines, ok, warn, type Check, type Verdict } from './check.ts'
import type { Evidence } from './evidence.ts'
import { moving, partition, sources } from './partition.ts'

export const requestChecks = (facts: Evidence): readonly Check[] => [
  permission(facts),
  ...parameters(facts),
  ...targetExists(facts),
  ...source(facts),
  ...lines('state', moving(facts), nameOf, state),
  ...notRunning(facts),
  ...lines('task_state', moving(facts), nameOf, (server) => task(server, facts)),
  ...lines('lock', moving(facts), nameOf, ({ locked }) =>
    locked ? warn('it is locked', 'its owner wants it left alone: ask, or unlock it') : ok('not locked'),
  ),
  ...services(facts),
]

export const nameOf = ({ name }: Server): string => name

function permission({ api }: Evidence): Check {
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

/** Nova 2.30, of the Newton release: the first in which the scheduler confirms a named host. */
const LOWEST = '2.30'

function parameters({ wanted, api }: Evidence): readonly Check[] {
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

const known = <T>(answer: { readonly value: T } | { readonly why: string }, none: T): T =>
  'value' in answer ? answer.value : none

const serviceOf = (facts: Evidence, host: string): ComputeService | undefined =>
  known(facts.api.services, []).find((one) => one.host === host)

function targetExists(facts: Evidence): readonly Check[] {
  const { target } = facts.wanted
  if ('why' in facts.api.services) return []
  if (target === '') return [line('target_exists', 'target', ok('the scheduler chooses'))]
  return [line('target_exists', target, noComputeHost(facts, target) ?? ok('it runs nova-compute'))]
}

/** Explains an unknown compute host; undefined if Nova knows the host or could not be asked. */
function noComputeHost(facts: Evidence, name: string): Verdict | undefined {
  if ('why' in facts.api.services || serviceOf(facts, name) !== undefined) return undefined
  const node = known(facts.api.hypervisors, []).find((one) => one.name === name)
  if (node !== undefined)
    return block(`this is the name of a hypervisor; Nova calls its compute host ${node.host}`, `use ${node.host}`)
  const hosts = facts.api.services.value.map(({ host }) => host)
  return block(`no host of that name runs nova-compute${suggestion(name, hosts)}`, `compute hosts: ${list(hosts, 12)}`)
}

function source(facts: Evidence): readonly Check[] {
  const { wanted } = facts
  const { source: from, target, servers } = wanted
  const unknown = from === '' ? undefined : noComputeHost(facts, from)
  // A misspelt host has no servers. Without this check it would pass for an empty host.
  if (unknown !== undefined) return [line('source', from, unknown)]
  if (from !== '' && from === target)
    return [line('source', from, block('source and target are the same host', 'name another target'))]
  const { there } = partition(wanted)
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

function notRunning({ wanted }: Evidence): readonly Check[] {
  const { staying } = partition(wanted)
  if (staying.length === 0) return []
  const names = list(
    staying.map(({ name, status }) => `${name} (${status})`),
    6,
  )
  return [
    line(
      'not_running',
      count(staying.length, 'server'),
      warn(`${staying.length === 1 ? 'stays' : 'stay'} on ${wanted.source}: ${names}`, 'move them cold, or leave them'),
    ),
  ]
}

function task(server: Server, { wanted, api }: Evidence): Verdict {
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

function services(facts: Evidence): readonly Check[] {
  if ('why' in facts.api.services || moving(facts).length === 0) return []
  const { target } = facts.wanted
  const leaving = [...sources(moving(facts)).keys()]
  const arriving = candidates({ target, servers: moving(facts) }, facts.api.services.value)
  const isSource = new Set(leaving)
  const hosts = target === '' ? leaving : [...leaving, target]
  const verdicts = lines(
    'services',
    hosts,
    (host) => host,
    (host) => service(serviceOf(facts, host), host === target && !isSource.has(host)),
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
