/** Secrets found by value, in every form they can take. */
import { describe, expect, test } from 'vitest'
import { createSecrets, hideValue } from '../../../runner/base/secret-values.ts'

const masking = (...values: readonly unknown[]) => {
  const secrets = createSecrets()
  for (const value of values) secrets.add(value)
  return secrets.mask
}

describe('what is masked', () => {
  test('a secret, whole and inside a longer text, deep in any data', () => {
    const data = { a: ['sesame', 'open sesame!'], b: { c: 'other', d: 1, e: null } }
    expect(masking('sesame')(data)).toEqual({ a: ['(hidden)', 'open (hidden)!'], b: { c: 'other', d: 1, e: null } })
    expect(masking()(data)).toBe(data)
  })

  test('the longest first, and any character means itself', () => {
    expect(masking('abcd', 'abcdef')('abcdef abcd')).toBe('(hidden) (hidden)')
    expect(masking('a.*b', '(a|b)$')('a.*b axxb (a|b)$')).toBe('(hidden) axxb (hidden)')
  })

  test('the lines of one that has several, but for those that tell nothing', () => {
    const mask = masking('-----BEGIN X-----\nfirst-line\r\n  second-line\nshort\n--------\n-----END X-----\n')
    expect(mask('first-line')).toBe('(hidden)')
    expect(mask('> second-line')).toBe('> (hidden)')
    for (const text of ['-----BEGIN X-----', 'short', '--------']) expect(mask(text)).toBe(text)
  })

  test('as it stands in JSON', () => {
    expect(masking('pass"word')(JSON.stringify({ p: 'pass"word' }))).toBe('{"p":"(hidden)"}')
    expect(masking('one-line\nmore')(JSON.stringify('one-line\nmore'))).toBe('"(hidden)"')
  })

  test.each([
    ['in JSON', (secret: string) => JSON.stringify({ deep: secret })],
    ['in a URL', (secret: string) => `http://h/?q=${encodeURIComponent(secret)}`],
    ['in a form', (secret: string) => new URLSearchParams({ q: secret }).toString()],
    [
      'in a URL that Python has written',
      (secret: string) =>
        encodeURIComponent(secret).replaceAll(/[!'()*]/g, (it) => `%${it.charCodeAt(0).toString(16)}`.toUpperCase()),
    ],
    ["in a shell's quotes", (secret: string) => `mysql -p'${secret.replaceAll("'", `'\\''`)}'`],
    ['in base64', (secret: string) => Buffer.from(secret).toString('base64')],
    ['in base64 for URLs', (secret: string) => Buffer.from(secret).toString('base64url')],
  ])('as it stands %s', (_where, write) => {
    const secret = `it's (a) "pass"/word+wörd!`
    const shown = masking(secret)(write(secret))
    expect(shown).toContain('(hidden)')
    for (const part of ['pass', 'word', 'w%C3', write(secret).slice(-12)]) expect(shown).not.toContain(part)
  })

  test('without what is around it: output ends without its line break', () => {
    expect(masking('abcd\n')('abcd')).toBe('(hidden)')
  })

  test('a number, as a number too', () => {
    expect(masking(12345)([12345, 123456, 'is 12345'])).toEqual(['(hidden)', 123456, 'is (hidden)'])
  })
})

test('what was masked before is masked still when another becomes known', () => {
  const secrets = createSecrets()
  secrets.add('first-one')
  expect(secrets.mask('first-one second-one')).toBe('(hidden) second-one')
  secrets.add('second-one')
  expect(secrets.mask('first-one second-one')).toBe('(hidden) (hidden)')
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

test('one secret is hidden however short it is', () => {
  expect(hideValue('a b a%20b', 'a b')).toBe('(hidden) (hidden)')
  expect([hideValue('text', ''), hideValue('text', undefined)]).toEqual(['text', 'text'])
})

test('a seal tells values apart, and is not the same in another run', () => {
  const [one, other] = [createSecrets(), createSecrets()]
  expect(one.seal({ a: 1 })).toBe(one.seal({ a: 1 }))
  expect(one.seal({ a: 1 })).not.toBe(one.seal({ a: 2 }))
  expect(one.seal({ a: 1 })).not.toBe(other.seal({ a: 1 }))
})
