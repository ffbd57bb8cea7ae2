import { expect, test } from 'vitest'
import { osRelease, whyNot, type Machine } from './machine.ts'

const debian: Machine = { uid: 0, platform: 'linux', arch: 'x64', id: 'debian', version: '12' }

test('root on Debian 12 is what it needs', () => {
  expect(whyNot(debian)).toBeUndefined()
})

test('anything else is named', () => {
  expect(whyNot({ ...debian, id: 'ubuntu', version: '24.04' })).toBe('it needs Debian 12; this is ubuntu 24.04')
  expect(whyNot({ ...debian, version: '13' })).toBe('it needs Debian 12; this is debian 13')
  expect(whyNot({ ...debian, platform: 'darwin', id: '', version: '' })).toBe('it needs Debian 12; this is darwin')
  expect(whyNot({ ...debian, arch: 'arm64' })).toBe('its guests need an x86-64 machine; this is arm64')
  expect(whyNot({ ...debian, uid: 1000 })).toContain('root')
})

test('os-release with and without quotes', () => {
  expect(osRelease('ID=debian\nVERSION_ID="12"\nPRETTY_NAME=\'Debian GNU/Linux 12\'\n')).toEqual({
    ID: 'debian',
    VERSION_ID: '12',
    PRETTY_NAME: 'Debian GNU/Linux 12',
  })
})
