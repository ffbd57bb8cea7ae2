import { expect, test } from 'vitest'
import { who } from '../../../runner/run/who.ts'
import { fakeWorld } from '../../doubles/world.ts'

test('hosts that do not answer are not called free: 3', async () => {
  const world = fakeWorld({ files: { 'hosts.yml': 'all: { hosts: { a: , b: } }' }, down: ['a', 'b'] })
  const asked = { hosts: [], inventory: ['hosts.yml'], user: undefined, forks: 5, acceptNewHostKeys: false, json: false }
  expect(await who(asked, world)).toBe(3)
  expect(world.written.stdout).toBe('Nothing is known to be locked: 0 of 2 hosts answered, and nothing is locked there.\n')
  expect(world.written.stderr).toContain('a: cannot reach a: no route to host\n')
})
