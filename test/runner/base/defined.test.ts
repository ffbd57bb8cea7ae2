import { expect, test } from 'vitest'
import { defined } from '../../../runner/base/defined.ts'

test('a record without the keys that are undefined', () => {
  const record = defined({ a: 1, b: undefined, c: null, d: '' })
  expect(Object.keys(record)).toEqual(['a', 'c', 'd'])
})
