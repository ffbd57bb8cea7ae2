/** `service`: the contract, units that do not stay up, invalid input. */
import { describe, expect, test } from 'vitest'
import service from '../../modules/service.ts'
import type { Change } from '../../runner/module.ts'
import { behavesLikeAModule, sensiblyChecked } from '../contracts/module.ts'
import { fakeSystemd, STOPPED, type FakeSystemd, type FakeUnit } from '../doubles/systemd.ts'
import { onUnit } from '../doubles/address.ts'

const NOVA = 'nova-compute.service'
const defaults = { name: 'nova-compute', daemon_reload: false, settle: 3 } as const
type Params = Parameters<typeof service.check>[0]

const one = (unit: Partial<FakeUnit>) => () => fakeSystemd({ [NOVA]: unit }).target

behavesLikeAModule(
  service,
  { name: 'started', params: { ...defaults, state: 'started' }, target: one(STOPPED) },
  { name: 'stopped', params: { ...defaults, state: 'stopped' }, target: one({}) },
  { name: 'enabled', params: { ...defaults, enabled: true }, target: one({ UnitFileState: 'disabled' }) },
  { name: 'disabled and stopped', params: { ...defaults, enabled: false, state: 'stopped' }, target: one({}) },
  { name: 'masked and stopped', params: { ...defaults, masked: true, state: 'stopped' }, target: one({}) },
  {
    name: 'unmasked and started',
    params: { ...defaults, masked: false, state: 'started' },
    target: one({ ...STOPPED, LoadState: 'masked', UnitFileState: 'masked' }),
  },
  {
    name: 'restarted from a standstill',
    params: { ...defaults, state: 'restarted' },
    target: one({ ...STOPPED, ActiveState: 'inactive' }),
  },
)

const run = async (world: FakeSystemd, given: Partial<Params>) => {
  const params = { ...defaults, ...given }
  const diff = await service.check(params, world.target)
  world.target.ran.length = 0
  const result = diff.changes.length === 0 ? undefined : await service.apply?.(params, diff, world.target)
  const verbs = world.target.ran.filter(([, verb]) => verb !== 'show').map((argv) => argv.slice(1).join(' '))
  return { params, diff, result, verbs, left: await service.verify?.(params, diff, world.target) }
}

describe('service', () => {
  test.each<[Partial<FakeUnit>, Partial<Params>, Change[]]>([
    [STOPPED, { state: 'started' }, [{ ...onUnit(NOVA), before: 'inactive (dead)', after: 'active' }]],
    [
      { ActiveState: 'failed', SubState: 'failed' },
      { state: 'started' },
      [{ ...onUnit(NOVA), before: 'failed', after: 'active' }],
    ],
    [{}, { state: 'started' }, []],
    [{}, { state: 'stopped' }, [{ ...onUnit(NOVA), before: 'active (running)', after: 'inactive' }]],
    [{ ActiveState: 'failed' }, { state: 'stopped' }, []],
    [{}, { state: 'restarted' }, [{ ...onUnit(NOVA), before: 'active (running)', after: 'restarted' }]],
    [{}, { state: 'reloaded' }, [{ ...onUnit(NOVA), before: 'active (running)', after: 'reloaded' }]],
    [
      { ActiveState: 'activating', SubState: 'auto-restart' },
      { state: 'started' },
      [{ ...onUnit(NOVA), before: 'activating (auto-restart)', after: 'active' }],
    ],
    [{ UnitFileState: 'disabled' }, { enabled: true }, [{ ...onUnit(NOVA, 'enabled'), before: 'disabled', after: 'enabled' }]],
    [
      { UnitFileState: 'enabled-runtime' },
      { enabled: true },
      [{ ...onUnit(NOVA, 'enabled'), before: 'enabled-runtime', after: 'enabled' }],
    ],
    [{ UnitFileState: '' }, { enabled: true }, [{ ...onUnit(NOVA, 'enabled'), before: 'no', after: 'enabled' }]],
    [{ UnitFileState: 'masked' }, { enabled: false }, []],
    [{ UnitFileState: 'static' }, { enabled: true }, []],
    [{ UnitFileState: 'static' }, { enabled: false }, []],
    [{}, { masked: true }, [{ ...onUnit(NOVA, 'masked'), before: 'no', after: 'yes' }]],
    [{}, { masked: false }, []],
    [
      { NeedDaemonReload: 'yes' },
      { daemon_reload: true },
      [{ ...onUnit(NOVA, 'as systemd has read it'), before: 'before it changed', after: 'as it is now' }],
    ],
    [{}, { daemon_reload: true }, []],
  ])('%j, wanted %j', async (unit, given, changes) => {
    expect((await service.check({ ...defaults, ...given }, one(unit)())).changes).toEqual(changes)
  })

  test('says what it is when nothing changes', async () => {
    const { result } = await service.check({ ...defaults, state: 'started' }, one({})())
    expect(result).toEqual({ name: NOVA, active: 'active', sub: 'running', enabled: 'enabled' })
  })

  test('a unit that can be neither enabled nor disabled is no error, but is told', async () => {
    const { warnings } = await service.check({ ...defaults, enabled: true }, one({ UnitFileState: 'static' })())
    expect(warnings).toEqual([`${NOVA} is static: it can be neither enabled nor disabled`])
  })

  test('acts in the right order', async () => {
    const world = fakeSystemd({ [NOVA]: { ...STOPPED, LoadState: 'masked', UnitFileState: 'masked', NeedDaemonReload: 'yes' } })
    const { verbs, result, left } = await run(world, { masked: false, enabled: true, state: 'started', daemon_reload: true })
    expect(verbs).toEqual(['daemon-reload', `unmask --quiet -- ${NOVA}`, `enable --quiet -- ${NOVA}`, `start -- ${NOVA}`])
    expect(result).toEqual({ name: NOVA, active: 'active', sub: 'running', enabled: 'enabled' })
    expect(left).toEqual([])
  })

  test('masks before it stops, so that no socket starts it in between', async () => {
    const { verbs } = await run(fakeSystemd({ [NOVA]: {} }), { masked: true, state: 'stopped' })
    expect(verbs).toEqual([`mask --quiet -- ${NOVA}`, `stop -- ${NOVA}`])
  })

  test.each<[Partial<FakeUnit>, string]>([
    [{ CanReload: 'yes' }, 'reload'],
    [{ CanReload: 'no' }, 'restart'],
    [STOPPED, 'restart'],
  ])('reloaded, of %j, is %s', async (unit, verb) => {
    expect((await run(fakeSystemd({ [NOVA]: unit }), { state: 'reloaded' })).verbs).toEqual([`${verb} -- ${NOVA}`])
  })

  test('a restart is proved by another run of the unit', async () => {
    const world = fakeSystemd({ [NOVA]: {} })
    const { left } = await run(world, { state: 'restarted' })
    expect(left).toEqual([])
    const params = { ...defaults, state: 'restarted' } as const
    const diff = await service.check(params, world.target)
    expect(await service.verify?.(params, diff, world.target)).toEqual([
      { ...onUnit(NOVA, 'run'), before: 'run-2', after: 'another' },
    ])
  })

  test('a unit that does its work once is done when it did it', async () => {
    const world = fakeSystemd(
      { [NOVA]: { ...STOPPED, Type: 'oneshot' } },
      { onStart: (unit) => void Object.assign(unit, { ActiveState: 'inactive', SubState: 'dead' }) },
    )
    expect((await run(world, { state: 'started' })).left).toEqual([])
  })

  test('a unit that does not exist may be masked', async () => {
    const { verbs, left } = await run(fakeSystemd({}), { name: 'libvirtd-tls.socket', masked: true, state: 'stopped' })
    expect(verbs).toEqual(['mask --quiet -- libvirtd-tls.socket'])
    expect(left).toEqual([])
  })

  test('a unit may come with the files that systemd has still to read', async () => {
    const world = fakeSystemd({})
    const { changes } = await service.check({ ...defaults, daemon_reload: true, state: 'started' }, world.target)
    expect(changes).toMatchObject([onUnit(NOVA, 'as systemd has read it'), onUnit(NOVA)])
    await expect(run(world, { daemon_reload: true, state: 'started' })).rejects.toThrow(`unit ${NOVA} not found on compute15`)
  })

  test('so may a bad unit be mended', async () => {
    const { changes } = await service.check(
      { ...defaults, daemon_reload: true, state: 'started' },
      one({ ...STOPPED, LoadState: 'bad-setting' })(),
    )
    expect(changes).toMatchObject([onUnit(NOVA, 'as systemd has read it'), onUnit(NOVA)])
  })

  test('undoing a restart restarts, so that the unit runs with what was put back', async () => {
    const world = fakeSystemd({ [NOVA]: {} })
    const { params, diff } = await run(world, { state: 'restarted' })
    await service.undo?.(params, diff.before, world.target)
    expect(world.units.get(NOVA)?.InvocationID).toBe('run-3')
  })
})

describe('service finds out that a unit does not stay up', () => {
  const starting = (behaviour: Parameters<typeof fakeSystemd>[1], unit: Partial<FakeUnit> = STOPPED) =>
    run(fakeSystemd({ [NOVA]: unit }, behaviour), { state: 'started' })

  test('when it does not start', async () => {
    const refuse = {
      start: `Job for ${NOVA} failed because the control process exited with error code.\nSee "systemctl status ${NOVA}" and "journalctl -xe" for details.\n`,
    }
    await expect(starting({ refuse })).rejects.toMatchObject({
      kind: 'failed',
      message: `cannot start ${NOVA} on compute15`,
      why: `Job for ${NOVA} failed because the control process exited with error code.`,
      stderr: expect.stringContaining('the last words'),
      help: `read the log on compute15: journalctl -u ${NOVA}`,
    })
  })

  test('when it dies at once', async () => {
    const onStart = (unit: FakeUnit) =>
      void Object.assign(unit, { ActiveState: 'failed', SubState: 'failed', Result: 'exit-code', ExecMainStatus: 2 })
    await expect(starting({ onStart })).rejects.toMatchObject({
      message: `${NOVA} does not stay up on compute15`,
      why: 'failed; exit-code, status 2',
      stderr: expect.stringContaining('the last words'),
    })
  })

  test('when it dies after a while', async () => {
    const onSleep = (now: number, units: Map<string, FakeUnit>) =>
      void (now >= 2 && Object.assign(units.get(NOVA)!, { ActiveState: 'failed', SubState: 'failed', Result: 'signal' }))
    await expect(starting({ onSleep })).rejects.toMatchObject({ why: 'failed; signal' })
  })

  test('when systemd restarts it again and again', async () => {
    const onSleep = (now: number, units: Map<string, FakeUnit>) =>
      void (now >= 2 && Object.assign(units.get(NOVA)!, { NRestarts: 2, InvocationID: 'run-9' }))
    await expect(starting({ onSleep })).rejects.toMatchObject({ why: 'restarted 2 times while it was watched' })
  })

  test('when somebody else starts it anew', async () => {
    const onSleep = (_now: number, units: Map<string, FakeUnit>) =>
      void Object.assign(units.get(NOVA)!, { InvocationID: 'run-9' })
    await expect(starting({ onSleep })).rejects.toMatchObject({ why: 'started again while it was watched' })
  })

  test('when it waits to be restarted', async () => {
    const onStart = (unit: FakeUnit) =>
      void Object.assign(unit, { ActiveState: 'activating', SubState: 'auto-restart', Result: 'exit-code', ExecMainStatus: 1 })
    await expect(starting({ onStart })).rejects.toMatchObject({ why: 'activating (auto-restart); exit-code, status 1' })
  })

  test('but not while it is still beginning', async () => {
    const onStart = (unit: FakeUnit) => void Object.assign(unit, { ActiveState: 'activating', SubState: 'start-post' })
    const onSleep = (now: number, units: Map<string, FakeUnit>) =>
      void (now >= 20 && Object.assign(units.get(NOVA)!, { ActiveState: 'active', SubState: 'running' }))
    expect((await starting({ onStart, onSleep })).result).toMatchObject({ active: 'active' })
  })

  test('and does not begin for ever', async () => {
    const onStart = (unit: FakeUnit) => void Object.assign(unit, { ActiveState: 'activating', SubState: 'start-post' })
    await expect(starting({ onStart })).rejects.toMatchObject({ why: 'activating (start-post)' })
  })

  test('restarts from before do not count after a reload', async () => {
    const world = fakeSystemd({ [NOVA]: { NRestarts: 4, CanReload: 'yes' } })
    expect((await run(world, { state: 'reloaded' })).left).toEqual([])
  })
})

describe('service refuses', () => {
  test('a unit that does not exist, and names one that is spelt alike', async () => {
    const world = fakeSystemd({ [NOVA]: {}, 'nova-compute.socket': {}, 'ssh.service': {} })
    await expect(service.check({ ...defaults, name: 'nova-comput', state: 'started' }, world.target)).rejects.toMatchObject({
      kind: 'failed',
      message: 'unit nova-comput.service not found on compute15; did you mean `nova-compute`?',
    })
  })

  test('a unit that systemd cannot read', async () => {
    const world = fakeSystemd({
      [NOVA]: {
        LoadState: 'bad-setting',
        LoadError: 'org.freedesktop.systemd1.BadUnitSetting "Unit has a bad unit file setting."',
      },
    })
    await expect(service.check({ ...defaults, state: 'started' }, world.target)).rejects.toMatchObject({
      message: `systemd cannot use ${NOVA} on compute15`,
      why: 'bad-setting: Unit has a bad unit file setting.',
    })
  })

  test.each<Partial<Params>>([{ state: 'started' }, { state: 'restarted' }, { enabled: true }])(
    '%j of a masked unit',
    async (given) => {
      await expect(
        service.check({ ...defaults, ...given }, one({ ...STOPPED, LoadState: 'masked', UnitFileState: 'masked' })()),
      ).rejects.toMatchObject({ help: 'add `masked: false` to allow it' })
    },
  )

  test.each<[Partial<Params>, string]>([
    [{}, 'the wanted state is missing'],
    [{ masked: true, state: 'started' }, 'a masked unit can be neither enabled nor started'],
    [{ masked: true, enabled: true }, 'a masked unit can be neither enabled nor started'],
  ])('%j', async (given, message) => {
    await expect(sensiblyChecked(service, { ...defaults, ...given }, one({})())).rejects.toMatchObject({ kind: 'input', message })
  })
})
