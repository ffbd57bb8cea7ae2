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
    [String.raw`(?P<x>.)-(?P=x)`, 'a-a', true],
    [String.raw`(?P<x>.)-(?P=x)`, 'a-b', false],
    [String.raw`\\A`, '\\A', true],
    [String.raw`a\.b`, 'axb', false],
  ])('%s on %j: %s', (text, subject, matches) => {
    expect(pattern(text, 'regexp').test(subject)).toBe(matches)
  })

  test('flags are added to those in the text', () => {
    expect(pattern('(?i)^b', 'regexp', 'm').flags).toBe('im')
  })

  test.each(['(', '[a', 'a**', String.raw`\k<x>(?<y>)`])('%s is refused with the parameter named', (text) => {
    expect(() => pattern(text, 'search_regex')).toThrow(
      expect.objectContaining({ kind: 'input', message: expect.stringContaining('`search_regex`') }),
    )
  })
})
