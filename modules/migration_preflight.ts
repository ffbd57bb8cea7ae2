/** The module `migration_preflight`: checks all known obstacles to a live migration. */
import { count, defineModule, Failure, nearest } from '../runner/module.ts'
import { cloudParam } from './lib/nova/cloud-param.ts'
import { CHECK_NAMES, CHECKS } from './lib/nova/preflight/check.ts'
import { allChecks, findServers, inspect } from './lib/nova/preflight/inspect.ts'
import { report, standing, summaryOf } from './lib/nova/preflight/report.ts'
import { partition } from './lib/nova/preflight/partition.ts'
import { plainServer } from './lib/nova/servers.ts'

export default defineModule({
  name: 'migration_preflight',
  summary: 'Check everything that could stop a live migration, through the API and on both hosts, before anything moves.',
  description:
    'Reads only. All checks run, and every finding is shown with its evidence and what to do. A BLOCK stops the run. A WARN stops the run too, ' +
    'unless `accept` names its check. Room is checked for all arriving servers together. Servers already on the target pass.\n\n' +
    'If the inventory has source and target, they are checked over ssh, as root: set `become: true` if the login user is not root. A host that cannot ' +
    'be read is a WARN (`host_access`), and the checks of the API continue. If the scheduler chooses the target, only the source is checked.\n\n' +
    "Limits: to detect shared storage, both hosts' views of the server's folder are compared; no test file is written. " +
    'The ports 49152-49215 cannot be probed while nothing listens on them.\n\n' +
    `Checks:\n\n${CHECK_NAMES.map((name) => `- \`${name}\`: ${CHECKS[name]}`).join('\n')}`,
  params: {
    type: 'object',
    additionalProperties: false,
    properties: {
      servers: {
        type: 'array',
        items: { description: 'Name, id, or server as `nova_servers` returns it.' },
        description:
          'Servers to move. Empty: every running server on `source`. Servers that do not run stay behind, which needs `accept: [not_running]`.',
        default: [],
      },
      source: { type: 'string', description: 'Compute host to move from. Empty: the current host of each server.', default: '' },
      target: { type: 'string', description: 'Compute host to move to. Empty: the scheduler chooses.', default: '' },
      block_migration: {
        enum: ['auto', true, false],
        description: 'Value of `block_migration` that the move will use.',
        default: 'auto',
      },
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
      'Servers to move and servers already on the target, as `nova_servers` returns them, each with `from`: the host to move from.',
    left: 'Servers of the source that stay because they do not run.',
    checks: 'List of findings, each with check, level (ok, WARN, BLOCK), subject, evidence and help.',
    summary: 'Counts of checks, blocks, warns and accepted, and `text`: one line for people.',
  },
  examples: [
    { name: 'Two servers to a named host', params: { servers: ['web-1', 'db-2'], target: 'compute15' } },
    {
      name: 'Empty a host; the scheduler chooses the targets, stopped servers stay',
      params: { source: 'compute14', accept: ['not_running'] },
    },
  ],

  validate({ servers, source, accept }) {
    const unknown = accept.filter((one) => !(one in CHECKS))
    if (unknown.length > 0) throw notAChecks(unknown)
    if (servers.length === 0 && source === '') {
      throw new Failure('`servers` and `source` are both missing', {
        kind: 'input',
        help: 'give `servers`, or `source` for every server on that host',
      })
    }
  },

  async check({ servers: asked, source, target: to, block_migration, accept, cloud: name }, target) {
    const cloud = await target.cloud(name)
    const found = await findServers(cloud, asked, source)
    const wanted = { ...found, source, target: to, block: block_migration }
    const { moving, there, staying } = partition(wanted)
    const checks = allChecks(await inspect(cloud, wanted, target))
    const summary = summaryOf(checks, accept)
    const page = report(checks, accept)
    const result = {
      servers: [...there, ...moving].map((server) => ({
        ...plainServer(server),
        from: source === '' ? (server.host ?? null) : source,
      })),
      left: staying.map(plainServer),
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
  const accept = warns.length === 0 ? '' : `${blocks ? 'then ' : ''}resolve the warnings, or accept them: [${warns.join(', ')}]`
  return new Failure(what, {
    why: page.replace(/^ {2}/gm, ''),
    help: [...(blocks ? ['resolve what blocks'] : []), ...(accept === '' ? [] : [accept])].join('; '),
    data,
  })
}

function notAChecks(names: readonly string[]): Failure {
  const said = names.map((name) => {
    const meant = nearest(name, CHECK_NAMES)
    return meant === undefined ? `\`${name}\`` : `\`${name}\` (did you mean \`${meant}\`?)`
  })
  return new Failure(`accept: unknown check ${said.join(', ')}`, { kind: 'input', help: `checks: ${CHECK_NAMES.join(', ')}` })
}
