import { describe, expect, test } from 'vitest'
import { inWords, isDisabled, isEnabled, isMasked, isUp, parseUnit, readUnit } from '../../../../modules/lib/host/systemd.ts'
import { fakeTarget } from '../../../doubles/target.ts'

// As systemd 252 of Debian 12 prints it: in an order of its own, without what the unit's kind does not have.
const NOVA = `Type=notify
RemainAfterExit=no
MainPID=135
Result=success
NRestarts=2
ExecMainStatus=0
Id=nova-compute.service
LoadState=loaded
ActiveState=active
SubState=running
UnitFileState=enabled
CanReload=no
NeedDaemonReload=no
LoadError=
InvocationID=2ee279990b644eea922aa5b46ac683e8
`
const SOCKET =
  'Id=libvirtd.socket\nLoadState=masked\nActiveState=inactive\nSubState=dead\nUnitFileState=masked\nInvocationID=\nLoadError=org.freedesktop.systemd1.UnitMasked "Unit libvirtd.socket is masked."\n'

describe('systemctl show', () => {
  test('of a service', () => {
    expect(parseUnit(NOVA)).toEqual({
      id: 'nova-compute.service',
      load: 'loaded',
      loadError: '',
      active: 'active',
      sub: 'running',
      file: 'enabled',
      type: 'notify',
      remainAfterExit: false,
      result: 'success',
      status: '0',
      restarts: 2,
      invocation: '2ee279990b644eea922aa5b46ac683e8',
      canReload: false,
      outdated: false,
    })
  })

  test('of a masked socket', () => {
    const unit = parseUnit(SOCKET)
    expect(unit).toMatchObject({ loadError: 'Unit libvirtd.socket is masked.', type: '', restarts: 0, result: '' })
    expect([isMasked(unit), isUp(unit), isEnabled(unit), isDisabled(unit), inWords(unit)]).toEqual([
      true,
      false,
      false,
      true,
      'inactive (dead)',
    ])
  })

  test('a name that begins like an option is a name', async () => {
    const target = fakeTarget({ commands: () => ({ stdout: NOVA }) })
    await readUnit(target, '--version')
    expect(target.ran[0]?.slice(-2)).toEqual(['--', '--version'])
  })

  test.each([
    [127, 'sh: 1: systemctl: not found', 'use the module on hosts with systemd only'],
    [
      1,
      "System has not been booted with systemd as init system (PID 1). Can't operate.\nFailed to connect to bus: Host is down",
      undefined,
    ],
  ])('status %i is an error', async (code, stderr, help) => {
    const target = fakeTarget({ commands: () => ({ code, stderr }) })
    await expect(readUnit(target, 'x')).rejects.toMatchObject({
      message: 'systemd cannot show x',
      why: stderr.split('\n').at(-1),
      help,
    })
  })
})
