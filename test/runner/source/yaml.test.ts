/** YAML into nodes with places. */
import { parseDocument } from 'yaml'
import { describe, expect, test } from 'vitest'
import {
  child,
  entries,
  items,
  nodeAt,
  parseSource,
  placeOf,
  placeOfNode,
  rootOf,
  sourceOf,
  writtenAs,
} from '../../../runner/source/yaml.ts'
import { nodeOf } from '../language/support.ts'

const text = `plays:
  - hosts: all
    tasks:
      - name: say "{{ word }}"
        debug: { msg: hello, list: [a, bc] }
        empty:
`
const { source } = parseSource('p.yml', text)
const marked = ({ line, column, length }: { line: number; column: number; length: number }) =>
  text.split('\n')[line - 1]!.slice(column - 1, column - 1 + length)

describe('parseSource', () => {
  test('reads YAML 1.2: octal-looking numbers and yes are what they look like', () => {
    expect(rootOf(parseSource('a', 'a: 0644\nb: yes\nc: 0o644\nd: on').source).value).toEqual({
      a: 644,
      b: 'yes',
      c: 420,
      d: 'on',
    })
  })

  test('reads inventories as Ansible does: YAML 1.1 without dates, y and n are text', () => {
    const yaml = 'a: 0644\nb: yes\nc: off\nd: 2024-01-02\ne: y\nf: 1:30\ng: 1_000\nh: ~\ni: !!binary aGk='
    const { source: read, diagnostics } = parseSource('a', yaml, 'ansible')
    expect(rootOf(read).value).toMatchObject({ a: 420, b: true, c: false, d: '2024-01-02', e: 'y', f: 90, g: 1000, h: null })
    expect(diagnostics.map(({ summary }) => summary)).toEqual(['unknown tag `!!binary`'])
  })

  test('an unreadable file has no value, a merely wrong one has', () => {
    expect(rootOf(parseSource('a', 'a: [').source).value).toBeUndefined()
    expect(rootOf(parseSource('a', 'a: 1\na: 2').source).value).toEqual({ a: 2 })
    expect(rootOf(parseSource('a', '').source).value).toBeNull()
  })

  test('merge keys are merged', () => {
    expect(nodeOf('x: &x { a: 1 }\ny: { <<: *x, b: 2 }', 'y').value).toEqual({ a: 1, b: 2 })
  })

  test('a key that is called like a part of JavaScript is a key like others', () => {
    const node = nodeOf('__proto__: { a: 1 }\nconstructor: 2\ntoString: 3')
    expect(Object.getPrototypeOf(node.value)).toBe(Object.prototype)
    expect(entries(node as never).map(([key]) => key)).toEqual(['__proto__', 'constructor', 'toString'])
    expect(child(nodeOf('a: 1'), 'constructor').value).toBeUndefined()
  })

  test('nesting without end is refused, not a crash', () => {
    const { diagnostics } = parseSource('a', '['.repeat(100_000))
    expect(diagnostics).toHaveLength(1)
    expect(diagnostics[0]!.severity).toBe('error')
  })

  test('a byte order mark and Windows line ends do not move anything', () => {
    const { source: read } = parseSource('a', '\ufeffa: 1\r\nb: two\r\n')
    expect(rootOf(read).value).toEqual({ a: 1, b: 'two' })
    expect(placeOf(read, ['b'])).toEqual({ file: 'a', line: 2, column: 4, length: 3 })
  })
})

describe('placeOf', () => {
  test('values and keys', () => {
    expect(placeOf(source, ['plays', 0, 'hosts'])).toEqual({ file: 'p.yml', line: 2, column: 12, length: 3 })
    expect(placeOf(source, ['plays', 0, 'hosts'], 'key')).toEqual({ file: 'p.yml', line: 2, column: 5, length: 5 })
    expect(marked(placeOf(source, ['plays', 0, 'tasks', 0, 'debug', 'list', 1]))).toBe('bc')
    expect(marked(placeOf(source, ['plays', 0, 'tasks', 0, 'debug', 'msg'], 'key'))).toBe('msg')
  })

  test('a value without text is marked by its key', () => {
    expect(marked(placeOf(source, ['plays', 0, 'tasks', 0, 'empty']))).toBe('empty')
  })

  test('a path that leads nowhere gives what is around it', () => {
    expect(marked(placeOf(source, ['plays', 0, 'tasks', 0, 'debug', 'nothing', 3]))).toBe('{ msg: hello, list: [a, bc] }')
    expect(placeOf({ file: 'x', text: '' }, ['a'])).toEqual({ file: 'x', line: 1, column: 1, length: 1 })
  })

  test('what spans lines is marked on its first', () => {
    expect(marked(placeOf(source, ['plays', 0]))).toBe('hosts: all')
  })

  test('through aliases and merges', () => {
    const yaml = 'x: &x { a: 1 }\ny: *x\nz: { <<: *x }\nl: { <<: [*x, *x] }\n'
    const { source: read } = parseSource('a', yaml)
    for (const name of ['y', 'z', 'l']) expect(placeOf(read, [name, 'a'])).toMatchObject({ line: 1, column: 12 })
  })

  test('the last of two equal keys counts, as it does for the value', () => {
    expect(placeOf(parseSource('a', 'a: 1\na: 2').source, ['a'])).toMatchObject({ line: 2 })
  })

  test('inside texts', () => {
    const node = nodeAt(source, ['plays', 0, 'tasks', 0, 'name'])
    expect(marked(placeOfNode(node, 'value', { start: 5, length: 10 }))).toBe('{{ word }}')
  })
})

test('children', () => {
  const node = nodeOf<Record<string, unknown>>('a: [x, y]\nb: 1')
  expect(items(child(node, 'a') as never).map(({ value, path }) => [value, path])).toEqual([
    ['x', ['a', 0]],
    ['y', ['a', 1]],
  ])
  expect(entries(node).map(([key, { value }]) => [key, value])).toEqual([
    ['a', ['x', 'y']],
    ['b', 1],
  ])
  expect(child(nodeOf('text'), 'length').value).toBeUndefined()
})

test('writtenAs tells how a scalar is written', () => {
  expect(writtenAs(nodeOf('a: 0644', 'a'))).toEqual({ text: '0644', quoted: false })
  expect(writtenAs(nodeOf('a: "0644"', 'a'))).toEqual({ text: '"0644"', quoted: true })
  expect(writtenAs(nodeOf('a: [1]', 'a'))).toBeUndefined()
})

test('a document of another reader has places as well', () => {
  const made = sourceOf('args', '   {a: 1}', parseDocument('   {a: 1}'))
  expect(rootOf(made).value).toEqual({ a: 1 })
  expect(placeOf(made, ['a'])).toMatchObject({ column: 8 })
})
