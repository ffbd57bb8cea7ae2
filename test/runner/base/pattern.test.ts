import { describe, expect, test } from 'vitest'
import { compilePattern, literally, PatternError } from '../../../runner/base/pattern.ts'

describe('compilePattern', () => {
  test.each([
    [String.raw`^\s*#?\s*(\w+)\s*=`, ' # key = v', [' # key =', 'key']],
    ['(a)|(b)', 'b', ['b', undefined, 'b']],
    [String.raw`Xms(\d+)m`, 'java -Xms128m', ['Xms128m', '128']],
    [String.raw`\u00e4+`, 'ää', ['ää']],
    ['[[:upper:]]+', 'abCD', ['CD']],
    ['', 'x', ['']],
  ])('%s on %s', (text, subject, groups) => expect(compilePattern(text).match(subject)?.groups).toEqual(groups))

  test('groups have names, as Python and JavaScript write them', () => {
    expect(compilePattern('(?P<k>a)(?<v>b)?').match('a')?.named).toEqual({ k: 'a', v: undefined })
  })

  test('no match is undefined', () => {
    expect(compilePattern('b').match('a')).toBeUndefined()
    expect(compilePattern('b').test('a')).toBe(false)
  })

  test('with `multiline` the ends of lines count', () => {
    expect(compilePattern('^b$').test('a\nb\nc')).toBe(false)
    expect(compilePattern('^b$', { multiline: true }).test('a\nb\nc')).toBe(true)
  })

  test.each([
    ['a(?=b)', 'a lookahead, `(?=`, is not supported'],
    ['(?!a)b', 'a lookahead, `(?!`, is not supported'],
    ['(?<=a)b', 'a lookbehind, `(?<=`, is not supported'],
    [String.raw`(a)\1`, 'a backreference, `\\1`, is not supported'],
    [String.raw`(?<n>a)\k<n>`, 'a backreference, `\\k<n>`, is not supported'],
    ['(?P<n>a)(?P=n)', 'a backreference, `(?P=`, is not supported'],
    ['a*+b', 'a possessive repetition, `*+`, is not supported'],
    ['(?>a)', 'an atomic group, `(?>`, is not supported'],
    ['a{2000}', 'a part is repeated at most 1000 times, not `{2000}`'],
    ['[a', 'missing closing ]: `[a`'],
    // What only looks like it does not mislead.
    ['[(?=]+(', 'missing closing ): `[(?=]+(`'],
  ])('%s is refused: %s', (text, why) => expect(() => compilePattern(text)).toThrow(new PatternError(why)))
})

test.each(['a.b', '[x]', '$^', 'ä*', '\\d'])('literally %s matches that text', (text) => {
  expect(compilePattern(`^${literally(text)}$`).test(text)).toBe(true)
})
