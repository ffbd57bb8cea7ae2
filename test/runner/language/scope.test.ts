import { describe, expect, test } from 'vitest'
import { createScope } from '../../../runner/language/scope.ts'
import { TemplateError } from '../../../runner/language/template/template.ts'
import { Unknown } from '../../../runner/language/value.ts'
import { nodeOf } from './support.ts'

const vars = (yaml: string) =>
  Object.fromEntries(Object.keys(nodeOf(yaml).value as object).map((name) => [name, nodeOf(yaml, name)]))

describe('createScope', () => {
  test('a later layer wins, whatever kind it is', () => {
    const scope = createScope([
      { name: 'low', vars: vars('a: 1\nb: 1\nc: 1') },
      { name: 'mid', values: { b: 2, c: 2 } },
      { name: 'high', vars: vars('c: 3') },
    ])
    expect(['a', 'b', 'c', 'd'].map((name) => scope.lookup(name))).toEqual([1, 2, 3, undefined])
    expect(scope.names()).toEqual(['a', 'b', 'c'])
  })

  test('variables are made of others, of any layer', () => {
    const scope = createScope([
      { name: 'low', vars: vars('url: "http://{{ host }}:{{ port }}"\nall: ["{{ url }}"]') },
      { name: 'high', vars: vars('host: "{{ name }}.example"'), values: { port: 80 } },
      { name: 'host', values: { name: 'c14' } },
    ])
    expect(scope.lookup('all')).toEqual(['http://c14.example:80'])
  })

  test('nothing is rendered before it is asked for, and nothing twice', () => {
    let asked = 0
    const values = Object.defineProperty({}, 'costly', { enumerable: true, get: () => (asked += 1) }) as Record<string, unknown>
    const scope = createScope([{ name: 'v', values, vars: vars('broken: "{{ nope }}"\ntwice: "{{ costly }}"') }])
    expect(asked).toBe(0)
    expect([scope.lookup('twice'), scope.lookup('twice')]).toEqual([1, 1])
    expect(() => scope.lookup('broken')).toThrow(TemplateError)
  })

  test('a circle is an error that shows it', () => {
    const scope = createScope([
      { name: 'v', vars: vars('a: "{{ b }}"\nb: "x{{ c.d }}"\nc: { d: "{{ a }}" }\nself: "{{ self }}"') },
    ])
    const circle = (name: string) => {
      try {
        scope.lookup(name)
      } catch (error) {
        return (error as TemplateError).diagnostic
      }
      return undefined
    }
    expect(circle('a')).toMatchObject({ summary: '`a` refers to itself', notes: ['a → b → c → a'], place: { line: 1 } })
    expect(circle('self')).toMatchObject({ notes: ['self → self'] })
    // The first failure must not spoil what comes after.
    expect(circle('b')).toMatchObject({ notes: ['b → c → a → b'] })
  })

  test('what is not known yet is handed through', () => {
    const later = new Unknown('step')
    const scope = createScope([{ name: 'v', values: { later }, vars: vars('x: "{{ later.y }}"') }])
    expect(scope.lookup('x')).toBe(later)
  })

  test('names of JavaScript are no variables', () => {
    const scope = createScope([{ name: 'v', values: {}, vars: {} }])
    for (const name of ['constructor', '__proto__', 'toString', 'hasOwnProperty']) expect(scope.lookup(name)).toBeUndefined()
  })
})
