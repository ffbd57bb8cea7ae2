/** Values that Python would read, compared with the real one. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { readPythonValue } from '../../../runner/inventory/python.ts'

/** As `ast.literal_eval` of Python 3.11 has it, except where JSON has no such value. */
test.each([
  ['5', 5],
  ['-5', -5],
  ['+5', 5],
  ['0', 0],
  ['-0', 0],
  ['00', 0],
  ['1_000', 1000],
  ['0x1F', 31],
  ['0o17', 15],
  ['0b11', 3],
  ['1.5', 1.5],
  ['1.50', 1.5],
  ['.5', 0.5],
  ['5.', 5],
  ['1e3', 1000],
  ['- 5', -5],
  ['True', true],
  ['False', false],
  ['None', null],
  ['"a"', 'a'],
  ["'it\\'s'", "it's"],
  ['"a" \'b\'', 'ab'],
  ['"\\x41\\u00e9\\101\\n"', 'AéA\n'],
  ["r'\\n'", '\\n'],
  ["u'x'", 'x'],
  ['[]', []],
  ['[1, "a", None, ]', [1, 'a', null]],
  ['(1, 2)', [1, 2]],
  ['(1,)', [1]],
  ['(1)', 1],
  ['()', []],
  ['{}', {}],
  ["{'a': [1, (2, 3)], 5: {}}", { a: [1, [2, 3]], 5: {} }],
  ['5 # a comment', 5],
  ['  5  ', 5],
] as [string, unknown][])('%s is a literal', (text, value) => expect(readPythonValue(text)).toEqual(value))

test.each([
  '',
  'text',
  'true',
  'yes',
  'none',
  '0644',
  '01',
  '1.2.3',
  '10.0.0.1',
  '50%',
  '1 2',
  '5a',
  '0x',
  '1__0',
  '1j',
  "b'x'",
  '{1, 2}',
  '1+2',
  '--5',
  '[1',
  '[1 2]',
  "'a",
  "{'a' 1}",
  '(1, 2',
  'x(1)',
  '1e999',
  '12345678901234567890',
  'hello world',
  'a=b',
  "f'x'",
  '-True',
  '[a]',
  '{a: 1}',
  '/dev/sda',
])('%s is text', (text) => expect(readPythonValue(text)).toBe(text))

test('what Python prints comes back', () => {
  const print = (value: unknown): string => {
    if (value === null) return 'None'
    if (typeof value === 'boolean') return value ? 'True' : 'False'
    if (typeof value === 'string') return `'${value.replaceAll('\\', '\\\\').replaceAll("'", "\\'").replaceAll('\n', '\\n')}'`
    if (Array.isArray(value)) return `[${value.map(print).join(', ')}]`
    if (typeof value === 'object')
      return `{${Object.entries(value)
        .map(([key, inner]) => `${print(key)}: ${print(inner)}`)
        .join(', ')}}`
    return String(value)
  }
  const leaf = fc.oneof(
    fc.integer(),
    fc.boolean(),
    fc.constant(null),
    fc.string({ maxLength: 6 }),
    fc.integer({ min: 0, max: 99 }).map((n) => n + 0.25),
  )
  const { tree } = fc.letrec((tie) => ({
    tree: fc.oneof(
      { maxDepth: 3 },
      leaf,
      fc.array(tie('tree'), { maxLength: 3 }),
      fc.dictionary(fc.stringMatching(/^[a-z]{1,3}$/), tie('tree'), { maxKeys: 3 }),
    ),
  }))
  fc.assert(
    fc.property(tree, (value) => {
      expect(readPythonValue(print(value))).toEqual(value)
    }),
  )
})

test('no text at all is an exception', () => {
  fc.assert(fc.property(fc.string(), (text) => readPythonValue(text) !== undefined))
  expect(readPythonValue('['.repeat(10_000))).toBe('['.repeat(10_000))
})
