import { expect, test } from 'vitest'
import { mapLimit, recordOf } from '../../../modules/lib/limit.ts'

test('results come in order, and no more than the limit are under way', async () => {
  let running = 0
  let most = 0
  const results = await mapLimit([5, 1, 4, 2, 3], 2, async (number) => {
    most = Math.max(most, ++running)
    for (let i = 0; i < number; i++) await Promise.resolve()
    running -= 1
    return number * 10
  })
  expect(results).toEqual([50, 10, 40, 20, 30])
  expect(most).toBe(2)
})

test('a failure is the outcome', async () => {
  await expect(
    mapLimit([1, 2, 3], 2, async (number) => (number === 2 ? Promise.reject(new Error('no')) : number)),
  ).rejects.toThrow('no')
})

test('a record', async () => {
  expect(await recordOf(['a', 'b'], 8, async (key) => key + key)).toEqual({ a: 'aa', b: 'bb' })
})
