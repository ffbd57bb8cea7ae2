import { expect, test } from 'vitest'
import { createSecrets } from '../../../runner/base/secret-values.ts'
import { onFile } from '../../doubles/address.ts'
import { maskChange, sealChange } from '../../../runner/events/mask-change.ts'

const secrets = createSecrets()
secrets.add('NEW-PASS')
const shown = (before: string | undefined, after: string | undefined) => {
  const change = maskChange(secrets, { ...onFile('/f'), before, after })
  return [change.before, change.after]
}

test('a value that a secret replaces is hidden with it', () => {
  expect(shown('OLD', 'NEW-PASS')).toEqual(['(hidden)', '(hidden)'])
  expect(shown('pw=OLD', 'pw=NEW-PASS x')).toEqual(['(hidden)', 'pw=(hidden) x'])
  expect(shown(undefined, 'pw=NEW-PASS')).toEqual([undefined, 'pw=(hidden)'])
  expect(shown('pw=NEW-PASS', undefined)).toEqual(['pw=(hidden)', undefined])
  expect(shown('0644', '0600')).toEqual(['0644', '0600'])
})

test.each([
  ['beside it', 'user=x\npw=OLD\n', 'user=x\npw=NEW-PASS\n', 'user=x\n(hidden)\n'],
  ['among other lines that change', 'a=1\npw=OLD\n', 'b=1\npw=NEW-PASS\n', '(hidden)\n(hidden)\n'],
  ['a few lines away', 'OLD\n1\n2\n', '1\n2\nNEW-PASS\n', '(hidden)\n1\n2\n'],
  ['far away behind the same words', '#pw = OLD\n1\n2\n3\n', '1\n2\n3\npw = NEW-PASS\n', '(hidden)\n1\n2\n3\n'],
  ['in a line that names a secret', 'old OLD\n', 'password = (hidden)\n', '(hidden)\n'],
  ['in a line with another secret', 'NEW-PASS:OLD\n', 'NEW-PASS:x\n', '(hidden)\n'],
])('in a file: %s', (_where, before, after, old) => {
  expect(shown(before, after)[0]).toBe(old)
  expect(shown(before, after)[1]).not.toContain('NEW-PASS')
})

test('the other way round too: what comes in place of a secret behind the same words', () => {
  expect(shown('user=x\npw=NEW-PASS\n', 'user=x\npw=OTHER\n')).toEqual(['user=x\npw=(hidden)\n', 'user=x\n(hidden)\n'])
})

test('lines that change elsewhere are shown', () => {
  const lines = '1\n2\n3\n'
  expect(shown(`a=1\n${lines}pw=OLD\n`, `a=2\n${lines}pw=NEW-PASS\n`)[0]).toBe(`a=1\n${lines}(hidden)\n`)
  expect(shown(`a=1\n${lines}pw=NEW-PASS\n`, `a=2\n${lines}pw=NEW-PASS\n`)[0]).toBe(`a=1\n${lines}pw=(hidden)\n`)
  expect(shown('a=1\n', 'a=2\n')).toEqual(['a=1\n', 'a=2\n'])
})

test('files that differ in everything show nothing of the old one', () => {
  const many = (name: string) => Array.from({ length: 5000 }, (_, index) => `${name}${index}\n`).join('')
  expect(shown(many('old'), `${many('new')}NEW-PASS`)[0]).toBe('(hidden)')
})

test('of a sensitive change only that there is one; a saved plan tells one from another', () => {
  const change = { ...onFile('/f', 'NEW-PASS'), before: 'OLD', after: 'x', sensitive: true } as const
  expect(maskChange(secrets, change)).toEqual({
    ...onFile('/f', '(hidden)'),
    before: '(hidden)',
    after: '(hidden)',
    sensitive: true,
  })
  expect(maskChange(secrets, { ...change, before: undefined }).before).toBeUndefined()
  const sealed = sealChange(secrets, change)
  expect(JSON.stringify(sealed)).not.toMatch(/OLD|"x"/)
  expect(sealed.after).not.toBe(sealChange(secrets, { ...change, after: 'y' }).after)
})
