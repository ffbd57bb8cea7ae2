import {
  type Address,
  type Change,
  type Compute,
  type ComputeService,
  defineModule,
  duration,
  Failure,
  list,
  type Target,
  suggestion,
} from '../runner/module.ts'
import { cloudParam } from './lib/nova/cloud-param.ts'
import { inventoryName } from './lib/nova/compute-host.ts'

interface Before {
  readonly id: string
  readonly status: ComputeService['status']
  readonly reason: string | null
  readonly forced_down: boolean
}

/** Enables or disables a Nova service, and waits until it is up. What the operator did not name stays as it is. */
export default defineModule({
  name: 'nova_service',
  summary: 'Enable or disable a Nova service, with a reason, and wait until it is up.',
  description:
    'A disabled nova-compute takes no new servers; the servers on it go on. `undo` gives back the status, the reason and the mark ' +
    '`forced_down` that were there before, so that a host that somebody else had disabled stays disabled.',
  params: {
    type: 'object',
    additionalProperties: false,
    required: ['host'],
    properties: {
      host: { type: 'string', minLength: 1, description: 'The compute host, as `openstack compute service list` names it.' },
      binary: { type: 'string', description: 'The service.', default: 'nova-compute' },
      state: {
        type: 'string',
        enum: ['enabled', 'disabled'],
        description: 'Whether the scheduler may use it. Left out: stays as it is.',
      },
      reason: {
        type: 'string',
        minLength: 1,
        description:
          'Why it is disabled, for other operators: run, name, ticket. Only with `state: disabled`. Left out: a reason that is there is kept.',
      },
      forced_down: {
        type: 'boolean',
        description: 'Mark it as down whatever it reports, before evacuating a dead host. Left out: stays as it is.',
      },
      wait_up: {
        type: 'integer',
        minimum: 0,
        description: 'Seconds to wait until the service reports that it is up. 0: do not wait.',
        default: 0,
      },
      cloud: cloudParam,
    },
  },
  hostless: true,
  returns: {
    id: 'The service id.',
    host: 'The compute host.',
    binary: 'The service.',
    status: '`enabled` or `disabled`.',
    state: '`up` or `down`.',
    disabled_reason: 'The reason, or null.',
    forced_down: 'Whether it is marked as down.',
  },
  examples: [
    {
      name: 'Take no new servers during maintenance',
      params: { host: 'compute14', state: 'disabled', reason: 'ticket 4711: new memory' },
    },
    { name: 'Back in service, once it is up', params: { host: 'compute14', state: 'enabled', wait_up: 120 } },
  ],

  mustMakeSense({ reason, state }) {
    if (reason !== undefined && state !== 'disabled')
      throw new Failure('`reason` needs `state: disabled`', { kind: 'input', todo: 'remove `reason`, or set `state: disabled`' })
  },

  async check(params, target) {
    const { compute } = await target.cloud(params.cloud)
    const service = await find(compute, params.host, params.binary)
    const resource: Address = { host: params.cloud ?? '', kind: 'service-record', name: `${service.binary} on ${service.host}` }
    const status = {
      resource,
      property: 'status',
      before: shown(service.status, service.disabledReason),
      after: shown(params.state, params.reason),
    }
    const statusDiffers = params.state !== undefined && params.state !== service.status
    const reasonDiffers = params.reason !== undefined && params.reason !== service.disabledReason
    const forcedDiffers = params.forced_down !== undefined && params.forced_down !== service.forcedDown
    const mustComeUp = params.wait_up > 0 && service.state === 'down'
    const changes: Change[] = [
      ...(statusDiffers || reasonDiffers ? [status] : []),
      ...(forcedDiffers
        ? [{ resource, property: 'forced down', before: String(service.forcedDown), after: String(params.forced_down) }]
        : []),
      ...(mustComeUp ? [{ resource, property: 'state', before: 'down', after: `up, within ${duration(params.wait_up)}` }] : []),
    ]
    const locks = [{ host: inventoryName(target.hosts, service.host) ?? service.host }]
    return { changes, before: recorded(service), result: plain(service), locks }
  },

  async apply({ state, reason, forced_down, wait_up, cloud, host, binary }, { before }, target) {
    const { compute } = await target.cloud(cloud)
    // forced_down goes first and alone: it is refused while evacuation records remain, and then nothing else has changed yet.
    if (forced_down !== undefined && forced_down !== before.forced_down) await force(compute, before.id, forced_down, host)
    if ((state !== undefined && state !== before.status) || (reason !== undefined && reason !== before.reason)) {
      await compute.updateService(before.id, update(state ?? before.status, reason))
    }
    return plain(wait_up > 0 ? await waitUp(compute, { host, binary, wait: wait_up }, target) : await find(compute, host, binary))
  },

  saw: ({ host, binary }, { status, reason, forced_down }) => ({
    [`${binary} on ${host}`]: { status, reason: reason ?? 'none', 'forced down': String(forced_down) },
  }),

  async undo({ cloud, host, binary }, before, target) {
    const { compute } = await target.cloud(cloud)
    const now = await find(compute, host, binary)
    if (now.forcedDown !== before.forced_down) await force(compute, now.id, before.forced_down, host)
    if (now.status !== before.status || (now.disabledReason ?? null) !== before.reason) {
      await compute.updateService(now.id, update(before.status, before.reason ?? undefined))
    }
  },
})

async function find(compute: Compute, host: string, binary: string): Promise<ComputeService> {
  const service = (await compute.services({ host, binary })).find((one) => one.host === host && one.binary === binary)
  if (service !== undefined) return service
  const all = await compute.services()
  const here = all.filter((one) => one.host === host).map((one) => one.binary)
  if (here.length > 0) {
    throw new Failure(`no \`${binary}\` on ${host}${suggestion(binary, here)}`, {
      kind: 'input',
      todo: `services on ${host}: ${here.join(', ')}`,
    })
  }
  const hosts = [...new Set(all.filter((one) => one.binary === binary).map((one) => one.host))]
  throw new Failure(`no host \`${host}\` runs \`${binary}\`${suggestion(host, hosts)}`, {
    kind: 'input',
    todo: `hosts with ${binary}: ${list(hosts, 20)}`,
  })
}

/** Nova refuses to lift the mark while `done` evacuation records remain; they become `completed` when the source's nova-compute starts. */
async function force(compute: Compute, id: string, forcedDown: boolean, host: string): Promise<void> {
  try {
    await compute.updateService(id, { forcedDown })
  } catch (error) {
    if (forcedDown || !(error instanceof Failure) || !/evacuation/.test(`${error.message} ${error.why ?? ''}`)) throw error
    throw new Failure(`nova-compute on ${host} stays forced down`, {
      why: error.why ?? error.message,
      todo: `start nova-compute on ${host}: it then cleans up after its evacuated servers; try again afterwards`,
      cause: error,
    })
  }
}

async function waitUp(
  compute: Compute,
  { host, binary, wait }: { host: string; binary: string; wait: number },
  target: Target,
): Promise<ComputeService> {
  const start = target.now()
  for (;;) {
    const service = await find(compute, host, binary)
    if (service.state === 'up') return service
    const waited = target.now() - start
    if (waited >= wait) {
      throw new Failure(`${binary} on ${host} is still down after ${duration(wait)}`, {
        kind: 'timeout',
        why: `Nova last heard of it at ${service.updatedAt ?? 'no time'}${service.forcedDown ? '; it is marked as forced down' : ''}`,
        todo: service.forcedDown
          ? 'set `forced_down: false`'
          : `look at \`systemctl status ${binary}\` and its log on ${host}, and at the message queue`,
      })
    }
    target.progress({ done: waited, total: wait, unit: 'seconds', note: `${binary} on ${host} is down` })
    await target.sleep(Math.min(2, wait - waited))
  }
}

const update = (status: ComputeService['status'], reason: string | undefined) =>
  reason === undefined || status === 'enabled' ? { status } : { status, disabledReason: reason }

const shown = (status: string | undefined, reason: string | undefined): string | undefined =>
  status === 'disabled' && reason !== undefined ? `disabled (${reason})` : status

const recorded = (service: ComputeService): Before => ({
  id: service.id,
  status: service.status,
  reason: service.disabledReason ?? null,
  forced_down: service.forcedDown,
})

const plain = (service: ComputeService) => ({
  id: service.id,
  host: service.host,
  binary: service.binary,
  status: service.status,
  state: service.state,
  disabled_reason: service.disabledReason ?? null,
  forced_down: service.forcedDown,
})
