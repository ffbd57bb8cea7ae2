import { Failure } from '../runner/module.ts'
import { resourceModule } from './lib/resources/resource.ts'
import { unit } from './lib/resources/unit.ts'

/** Starts, stops, enables and masks units of systemd, and sees that they stay up. */
export default resourceModule({
  name: 'service',
  summary: 'Start, stop, restart, enable or mask a unit of systemd, and see that it stays up.',
  description:
    'A unit that was started is watched for some seconds (`settle`); the error of one that dies holds its last log lines. `restarted` and `reloaded` always act: notify them as handlers. Undoing a restart restarts once more, so that the unit runs with what the undo has put back.',
  params: {
    type: 'object',
    additionalProperties: false,
    required: ['name'],
    properties: {
      name: {
        type: 'string',
        pattern: '^[A-Za-z0-9:_.@][A-Za-z0-9:_.@\\\\-]*$',
        description: 'Unit; `.service` may be left out.',
      },
      state: {
        type: 'string',
        enum: ['started', 'stopped', 'restarted', 'reloaded'],
        description:
          '`started`, `stopped`: act only where it is not so. `restarted`, `reloaded`: always act; one that is stopped is started.',
      },
      enabled: { type: 'boolean', description: 'Whether it starts with the host.' },
      masked: { type: 'boolean', description: 'Whether it is forbidden to start at all.' },
      daemon_reload: {
        type: 'boolean',
        default: false,
        description: 'Let systemd read its unit files again first, where they have changed.',
      },
      settle: {
        type: 'number',
        minimum: 0,
        default: 3,
        description: 'Seconds that it must stay up before the step counts as done.',
      },
    },
  },
  returns: {
    name: 'Full name of the unit.',
    active: 'Its state, as systemd says it.',
    sub: 'Its state in detail.',
    enabled: 'State of its unit file: enabled, disabled, static, masked …',
  },
  examples: [
    { name: 'Restart it, as a handler', params: { name: 'nova-compute', state: 'restarted' } },
    { name: 'Running, also after a reboot', params: { name: 'libvirtd.service', state: 'started', enabled: true } },
    { name: 'A socket that must not be used', params: { name: 'libvirtd-tls.socket', state: 'stopped', masked: true } },
  ],

  validate({ state, enabled, masked, daemon_reload }) {
    if (state === undefined && enabled === undefined && masked === undefined && !daemon_reload) {
      throw new Failure('nothing is asked of the unit', {
        kind: 'input',
        todo: 'give `state`, `enabled`, `masked` or `daemon_reload`',
      })
    }
    if (masked && (enabled || (state !== undefined && state !== 'stopped'))) {
      throw new Failure('a masked unit can be neither enabled nor started', {
        kind: 'input',
        todo: 'give `masked: true` with `state: stopped` only',
      })
    }
  },

  resources: (params, host) => [unit({ ...params, host })],
})
