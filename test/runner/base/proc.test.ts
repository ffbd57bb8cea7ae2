import { expect, test } from 'vitest'
import { kibOf } from '../../../runner/base/proc.ts'

test('a figure of /proc/meminfo', () => {
  const meminfo = 'MemTotal:       24553472 kB\nMemFree:         1000 kB\nMemAvailable:   21268408 kB\nHugePages_Total:       0\n'
  expect([kibOf(meminfo, 'MemTotal'), kibOf(meminfo, 'MemAvailable')]).toEqual([24553472, 21268408])
  expect([kibOf(meminfo, 'Mem'), kibOf(meminfo, 'HugePages_Total')]).toEqual([undefined, undefined])
})
