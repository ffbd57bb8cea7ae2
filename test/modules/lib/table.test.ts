import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { inline, tableOf, tableText } from '../../../modules/lib/table.ts'
import { width } from '../../../runner/module.ts'

describe('table', () => {
  test('columns are all keys in the order they appear first', () => {
    expect(tableOf([{ b: 1 }, { a: 2, b: 3 }])).toEqual({
      columns: ['b', 'a'],
      rows: [
        ['1', ''],
        ['3', '2'],
      ],
    })
  })

  test('columns can be chosen and ordered', () => {
    expect(tableOf([{ a: 1, b: 2, c: 3 }], ['c', 'a'])).toEqual({ columns: ['c', 'a'], rows: [['3', '1']] })
  })

  test('text stands left, numbers right, nothing trails', () => {
    const table = tableOf([
      { name: 'web-1', seconds: 2.1, note: '' },
      { name: 'database-2', seconds: 113, note: 'slow' },
    ])
    expect(tableText(table)).toBe(['name        seconds  note', 'web-1           2.1', 'database-2      113  slow'].join('\n'))
  })

  test('a column without any value is text', () => {
    expect(tableText(tableOf([{ a: null, b: 1 }]))).toBe('a  b\n   1')
  })

  test.each([
    [undefined, ''],
    [null, ''],
    ['two\nlines\t', 'two lines'],
    [0, '0'],
    [false, 'false'],
    [['a', 1], '["a",1]'],
  ])('%j in a cell is %j', (value, expected) => {
    expect(inline(value)).toBe(expected)
  })

  test('every line but for blanks at its end is equally wide', () => {
    const cell = fc.oneof(fc.string({ unit: 'grapheme', maxLength: 8 }), fc.integer(), fc.constant(null))
    fc.assert(
      fc.property(fc.array(fc.record({ a: cell, b: cell }), { minLength: 1, maxLength: 5 }), (rows) => {
        const lines = tableText(tableOf(rows.map((row) => ({ ...row, end: '|' })))).split('\n')
        expect(new Set(lines.slice(1).map(width)).size).toBe(1)
      }),
    )
  })
})
