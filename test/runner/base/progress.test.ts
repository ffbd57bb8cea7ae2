import { expect, test } from 'vitest'
import { readProgress } from '../../../runner/base/progress.ts'

test('a line of progress, with or without words about it', () => {
  expect(readProgress('3 10 files')).toEqual({ done: 3, total: 10, unit: 'files' })
  expect(readProgress('0 4294967296 bytes disk of db-1')).toEqual({
    done: 0,
    total: 4294967296,
    unit: 'bytes',
    note: 'disk of db-1',
  })
})

test.each(['', 'files', '3 10', '3 of 10 files', '-1 10 files', '3 10 '])('%j tells nothing', (line) => {
  expect(readProgress(line)).toBeUndefined()
})
