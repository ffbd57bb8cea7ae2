import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { expandRanges, readHostName } from '../../../runner/inventory/range.ts'

describe('expandRanges', () => {
  test.each([
    ['node[01:03]', ['node01', 'node02', 'node03']],
    ['node[8:11]', ['node8', 'node9', 'node10', 'node11']],
    ['db-[a:c].lab', ['db-a.lab', 'db-b.lab', 'db-c.lab']],
    ['x[Y:Z]', ['xY', 'xZ']],
    ['r[1:7:3]n[0:1]', ['r1n0', 'r1n1', 'r4n0', 'r4n1', 'r7n0', 'r7n1']],
    ['n[:2]', ['n0', 'n1', 'n2']],
    ['n[098:101]', ['n098', 'n099', 'n100', 'n101']],
    ['plain', ['plain']],
  ])('%s', (pattern, names) => expect(expandRanges(pattern)).toEqual(names))

  test.each([
    'n[1:',
    'n[1]',
    'n[1:]',
    'n[3:1]',
    'n[c:a]',
    'n[01:3]',
    'n[a:3]',
    'n[1:3:0]',
    'n[1:3:x]',
    'n[1:2:3:4]',
    'n[]',
    'n[1:999999999]',
    'n[1:1000]m[1:1000]',
  ])('%s is refused', (pattern) => expect(expandRanges(pattern)).toHaveProperty('wrong'))

  test('every number from the first to the last, once, in order, of one width', () => {
    fc.assert(
      fc.property(fc.nat(300), fc.nat(50), fc.integer({ min: 1, max: 7 }), fc.boolean(), (from, more, step, padded) => {
        const last = from + more
        const width = String(last).length
        const first = padded ? String(from).padStart(width, '0') : String(from)
        const names = expandRanges(`n[${first}:${last}:${step}]`) as string[]
        expect(names).toHaveLength(Math.floor(more / step) + 1)
        names.forEach((name, index) => {
          expect(Number(name.slice(1))).toBe(from + index * step)
          if (first.startsWith('0') && first.length > 1) expect(name.length).toBe(1 + width)
        })
      }),
    )
  })
})

describe('readHostName', () => {
  test.each([
    ['web-1', ['web-1'], undefined],
    ['web-1:2222', ['web-1'], 2222],
    ['web-[1:2]:22', ['web-1', 'web-2'], 22],
    ['10.0.0.[1:2]', ['10.0.0.1', '10.0.0.2'], undefined],
    ['[2001:db8::1]:22', ['2001:db8::1'], 22],
    ['2001:db8::1', ['2001:db8::1'], undefined],
    ['::1', ['::1'], undefined],
    ['web_1.example', ['web_1.example'], undefined],
    ['odd_-:22', ['odd_-:22'], undefined],
    ['計算-1:22', ['計算-1'], 22],
  ])('%s', (text, names, port) => expect(readHostName(text)).toEqual({ names, port }))

  test.each(['web:', '---', 'a[1:', '[2001:db8::1]'])('%s is refused', (text) =>
    expect(readHostName(text)).toHaveProperty('wrong'),
  )
})
