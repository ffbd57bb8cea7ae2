import { expect, test } from 'vitest'
import { expressionHint, mustacheHint } from '../../../../runner/language/template/jinja.ts'

test.each([
  ["x | default('a, b')", 'write `{{ default x "a, b" }}`'],
  ['x | d(5)', 'write `{{ default x 5 }}`'],
  ['x | default("", true)', 'write `{{ default x "" }}`'],
  ['x | to_nice_json', 'write `{{ json x }}`'],
  ["l | join(', ')", 'write `{{ join l ", " }}`'],
  ['l | join', 'write `{{ join l "" }}`'],
  ['l[0] | upper', 'write `{{ upper l.0 }}`'],
  ['l | length', 'write `{{ length l }}`'],
  ['a["b c"].d', 'write `{{ a.[b c].d }}`'],
  ['a[b]', 'write `{{ lookup a b }}`'],
  ["'a' + b", 'text is joined side by side: `a{{ b }}`'],
  ['a if b.c else "d"', 'write `{{#if b.c}}{{ a }}{{else}}d{{/if}}`'],
])('%s', (inner, label) => expect(mustacheHint(inner).label).toBe(label))

test('filters without a helper of their meaning are named as such', () => {
  expect(mustacheHint('x | map("upper") | list').label).toBeUndefined()
  expect(mustacheHint('x | int').notes).toEqual([
    'a helper comes first: {{ join list "," }}',
    'a value that is exactly one {{ … }} keeps its type',
  ])
})

test('long texts are not searched for hints', () => {
  expect(mustacheHint(`${'a '.repeat(100_000)}if`).sure).toBe(false)
  expect(expressionHint('a and '.repeat(100_000), () => true)).toBeUndefined()
})

test('quoted words are not rewritten', () => {
  expect(expressionHint(`x == "a and b" and y == 'not z'`, () => true)).toBe(`x == "a and b" && y == 'not z'`)
})
