import { expect, test } from 'vitest'
import { scopeOf } from '../../../runner/state/variables.ts'
import type { HostState, Run } from '../../../runner/state/run-state.ts'
import type { Context } from '../../../runner/state/task-context.ts'
import { nodeOf } from '../language/support.ts'

/** A run on some hosts that counts how many entries of its maps are looked at. */
const counted = (size: number) => {
  const work = { looked: 0 }
  function* counting<T>(all: readonly T[]) {
    for (const one of all) {
      work.looked += 1
      yield one
    }
  }
  const watched = <T>(entries: [string, T][]): Map<string, T> =>
    Object.assign(new Map(entries), {
      values: () => counting(entries.map(([, value]) => value)),
      [Symbol.iterator]: () => counting(entries),
    })
  const names = Array.from({ length: size }, (_, index) => `h${index}`)
  const hosts = names.map((name) => ({ name, groups: ['all', 'g'], vars: [{ rack: nodeOf(`x: ${name}`, 'x') }] }))
  const states = hosts.map(
    (host) => ({ name: host.name, host, status: 'active', registered: new Map(), facts: {} }) as unknown as HostState,
  )
  const run = {
    playbook: { vars: {} },
    params: {},
    extra: {},
    inventory: {
      hosts: watched(hosts.map((host) => [host.name, host])),
      groups: watched(Array.from({ length: size }, (_, index) => [`g${index}`, { hosts: names }])),
    },
    states: watched(states.map((state) => [state.name, state])),
  } as unknown as Run
  return { run, states, work }
}

test('what is the same for all hosts is made once, not for each', () => {
  const { run, states, work } = counted(200)
  const scopes = states.map((state) => scopeOf(run, state, { vars: [] } as unknown as Context))
  expect(scopes.map((scope) => scope.lookup('inventory_hostname_short'))).toEqual([...run.states.keys()])
  expect(work.looked).toBe(0)
  for (const scope of scopes) {
    expect(Object.keys(scope.lookup('groups') as object)).toHaveLength(200)
    expect(scope.lookup('hostvars')).toMatchObject({ h7: { rack: 'h7', inventory_hostname: 'h7' } })
  }
  expect(work.looked).toBe(400)
})

test('hostvars show what has been registered since', () => {
  const { run, states } = counted(2)
  const [first, second] = states as [HostState, HostState]
  const scope = () => scopeOf(run, first, { vars: [] } as unknown as Context)
  expect(scope().lookup('hostvars')).not.toHaveProperty('h1.seen')
  second.registered.set('seen', 5)
  expect(scope().lookup('hostvars')).toHaveProperty('h1.seen', 5)
})

test('play_hosts are the active hosts of this moment', () => {
  const { run, states } = counted(3)
  states[1]!.status = 'failed'
  expect(scopeOf(run, states[0]!, { vars: [] } as unknown as Context).lookup('play_hosts')).toEqual(['h0', 'h2'])
})
