import fc from 'fast-check'
import { expect, test } from 'vitest'
import { didYouMean, editDistance, nearest } from '../../../runner/base/suggest.ts'

test('slips of the finger are found', () => {
  const names = ['target', 'source', 'servers', 'libvirt_listen', 'when']
  expect(nearest('targt', names)).toBe('target')
  expect(nearest('soruce', names)).toBe('source')
  expect(nearest('Servers', names)).toBe('servers')
  expect(nearest('libvirt_listn', names)).toBe('libvirt_listen')
  expect(nearest('whne', names)).toBe('when')
})

test('what is merely different is not', () => {
  expect(nearest('frobnicate', ['target', 'debug'])).toBeUndefined()
  expect(nearest('ab', ['ac', 'a'])).toBeUndefined()
  expect(nearest('x', [])).toBeUndefined()
  expect(nearest('same', ['same'])).toBeUndefined()
  expect(didYouMean('x', [])).toBeUndefined()
  expect(didYouMean('vaule', ['value'])).toBe('did you mean `value`?')
})

test('editDistance is a distance', () => {
  const word = fc.string({ maxLength: 8 })
  fc.assert(fc.property(word, (a) => editDistance(a, a) === 0))
  fc.assert(fc.property(word, word, (a, b) => editDistance(a, b) === editDistance(b, a)))
  fc.assert(fc.property(word, word, (a, b) => editDistance(a, b) <= Math.max(a.length, b.length)))
  fc.assert(fc.property(word, word, (a, b) => a === b || editDistance(a, b) > 0))
  expect(editDistance('ab', 'ba')).toBe(1)
  expect(editDistance('kitten', 'sitting')).toBe(3)
})
