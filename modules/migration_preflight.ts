/** The module `migration_preflight`: everything known to stop a live migration, checked before it. */
import { count, defineModule, Failure, nearest } from '../runner/module.ts'
import { cloudParam } from './lib/nova/cloud-param.ts'
import { CHECK_NAMES, CHECKS } from './lib/nova/preflight/check.ts'
import { allChecks, findServers, inspect } from './lib/nova/preflight/inspect.ts'
import { report, standing, summaryOf } from './lib/nova/preflight/report.ts'
import { sort } from './lib/nova/preflight/partition.ts'
import { plainServer } from './lib/nova/servers.ts'

/** Checks everything that is known to stop a live migration, before the first one is started. */
export default defineModule({
  name: 'migration_preflight',
  summary: 'Check everything that could stop a live migration, on the API and on both hosts, before anything is moved.',
  description:
    'Reads only. All checks run and all findings are shown, each with what was seen and what to do. A BLOCK stops the run; a WARN does too, ' +
    'unless `accept` names its check. Room is summed over all servers that will arrive. Servers that are on the target already pass.\n\n' +
    'Source and target are looked at over ssh when the inventory has them, as root: set `become: true` where the login user is not root. A host that ' +
    'cannot be looked at is a WARN (`host_access`), and the checks of the API go on. When the scheduler chooses the target, only the source is looked at.\n\n' +
    "Limits: whether storage is shared is read from the server's folder, which both hosts see alike when it is; nothing is written to find out. " +
    'The ports 49152-49215 cannot be tried while nothing listens on them.\n\n' +
    `Checks:\n\n${CHECK_NAMES.map((name) => `- \`${name}\`: ${CHECKS[name]}`).join('\n')}`,
  params: {
    type: 'object',
    additionalProperties: false,
    properties: {
      servers: {
        type: 'array',
        items: { description: 'A name, an id, or a server as `nova_servers` registered it.' },
        description:
          'Servers to move. Empty: every server on `source`; those of them that do not run are then left behind, which `accept: [not_running]` permits.',
        default: [],
      },
      source: { type: 'string', description: 'Compute host that they should leave. Empty: wherever each one is.', default: '' },
      target: { type: 'string', description: 'Compute host to move them to. Empty: the scheduler chooses.', default: '' },
      block_migration: { enum: ['auto', true, false], description: 'As it will be asked for.', default: 'auto' },
      accept: {
        type: 'array',
        items: { type: 'string', minLength: 1, description: 'Name of a check.' },
        description: 'Checks whose warnings are accepted. A BLOCK cannot be accepted.',
        default: [],
      },
      cloud: cloudParam,
    },
  },
  scope: 'api',
  returns: {
    servers:
      'The servers to move and those that are there already, as `nova_servers` gives them, each with `from`: the host it should leave.',
    left: 'Servers of the source that do not run and stay.',
    checks: 'A list, each with check, level (ok, WARN, BLOCK), subject, evidence and help.',
    summary: 'checks, blocks, warns, accepted, and text: one line for people.',
  },
  examples: [
    { name: 'Two servers to a named host', params: { servers: ['web-1', 'db-2'], target: 'compute15' } },
    {
      name: 'Empty a host, wherever the scheduler likes; stopped servers stay',
      params: { source: 'compute14', accept: ['not_running'] },
    },
  ],

  validate({ servers, source, accept }) {
    const unknown = accept.filter((one) => !(one in CHECKS))
    if (unknown.length > 0) throw notAChecks(unknown)
    if (servers.length === 0 && source === '') {
      throw new Failure('neither servers nor a source are given', {
        kind: 'input',
        help: 'give `servers`, or `source` for every server on that host',
      })
    }
  },

  async check({ servers: asked, source, target: to, block_migration, accept, cloud: name }, target) {
    const cloud = await target.cloud(name)
    const found = await findServers(cloud, asked, source)
    const wanted = { ...found, source, target: to, block: block_migration }
    const { moving, there, left } = sort(wanted)
    const checks = allChecks(await inspect(cloud, wanted, target))
    const summary = summaryOf(checks, accept)
    const page = report(checks, accept)
    const result = {
      servers: [...there, ...moving].map((server) => ({
        ...plainServer(server),
        from: source === '' ? (server.host ?? null) : source,
      })),
      left: left.map(plainServer),
      checks,
      summary,
    }
    const against = standing(checks, accept)
    if (against.length > 0) throw refusal(`Pre-flight: ${summary.text}; nothing was moved`, page, against, result)
    return {
      changes: [],
      before: undefined,
      result,
      message: [headline({ moving: moving.length, there: there.length, source, to }), page]
        .filter((text) => text !== '')
        .join('\n'),
      warnings: checks
        .filter(({ level }) => level === 'WARN')
        .map(({ check, subject, evidence }) => `${check}: ${subject}: ${evidence} (accepted)`),
    }
  },
})

function headline({ moving, there, source, to }: { moving: number; there: number; source: string; to: string }): string {
  const goal = to === '' ? '' : ` on ${to}`
  const already =
    there === 0 ? [] : [`${count(there, 'server')} ${there === 1 ? 'is' : 'are'}${to === '' ? ` off ${source}` : goal} already`]
  if (moving === 0) return `Nothing to move: ${already[0] ?? `no server is on ${source}`}`
  const from = source === '' ? '' : ` from ${source}`
  return [`${count(moving, 'server')} to move${from}${to === '' ? '' : ` to ${to}`}`, ...already].join(', ')
}

function refusal(
  what: string,
  page: string,
  against: readonly { level: string; check: string }[],
  data: Readonly<Record<string, unknown>>,
): Failure {
  const warns = [...new Set(against.filter(({ level }) => level === 'WARN').map(({ check }) => check))]
  const blocks = against.some(({ level }) => level === 'BLOCK')
  const accept = warns.length === 0 ? '' : `${blocks ? 'then ' : ''}mend what warns, or accept it: [${warns.join(', ')}]`
  return new Failure(what, {
    why: page.replace(/^ {2}/gm, ''),
    help: [...(blocks ? ['mend what blocks'] : []), ...(accept === '' ? [] : [accept])].join('; '),
    data,
  })
}

function notAChecks(names: readonly string[]): Failure {
  const said = names.map((name) => {
    const meant = nearest(name, CHECK_NAMES)
    return meant === undefined ? `\`${name}\`` : `\`${name}\` (did you mean \`${meant}\`?)`
  })
  return new Failure(`accept: there is no check ${said.join(', ')}`, { kind: 'input', help: `checks: ${CHECK_NAMES.join(', ')}` })
}
