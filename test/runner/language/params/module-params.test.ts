/** Parameters of modules against their schemas, with advice. */
import { describe, expect, test } from 'vitest'
import { checkArgs, checkParams, conditionsIn, example, flow } from '../../../../runner/language/params/module-params.ts'
import { defineModule, Failure } from '../../../../runner/module.ts'
import { modules, nodeOf } from '../support.ts'

const migration = modules.get('live_migration')!
const copy = modules.get('copy')!
const args = (yaml: string) => nodeOf<Record<string, unknown>>(`m: ${yaml}`, 'm')

describe('checkParams', () => {
  test('fills in defaults, in a copy', () => {
    const given = Object.freeze({ server: 'web-1', hosts: Object.freeze([Object.freeze({ name: 'a' })]) })
    const { value, diagnostics } = checkParams(migration, args('{ server: web-1, hosts: [{ name: a }] }'), given)
    expect(diagnostics).toEqual([])
    expect(value).toEqual({ server: 'web-1', hosts: [{ name: 'a' }], block_migration: 'auto', timeout: 0, retries: 1 })
    expect(given).toEqual({ server: 'web-1', hosts: [{ name: 'a' }] })
  })

  test('nothing is an empty mapping', () => {
    expect(checkParams(modules.get('debug')!, args(''), null)).toEqual({ value: {}, diagnostics: [] })
  })

  test('what a template gave takes the type that is wanted where nothing is lost', () => {
    const node = args(
      '{ server: "{{ n }}", timeout: "{{ t }}0", rate: "{{ r }}", labels: { a: "{{ b }}" }, tags: "{{ l }}", block_migration: "{{ c }}" }',
    )
    const { value, diagnostics } = checkParams(migration, node, {
      server: 5,
      timeout: '60',
      rate: '1.5',
      labels: { a: true },
      tags: [1, 'x'],
      block_migration: true,
    })
    expect(diagnostics).toEqual([])
    expect(value).toMatchObject({
      server: '5',
      timeout: 60,
      rate: 1.5,
      labels: { a: 'true' },
      tags: ['1', 'x'],
      block_migration: true,
    })
  })

  test('and stays what it is elsewhere', () => {
    const node = args('{ server: "{{ n }}", timeout: "{{ t }}", rate: 5 }')
    for (const timeout of ['1m', '', '010', '1.5', ' 5', true, null, [5]]) {
      expect(checkParams(migration, node, { server: 'x', timeout, rate: 5 }).diagnostics.map(({ summary }) => summary)).toEqual([
        '`timeout` must be a whole number',
      ])
    }
    expect(
      checkParams(copy, args('{ src: "{{ a }}", dest: b, force: "{{ f }}" }'), { src: 'a', dest: 'b', force: 'yes' }).diagnostics,
    ).toHaveLength(1)
  })

  test('written values are not converted', () => {
    expect(
      checkParams(migration, args('{ server: web-1, timeout: "60" }'), { server: 'web-1', timeout: '60' }).diagnostics,
    ).toHaveLength(1)
  })

  test('each problem stands at its place', () => {
    const node = args('{ server: x, hosts: "{{ h }}", timout: 1 }')
    const { diagnostics } = checkParams(migration, node, { server: 'x', hosts: [{ name: 'a' }, { nmae: 'b' }], timout: 1 })
    expect(diagnostics.map(({ summary, place }) => [summary, place!.column])).toEqual([
      ['unknown parameter `timout` of `live_migration`', 35],
      ['`hosts[1]` needs `name`', 17],
      ['unknown key `nmae` in `hosts[1]`', 17],
    ])
  })

  test('one condition needs no list', () => {
    const { value } = checkParams(modules.get('assert')!, args('{ that: a == 1 }'), { that: 'a == 1' })
    expect(value).toEqual({ that: ['a == 1'] })
  })
})

describe('checkArgs', () => {
  const summaries = (module: string, yaml: string) => checkArgs(modules.get(module)!, args(yaml)).map(({ summary }) => summary)

  test('takes templates as right, wherever they stand', () => {
    expect(
      summaries(
        'live_migration',
        '{ server: "{{ s }}", timeout: "{{ t }}", tags: "{{ l }}", hosts: [{ name: "{{ n }}" }], block_migration: "{{ b }}" }',
      ),
    ).toEqual([])
    expect(summaries('copy', '{ src: "{{ a }}", dest: "{{ b }}", mode: "0{{ m }}", backup: "{{ c }}" }')).toEqual([])
  })

  test('but looks at what surrounds them', () => {
    expect(summaries('live_migration', '{ server: "{{ s }}", timout: "{{ t }}" }')).toEqual([
      'unknown parameter `timout` of `live_migration`',
    ])
    expect(summaries('copy', '{ src: "{{ a }}" }')).toEqual(['`copy` needs `dest`'])
  })

  test('checks conditions among them', () => {
    expect(summaries('assert', '{ that: [a == 1, b = 2, "{{ c }}"] }')).toEqual([
      '`=` cannot stand here',
      'a condition is not a template: variables are written bare',
    ])
    expect(conditionsIn(modules.get('assert')!.params, args('{ that: [a, b] }')).map(({ value, path }) => [value, path])).toEqual(
      [
        ['a', ['m', 'that', 0]],
        ['b', ['m', 'that', 1]],
      ],
    )
  })
})

test('advice does not repeat a secret', () => {
  const login = {
    ...migration,
    params: {
      type: 'object',
      additionalProperties: false,
      properties: { pin: { type: 'string', secret: true, description: '' } },
    },
  } as const
  const { diagnostics } = checkParams(login, args('{ pin: 12345678 }'), { pin: 12345678 })
  expect(diagnostics).toMatchObject([{ summary: '`pin` must be text', label: 'quote it' }])
})

test('example and flow write YAML on one line', () => {
  expect(example(copy)).toBe('copy: { src: nova.conf, dest: /etc/nova/nova.conf, mode: "0640" }')
  expect(example(migration)).toBe('live_migration: { server: web-1 }')
  expect(flow({ a: [1, 'x'], b: { c: 'two words', d: 'yes: no' } })).toBe('a: [ 1, x ], b: { c: two words, d: "yes: no" }')
  expect(flow({ a: 'x'.repeat(200) })).not.toContain('\n')
})

describe('what only the module itself can say', () => {
  const text = { type: 'string', description: 'text' } as const
  const pick = defineModule({
    name: 'pick',
    summary: 'Picks.',
    params: { type: 'object', additionalProperties: false, properties: { a: text, b: { ...text, default: 'x' }, c: text } },
    examples: [],
    validate({ a, b }) {
      if (a === b) throw new Failure('`a` is `b`', { kind: 'input', why: `both are ${a}`, help: 'give two' })
    },
    check: async () => ({ changes: [], before: undefined }),
  })
  const said = [{ severity: 'error', summary: '`a` is `b`', label: 'give two', notes: ['both are x'] }]

  test('is said of what is written, with defaults filled in, at the module’s name', () => {
    const [diagnostic, ...more] = checkArgs(pick, args('{ a: x }'))
    expect([diagnostic, ...more]).toMatchObject(said)
    expect(diagnostic?.place).toMatchObject({ line: 1, column: 1, length: 1 })
    expect(checkArgs(pick, args('{ a: y }'))).toEqual([])
  })

  test('waits for what is not known yet, and for the schema', () => {
    expect(checkArgs(pick, args('{ a: x, c: "{{ c }}" }'))).toEqual([])
    expect(checkArgs(pick, args('{ a: x, d: 1 }')).map(({ summary }) => summary)).not.toContain('`a` is `b`')
    expect(checkParams(pick, args('{ a: "{{ a }}" }'), { a: 'x' }).diagnostics).toMatchObject(said)
    expect(checkParams(pick, args('{ a: "{{ a }}" }'), { a: 'y' }).diagnostics).toEqual([])
  })
})
