import { expect, test } from 'vitest'
import { compareVersions } from '../../../runner/base/versions.ts'

test('compareVersions counts, and does not spell', () => {
  expect(['2.100', '2.9', '2.10', '1.39', '2.1'].toSorted(compareVersions)).toEqual(['1.39', '2.1', '2.9', '2.10', '2.100'])
})

test.each([
  ['8.10.1', '9.0.0', -1],
  ['9.0.0', '8.10.1', 1],
  ['9.0.0', '9.0', 0],
  ['9.0', '9.0.1', -1],
  ['10.0.0', '9.9.9', 1],
])('%s and %s', (a, b, sign) => {
  expect(Math.sign(compareVersions(a, b))).toBe(sign)
})
