import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { head, onScreen, oneLine, pad, paint, tail, width, wrap } from '../../../runner/base/screen.ts'

const colors = { color: true }
/** All that a terminal obeys or hides, but newline and tab. */
// oxlint-disable-next-line no-control-regex
const ACTING = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/

describe('what reaches a terminal', () => {
  test.each([
    ['\x1b[2J\x1b[H', '\\x1b[2J\\x1b[H'],
    ['\x1b]2;title\x07', '\\x1b]2;title\\x07'],
    ['100 %\r5 %', '100 %\\r5 %'],
    ['a\x7f\x9b1A', 'a\\u007f\\u009b1A'],
    ['\u202eabc\u2066', '\\u202eabc\\u2066'],
    ['two\n\tlines', 'two\n\tlines'],
    ['計算 é 👩‍🚀', '計算 é 👩‍🚀'],
  ])('%j is shown as %j', (text, shown) => {
    expect(onScreen(text)).toBe(shown)
  })

  test('colours are those of `paint` alone', () => {
    expect(onScreen(`${paint(colors, 'red', 'no')} \x1b[32mok`)).toBe('\x1b[31mno\x1b[39m \\x1b[32mok')
    expect(onScreen(paint(colors, 'red', 'a\x1b[0mb'))).toBe('\x1b[31ma\\x1b[0mb\x1b[39m')
    expect(onScreen(paint({ color: false }, 'red', 'no'))).toBe('no')
  })

  test('a text that comes back from the screen is not painted again', () => {
    const [begin = ''] = paint(colors, 'red', 'x').split('x')
    expect(onScreen(`\x1b[31m${onScreen(begin)}`)).toBe('\\x1b[31m\\x1b[31m')
  })

  test('any text is harmless, and a line of JSON says the same as before', () => {
    const any = fc.string({ unit: 'binary' })
    fc.assert(
      fc.property(any, (text) => {
        expect(onScreen(text)).not.toMatch(ACTING)
        expect(oneLine(text)).not.toMatch(/[\n\t]/)
        expect(JSON.parse(onScreen(JSON.stringify({ text })))).toEqual({ text })
      }),
    )
  })
})

describe('columns', () => {
  test.each([
    ['web', 3],
    ['データ', 6],
    ['計算 a', 6],
    ['e\u0301', 1],
    ['🚀', 2],
    ['👩‍🚀', 2],
    ['Grüße', 5],
    ['\x1b[31m', 8],
    [paint(colors, 'bold', '計'), 2],
  ])('%j takes %i', (text, columns) => {
    expect(width(text)).toBe(columns)
  })

  test('a text is cut between characters, from either end', () => {
    expect([head('計算機', 5), tail('計算機', 5), head('e\u0301a', 1), tail('a👩‍🚀', 2)]).toEqual(['計算', '算機', 'e\u0301', '👩‍🚀'])
    expect(pad('計', 4)).toBe('計  ')
  })

  test('neither a cut text nor a wrapped line is wider than it may be', () => {
    const any = fc.string({ unit: 'grapheme', maxLength: 60 })
    fc.assert(
      fc.property(any, fc.integer({ min: 6, max: 20 }), (text, columns) => {
        expect(width(head(text, columns))).toBeLessThanOrEqual(columns)
        expect(width(tail(text, columns))).toBeLessThanOrEqual(columns)
        // One character can be wider than that: a musical note of three code points takes three columns.
        const letters = [...new Intl.Segmenter().segment(text)].map(({ segment }) => width(segment))
        for (const line of wrap(text, columns)) expect(width(line)).toBeLessThanOrEqual(Math.max(columns, ...letters))
      }),
    )
  })
})
