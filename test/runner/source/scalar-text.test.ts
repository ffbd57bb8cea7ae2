import fc from 'fast-check'
import { stringify } from 'yaml'
import { expect, test } from 'vitest'
import { parseSource, placeOf } from '../../../runner/source/yaml.ts'

/** What is marked in the file for a stretch of a text's value. */
const marked = (yaml: string, part: string): string => {
  const { source } = parseSource('a', yaml)
  const value = source.document!.toJS().text as string
  const { line, column, length } = placeOf(source, ['text'], 'value', { start: value.indexOf(part), length: part.length })
  return yaml.split('\n')[line - 1]!.slice(column - 1, column - 1 + length)
}

test.each([
  ['plain', 'text: a {{ b }} c\n'],
  ['plain over lines', 'text: a\n  more\n  and {{ b }} c\n'],
  ['single quotes', "text: 'it''s a {{ b }}'\n"],
  ['double quotes', 'text: "\\"a\\" \\t\\u00e9\\x41\\U0001F600 {{ b }}"\n'],
  ['double quotes, folded', 'text: "a \\\n  b\n\n  {{ b }}"\n'],
  ['literal block', 'text: |\n  a\n    {{ b }}\n'],
  ['literal block with a header', 'text: |2- # comment {{ b }}\n    a {{ b }}\n'],
  ['folded block', 'text: >-\n  a\n  b\n\n  c {{ b }}\n'],
  ['in a flow', 'text: "{{ b }}" # {{ b }}\n'],
])('%s', (_, yaml) => {
  expect(marked(yaml, '{{ b }}')).toBe('{{ b }}')
})

test('an escape is marked as it is written', () => {
  expect(marked('text: "a\\u00e9b"\n', 'é')).toBe('\\u00e9')
  expect(marked("text: 'it''s'\n", "'")).toBe("''")
})

test('an empty text has a place', () => {
  const { source } = parseSource('a', 'text: ""\n')
  expect(placeOf(source, ['text'], 'value', { start: 0, length: 1 })).toMatchObject({ line: 1, column: 7 })
})

test('however a text is written, each of its words is found where it stands', () => {
  const word = fc.stringMatching(/^[a-zé{}#]{1,8}$/)
  const style = fc.constantFrom(
    'PLAIN' as const,
    'QUOTE_DOUBLE' as const,
    'QUOTE_SINGLE' as const,
    'BLOCK_FOLDED' as const,
    'BLOCK_LITERAL' as const,
  )
  fc.assert(
    fc.property(
      fc.array(word, { minLength: 1, maxLength: 20 }),
      style,
      fc.constantFrom(' ', '\n', '\n\n', '  '),
      (words, defaultStringType, gap) => {
        const value = words.join(gap)
        const yaml = stringify(
          { before: 1, text: value },
          { defaultStringType, lineWidth: defaultStringType === 'BLOCK_FOLDED' ? 30 : 0 },
        )
        const { source } = parseSource('a', yaml)
        let start = 0
        for (const one of words) {
          const { line, column, length } = placeOf(source, ['text'], 'value', { start, length: one.length })
          expect(yaml.split('\n')[line - 1]!.slice(column - 1, column - 1 + length)).toBe(one)
          start += one.length + gap.length
        }
      },
    ),
  )
})

test('quotes and backslashes in between move nothing', () => {
  const word = fc.stringMatching(/^[a-z'"\\:]{1,8}$/)
  const style = fc.constantFrom('QUOTE_DOUBLE' as const, 'QUOTE_SINGLE' as const, 'BLOCK_LITERAL' as const)
  fc.assert(
    fc.property(fc.array(word, { maxLength: 10 }), style, (words, defaultStringType) => {
      const yaml = stringify({ text: [...words, 'END'].join(' ') }, { defaultStringType, lineWidth: 0 })
      expect(marked(yaml, 'END')).toBe('END')
    }),
  )
})
