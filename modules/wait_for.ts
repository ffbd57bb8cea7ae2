import { type Change, defineModule, duration, Failure, type ObjectSchema, type Target, type TypeOf } from '../runner/module.ts'
import { follow } from './lib/files/paths.ts'
import { pattern } from './lib/text/pattern.ts'
import { probePort } from './lib/host/port.ts'

const params = {
  type: 'object',
  additionalProperties: false,
  properties: {
    host: { type: 'string', minLength: 1, default: '127.0.0.1', description: 'Name or address the port is on.' },
    port: { type: 'integer', minimum: 1, maximum: 65535, description: 'TCP port to try.' },
    path: { type: 'string', pattern: '^/', description: 'File or folder to look for, instead of a port.' },
    search_regex: {
      type: 'string',
      minLength: 1,
      description: 'Regular expression that must (or, with `absent`, must not) match a line of the file.',
    },
    state: {
      type: 'string',
      enum: ['started', 'present', 'stopped', 'absent'],
      default: 'started',
      description:
        '`started` or `present`: the port is open, the file is there. `stopped` or `absent`: the port is closed, the file is gone.',
    },
    timeout: { type: 'number', minimum: 0, default: 300, description: 'Seconds to wait at most, `delay` included.' },
    delay: { type: 'number', minimum: 0, default: 0, description: 'Seconds to wait before looking for the first time.' },
    sleep: { type: 'number', minimum: 0.1, default: 1, description: 'Seconds between two looks.' },
    connect_timeout: { type: 'number', minimum: 1, default: 5, description: 'Seconds that one connection may take.' },
    msg: { type: 'string', description: 'What the error says when the time is up.' },
  },
} as const satisfies ObjectSchema

type Params = TypeOf<typeof params>

/** Waits for a TCP port or a file, as seen from the host the task runs for. */
export default defineModule({
  name: 'wait_for',
  summary: 'Wait until a TCP port is open or closed, or a file is there, gone, or holds a text.',
  description:
    'The port is tried from the host the task runs for; use `delegate_to: localhost` to try it from here. A plan looks once and does not wait. With `delay` the step always waits, because what is seen at once may be the state before (a host that has not gone down yet).',
  params,
  returns: {
    elapsed: 'Seconds that were waited.',
    state: 'What was seen last: open, closed, present, absent, matched or not matched.',
  },
  examples: [
    { name: 'The libvirt daemon listens on the target', params: { host: '{{ target }}', port: 16509, timeout: 60 } },
    {
      name: 'The agent has registered',
      params: { path: '/var/log/nova/nova-compute.log', search_regex: 'Compute node record created' },
    },
    { name: 'A host is back after its reboot', params: { host: '{{ inventory_hostname }}', port: 22, delay: 20, timeout: 900 } },
  ],

  validate({ port, path, search_regex }) {
    if (port === undefined && path === undefined)
      throw new Failure('there is nothing to wait for', { kind: 'input', todo: 'give `port` or `path`' })
    if (port !== undefined && path !== undefined) throw new Failure('`port` and `path` exclude each other', { kind: 'input' })
    if (search_regex === undefined) return
    if (path === undefined) throw new Failure('`search_regex` is for `path`, which is not given', { kind: 'input' })
    pattern(search_regex, 'search_regex', { multiline: true })
  },

  async check(params, target) {
    const seen = await look(params, target)
    if (params.delay === 0 && seen.met) return { changes: [], before: undefined, result: { elapsed: 0, state: seen.state } }
    return { changes: [change(target, params, seen.state)], before: undefined }
  },

  async apply(params, _diff, target) {
    const start = target.now()
    const elapsed = () => Math.round((target.now() - start) * 1000) / 1000
    const rest = (seconds: number) => target.sleep(Math.max(0, Math.min(seconds, params.timeout - elapsed())))
    if (params.delay > 0) await rest(params.delay)
    for (;;) {
      const seen = await look(params, target)
      if (seen.met) return { elapsed: elapsed(), state: seen.state }
      if (elapsed() >= params.timeout) throw late(params, seen, elapsed())
      target.progress({ done: elapsed(), total: params.timeout, unit: 's', note: `${subject(params)} is ${seen.state}` })
      await rest(params.sleep)
    }
  },

  async verify(params, _diff, target) {
    const seen = await look(params, target)
    return seen.met ? [] : [change(target, params, seen.state)]
  },
})

/** What one look showed: whether the thing is there, in which words, and why not. */
interface Seen {
  readonly there: boolean
  readonly state: string
  readonly why?: string
}

const wanted = ({ state }: Params): boolean => state === 'started' || state === 'present'

/** How a thing that is there is called, and one that is not. */
const words = ({ port, search_regex }: Params): { readonly yes: string; readonly no: string } =>
  port !== undefined
    ? { yes: 'open', no: 'closed' }
    : search_regex === undefined
      ? { yes: 'present', no: 'absent' }
      : { yes: 'matched', no: 'not matched' }

const subject = ({ host, port, path, search_regex }: Params): string =>
  port !== undefined ? `port ${port} of ${host}` : search_regex === undefined ? `${path}` : `\`${search_regex}\` in ${path}`

const change = ({ host }: Target, params: Params, state: string): Change => {
  const { yes, no } = words(params)
  return { resource: { host, kind: 'act', name: subject(params) }, before: state, after: wanted(params) ? yes : no }
}

const late = (params: Params, { state, why }: Seen, elapsed: number): Failure =>
  new Failure(params.msg ?? `${subject(params)} is still ${state} after ${duration(elapsed)}`, {
    kind: 'timeout',
    why,
    data: { elapsed, state },
  })

async function look(params: Params, target: Target): Promise<Seen & { readonly met: boolean }> {
  const seen = await (params.port === undefined ? lookAtPath(params, target) : lookAtPort(params, params.port, target))
  return { ...seen, met: seen.there === wanted(params) }
}

async function lookAtPort(params: Params, port: number, target: Target): Promise<Seen> {
  const { host, connect_timeout } = params
  const probe = await probePort(target, host, port, connect_timeout)
  if (probe.state === 'unknown') {
    throw new Failure(`cannot try port ${port} of ${host} from ${target.host}`, {
      why: probe.why,
      todo: `install bash or nc on ${target.host}`,
    })
  }
  return { there: probe.state === 'open', state: probe.state, ...(probe.state === 'closed' ? { why: probe.why } : {}) }
}

async function lookAtPath({ path = '', search_regex }: Params, target: Target): Promise<Seen> {
  const expression = search_regex === undefined ? undefined : pattern(search_regex, 'search_regex', { multiline: true })
  const { stat } = await follow(target, path)
  if (stat === undefined) return { there: false, state: 'absent' }
  if (expression === undefined) return { there: true, state: 'present' }
  const content = await target.read(path)
  const there = expression.test(new TextDecoder().decode(content))
  return { there, state: there ? 'matched' : 'not matched' }
}
