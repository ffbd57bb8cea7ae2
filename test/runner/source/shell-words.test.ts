import fc from 'fast-check'
import { expect, test } from 'vitest'
import { splitWords } from '../../../runner/source/shell-words.ts'

const words = (line: string, comments = false) => splitWords(line, comments)?.map(({ text }) => text)

test.each([
  ['a b  c', ['a', 'b', 'c']],
  [' a=1\tb="x y" ', ['a=1', 'b=x y']],
  [`'it''s'  "a\\"b" 'a\\b' "a\\nb"`, ['its', 'a"b', 'a\\b', 'a\\nb']],
  ['a\\ b', ['a b']],
  ['""', ['']],
  ['', []],
])('%s', (line, expected) => expect(words(line)).toEqual(expected))

test('comments', () => {
  expect(words('a b#c d', true)).toEqual(['a', 'b'])
  expect(words('a "b#c" # d', true)).toEqual(['a', 'b#c'])
  expect(words('a b#c')).toEqual(['a', 'b#c'])
})

test('a quote that is not closed', () => {
  expect(splitWords('a "b')).toBeUndefined()
  expect(splitWords("a 'b")).toBeUndefined()
})

test('what was quoted comes out again, and the places are those of the words', () => {
  const quote = (word: string) => `'${word.replaceAll("'", `'"'"'`)}'`
  fc.assert(
    fc.property(fc.array(fc.string({ maxLength: 8 })), (list) => {
      const line = list.map(quote).join(' ')
      const split = splitWords(line)!
      expect(split.map(({ text }) => text)).toEqual(list)
      expect(split.map(({ start, end }) => line.slice(start, end))).toEqual(list.map(quote))
    }),
  )
})
