/** Parameters of a playbook, and `-e`. */
import { describe, expect, test } from 'vitest'
import { parseSource } from '../../../../runner/source/yaml.ts'
import { loadExtraVars, missingParams, resolveParams } from '../../../../runner/language/params/params.ts'
import { renderDiagnostics } from '../../../../runner/source/render.ts'
import { loadPlaybook } from '../../../../runner/language/playbook/load-playbook.ts'
import { filesOf, modules } from '../support.ts'

const look = { color: false, unicode: true } as const
const text = `params:
  source: { type: string, description: Compute host that is emptied }
  count: { type: integer, minimum: 2, default: 5 }
  rate: { type: number, default: 1.5 }
  force: { type: boolean, default: false }
  servers: { type: array, items: { type: string }, default: [] }
  ports: { type: array, items: { type: integer }, default: [] }
  mode: { enum: [auto, true, 1], default: auto }
  token: { type: string, secret: true, minLength: 8, default: "" }
  labels: { type: object, additionalProperties: { type: string }, default: {} }
  transport: { type: string, enum: [tcp, tls], default: tcp }
  any: { description: Whatever, default: }
plays: []
`
const { playbook, sources } = await loadPlaybook('move.yml', { files: filesOf({ 'move.yml': text }), cwd: '/' }, modules)
const given = (...args: string[]) =>
  args.map((arg) => ({ name: arg.slice(0, arg.indexOf('=')), text: arg.slice(arg.indexOf('=') + 1) }))
const values = (...args: string[]) => resolveParams(playbook!, given(...args)).values
const said = (...args: string[]) => {
  const resolved = resolveParams(playbook!, given('source=a', ...args))
  return renderDiagnostics(resolved.diagnostics, [...sources, ...resolved.sources], look)
}

describe('resolveParams', () => {
  test('defaults, and what is missing', () => {
    const { values: defaults, missing, diagnostics } = resolveParams(playbook!, [])
    expect(defaults).toEqual({
      count: 5,
      rate: 1.5,
      force: false,
      servers: [],
      ports: [],
      mode: 'auto',
      token: '',
      labels: {},
      transport: 'tcp',
      any: null,
    })
    expect(missing.map(({ name }) => name)).toEqual(['source'])
    expect(diagnostics).toEqual([])
  })

  test('a missing one is shown where it is declared', () => {
    expect(renderDiagnostics(missingParams(resolveParams(playbook!, []).missing), sources, look)).toBe(
      [
        'error: the parameter `source` is missing',
        '  ┌─ move.yml:2:3',
        '2 │   source: { type: string, description: Compute host that is emptied }',
        '  │   ^^^^^^',
        '  = Compute host that is emptied',
        '  = pass it: -p source=…',
        '',
      ].join('\n'),
    )
  })

  test.each([
    ['source=', { source: '' }],
    ['source=5', { source: '5' }],
    ['source=a=b', { source: 'a=b' }],
    ['source={{ x }}', { source: '{{ x }}' }],
    ['count=7', { count: 7 }],
    ['rate=2.5e3', { rate: 2500 }],
    ['force=true', { force: true }],
    ['force=false', { force: false }],
    ['servers=web-1, db-2,', { servers: ['web-1', 'db-2'] }],
    ['servers=', { servers: [] }],
    ['servers=["a,b", c]', { servers: ['a,b', 'c'] }],
    ['ports=1,2', { ports: [1, 2] }],
    ['mode=true', { mode: true }],
    ['mode=1', { mode: 1 }],
    ['mode=auto', { mode: 'auto' }],
    ['labels={a: b, "c": "d"}', { labels: { a: 'b', c: 'd' } }],
    ['any=[1, x]', { any: [1, 'x'] }],
    ['any=5', { any: '5' }],
  ])('%s', (arg, expected) => expect(values(arg)).toMatchObject(expected))

  test('the last one wins', () => {
    expect(values('count=2', 'count=3')).toMatchObject({ count: 3 })
  })

  test.each([
    ['count=x', '`count` must be a whole number'],
    ['count=1', '`count` must be at least 2'],
    ['count=2.5', '`count` must be a whole number'],
    ['count=', '`count` must be a whole number'],
    ['rate=fast', '`rate` must be a number'],
    ['rate=', '`rate` must be a number'],
    ['force=yes', '`force` must be true or false'],
    ['servers=[a', '`servers` must be a list'],
    ['ports=1,x', 'item 2 of `ports` must be a whole number'],
    ['mode=automatic', '`mode` must be one of auto, true, 1'],
    ['labels=x', '`labels` must be a mapping'],
    ['labels={a: 1}', '`a` must be text'],
    ['transport=tsl', '`transport` must be one of tcp, tls'],
  ])('%s is refused', (arg, summary) => {
    expect(said(arg)).toContain(`error: ${summary}\n`)
    expect(resolveParams(playbook!, given('source=a', arg)).missing).toEqual([])
  })

  test('arguments are drawn', () => {
    expect(said('targt=x', 'sorce=b', 'transport=tsl')).toBe(
      [
        'error: unknown parameter `targt`',
        '   ┌─ command line',
        '   │ -p targt=(hidden)',
        '   │    ^^^^^',
        '   = parameters of move.yml: source, count, rate, force, servers, ports, mode, token, labels, transport, any',
        '',
        'error: unknown parameter `sorce`',
        '   ┌─ command line',
        '   │ -p sorce=(hidden)',
        '   │    ^^^^^ did you mean `source`?',
        '',
        'error: `transport` must be one of tcp, tls',
        '   ┌─ command line',
        '   │ -p transport=tsl',
        '   │              ^^^ did you mean `tls`?',
        '',
      ].join('\n'),
    )
  })

  test('an argument wins over the file, the file over the default', () => {
    const file = parseSource('params.yml', 'count: 3\nrate: 3\nsource: from-file\n').source
    expect(resolveParams(playbook!, given('count=4'), file).values).toMatchObject({ count: 4, rate: 3, source: 'from-file' })
  })

  test('values of the file are typed already', () => {
    const file = parseSource('params.yml', 'source: 5\ncount: "3"\nforce: yes\nsevers: []\nservers: [1]\n').source
    const { diagnostics, missing } = resolveParams(playbook!, [], file)
    expect(diagnostics.map(({ summary, label }) => [summary, label])).toEqual([
      ['`source` must be text', 'quote it: "5"'],
      ['`count` must be a whole number', 'without quotes: 3'],
      ['`force` must be true or false', 'write `true`'],
      ['unknown parameter `severs`', 'did you mean `servers`?'],
      ['`[0]` in `servers` must be text', 'quote it: "1"'],
    ])
    expect(missing).toEqual([])
    const list = parseSource('params.yml', '- a\n').source
    expect(resolveParams(playbook!, [], list).diagnostics[0]!.summary).toBe(
      'a file of parameters must be a mapping of names to values',
    )
  })

  test('a secret never shows', () => {
    expect(said('token=hunter2')).not.toContain('hunter2')
    const file = parseSource('params.yml', 'source: a\ntoken: hunter2 # the token\ncount: 1\n').source
    const { diagnostics, sources: masked } = resolveParams(playbook!, given('token=hunter3'), file)
    const shown = renderDiagnostics(diagnostics, [file, ...masked], look)
    expect(diagnostics).toHaveLength(3)
    expect(shown).not.toMatch(/hunter/)
    expect(shown).toContain('2 │ token: (hidden)')
  })

  test('names of JavaScript are unknown parameters', () => {
    const { diagnostics } = resolveParams(playbook!, given('constructor=x', '__proto__=y'))
    expect(diagnostics.map(({ summary }) => summary)).toEqual([
      'unknown parameter `constructor`',
      'unknown parameter `__proto__`',
    ])
  })
})

describe('loadExtraVars', () => {
  const load = (...args: string[]) =>
    loadExtraVars(args, { files: filesOf({ 'x.yml': 'a: 1\nb: "{{ a }}"\n', 'list.yml': '- 1\n' }), cwd: '/' })

  test('name=value is text, mappings and files keep their types, a later one wins', async () => {
    const { vars, diagnostics } = await load('a=1 b="x y"', '@x.yml', '{"c": [1, true]}', 'a=last')
    expect(diagnostics).toEqual([])
    expect(Object.fromEntries(Object.entries(vars).map(([name, { value }]) => [name, value]))).toEqual({
      a: 'last',
      b: '{{ a }}',
      c: [1, true],
    })
  })

  test('trouble is drawn', async () => {
    const { diagnostics, sources: own } = await load('foo', 'a="x', '{a: ]', '[1]', '@nope.yml', '@list.yml')
    expect(renderDiagnostics(diagnostics, own, look)).toBe(
      [
        'error: file `nope.yml` not found (-e)',
        '',
        'error: extra variables are written name=value',
        '   ┌─ command line',
        '   │ -e foo',
        '   │    ^^^',
        '',
        'error: extra variables are written name=value',
        '   ┌─ command line',
        '   │ -e a="x',
        '   │    ^^^^ a quote is not closed',
        '',
        'error: this is neither JSON nor YAML',
        '   ┌─ command line',
        '   │ -e {a: ]',
        '   │        ^',
        '',
        'error: extra variables must be a mapping of names to values',
        '   ┌─ command line',
        '   │ -e [1]',
        "   │    ^^^ write -e name=value, or -e '{name: value}'",
        '',
        'error: extra variables must be a mapping of names to values',
        '  ┌─ list.yml:1:1',
        '1 │ - 1',
        "  │ ^^^ write -e name=value, or -e '{name: value}'",
        '',
      ].join('\n'),
    )
  })
})
