import { Failure } from '../runner/module.ts'
import { resourceModule } from './lib/resources/resource.ts'
import { unit } from './lib/resources/unit.ts'

export default resourceModule({
  name: 'service',
  summary: 'Start, stop, restart, enable or mask a systemd unit, and verify that it stays up.',
  description:
    'A started unit is watched for some seconds (`settle`). If the unit dies, the error shows the end of its log. `restarted` and `reloaded` always act, so use them in handlers. Undoing a restart restarts the unit again, with the restored files.',
  params: {
    type: 'object',
    additionalProperties: false,
    required: ['name'],
    properties: {
      name: {
        type: 'string',
        pattern: '^[A-Za-z0-9:_.@][A-Za-z0-9:_.@\\\\-]*$',
        description: 'Name of the unit. `.service` is optional.',
      },
      state: {
        type: 'string',
        enum: ['started', 'stopped', 'restarted', 'reloaded'],
        description: '`started`, `stopped`: act only if needed. `restarted`, `reloaded`: always act, and start a stopped unit.',
      },
      enabled: { type: 'boolean', description: 'Start the unit when the host boots.' },
      masked: { type: 'boolean', description: 'Prevent every start of the unit.' },
      daemon_reload: {
        type: 'boolean',
        default: false,
        description: 'Reload changed unit files first.',
      },
      settle: {
        type: 'number',
        minimum: 0,
        default: 3,
        description: 'Seconds that the unit must stay up before the step succeeds.',
      },
    },
  },
  returns: {
    name: 'Full name of the unit.',
    active: "Active state, in systemd's words.",
    sub: 'Detailed state (sub state).',
    enabled: 'State of the unit file: enabled, disabled, static, masked …',
  },
  examples: [
    { name: 'A restart, for handlers', params: { name: 'nova-compute', state: 'restarted' } },
    { name: 'Running, also after a reboot', params: { name: 'libvirtd.service', state: 'started', enabled: true } },
    { name: 'A socket that must not be used', params: { name: 'libvirtd-tls.socket', state: 'stopped', masked: true } },
  ],

  validate({ state, enabled, masked, daemon_reload }) {
    if (state === undefined && enabled === undefined && masked === undefined && !daemon_reload) {
      throw new Failure('the wanted state is missing', {
        kind: 'input',
        help: 'give `state`, `enabled`, `masked` or `daemon_reload`',
      })
    }
    if (masked && (enabled || (state !== undefined && state !== 'stopped'))) {
      throw new Failure('a masked unit can be neither enabled nor started', {
        kind: 'input',
        help: 'combine `masked: true` with `state: stopped` only',
      })
    }
  },

  resources: (params, host) => [unit({ ...params, host })],
})
