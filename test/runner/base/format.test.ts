import { describe, expect, test } from 'vitest'
import { bytes, count, duration, list } from '../../../runner/base/format.ts'

describe('bytes', () => {
  test.each([
    [0, '0 B'],
    [1023, '1023 B'],
    [1024, '1.0 KiB'],
    [3.1 * 1024 ** 3, '3.1 GiB'],
    [412 * 1024 ** 2, '412 MiB'],
    [99.96 * 1024 ** 2, '100 MiB'],
    [2 ** 62, '4096 PiB'],
  ])('%d', (number, text) => {
    expect(bytes(number)).toBe(text)
  })
})

describe('duration', () => {
  test.each([
    [0.42, '0.4 s'],
    [9.94, '9.9 s'],
    [9.96, '10 s'],
    [59.4, '59 s'],
    [59.6, '1 min'],
    [200, '3 min 20 s'],
    [3600, '1 h'],
    [7500, '2 h 5 min'],
  ])('%d s', (seconds, text) => {
    expect(duration(seconds)).toBe(text)
  })
})

test('numbers of things, and lists that do not grow too long', () => {
  expect([count(1, 'server'), count(3, 'server')]).toEqual(['1 server', '3 servers'])
  expect(list(['a', 'b', 'c', 'd'])).toBe('a, b, c, d')
  expect(list(['a', 'b', 'c', 'd', 'e', 'f'])).toBe('a, b, c and 3 more')
})
