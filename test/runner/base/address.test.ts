import { expect, test } from 'vitest'
import { type Address, inWords, isAbove, overlaps } from '../../../runner/base/address.ts'

const file = (name: string, host = 'a'): Address => ({ host, kind: 'file', name })

test.each<[Address, Address, boolean]>([
  [file('/etc/nova'), file('/etc/nova'), true],
  [file('/etc/nova'), file('/etc/nova/nova.conf'), true],
  [file('/etc/nova/nova.conf'), file('/'), true],
  [file('/etc/nova'), file('/etc/nova.conf'), false],
  [file('/etc/nova'), file('/etc/nova', 'b'), false],
  [file('/etc/nova'), { ...file('/etc/nova'), kind: 'unit' }, false],
  [{ host: 'a', kind: 'row', name: '/x' }, { host: 'a', kind: 'row', name: '/x/y' }, false],
])('%j and %j overlap: %s', (one, other, expected) => {
  expect([overlaps(one, other), overlaps(other, one)]).toEqual([expected, expected])
})

test('a folder is not above itself', () => {
  expect([isAbove(file('/'), file('/')), isAbove(file('/etc'), file('/etc')), isAbove(file('/'), file('/etc'))]).toEqual([
    false,
    false,
    true,
  ])
})

test('in words', () => {
  expect(inWords(file('/etc/hosts'), 'mode')).toBe('/etc/hosts: mode')
  expect(inWords({ host: '', kind: 'server', name: 'web-1' })).toBe('server web-1')
})
