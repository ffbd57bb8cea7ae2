import { describe, expect, test } from 'vitest'
import { course, withSample, type Sample } from '../../../../../modules/lib/nova/live-migration/convergence.ts'

const MIB = 1024 ** 2
const NO_DISK = { total: 0, processed: 0, remaining: 0 }

/** A sample of memory; MiB. */
const memory = (at: number, processed: number, remaining: number, total = 1000): Sample => ({
  at,
  memory: { total: total * MIB, processed: processed * MIB, remaining: remaining * MIB },
  disk: NO_DISK,
})

describe('how a migration gets on', () => {
  test('nothing is known before the first figures', () => {
    expect(course([])).toBeUndefined()
    expect(course([{ at: 0, memory: NO_DISK, disk: NO_DISK }])).toBeUndefined()
  })

  test('rate is what is sent, the time left is reckoned from what remains', () => {
    const seen = course([memory(0, 0, 1000), memory(5, 500, 600), memory(10, 1000, 200)])
    expect(seen).toMatchObject({ total: 1000 * MIB, done: 800 * MIB, remaining: 200 * MIB, rate: 100 * MIB, stuck: false })
    expect(seen?.eta).toBeCloseTo(2.5)
  })

  test('disks count too', () => {
    const disk = { total: 500 * MIB, processed: 100 * MIB, remaining: 400 * MIB }
    expect(course([{ ...memory(0, 0, 1000), disk }])).toMatchObject({
      total: 1500 * MIB,
      done: 100 * MIB,
      remaining: 1400 * MIB,
      rate: undefined,
      eta: undefined,
    })
  })

  test('what remains can be more than the total at the first look: done is never negative', () => {
    expect(course([memory(0, 0, 1200)])?.done).toBe(0)
  })

  test('figures that Nova has not renewed are no new sample', () => {
    const first = withSample([], memory(0, 10, 900))
    expect(withSample(first, memory(1, 10, 900))).toBe(first)
    expect(withSample(first, memory(1, 20, 900))).toHaveLength(2)
  })
})

describe('a migration that does not converge', () => {
  const at = (remaining: readonly number[]) => course(remaining.map((left, index) => memory(index * 5, index * 500, left)))?.stuck

  test('what remains goes up and down and reaches no new low', () => {
    expect(at([900, 290, 310, 295, 305, 320, 300, 310, 299])).toBe(true)
  })

  test('six looks without a new low are needed', () => {
    expect(at([900, 300, 310, 320, 305, 320, 300])).toBe(false)
    expect(at([900, 300, 310, 320, 305, 320, 300, 305])).toBe(true)
  })

  test('slow is not stuck', () => {
    expect(at([900, 899, 898, 897, 896, 895, 894, 893, 892])).toBe(false)
  })

  test('what remains is nothing while the switch-over takes its time', () => {
    expect(at([900, 0, 0, 0, 0, 0, 0, 0, 0])).toBe(false)
  })

  test('memory that rises first, as a busy guest fills up, is not stuck as long as it then falls', () => {
    expect(at([100, 200, 300, 250, 200, 150, 99, 60])).toBe(false)
  })
})
