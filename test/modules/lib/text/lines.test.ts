/** Texts of files as lines: endings, missing last newline, binary. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  decodeText,
  encodeText,
  insertLines,
  isText,
  joinLines,
  lineEnd,
  replaceLines,
  splitLines,
} from '../../../../modules/lib/text/lines.ts'

describe('text of a file', () => {
  test('every byte comes back', () => {
    fc.assert(
      fc.property(fc.uint8Array(), (bytes) => {
        const { text, encoding } = decodeText(bytes)
        expect(encodeText(text, encoding, '/x')).toEqual(bytes)
      }),
    )
  })

  test.each([
    [[0x61, 0xc3, 0xa9], 'aé', 'UTF-8'],
    [[0x61, 0xe9], 'aé', 'Latin-1'],
    [[0xef, 0xbb, 0xbf, 0x61], '\ufeffa', 'UTF-8'],
    [[], '', 'UTF-8'],
  ])('%j is %j in %s', (bytes, text, encoding) => {
    expect(decodeText(new Uint8Array(bytes))).toEqual({ text, encoding })
  })

  test('a character that the file cannot hold is an error, not a question mark', () => {
    expect(() => encodeText('5 €', 'Latin-1', '/etc/x')).toThrow('`€` cannot be written to /etc/x')
  })

  test.each([
    [[0x61, 0x0a], true],
    [[0x61, 0x00], false],
    [[0xe9], true],
    [[], true],
  ])('%j is text: %s', (bytes, expected) => {
    expect(isText(new Uint8Array(bytes))).toBe(expected)
  })
})

describe('lines', () => {
  const mixed = fc.array(fc.constantFrom('a', '', '\n', '\r\n', '\r'), { maxLength: 20 }).map((parts) => parts.join(''))

  test('joining what was split gives every character back', () => {
    fc.assert(
      fc.property(mixed, (text) => {
        expect(joinLines(splitLines(text))).toBe(text)
        expect(joinLines(splitLines(text, /\r\n|[\r\n]/g))).toBe(text)
      }),
    )
  })

  test.each([
    ['', '\n'],
    ['a', '\n'],
    ['a\r\nb\r\nc\n', '\r\n'],
    ['a\nb\r\nc\n', '\n'],
  ])('the lines of %j end with %j', (text, expected) => {
    expect(lineEnd(splitLines(text))).toBe(expected)
  })

  test.each([
    ['', 0, 'x\n'],
    ['a\n', 1, 'a\nx\n'],
    ['a', 1, 'a\nx'],
    ['a', 0, 'x\na'],
    ['a\r\nb', 2, 'a\r\nb\r\nx'],
    ['a\r\nb\r\n', 1, 'a\r\nx\r\nb\r\n'],
  ])('a line put into %j at %i', (text, at, expected) => {
    expect(joinLines(insertLines(splitLines(text), at, ['x']))).toBe(expected)
  })

  test.each([
    ['a\nb\nc', 2, 3, ['x', 'y'], 'a\nb\nx\ny'],
    ['a\nb\nc', 1, 2, ['x'], 'a\nx\nc'],
    ['a\nb\nc', 2, 3, [], 'a\nb'],
    ['a\nb\nc', 0, 1, [], 'b\nc'],
    ['a', 0, 1, [], ''],
    ['a\nb\n', 0, 2, [], ''],
  ])('lines of %j from %i to %i replaced by %j', (text, start, end, texts, expected) => {
    expect(joinLines(replaceLines(splitLines(text), start, end, texts))).toBe(expected)
  })
})
