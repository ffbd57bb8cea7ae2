import { expect, test } from 'vitest'
import { Unknown } from '../../../runner/language/value.ts'
import { withLines } from '../../../runner/state/attempt-result.ts'

test('outputs are seen as lines too', () => {
  expect(withLines({ stdout: 'a\r\nb\nc', stderr: '', rc: 0 })).toEqual({
    stdout: 'a\r\nb\nc',
    stdout_lines: ['a', 'b', 'c'],
    stderr: '',
    stderr_lines: [],
    rc: 0,
  })
})

test('lines that a module or an older journal gives stay; what is no output stays as it is', () => {
  expect(withLines({ stdout: 'a b', stdout_lines: ['a', 'b'] })).toEqual({ stdout: 'a b', stdout_lines: ['a', 'b'] })
  const unknown = new Unknown('later')
  for (const value of [{ stdout: 3 }, undefined, null, 'text', unknown]) expect(withLines(value)).toEqual(value)
})
