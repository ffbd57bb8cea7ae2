import { describe, expect, test } from 'vitest'
import { readCommandLine } from '../../../../modules/lib/text/command-line.ts'

test.each([
  ['  echo\ta\n', ['echo', 'a']],
  [`echo 'a b' "c d"`, ['echo', 'a b', 'c d']],
  [`echo 'a|b' "c>d" '$HOME' '*'`, ['echo', 'a|b', 'c>d', '$HOME', '*']],
  ['echo a\\\n b', ['echo', 'a', 'b']],
  ['echo a#b a~b --x=1 {a,b}', ['echo', 'a#b', 'a~b', '--x=1', '{a,b}']],
  ['echo a\\ ', ['echo', 'a ']],
  ['', []],
])('%j', (line, words) => {
  expect(readCommandLine(line)).toEqual(words)
})

describe('refused, with what to write instead', () => {
  test.each([
    ['a | b', '`|`'],
    ['a && b', '`&`'],
    ['a "$HOME"', '`$`'],
    ['ls ~', '`~`'],
    ['a\nb', 'a second line'],
  ])('%j needs a shell', (line, what) => {
    expect(() => readCommandLine(line)).toThrow(
      expect.objectContaining({
        kind: 'input',
        message: expect.stringContaining(`holds ${what}`),
        help: expect.stringContaining('shell'),
      }),
    )
  })

  test.each([
    ["a 'b", "has a ' without its partner"],
    ['a "b\\"', 'has a " without its partner'],
    ['a \\', 'ends with a backslash'],
  ])('%j is unfinished', (line, what) => {
    expect(() => readCommandLine(line)).toThrow(
      expect.objectContaining({ kind: 'input', message: expect.stringContaining(what) }),
    )
  })

  test('a variable before the program', () => {
    expect(() => readCommandLine('LANG=C virsh list')).toThrow(
      expect.objectContaining({ kind: 'input', help: expect.stringContaining('environment') }),
    )
  })
})
