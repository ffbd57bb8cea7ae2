import * as fc from 'fast-check'
import { parse } from 'yaml'
import { describe, expect, test } from 'vitest'
import { quoteTemplates } from '../../../runner/source/quote-templates.ts'
import { parseSource } from '../../../runner/source/yaml.ts'

describe('the advice for a template without quotes', () => {
  test.each([
    ['- file: { path: {{ root }}/k1, state: absent }', '- file: { path: "{{ root }}/k1", state: absent }'],
    ['- command: { cmd: mv {{ root }}/a {{ root }}/b }', '- command: { cmd: "mv {{ root }}/a {{ root }}/b" }'],
    ['cmd: {{ default x "a" }} # why', `cmd: '{{ default x "a" }}'`],
    ['- [{{ a }}, b, {{{ c }}}]', '- ["{{ a }}", b, "{{{ c }}}"]'],
    ['"a b": "{{ x }}"/c {{ y }}', '"a b": "{{ x }}/c {{ y }}"'],
    ['{ "a":{{ x }}\\n }', `{ "a":'{{ x }}\\n' }`],
    ['- name: done: {{ x }}', '- name: "done: {{ x }}"'],
    ['- { name: done: {{ x }} }', '- { name: "done: {{ x }}" }'],
    ['- { {{ key }}: 1 }', '- { "{{ key }}": 1 }'],
    ['file: { path: {{ root }},', 'file: { path: "{{ root }}",'],
  ])('%s', (line, advice) => expect(quoteTemplates(`    ${line}`, false)).toBe(advice))

  test('is none where the line does not tell how far a value goes', () => {
    expect(quoteTemplates('- debug: { msg: hello, {{ name }} }', false)).toBeUndefined()
    expect(quoteTemplates('- debug: { msg: {{ name }', false)).toBeUndefined()
  })

  test('knows a mapping that an earlier line has opened', () => {
    const [problem] = parseSource('p.yml', 'file: {\n  state: absent,\n  path: {{ root }}/k1, mode: "0600" }\n').diagnostics
    expect(problem!.notes).toEqual(['write: path: "{{ root }}/k1", mode: "0600" }'])
  })

  test('is YAML for what was meant', () => {
    const word = fc.constantFrom(
      'mv',
      '/etc',
      'a=b',
      "it's",
      '"x"',
      'c:d',
      '\\n',
      'x#y',
      'grüße',
      '-',
      '{{ x }}',
      '{{ default a "b" }}',
      "{{ f 'q' }}",
      '{{{ y }}}',
    )
    const text = fc
      .tuple(fc.constantFrom('{{ x }}', 'mv', '/k'), fc.array(fc.tuple(fc.constantFrom('', ' '), word), { maxLength: 4 }))
      .map(([first, more]) => first + more.flat().join(''))
    const name = fc.constantFrom('path', 'a.b', 'a-b', 'long_name')
    const { value } = fc.letrec<{ value: unknown }>((tie) => ({
      value: fc.oneof(
        { maxDepth: 3, withCrossShrink: true },
        text,
        fc.array(tie('value'), { maxLength: 3 }),
        fc.dictionary(name, tie('value'), { maxKeys: 3, noNullPrototype: true }),
      ),
    }))
    /** As somebody writes it who forgets the quotes where there is a template. */
    const written = (meant: unknown): string => {
      if (typeof meant === 'string') return meant.includes('{{') ? meant : JSON.stringify(meant)
      if (Array.isArray(meant)) return `[${meant.map(written).join(', ')}]`
      return `{ ${Object.entries(meant as object)
        .map(([key, inner]) => `${key}: ${written(inner)}`)
        .join(', ')} }`
    }
    fc.assert(
      fc.property(value, fc.constantFrom('', 'key: ', '- ', '- key: '), (meant, lead) => {
        const inner = lead.includes('key') ? { key: meant } : meant
        expect(parse(quoteTemplates(`  ${lead}${written(meant)}`, false)!)).toEqual(lead.startsWith('-') ? [inner] : inner)
      }),
      { numRuns: 2000 },
    )
  })
})
