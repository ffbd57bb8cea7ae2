/** The module `wait_for`: waits for a port, a path or a text in a file. */
import { type Change, defineModule, duration, Failure, type ObjectSchema, type Target, type TypeOf } from '../runner/module.ts'
import { follow } from './lib/files/paths.ts'
import { pattern } from './lib/text/pattern.ts'
import { probePort } from './lib/host/port.ts'

const params = {
  type: 'object',
  additionalProperties: false,
  properties: {
    host: { type: 'string', minLength: 1, default: '127.0.0.1', description: 'Name or address of the host with the port.' },
    port: { type: 'integer', minimum: 1, maximum: 65535, description: 'TCP port.' },
    path: { type: 'string', pattern: '^/', description: 'File or folder, instead of a port.' },
    search_regex: {
      type: 'string',
      minLength: 1,
      description: 'Regular expression that must match a line of the file; with `absent`, must not match.',
    },
    state: {
      type: 'string',
      enum: ['started', 'present', 'stopped', 'absent'],
      default: 'started',
      description:
        '`started` or `present`: wait until the port is open or the file exists. `stopped` or `absent`: wait until the port is closed or the file is gone.',
    },
    timeout: { type: 'number', minimum: 0, default: 300, description: 'Time limit in seconds, including `delay`.' },
    delay: { type: 'number', minimum: 0, default: 0, description: 'Seconds before the first attempt.' },
    sleep: { type: 'number', minimum: 0.1, default: 1, description: 'Seconds between two attempts.' },
    connect_timeout: { type: 'number', minimum: 1, default: 5, description: 'Time limit in seconds of one connection.' },
    msg: { type: 'string', description: 'Error message when the time is up.' },
  },
} as const satisfies ObjectSchema

type Params = TypeOf<typeof params>

export default defineModule({
  name: 'wait_for',
  summary: 'Wait until a TCP port is open or closed, or until a file exists, is gone, or contains a text.',
  description:
    'The connection is made from the host of the task; to connect from the controller, use `delegate_to: localhost`. A plan checks once and does not wait. With `delay`, the step always waits, because a first check might still see the old state, such as a host that has not gone down yet.',
  params,
  returns: {
    elapsed: 'Seconds spent waiting.',
    state: 'Last state: open, closed, present, absent, matched or not matched.',
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
      throw new Failure('`port` and `path` are both missing', { kind: 'input', help: 'give `port` or `path`' })
    if (port !== undefined && path !== undefined) throw new Failure('`port` and `path` exclude each other', { kind: 'input' })
    if (search_regex === undefined) return
    if (path === undefined) throw new Failure('`search_regex` needs `path`', { kind: 'input' })
    pattern(search_regex, 'search_regex', { multiline: true })
  },

  async check(params, target) {
    const found = await observe(params, target)
    if (params.delay === 0 && found.met) return { changes: [], before: undefined, result: { elapsed: 0, state: found.state } }
    return { changes: [change(target, params, found.state)], before: undefined }
  },

  async apply(params, _diff, target) {
    const start = target.now()
    const elapsed = () => Math.round((target.now() - start) * 1000) / 1000
    const rest = (seconds: number) => target.sleep(Math.max(0, Math.min(seconds, params.timeout - elapsed())))
    if (params.delay > 0) await rest(params.delay)
    for (;;) {
      const found = await observe(params, target)
      if (found.met) return { elapsed: elapsed(), state: found.state }
      if (elapsed() >= params.timeout) throw late(params, found, elapsed())
      target.progress({ done: elapsed(), total: params.timeout, unit: 's', note: `${subject(params)} is ${found.state}` })
      await rest(params.sleep)
    }
  },

  async verify(params, _diff, target) {
    const found = await observe(params, target)
    return found.met ? [] : [change(target, params, found.state)]
  },
})

/** Result of one attempt. */
interface Observation {
  readonly there: boolean
  readonly state: string
  readonly why?: string
}

const wanted = ({ state }: Params): boolean => state === 'started' || state === 'present'

/** Names of the two states of a port, path or match. */
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

const late = (params: Params, { state, why }: Observation, elapsed: number): Failure =>
  new Failure(params.msg ?? `${subject(params)} is still ${state} after ${duration(elapsed)}`, {
    kind: 'timeout',
    why,
    data: { elapsed, state },
  })

async function observe(params: Params, target: Target): Promise<Observation & { readonly met: boolean }> {
  const found = await (params.port === undefined ? observePath(params, target) : observePort(params, params.port, target))
  return { ...found, met: found.there === wanted(params) }
}

async function observePort(params: Params, port: number, target: Target): Promise<Observation> {
  const { host, connect_timeout } = params
  const probe = await probePort(target, host, port, connect_timeout)
  if (probe.state === 'unknown') {
    throw new Failure(`cannot probe port ${port} of ${host} from ${target.host}`, {
      why: probe.why,
      help: `install bash or nc on ${target.host}`,
    })
  }
  return { there: probe.state === 'open', state: probe.state, ...(probe.state === 'closed' ? { why: probe.why } : {}) }
}

async function observePath({ path = '', search_regex }: Params, target: Target): Promise<Observation> {
  const expression = search_regex === undefined ? undefined : pattern(search_regex, 'search_regex', { multiline: true })
  const { stat } = await follow(target, path)
  if (stat === undefined) return { there: false, state: 'absent' }
  if (expression === undefined) return { there: true, state: 'present' }
  const content = await target.read(path)
  const there = expression.test(new TextDecoder().decode(content))
  return { there, state: there ? 'matched' : 'not matched' }
}
