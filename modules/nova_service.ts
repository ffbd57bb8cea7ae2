import { Failure } from '../runner/module.ts'
import { cloudParam } from './lib/nova/cloud-param.ts'
import { resourceModule } from './lib/resources/resource.ts'
import { serviceRecord } from './lib/resources/service-record.ts'

export default resourceModule({
  name: 'nova_service',
  summary: 'Enable or disable a Nova service, with a reason, and wait until it is up.',
  description:
    'A disabled nova-compute takes no new servers; its servers keep running. `undo` restores status, reason and `forced_down`, ' +
    'so a host that somebody else had disabled stays disabled.',
  params: {
    type: 'object',
    additionalProperties: false,
    required: ['host'],
    properties: {
      host: { type: 'string', minLength: 1, description: 'Compute host, as `openstack compute service list` names it.' },
      binary: { type: 'string', description: 'Service.', default: 'nova-compute' },
      state: {
        type: 'string',
        enum: ['enabled', 'disabled'],
        description: 'Whether the scheduler may use the service. Default: unchanged.',
      },
      reason: {
        type: 'string',
        minLength: 1,
        description:
          'Reason for other operators, such as a name or ticket. Needs `state: disabled`. Default: an existing reason is kept.',
      },
      forced_down: {
        type: 'boolean',
        description: 'Mark the service as down whatever it reports, before you evacuate a dead host. Default: unchanged.',
      },
      wait_up: {
        type: 'integer',
        minimum: 0,
        description: 'Seconds to wait for the service to be up. 0: do not wait.',
        default: 0,
      },
      cloud: cloudParam,
    },
  },
  scope: 'api',
  returns: {
    id: 'Id of the service.',
    host: 'The compute host.',
    binary: 'The service.',
    status: '`enabled` or `disabled`.',
    state: '`up` or `down`.',
    disabled_reason: 'The reason, or null.',
    forced_down: 'Whether the service is marked as down.',
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
      throw new Failure('`reason` needs `state: disabled`', { kind: 'input', help: 'remove `reason`, or set `state: disabled`' })
  },

  resources: (wish) => [serviceRecord(wish)],
})
