import { expect, test } from 'vitest'
import { didYouMean, nearest } from '../../../modules/lib/nearest.ts'

test.each([
  ['compute51', ['compute14', 'compute15'], 'compute15'],
  ['comptue15', ['compute14', 'compute15'], 'compute15'],
  ['WEB-1', ['web-1', 'web-2'], 'web-1'],
  ['db', ['web-1'], undefined],
  ['x', [], undefined],
  ['config-drive', ['config_drive', 'disk_space'], 'config_drive'],
])('%s among %j', (word, candidates, meant) => {
  expect(nearest(word, candidates)).toBe(meant)
})

test('words for an error', () => {
  expect(didYouMean('web-11', ['web-1'])).toBe('; did you mean `web-1`?')
  expect(didYouMean('zzz', ['web-1'])).toBe('')
})
