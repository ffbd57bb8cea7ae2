/** Templates: values, unknowns, helpers, blocks, nothing silent. */
import fc from 'fast-check'
import Handlebars from 'handlebars'
import { describe, expect, test } from 'vitest'
import type { Diagnostic } from '../../../../runner/source/diagnostic.ts'
import { createScope } from '../../../../runner/language/scope.ts'
import {
  TemplateError,
  checkTemplates,
  isTemplate,
  references,
  render,
  templates,
} from '../../../../runner/language/template/template.ts'
import { parseTemplate } from '../../../../runner/language/template/template-syntax.ts'
import { Unknown } from '../../../../runner/language/value.ts'
import { nodeOf } from '../support.ts'

const later = new Unknown('Find the servers')
const values = {
  name: 'web-1',
  port: 22,
  flag: false,
  nothing: null,
  list: ['a', 'b'],
  empty: [],
  found: {
    servers: [
      { id: '1', name: 'web-1' },
      { id: '2', name: 'db-2' },
    ],
    count: 2,
    constructor: 'own',
  },
  hosts: { c14: { rack: 1 } },
  host: 'c14',
  text: 'one\ntwo\n',
  later,
  partly: { known: 1, later },
}
const scope = createScope([{ name: 'test', values }])
const quoted = (template: string) => nodeOf(`x: ${JSON.stringify(template)}`, 'x')
const rendered = (template: string): unknown => render(quoted(template), scope)
const problem = (template: string): Diagnostic => {
  try {
    rendered(template)
  } catch (error) {
    if (error instanceof TemplateError) return error.diagnostic
    throw error
  }
  throw new Error('nothing was wrong')
}

describe('values', () => {
  test.each([
    ['{{ list }}', ['a', 'b']],
    ['{{ found.servers.1 }}', { id: '2', name: 'db-2' }],
    ['{{ found.servers.1.name }}', 'db-2'],
    ['{{port}}', 22],
    ['{{ flag }}', false],
    ['{{ nothing }}', null],
    ['{{~ port ~}}', 22],
    ['{{ found.[servers].[0].id }}', '1'],
    ['{{ found/count }}', 2],
    ['{{ found.constructor }}', 'own'],
    ['{{ @root.port }}', 22],
    ['{{ list.0 }}', 'a'],
    ['{{ default list.1 "x.1 " }}', 'b'],
  ])('%s keeps its type', (template, value) => expect(rendered(template)).toEqual(value))

  test.each([
    ['{{ port }} ', '22 '],
    ['{{ name }}:{{ port }}/{{ flag }}', 'web-1:22/false'],
    ['\\{{ name }}', '{{ name }}'],
    ['no template', 'no template'],
    ['{{! a comment }}x', 'x'],
    ['a }} b', 'a }} b'],
    ['<{{ name }}&">', '<web-1&">'],
  ])('%s is text', (template, text) => expect(rendered(template)).toBe(text))

  test('deep in lists and mappings; keys are left alone', () => {
    const node = nodeOf('a: ["{{ port }}", { "{{ key }}": "{{ name }}!" }]\nb: 5')
    expect(render(node, scope)).toEqual({ a: [22, { '{{ key }}': 'web-1!' }], b: 5 })
  })

  test('the source is never changed', () => {
    const node = nodeOf('a: "{{ list }}"')
    const before = structuredClone(node.value)
    render(node, scope)
    expect(node.value).toEqual(before)
  })
})

describe('what is not known yet spreads', () => {
  test.each([
    '{{ later }}',
    'x {{ later.y.z }}',
    '{{ default later 1 }}',
    '{{#if later}}a{{/if}}',
    '{{#each found.servers}}{{ @root.later }}{{/each}}',
    '{{ join later }}',
    '{{ partly.later }}',
  ])('%s', (template) => expect(rendered(template)).toBe(later))

  test('through lists and mappings', () => {
    expect(render(nodeOf('a: 1\nb: [x, "{{ later }}"]'), scope)).toBe(later)
    expect(rendered('{{ partly.known }}')).toBe(1)
  })
})

describe('helpers', () => {
  test.each([
    ['{{ default missing "y" }}', 'y'],
    ['{{ default found.missing.deep 5 }}', 5],
    ['{{ default nothing list }}', ['a', 'b']],
    ['{{ default flag true }}', false],
    ['{{ default name "y" }}', 'web-1'],
    ['{{ lookup hosts host "rack" }}', 1],
    ['{{ lookup list 1 }}', 'b'],
    ['{{ first list }}', 'a'],
    ['{{ length list }}', 2],
    ['{{ length found }}', 3],
    ['{{ length "é😀" }}', 2],
    ['{{ join list }}', 'a,b'],
    ['{{ join list ", " }}', 'a, b'],
    ['{{ join empty }}', ''],
    ['{{ upper name }}', 'WEB-1'],
    ['{{ lower "ABC" }}', 'abc'],
    ['{{ json hosts }}', '{"c14":{"rack":1}}'],
    ['{{ json list 2 }}', '[\n  "a",\n  "b"\n]'],
    ['{{ indent text 2 }}', 'one\n  two\n'],
    ['{{ upper (first (default missing list)) }}', 'A'],
    ['{{ default missing null }}', null],
  ])('%s', (template, value) => expect(rendered(template)).toEqual(value))

  test.each([
    ['{{ first empty }}', '`first`: the list is empty', 'empty'],
    ['{{ join name }}', '`join`: expects a list here, this is text', 'name'],
    ['{{ join found.servers }}', '`join`: expects text here, this is a mapping', 'found.servers'],
    ['{{ upper list }}', '`upper`: expects text here, this is a list', 'list'],
    ['{{ length port }}', '`length`: expects a list, a mapping or text here, this is a number', 'port'],
    ['{{ lookup hosts "nope" }}', '`lookup`: unknown key', '"nope"'],
    ['{{ lookup hosts "constructor" }}', '`lookup`: unknown key', '"constructor"'],
    ['{{ lookup name 1 }}', '`lookup`: expects a list or a mapping here, this is text', 'name'],
    ['{{ indent text list }}', '`indent`: expects a number from 0 to 100 here', 'list'],
    ['{{ upper missing }}', 'unknown variable `missing`', 'missing'],
    ['{{ json found.missing }}', '`found` has no key `missing`', 'found.missing'],
  ])('%s fails', (template, summary, marked) => {
    const { summary: said, place } = problem(template)
    expect(said).toBe(summary)
    expect(
      JSON.stringify(template)
        .replaceAll('\\"', '"')
        .slice(place!.column - 4)
        .startsWith(marked.replaceAll('"', '')) || place!.length >= marked.length,
    ).toBe(true)
  })
})

describe('blocks', () => {
  test.each([
    ['{{#if flag}}a{{else if port}}b{{else}}c{{/if}}', 'b'],
    ['{{#if empty}}a{{/if}}', ''],
    ['{{#unless flag}}a{{else}}b{{/unless}}', 'a'],
    ['{{#each found.servers}}{{@index}}{{id}}{{#unless @last}},{{/unless}}{{/each}}', '01,12'],
    ['{{#each found.servers as |server i|}}{{i}}{{server.name}} {{/each}}', '0web-1 1db-2 '],
    ['{{#each hosts}}{{@key}}={{rack}}{{@first}}{{/each}}', 'c14=1true'],
    ['{{#each empty}}x{{else}}none{{/each}}', 'none'],
    ['{{#each list}}{{this}}{{../name}}{{@root.port}}{{/each}}', 'aweb-122bweb-122'],
    ['{{#with found}}{{count}}{{#each servers}}{{../count}}{{../../name}}{{/each}}{{/with}}', '22web-12web-1'],
    ['{{#with nothing}}x{{else}}y{{/with}}', 'y'],
    ['{{#each list}}{{#if ../flag}}x{{else}}{{.}}{{/if}}{{/each}}', 'ab'],
    ['{{#each list}}\n- {{this}}\n{{/each}}\n', '- a\n- b\n'],
  ])('%s', (template, text) => expect(rendered(template)).toBe(text))

  test('a name inside each is a key of the item', () => {
    expect(problem('{{#each found.servers}}{{ port }}{{/each}}')).toMatchObject({
      summary: 'this has no key `port`',
      label: 'write `@root.port` for the variable',
    })
    expect(problem('{{#each found.servers}}{{ nmae }}{{/each}}')).toMatchObject({ label: 'did you mean `name`?' })
  })

  test('only lists and mappings are walked', () => {
    expect(problem('{{#each name}}{{/each}}').summary).toBe('`#each` expects a list or a mapping, this is text')
    expect(problem('{{#if missing}}{{/if}}').summary).toBe('unknown variable `missing`')
  })
})

describe('nothing silent', () => {
  test.each([
    ['{{ nmae }}', 'unknown variable `nmae`', 'did you mean `name`?'],
    ['{{ found.servrs }}', '`found` has no key `servrs`', 'did you mean `servers`?'],
    ['{{ found.servers.7 }}', '`found.servers` is a list of 2 and has no `7`', undefined],
    ['{{ name.first }}', '`name` is text and has no key `first`', undefined],
    ['{{ nothing.x }}', '`nothing` is null and has no key `x`', undefined],
    ['{{ hosts.toString }}', '`hosts` has no key `toString`', undefined],
    ['{{ hosts.__proto__ }}', '`hosts` has no key `__proto__`', undefined],
    ['{{ hosts.constructor.constructor }}', '`hosts` has no key `constructor`', undefined],
    ['{{ constructor }}', 'unknown variable `constructor`', undefined],
    ['a{{ nothing }}', 'this is null, not text', undefined],
    ['a{{ list }}', 'this is a list, not text', undefined],
    ['a{{ hosts }}', 'this is a mapping, not text', undefined],
  ])('%s', (template, summary, label) => {
    expect(problem(template)).toMatchObject({ summary, ...(label === undefined ? {} : { label }) })
  })

  test('a value never shows in an error', () => {
    const secret = createScope([{ name: 's', values: { password: 'hunter2', list: ['hunter2'] } }])
    for (const template of ['{{ password.x }}', 'x{{ list }}', '{{ join password }}', '{{ lookup list password }}']) {
      expect(() => render(quoted(template), secret)).toThrow(TemplateError)
      try {
        render(quoted(template), secret)
      } catch (error) {
        expect(JSON.stringify((error as TemplateError).diagnostic)).not.toContain('hunter2')
      }
    }
  })

  test('a ready syntax tree is not a template', () => {
    expect(() => parseTemplate({ type: 'Program', body: [] } as never)).toThrow(TypeError)
    expect(render(nodeOf('x: { type: Program, body: [] }', 'x'), scope)).toEqual({ type: 'Program', body: [] })
  })
})

test('references name variables and their keys, deep', () => {
  const node = nodeOf(`a: ["{{ x.y.0 }} {{ z }}", { b: "{{ join (default p.q list) @root.sep }}" }]
c: "{{#each servers}}{{ name }}{{ ../outer.k }}{{/each}} \\\\{{ no }}"`)
  expect(references(node).map(({ name, path, optional }) => [name, ...path, optional])).toEqual([
    ['x', 'y', '0', false],
    ['z', false],
    ['p', 'q', true],
    ['list', false],
    ['sep', false],
    ['servers', false],
    ['outer', 'k', false],
  ])
})

test('checkTemplates and templates find every text', () => {
  const node = nodeOf('a: ["{{ x | y }}", fine]\nb: { c: "{{#if}}{{/if}}", d: "{{ ok }}" }')
  expect(templates(node).map(({ path }) => path)).toEqual([
    ['a', 0],
    ['b', 'c'],
    ['b', 'd'],
  ])
  expect(checkTemplates(node).map(({ place }) => place!.line)).toEqual([1, 2])
})

test('isTemplate', () => {
  expect(['{{ x }}', 'a{{x}}', '\\{{ x }}'].every(isTemplate)).toBe(true)
  expect(['', 'x }}', '{ { x } }'].some(isTemplate)).toBe(false)
})

/**
 * Templates that Handlebars itself accepts in its strict mode must come out the same. Values next to one another are text here: where
 * nothing is escaped, Handlebars adds up neighbouring numbers and booleans.
 */
test('valid templates render as Handlebars renders them', () => {
  const handlebars = Handlebars.create()
  const context = { a: 'x', n: 5, t: true, f: false, l: ['p', 'q'], o: { k: 'v', l: [{ k: 1 }, { k: 2 }] } }
  const own = createScope([{ name: 'c', values: context }])
  const piece = fc.constantFrom(
    'text ',
    '\n',
    '  ',
    '{{ a }}',
    '{{n}} ',
    '{{ o.k }}',
    '{{t}}.',
    '{{~ a}}',
    '{{a ~}}',
    '\\{{ a }}',
    '{{! c }}',
    '{{ o.l.0.k }}.',
    '{{#if t}}yes {{a}}{{else}}no{{/if}}',
    '{{#if f}}yes{{else if n}}n{{/if}}',
    '{{#unless f}}\nu\n{{/unless}}\n',
    '{{#each l}}{{@index}}-{{this}}{{../a}}{{/each}}',
    '{{#each o.l}}\n{{k}} {{@last}}\n{{/each}}\n',
    '{{#each o}}{{@key}}{{/each}}',
    '{{#with o}}{{k}}{{../n}}.{{/with}}',
    '{{#each o.l as |i x|}}{{i.k}}-{{x}}-{{@root.a}}{{/each}}',
    '{{#each l}}{{#each @root.o.l}}{{k}}-{{../this}}{{@index}}.{{/each}}{{/each}}',
  )
  fc.assert(
    fc.property(fc.array(piece, { minLength: 2, maxLength: 8 }), (pieces) => {
      const template = pieces.join('')
      const expected = handlebars.compile(template, { strict: true, noEscape: true })(context, {
        allowProtoPropertiesByDefault: false,
        allowProtoMethodsByDefault: false,
      })
      const got = render(nodeOf(`x: ${JSON.stringify(template)}`, 'x'), own)
      expect(typeof got === 'string' ? got : String(got)).toBe(expected)
    }),
    { numRuns: 500 },
  )
})

test('one reference alone gives back any JSON value as it is', () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      const any = createScope([{ name: 'v', values: { value } }])
      expect(render(quoted('{{ value }}'), any)).toEqual(value)
      expect(render(nodeOf('x: ["{{ value }}", { y: "{{ value }}" }]', 'x'), any)).toEqual([value, { y: value }])
    }),
  )
})
