import { describe, expect, test } from 'vitest'
import { createSecrets } from '../../../runner/events/secrets.ts'

const masking = (...values: readonly unknown[]) => {
  const secrets = createSecrets()
  for (const value of values) secrets.add(value)
  return secrets.mask
}

describe('what is masked', () => {
  test('a secret, whole and inside a longer text, deep in any data', () => {
    const data = { a: ['sesame', 'open sesame!'], b: { c: 'other', d: 1, e: null } }
    expect(masking('sesame')(data)).toEqual({ a: ['********', 'open ********!'], b: { c: 'other', d: 1, e: null } })
    expect(masking()(data)).toBe(data)
  })

  test('the longest first, and any character means itself', () => {
    expect(masking('abcd', 'abcdef')('abcdef abcd')).toBe('******** ********')
    expect(masking('a.*b', '(a|b)$')('a.*b axxb (a|b)$')).toBe('******** axxb ********')
  })

  test('the lines of one that has several, but for those that tell nothing', () => {
    const mask = masking('-----BEGIN X-----\nfirst-line\r\n  second-line\nshort\n--------\n-----END X-----\n')
    expect(mask('first-line')).toBe('********')
    expect(mask('> second-line')).toBe('> ********')
    for (const text of ['-----BEGIN X-----', 'short', '--------']) expect(mask(text)).toBe(text)
  })

  test('as it stands in JSON', () => {
    expect(masking('pass"word')(JSON.stringify({ p: 'pass"word' }))).toBe('{"p":"********"}')
    expect(masking('one-line\nmore')(JSON.stringify('one-line\nmore'))).toBe('"********"')
  })

  test('without what is around it: output ends without its line break', () => {
    expect(masking('abcd\n')('abcd')).toBe('********')
  })

  test('a number, as a number too', () => {
    expect(masking(12345)([12345, 123456, 'is 12345'])).toEqual(['********', 123456, 'is ********'])
  })
})

test('what was masked before is masked still when another becomes known', () => {
  const secrets = createSecrets()
  secrets.add('first-one')
  expect(secrets.mask('first-one second-one')).toBe('******** second-one')
  secrets.add('second-one')
  expect(secrets.mask('first-one second-one')).toBe('******** ********')
})

test.each([
  ['abc', false],
  [' abc ', false],
  [7, false],
  [true, false],
  [['long enough', 'no'], false],
  [{ a: ['long enough'], b: null, c: '' }, true],
  ['', true],
  [undefined, true],
])('%j can be masked: %s', (value, can) => expect(createSecrets().add(value)).toBe(can))
