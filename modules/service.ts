import { defineModule, Failure, type Address, type Change, type Target } from '../runner/module.ts'
import {
  control,
  inWords,
  isDisabled,
  isEnabled,
  isMasked,
  isStatic,
  isStopped,
  isUp,
  mustExist,
  mustStayUp,
  readUnit,
  type Unit,
} from './lib/host/systemd.ts'

interface Params {
  readonly name: string
  readonly state?: 'started' | 'stopped' | 'restarted' | 'reloaded' | undefined
  readonly enabled?: boolean | undefined
  readonly masked?: boolean | undefined
  readonly daemon_reload: boolean
  readonly settle: number
}

/** What the unit was before. */
interface Before {
  readonly id: string
  readonly up: boolean
  readonly file: string
  readonly masked: boolean
  readonly invocation: string
}

/** Starts, stops, enables and masks units of systemd, and sees that they stay up. */
export default defineModule({
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

  mustMakeSense({ state, enabled, masked, daemon_reload }) {
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

  async check(params, target) {
    const unit = await readUnit(target, params.name)
    // A unit may be masked that does not exist: so that it stays away when its package comes.
    if (!mayMend(params, unit) && params.masked !== true) await mustExist(target, unit)
    if (isMasked(unit) && params.masked === undefined && (wantsUp(params) || params.enabled === true)) {
      throw new Failure(`${unit.id} is masked on ${target.host}: it must not start`, { todo: 'add `masked: false` to allow it' })
    }
    const staticOnes =
      params.enabled !== undefined && isStatic(unit)
        ? { warnings: [`${unit.id} is ${unit.file}: it can be neither enabled nor disabled`] }
        : {}
    const before: Before = {
      id: unit.id,
      up: isUp(unit) && unit.active !== 'inactive',
      file: unit.file,
      masked: isMasked(unit),
      invocation: unit.invocation,
    }
    return {
      changes: [
        ...reloadChanges(target, params, unit),
        ...fileChanges(target, params, unit),
        ...stateChanges(target, params, unit),
      ],
      before,
      result: resultOf(unit),
      ...staticOnes,
    }
  },

  async apply(params, { changes }, target) {
    if (changes.some(({ property }) => property === READ)) await reloadSystemd(target)
    const unit = await readUnit(target, params.name)
    if (params.masked !== true) await mustExist(target, unit)
    if (params.masked !== undefined && params.masked !== isMasked(unit))
      await control(target, [params.masked ? 'mask' : 'unmask', '--quiet'], unit)
    if (params.enabled !== undefined && !(params.enabled ? isEnabled(unit) : isDisabled(unit)))
      await control(target, [params.enabled ? 'enable' : 'disable', '--quiet'], unit)
    const [act] = stateChanges(target, params, unit)
    if (act === undefined) return resultOf(await readUnit(target, params.name))
    const how = verb(params, unit)
    await control(target, [how], unit)
    return resultOf(
      await (wantsUp(params)
        ? mustStayUp(target, params.name, params.settle, how === 'reload' ? unit.restarts : 0)
        : readUnit(target, params.name)),
    )
  },

  async verify(params, { before }, target) {
    const unit = await readUnit(target, params.name)
    const state = wantsUp(params)
      ? isUp(unit)
        ? []
        : [{ resource: unitAt(target, unit), before: inWords(unit), after: 'active' }]
      : stateChanges(target, params, unit)
    const again = params.state === 'restarted' && before.up && before.invocation !== '' && unit.invocation === before.invocation
    return [
      ...reloadChanges(target, params, unit),
      ...fileChanges(target, params, unit),
      ...state,
      ...(again ? [{ resource: unitAt(target, unit), property: 'run', before: unit.invocation, after: 'another' }] : []),
    ]
  },

  // Its state is in the differences; what the step does not touch is nothing to it.
  saw: (_params, { id }) => ({ [id]: {} }),
  undoneLast: ({ state }) => state === 'restarted' || state === 'reloaded',
  async undo(params, before, target) {
    const unit = await readUnit(target, before.id)
    if (isMasked(unit) && !before.masked) await control(target, ['unmask', '--quiet'], unit)
    if (before.file.startsWith('enabled') && !unit.file.startsWith('enabled'))
      await control(target, ['enable', '--quiet', ...(before.file === 'enabled-runtime' ? ['--runtime'] : [])], unit)
    if (before.file === 'disabled' && unit.file.startsWith('enabled')) await control(target, ['disable', '--quiet'], unit)
    const now = await readUnit(target, before.id)
    if (!before.up && !isStopped(now)) await control(target, ['stop'], now)
    const again = params.state === 'restarted' || params.state === 'reloaded'
    if (before.up && (again || !isUp(now))) {
      const how = again ? verb(params, now) : 'start'
      await control(target, [how], now)
      await mustStayUp(target, before.id, params.settle, how === 'reload' ? now.restarts : 0)
    }
    if (before.masked && !isMasked(now)) await control(target, ['mask', '--quiet'], now)
  },
})

const wantsUp = ({ state }: Params): boolean => state !== undefined && state !== 'stopped'

/** A unit that is missing or bad may be there and good once systemd has read its files again. */
const mayMend = ({ daemon_reload }: Params, { load }: Unit): boolean => daemon_reload && load !== 'loaded' && load !== 'masked'

/** The property that `daemon_reload` makes right. */
const READ = 'as systemd has read it'

const unitAt = ({ host }: Target, { id }: Unit): Address => ({ host, kind: 'unit', name: id })

const reloadChanges = (target: Target, params: Params, unit: Unit): readonly Change[] =>
  params.daemon_reload && (unit.outdated || mayMend(params, unit))
    ? [{ resource: unitAt(target, unit), property: READ, before: 'before it changed', after: 'as it is now' }]
    : []

function fileChanges(target: Target, { enabled, masked }: Params, unit: Unit): readonly Change[] {
  const resource = unitAt(target, unit)
  const mask =
    masked === undefined || masked === isMasked(unit)
      ? []
      : [{ resource, property: 'masked', before: yesNo(!masked), after: yesNo(masked) }]
  const right = enabled === undefined || (enabled ? isEnabled(unit) : isDisabled(unit))
  return [
    ...mask,
    ...(right ? [] : [{ resource, property: 'enabled', before: unit.file || 'no', after: enabled ? 'enabled' : 'disabled' }]),
  ]
}

const yesNo = (value: boolean): string => (value ? 'yes' : 'no')

function stateChanges(target: Target, { state }: Params, unit: Unit): readonly Change[] {
  const to = (after: string): readonly Change[] => [{ resource: unitAt(target, unit), before: inWords(unit), after }]
  if (state === undefined) return []
  if (state === 'started') return unit.active === 'active' || unit.active === 'reloading' ? [] : to('active')
  if (state === 'stopped') return isStopped(unit) ? [] : to('inactive')
  return to(state)
}

/**
 * A unit that does not run cannot be reloaded, and one that knows no reload is restarted, as `systemctl reload-or-restart`
 * does.
 */
const verb = ({ state }: Params, unit: Unit): string =>
  state === 'stopped'
    ? 'stop'
    : state === 'started'
      ? 'start'
      : state === 'reloaded' && unit.active === 'active' && unit.canReload
        ? 'reload'
        : 'restart'

async function reloadSystemd(target: Target): Promise<void> {
  const { code, stderr } = await target.run(['systemctl', 'daemon-reload'])
  if (code !== 0)
    throw new Failure(`systemd on ${target.host} cannot read its unit files again`, {
      why: stderr.trim().split('\n').at(-1) ?? '',
    })
}

const resultOf = ({ id, active, sub, file }: Unit) => ({ name: id, active, sub, enabled: file })
