/** Host patterns: the hosts they select, and the errors of those that select none. */
import { describe, expect, test } from 'vitest'
import { matchHosts, splitPattern } from '../../../runner/inventory/pattern.ts'
import { inventoryOf } from './support.ts'

const inventory = await inventoryOf(
  { hosts: 'alone\nweb.example.com\n[web]\nw[1:4]\n[db]\nd1\nw4\n[empty]\n[both:children]\nweb\ndb\n[v6]\n2001:db8::1\n' },
  ['hosts'],
)
const hosts = (pattern: string | string[]) => {
  const matched = matchHosts(pattern, inventory)
  expect(matched.diagnostics).toEqual([])
  return matched.hosts
}
const said = (pattern: string | string[]) =>
  matchHosts(pattern, inventory).diagnostics.map(({ severity, summary, label }) => [
    severity,
    summary,
    ...(label === undefined ? [] : [label]),
  ])

describe('matchHosts', () => {
  test.each([
    ['all', ['alone', 'web.example.com', 'w1', 'w2', 'w3', 'w4', 'd1', '2001:db8::1']],
    ['*', ['alone', 'web.example.com', 'w1', 'w2', 'w3', 'w4', 'd1', '2001:db8::1']],
    ['web', ['w1', 'w2', 'w3', 'w4']],
    ['db:web', ['d1', 'w4', 'w1', 'w2', 'w3']],
    ['db,web', ['d1', 'w4', 'w1', 'w2', 'w3']],
    ['web:&db', ['w4']],
    ['web:!db', ['w1', 'w2', 'w3']],
    ['!db:web', ['w1', 'w2', 'w3']],
    ['!both', ['alone', 'web.example.com', '2001:db8::1']],
    ['&db', ['w4', 'd1']],
    ['web[0]', ['w1']],
    ['web[-1]', ['w4']],
    ['web[1:2]', ['w2', 'w3']],
    ['web[2:]', ['w3', 'w4']],
    ['w[!1-3]', ['w4']],
    ['w?', ['w1', 'w2', 'w3', 'w4']],
    ['w*', ['w1', 'w2', 'w3', 'w4', 'web.example.com']],
    ['*.example.com', ['web.example.com']],
    ['web.example.com', ['web.example.com']],
    ['~w[12]', ['w1', 'w2']],
    ['~(?P<x>d)\\d', ['d1']],
    ['alone:w1:alone', ['alone', 'w1']],
    ['empty', []],
    ['ungrouped', ['alone', 'web.example.com']],
    ['2001:db8::1', ['2001:db8::1']],
    ['localhost', ['localhost']],
    ['127.0.0.1', ['localhost']],
    [' w1 , d1 ', ['w1', 'd1']],
    [
      ['db', 'w1:!w4'],
      ['d1', 'w1'],
    ],
    [
      ['web', '!w1', '!w2'],
      ['w3', 'w4'],
    ],
  ] as [string | string[], string[]][])('%j', (pattern, expected) => {
    expect(hosts(pattern).toSorted()).toEqual(expected.toSorted())
    if (typeof pattern === 'string' && !pattern.startsWith('all') && pattern !== '*') expect(hosts(pattern)).toEqual(expected)
  })

  test('a name that nothing has is an error wherever it stands', () => {
    expect(said('wbe')).toEqual([['error', 'unknown host or group `wbe`', 'did you mean `web`?']])
    expect(said('web:!bd')).toEqual([['error', 'unknown host or group `bd`']])
    expect(said('web:&nowhere')).toEqual([['error', 'unknown host or group `nowhere`']])
    expect(matchHosts('nowhere', inventory).diagnostics[0]!.notes).toEqual([
      'the inventory has web, db, empty, both, v6, alone, web.example.com, w1, w2, w3, w4, d1, …',
    ])
  })

  test('a wildcard that nothing matches is a warning', () => {
    expect(said('x*:web')).toEqual([['warning', 'the pattern `x*` matches no host and no group']])
    expect(said('~^z')).toEqual([['warning', 'the pattern `~^z` matches no host and no group']])
  })

  test('positions and regular expressions that cannot be', () => {
    expect(said('web[7]')).toEqual([['error', '`web` has 4 hosts, none at `[7]`']])
    expect(said('db[5:]')).toEqual([['error', '`db` has 2 hosts, none at `[5:]`']])
    expect(said('~(')[0]![1]).toBe('`~(` is not a regular expression')
  })

  test('without an inventory', async () => {
    const none = await inventoryOf({}, [])
    expect(matchHosts('all', none)).toEqual({ hosts: [], diagnostics: [] })
    expect(matchHosts('web', none).diagnostics[0]!.notes).toEqual(['the inventory has only localhost: pass one with -i'])
    expect(matchHosts('localhost', none).hosts).toEqual(['localhost'])
  })

  test('expressions are read by the engine whose time is linear', () => {
    expect(hosts(String.raw`~(?i)W\d\z`)).toEqual(hosts('~w[0-9]$'))
    expect(matchHosts('~(?!web)', inventory).diagnostics).toMatchObject([
      { summary: '`~(?!web)` is not a regular expression', notes: ['a lookahead, `(?!`, is not supported'] },
    ])
  })

  test('diagnostics stand where the pattern is written', () => {
    const place = { file: 'p.yml', line: 3, column: 12, length: 3 }
    expect(matchHosts('wbe', inventory, place).diagnostics[0]!.place).toBe(place)
  })
})

test.each([
  ['a,b:c', ['a', 'b:c']],
  ['a:b', ['a', 'b']],
  ['a:&b:!c', ['a', '&b', '!c']],
  ['web[0:2]:db', ['web[0:2]', 'db']],
  ['web[0:2]', ['web[0:2]']],
  ['node[01:20]', ['node[01:20]']],
  ['2001:db8::1', ['2001:db8::1']],
  ['', []],
])('splitPattern %s', (pattern, parts) => expect(splitPattern(pattern)).toEqual(parts))
