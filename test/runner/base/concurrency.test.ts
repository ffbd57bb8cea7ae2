import { expect, test } from 'vitest'
import { createLimiter, mapLimit } from '../../../runner/base/concurrency.ts'

const soon = () => new Promise<void>((resolve) => setImmediate(resolve))

test('no more than so many at a time, all in the end, whatever fails', async () => {
  const limited = createLimiter(3)
  let inside = 0
  let most = 0
  const results = await Promise.allSettled(
    Array.from({ length: 20 }, (_, index) =>
      limited(async () => {
        most = Math.max(most, ++inside)
        await soon()
        inside -= 1
        if (index % 3 === 0) throw new Error('no')
        return index
      }),
    ),
  )
  expect([most, inside, results.filter(({ status }) => status === 'fulfilled').length]).toEqual([3, 0, 13])
})

test('a function that throws instead of rejecting keeps no place', async () => {
  const limited = createLimiter(1)
  const broken = limited(() => {
    throw new Error('no')
  })
  await expect(broken).rejects.toThrow('no')
  expect(await limited(async () => 'next')).toBe('next')
})

test('what there is room for starts in the same tick, so that its reads travel together', () => {
  const started: number[] = []
  void mapLimit([1, 2, 3], 2, async (number) => void started.push(number))
  expect(started).toEqual([1, 2])
})

test('results come in order, and no more than the limit are under way', async () => {
  let running = 0
  let most = 0
  const results = await mapLimit([5, 1, 4, 2, 3], 2, async (number, index) => {
    most = Math.max(most, ++running)
    for (let i = 0; i < number; i++) await soon()
    running -= 1
    return [index, number * 10]
  })
  expect(results).toEqual([
    [0, 50],
    [1, 10],
    [2, 40],
    [3, 20],
    [4, 30],
  ])
  expect(most).toBe(2)
  expect(await mapLimit([], 2, soon)).toEqual([])
})

test('after a rejection nothing is started, and what is under way is waited for', async () => {
  const started: number[] = []
  const ended: number[] = []
  const all = mapLimit([1, 2, 3, 4, 5], 2, async (number) => {
    started.push(number)
    if (number === 2) throw new Error('the first')
    for (let i = 0; i < 5; i++) await soon()
    ended.push(number)
    throw new Error('a later one')
  })
  await expect(all).rejects.toThrow('the first')
  expect([started, ended]).toEqual([[1, 2], [1]])
})
