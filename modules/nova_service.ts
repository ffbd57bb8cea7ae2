import { Failure } from '../runner/module.ts'
import { cloudParam } from './lib/nova/cloud-param.ts'
import { resourceModule } from './lib/resources/resource.ts'
import { serviceRecord } from './lib/resources/service-record.ts'

/** Enables or disables a Nova service, and waits until it is up. What the operator did not name stays as it is. */
export default resourceModule({
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
  scope: 'api',
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

  validate({ reason, state }) {
    if (reason !== undefined && state !== 'disabled')
      throw new Failure('`reason` needs `state: disabled`', { kind: 'input', todo: 'remove `reason`, or set `state: disabled`' })
  },

  resources: (wish) => [serviceRecord(wish)],
})
