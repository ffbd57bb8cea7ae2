import fc from 'fast-check'
import { expect, test } from 'vitest'
import { buildInventory, hostsIn, sortGroups } from '../../../runner/inventory/build.ts'
import type { Declaration } from '../../../runner/inventory/declaration.ts'

const place = { file: 'hosts', line: 1, column: 1, length: 1 }
const child = (group: string, one: string): Declaration => ({ kind: 'child', group, child: one, place })
const host = (group: string, name: string): Declaration => ({ kind: 'host', group, name, vars: {}, from: 'hosts' })

test('a circle of groups is refused where it closes, and the rest stands', () => {
  const { groups, diagnostics } = buildInventory([
    child('a', 'b'),
    child('b', 'c'),
    child('c', 'a'),
    child('d', 'd'),
    host('c', 'h'),
  ])
  expect(diagnostics.map(({ summary, label }) => [summary, label])).toEqual([
    ['the group `a` would contain itself', '`c` is in it already'],
    ['the group `d` would contain itself', 'this is the group itself'],
  ])
  expect(hostsIn(groups, 'a')).toEqual(['h'])
})

test('depth is the longest way from all', () => {
  const { groups } = buildInventory([child('a', 'b'), child('b', 'c'), child('x', 'c'), child('c', 'd')])
  expect(sortGroups([...groups.values()]).map(({ name, depth }) => `${name}${depth}`)).toEqual([
    'all0',
    'a1',
    'ungrouped1',
    'x1',
    'b2',
    'c3',
    'd4',
  ])
})

test('whatever is declared: no circle, every host in all, a child deeper than its parents, ungrouped only where nothing else is', () => {
  const name = fc.constantFrom('a', 'b', 'c', 'd', 'e')
  const declaration = fc.oneof(
    fc.tuple(name, name).map(([group, one]) => child(group, one)),
    fc
      .tuple(fc.oneof(name, fc.constantFrom('all', 'ungrouped')), fc.constantFrom('h1', 'h2', 'h3'))
      .map(([group, one]) => host(group, one)),
  )
  fc.assert(
    fc.property(fc.array(declaration, { maxLength: 25 }), (declarations) => {
      const { groups, hosts } = buildInventory(declarations)
      expect(new Set(hostsIn(groups, 'all'))).toEqual(new Set(hosts.keys()))
      for (const group of groups.values())
        for (const one of group.children) expect(groups.get(one)!.depth).toBeGreaterThan(group.depth)
      for (const one of hosts.keys()) {
        const direct = [...groups.values()]
          .filter((group) => group.name !== 'all' && group.hosts.has(one))
          .map((group) => group.name)
        expect(direct.includes('ungrouped')).toBe(direct.filter((group) => group !== 'ungrouped').length === 0)
      }
    }),
  )
})
