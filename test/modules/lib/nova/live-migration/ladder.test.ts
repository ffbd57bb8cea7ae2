import { describe, expect, test } from 'vitest'
import {
  defaultLimit,
  FORCED_SECONDS,
  nextMove,
  ROLLBACK_SECONDS,
  type Clockwork,
} from '../../../../../modules/lib/nova/live-migration/ladder.ts'

const at = (more: Partial<Clockwork>): Clockwork => ({
  spent: 0,
  limit: 100,
  onTimeout: 'abort',
  forcedAt: undefined,
  abortedAt: undefined,
  status: 'running',
  ...more,
})

describe('what comes next', () => {
  test.each([
    ['within the limit', { spent: 99.9 }, 'wait'],
    ['over the limit', { spent: 100 }, 'abort'],
    ['over the limit, to be left', { spent: 100, onTimeout: 'leave' }, 'leave'],
    ['over the limit, to be forced', { spent: 100, onTimeout: 'force_complete' }, 'force_complete'],
    [
      'to be forced, but still preparing: Nova forces a running one only',
      { spent: 100, onTimeout: 'force_complete', status: 'preparing' },
      'abort',
    ],
    ['to be forced, without any record yet', { spent: 100, onTimeout: 'force_complete', status: undefined }, 'abort'],
    ['forced', { spent: 120, onTimeout: 'force_complete', forcedAt: 100 }, 'wait'],
    ['forced, and not over long after', { spent: 100 + FORCED_SECONDS, onTimeout: 'force_complete', forcedAt: 100 }, 'abort'],
    [
      'forced, with a long limit: it gets as long again',
      { spent: 1500, limit: 1000, onTimeout: 'force_complete', forcedAt: 1000 },
      'wait',
    ],
    ['aborted: Nova rolls back', { spent: 101, abortedAt: 100 }, 'wait'],
    ['aborted, and Nova does not end it', { spent: 100 + ROLLBACK_SECONDS, abortedAt: 100 }, 'give up'],
    ['aborted after it was forced', { spent: 500, onTimeout: 'force_complete', forcedAt: 100, abortedAt: 450 }, 'wait'],
  ] as const)('%s', (_, clockwork, move) => {
    expect(nextMove(at(clockwork))).toBe(move)
  })
})

test("the default limit is Nova's: 800 s for a GiB of memory and local disk, at least two", () => {
  expect(defaultLimit(64, 0)).toBe(1660)
  expect(defaultLimit(2048, 0)).toBe(1660)
  expect(defaultLimit(2049, 0)).toBe(2460)
  expect(defaultLimit(4096, 20)).toBe(800 * 24 + 60)
})
