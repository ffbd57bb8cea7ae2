import { describe, expect, test } from 'vitest'
import { pattern } from '../../../../modules/lib/text/pattern.ts'

describe('pattern', () => {
  test.each([
    ['^a+$', 'aaa', true],
    ['^a+$', 'AAA', false],
    ['(?i)^a+$', 'AAA', true],
    ['(?s)a.b', 'a\nb', true],
    ['(?ms)^b', 'a\nb', true],
    [String.raw`\Aa`, 'ba', false],
    [String.raw`a\Z`, 'a\n', false],
    [String.raw`a\Z`, 'ba', true],
    [String.raw`^(?P<x>\w+)=`, 'a=1', true],
    ['^a{,2}$', 'aa', true],
    ['^[{,2}]+$', ',}', true],
    [String.raw`\\A`, '\\A', true],
    [String.raw`a\.b`, 'axb', false],
  ])('%s on %j: %s', (text, subject, matches) => {
    expect(pattern(text, 'regexp').test(subject)).toBe(matches)
  })

  test('a text of many lines is looked at line by line where that is asked for', () => {
    expect(pattern('(?i)^B', 'regexp', { multiline: true }).test('a\nb')).toBe(true)
  })

  test.each(['(', '[a', 'a**', 'a(?!b)', String.raw`(?P<x>.)(?P=x)`])('%s is refused with the parameter named', (text) => {
    expect(() => pattern(text, 'search_regex')).toThrow(
      expect.objectContaining({ kind: 'input', message: expect.stringContaining('`search_regex`') }),
    )
  })
})
