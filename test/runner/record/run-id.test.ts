import { expect, test } from 'vitest'
import { runId } from '../../../runner/record/run-id.ts'

const NOW = Date.UTC(2026, 10, 28, 7)

test('ids sort by time', () => {
  expect(runId(NOW + 1000, []) > runId(NOW, [])).toBe(true)
})

test('within one second, and with a clock that was set back, a new run sorts after those before it', () => {
  const ids: string[] = []
  for (let i = 0; i < 50; i++) ids.push(runId(i < 25 ? NOW : NOW - 86_400_000, ids))
  expect(ids.toSorted()).toEqual(ids)
})

test('a folder that is no run counts for nothing', () => {
  expect(runId(NOW, ['ZZZZ', 'zzzzzzzzzz', 'notes']).slice(0, 7)).toBe(runId(NOW, []).slice(0, 7))
})
