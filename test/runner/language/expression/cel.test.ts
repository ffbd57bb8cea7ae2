import fc from 'fast-check'
import { expect, test } from 'vitest'
import { fromCel, parseCel, toCel } from '../../../../runner/language/expression/cel.ts'

test('JSON survives the way into the expression language and out again', () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      expect(fromCel(toCel(value))).toEqual(JSON.parse(JSON.stringify(value)))
    }),
  )
})

test('an expression sees exactly the value that it is given', () => {
  const key = fc.stringMatching(/^[a-z_]{1,6}$/)
  fc.assert(
    fc.property(fc.dictionary(key, fc.jsonValue(), { minKeys: 1 }), (value) => {
      const seen = parseCel('x')({ x: toCel(value) }) as unknown
      expect(fromCel(seen)).toEqual(JSON.parse(JSON.stringify(value)))
    }),
  )
})

test('whether a number has a fraction today does not decide whether arithmetic works', () => {
  const number = fc.oneof(
    fc.integer({ min: -1000, max: 1000 }),
    fc.integer({ min: -1000, max: 1000 }).map((n) => n + 0.5),
  )
  fc.assert(
    fc.property(number, number, fc.constantFrom('+', '-', '*'), (a, b, operator) => {
      const result = fromCel(parseCel(`a ${operator} b`)({ a: toCel(a), b: toCel(b) }))
      expect(result).toBeCloseTo(operator === '+' ? a + b : operator === '-' ? a - b : a * b)
    }),
  )
})

test('what JSON cannot hold does not come out', () => {
  expect(fromCel(new Uint8Array(1))).toBeUndefined()
  expect(fromCel([1n, Symbol.iterator])).toBeUndefined()
  expect(fromCel(2n ** 60n)).toBeUndefined()
  expect(fromCel(new Map([['a', [1n]]]))).toEqual({ a: [1] })
})
