/** A systemd unit: its run state, its unit file state and its mask. Called by the module `service`. */
import { Failure, type Address, type Change, type Snapshot } from '../../../runner/module.ts'
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
  reloadSystemd,
  type Unit,
} from '../host/systemd.ts'
import type { Resource } from './resource.ts'

export interface UnitWish {
  readonly host: string
  /** `.service` may be left out. */
  readonly name: string
  readonly state?: 'started' | 'stopped' | 'restarted' | 'reloaded' | undefined
  readonly enabled?: boolean | undefined
  readonly masked?: boolean | undefined
  /** Reload changed unit files first. */
  readonly daemon_reload: boolean
  /** Seconds that the unit must stay up before it counts as started. */
  readonly settle: number
}

interface UnitState {
  readonly id: string
  readonly up: boolean
  readonly file: string
  readonly masked: boolean
  readonly invocation: string
}

/** Name of the property that `daemon_reload` changes. */
const READ = 'as systemd has read it'

const unitAt = (host: string, name: string): Address => ({ host, kind: 'unit', name })

export const unit = (wish: UnitWish): Resource<UnitState> => ({
  address: unitAt(wish.host, /\.\w+$/.test(wish.name) ? wish.name : `${wish.name}.service`),
  activates: wish.state === 'restarted' || wish.state === 'reloaded',

  async look(target) {
    const found = await readUnit(target, wish.name)
    // A unit to mask may be missing: it can be masked before its package is installed.
    if (!mayMend(wish, found) && wish.masked !== true) await mustExist(target, found)
    if (isMasked(found) && wish.masked === undefined && (wantsUp(wish) || wish.enabled === true))
      throw new Failure(`${found.id} is masked on ${target.host}: it must not start`, { help: 'add `masked: false` to allow it' })
    const isNeither = wish.enabled !== undefined && isStatic(found)
    return {
      state: stateOf(found),
      changes: [...readChanges(wish, found), ...fileChanges(wish, found), ...runChanges(wish, found)],
      result: resultOf(found),
      warnings: isNeither ? [`${found.id} is ${found.file}: it can be neither enabled nor disabled`] : [],
    }
  },

  async make(target) {
    const { masked, enabled, name, settle } = wish
    if (wish.daemon_reload && readChanges(wish, await readUnit(target, name)).length > 0) await reloadSystemd(target)
    const found = await readUnit(target, name)
    if (masked !== true) await mustExist(target, found)
    if (masked !== undefined && masked !== isMasked(found)) await control(target, [masked ? 'mask' : 'unmask', '--quiet'], found)
    if (enabled !== undefined && !(enabled ? isEnabled(found) : isDisabled(found)))
      await control(target, [enabled ? 'enable' : 'disable', '--quiet'], found)
    if (runChanges(wish, found).length === 0) return resultOf(await readUnit(target, name))
    const how = verb(wish, found)
    await control(target, [how], found)
    return resultOf(
      await (wantsUp(wish) ? mustStayUp(target, name, settle, how === 'reload' ? found.restarts : 0) : readUnit(target, name)),
    )
  },

  async remaining(target, before) {
    const found = await readUnit(target, wish.name)
    const resource = unitAt(wish.host, found.id)
    const isAsBefore =
      wish.state === 'restarted' && before.up && before.invocation !== '' && found.invocation === before.invocation
    return [
      ...readChanges(wish, found),
      ...fileChanges(wish, found),
      ...(wantsUp(wish) ? (isUp(found) ? [] : [{ resource, before: inWords(found), after: 'active' }]) : runChanges(wish, found)),
      ...(isAsBefore ? [{ resource, property: 'run', before: found.invocation, after: 'another' }] : []),
    ]
  },

  describe: (state) => described(wish.host, state),
  observe: async (target, { id }) => described(wish.host, stateOf(await readUnit(target, id))),

  async restore(target, before) {
    const { id, file, up, masked } = before
    const found = await readUnit(target, id)
    if (isMasked(found) && !masked) await control(target, ['unmask', '--quiet'], found)
    if (file.startsWith('enabled') && !found.file.startsWith('enabled'))
      await control(target, ['enable', '--quiet', ...(file === 'enabled-runtime' ? ['--runtime'] : [])], found)
    if (file === 'disabled' && found.file.startsWith('enabled')) await control(target, ['disable', '--quiet'], found)
    const now = await readUnit(target, id)
    if (!up && !isStopped(now)) await control(target, ['stop'], now)
    // The files that the unit reads may have been restored: the unit must run with them.
    const again = wish.state === 'restarted' || wish.state === 'reloaded'
    if (up && (again || !isUp(now))) {
      const how = again ? verb(wish, now) : 'start'
      await control(target, [how], now)
      await mustStayUp(target, id, wish.settle, how === 'reload' ? now.restarts : 0)
    }
    if (masked && !isMasked(now)) await control(target, ['mask', '--quiet'], now)
  },
})

const stateOf = (found: Unit): UnitState => ({
  id: found.id,
  up: isUp(found) && found.active !== 'inactive',
  file: found.file,
  masked: isMasked(found),
  invocation: found.invocation,
})

const described = (host: string, { id, up, file, masked }: UnitState): Snapshot => [
  { resource: unitAt(host, id), properties: { running: yesNo(up), enabled: file === '' ? 'no' : file, masked: yesNo(masked) } },
]

const yesNo = (value: boolean): string => (value ? 'yes' : 'no')

const wantsUp = ({ state }: UnitWish): boolean => state !== undefined && state !== 'stopped'

/** True for a missing or invalid unit that a reload of the unit files may correct. */
const mayMend = ({ daemon_reload }: UnitWish, { load }: Unit): boolean => daemon_reload && load !== 'loaded' && load !== 'masked'

const readChanges = (wish: UnitWish, found: Unit): readonly Change[] =>
  wish.daemon_reload && (found.outdated || mayMend(wish, found))
    ? [{ resource: unitAt(wish.host, found.id), property: READ, before: 'before it changed', after: 'as it is now' }]
    : []

function fileChanges({ host, enabled, masked }: UnitWish, found: Unit): readonly Change[] {
  const resource = unitAt(host, found.id)
  const mask =
    masked === undefined || masked === isMasked(found)
      ? []
      : [{ resource, property: 'masked', before: yesNo(!masked), after: yesNo(masked) }]
  const isRight = enabled === undefined || (enabled ? isEnabled(found) : isDisabled(found))
  const file = { resource, property: 'enabled', before: found.file || 'no', after: enabled ? 'enabled' : 'disabled' }
  return [...mask, ...(isRight ? [] : [file])]
}

function runChanges({ host, state }: UnitWish, found: Unit): readonly Change[] {
  const to = (after: string): readonly Change[] => [{ resource: unitAt(host, found.id), before: inWords(found), after }]
  if (state === undefined) return []
  if (state === 'started') return found.active === 'active' || found.active === 'reloading' ? [] : to('active')
  if (state === 'stopped') return isStopped(found) ? [] : to('inactive')
  return to(state)
}

/** Replaces a reload by a restart if the unit is stopped or has no reload, as `systemctl reload-or-restart` does. */
function verb({ state }: UnitWish, found: Unit): string {
  if (state === 'stopped') return 'stop'
  if (state === 'started') return 'start'
  return state === 'reloaded' && found.active === 'active' && found.canReload ? 'reload' : 'restart'
}

const resultOf = ({ id, active, sub, file }: Unit) => ({ name: id, active, sub, enabled: file })
