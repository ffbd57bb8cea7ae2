import { expect, test } from 'vitest'
import { isTooDeep, maxDepth } from '../../../runner/source/yaml-depth.ts'

const nested = (depth: number) => '['.repeat(depth) + ']'.repeat(depth)
const indented = (depth: number) => Array.from({ length: depth }, (_, index) => `${' '.repeat(index)}a:`).join('\n')

test.each([
  ['flow', '['.repeat(100_000)],
  ['closed flow', nested(maxDepth + 5)],
  ['flow mappings', '{a: '.repeat(9000)],
  ['block lists on one line', `${'- '.repeat(5000)}x`],
  ['indentation', indented(3000)],
])('%s without end is too deep', (_, text) => expect(isTooDeep(text)).toBe(true))

test.each([
  ['what people write', 'a: { b: [1, { c: d }] }\n'],
  ['nearly too much', nested(maxDepth - 5)],
  ['much indentation', indented(maxDepth - 5)],
  ['brackets in texts', `a: "${'['.repeat(5000)}"\nb: '${'{'.repeat(5000)}'\n# ${'['.repeat(5000)}\n`],
  ['many siblings', '- [1]\n'.repeat(5000)],
])('%s is not', (_, text) => expect(isTooDeep(text)).toBe(false))
