import { expect, test } from 'vitest'
import { createGate, serverGate } from '../../../../runner/connection/ssh/gate.ts'

test('no more than so many at a time, all in the end, whatever fails', async () => {
  const gate = createGate(3)
  let inside = 0
  let most = 0
  const results = await Promise.allSettled(
    Array.from({ length: 20 }, (_, index) =>
      gate.pass(async () => {
        most = Math.max(most, ++inside)
        await new Promise((resolve) => setImmediate(resolve))
        inside -= 1
        if (index % 3 === 0) throw new Error('no')
        return index
      }),
    ),
  )
  expect([most, inside, results.filter(({ status }) => status === 'fulfilled').length]).toEqual([3, 0, 13])
})

test('one gate for each server', () => {
  expect(serverGate('a:22')).toBe(serverGate('a:22'))
  expect(serverGate('a:22')).not.toBe(serverGate('b:22'))
})
