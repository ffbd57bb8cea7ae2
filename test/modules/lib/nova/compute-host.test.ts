import { describe, expect, test } from 'vitest'
import { inventoryName, reach } from '../../../../modules/lib/nova/compute-host.ts'
import { Failure } from '../../../../runner/module.ts'
import { fakeTarget } from '../../../doubles/target.ts'

test.each([
  ['the same name', ['compute14', 'compute15'], 'compute14', 'compute14'],
  ['the full name in Nova', ['compute14'], 'compute14.example.org', 'compute14'],
  ['the full name in the inventory', ['compute14.example.org'], 'compute14', 'compute14.example.org'],
  ['two full names', ['compute14.a.org', 'compute14.b.org'], 'compute14', undefined],
  ['full names of different places', ['compute14.a.org'], 'compute14.b.org', undefined],
  ['a name that merely begins alike', ['compute1'], 'compute14', undefined],
])('%s', (_, hosts, computeHost, name) => {
  expect(inventoryName(hosts, computeHost)).toBe(name)
})

describe('reaching a host', () => {
  const compute14 = fakeTarget({ host: 'compute14', commands: { true: {} } })

  test('that is there', async () => {
    const target = fakeTarget({ others: { compute14 } })
    expect(await reach(target, 'compute14.example.org')).toMatchObject({ host: { host: 'compute14' } })
  })

  test('that the inventory does not have', async () => {
    expect(await reach(fakeTarget(), 'compute14')).toEqual({
      why: 'compute14 is not in the inventory',
      help: 'add compute14 to the inventory',
    })
  })

  test('that does not answer: a finding', async () => {
    const target = fakeTarget({ others: { compute14 } })
    const on = async () => {
      throw new Failure('cannot connect to compute14', { kind: 'unreachable', why: 'connection refused', help: 'start sshd' })
    }
    expect(await reach({ ...target, on }, 'compute14')).toEqual({
      why: 'compute14: cannot connect to compute14 (connection refused)',
      help: 'start sshd',
    })
  })

  test('when the operator has stopped the run: no finding', async () => {
    const stop = new AbortController()
    const target = fakeTarget({ others: { compute14 }, signal: stop.signal })
    const on = async () => {
      stop.abort()
      throw new Failure('stopped', { kind: 'interrupted' })
    }
    await expect(reach({ ...target, on }, 'compute14')).rejects.toThrow('stopped')
  })
})
