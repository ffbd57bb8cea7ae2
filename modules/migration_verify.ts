/** The module `migration_verify`: checks servers after their moves, by their records in Nova and by their consoles. */
import { type Compute, count, defineModule, Failure, list, mapLimit, type Target } from '../runner/module.ts'
import { cloudParam } from './lib/nova/cloud-param.ts'
import { isRunning } from './lib/nova/servers.ts'

/** A server in the final table, as plain JSON. */
export interface Row {
  readonly server: string
  readonly from: string
  readonly to: string
  readonly status: string
  /** Duration of the move; null if the server was not moved. */
  readonly seconds: number | null
  readonly console: ConsoleState
  /** Empty if the server passed. */
  readonly problem: string
}

/** `answers`: the console printed something while it was watched. `quiet`: it printed nothing. `none`: no console. */
type ConsoleState = 'answers' | 'quiet' | 'none' | ''

export default defineModule({
  name: 'migration_verify',
  summary: 'Check after live migrations that each server runs on its new host.',
  description:
    'Takes the registered results of a loop over `live_migration`. A server passes if it is on its new host, ACTIVE or PAUSED, and has no task. ' +
    'The serial console of each guest is watched: a guest that prints something `answers`; a guest at its login prompt is `quiet`, which is no fault. ' +
    'Failed moves are listed with the current host of the server, but do not fail this step again.',
  params: {
    type: 'object',
    additionalProperties: false,
    required: ['moves'],
    properties: {
      moves: {
        type: 'array',
        items: { description: 'Result of `live_migration` for one server.' },
        description: '`results` of the registered loop.',
      },
      left: {
        type: 'array',
        items: { description: 'Server.' },
        description: 'Servers that stayed behind, as `migration_preflight` returns them; the table lists them as left behind.',
        default: [],
      },
      console_seconds: {
        type: 'integer',
        minimum: 0,
        description: 'Seconds to watch the consoles, at most. 0: do not watch.',
        default: 5,
      },
      cloud: cloudParam,
    },
  },
  scope: 'api',
  returns: {
    rows: 'Rows for a table, each with server, from, to, status, seconds, console and problem.',
    verified: 'Number of servers that passed.',
    moved: 'Number of them that this run moved.',
    text: 'One line for people.',
  },
  examples: [{ name: 'After the moves', params: { moves: '{{ moved.results }}', left: '{{ checked.left }}' } }],

  async check({ moves, left, console_seconds, cloud }, target) {
    const { compute } = await target.cloud(cloud)
    const checked = await mapLimit(moves.map(readMove), 8, (move) => checkMove(move, console_seconds, compute, target))
    const rows = [...checked, ...left.map(leftBehind)]
    const wrong = checked.filter((row) => row.problem !== '' && !row.failedBefore)
    const passed = checked.filter((row) => row.problem === '')
    const shown = rows.map(({ failedBefore: _, ...row }): Row => row)
    const moved = passed.filter(({ seconds }) => seconds !== null && seconds > 0).length
    const result = {
      rows: shown,
      verified: passed.length,
      moved,
      text: sentence(passed, checked.length - passed.length, left.length),
    }
    if (wrong.length > 0) {
      throw new Failure(
        `${list(wrong.map(({ server }) => server))} ${wrong.length === 1 ? 'is' : 'are'} not as ${wrong.length === 1 ? 'it' : 'they'} should be after the move`,
        {
          why: wrong.map(({ server, problem }) => `${server}: ${problem}`).join('\n'),
          help: 'before you change such a server, check it and its migration (`openstack server migration list`)',
          data: result,
        },
      )
    }
    return { changes: [], before: undefined, result }
  },
})

interface Move {
  readonly id: string
  readonly name: string
  readonly from: string
  readonly to: string | undefined
  readonly seconds: number | null
  readonly failure: string | undefined
}

type Fields = Readonly<Record<string, unknown>>

/** Reads a result of the loop. If the move failed, the server comes from the loop's item. */
function readMove(value: unknown): Move {
  const result = record(value)
  const item = record(result['item'])
  const id = text(result['server_id']) ?? text(item['id'])
  if (id === undefined) {
    throw new Failure('`moves` has an entry without a server', {
      kind: 'input',
      help: 'pass the `results` of a loop over `live_migration` whose items have an `id`',
      data: { entry: result },
    })
  }
  const failed = result['failed'] === true
  return {
    id,
    name: text(result['server']) ?? text(item['name']) ?? id,
    from: text(result['from']) ?? text(item['host']) ?? '',
    to: text(result['to']),
    seconds: typeof result['seconds'] === 'number' ? result['seconds'] : null,
    failure: failed ? (text(result['msg']) ?? 'the move failed') : undefined,
  }
}

const record = (value: unknown): Fields => (typeof value === 'object' && value !== null ? (value as Fields) : {})
const text = (value: unknown): string | undefined => (typeof value === 'string' && value !== '' ? value : undefined)

type Checked = Row & { readonly failedBefore: boolean }

async function checkMove(move: Move, seconds: number, compute: Compute, target: Target): Promise<Checked> {
  const server = await compute.server(move.id)
  const row = { server: move.name, from: move.from, seconds: move.seconds, failedBefore: move.failure !== undefined }
  if (server === undefined) return { ...row, to: '', status: 'deleted', console: '', problem: 'it is gone' }
  const problems = [
    ...(move.failure === undefined ? [] : [move.failure]),
    ...(move.to !== undefined && server.host !== move.to ? [`it is on ${server.host ?? 'no host'}, not on ${move.to}`] : []),
    ...(isRunning(server) ? [] : [`it is ${server.status}`]),
    ...(server.taskState === undefined ? [] : [`its task is ${server.taskState}`]),
  ]
  const heard =
    problems.length === 0 && seconds > 0 && server.vmState === 'active' ? await listen(move.id, seconds, compute, target) : ''
  return { ...row, to: server.host ?? '', status: server.status, console: heard, problem: problems.join('; ') }
}

const LINES = 20

/** Polls the end of the console until it changes. */
async function listen(id: string, seconds: number, compute: Compute, target: Target): Promise<ConsoleState> {
  const start = target.now()
  const first = await compute.consoleOutput(id, LINES)
  if (first === undefined) return 'none'
  while (target.now() - start < seconds) {
    await target.sleep(1)
    const next = await compute.consoleOutput(id, LINES)
    if (next !== undefined && next !== first) return 'answers'
  }
  return 'quiet'
}

function leftBehind(value: unknown): Checked {
  const server = record(value)
  const host = text(server['host']) ?? ''
  const status = text(server['status']) ?? ''
  return {
    server: text(server['name']) ?? '',
    from: host,
    to: host,
    status,
    seconds: null,
    console: '',
    problem: 'left behind',
    failedBefore: true,
  }
}

function sentence(passed: readonly Row[], failed: number, left: number): string {
  const hosts = [...new Set(passed.map(({ to }) => to))]
  const answering = passed.filter(({ console }) => console === 'answers').length
  return [
    passed.length === 0
      ? failed > 0
        ? 'No server was moved'
        : 'Nothing was to be moved'
      : `${count(passed.length, 'server')} ${passed.length === 1 ? 'is' : 'are'} on ${list(hosts)}, verified`,
    ...(answering > 0 ? [`${answering} seen at work on ${answering === 1 ? 'its console' : 'their consoles'}`] : []),
    ...(failed > 0 ? [`${failed} not moved`] : []),
    ...(left > 0 ? [`${left} left behind`] : []),
  ].join(' · ')
}
