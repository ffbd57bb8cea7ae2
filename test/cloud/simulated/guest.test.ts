import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  advanceCopy,
  beginCopy,
  boot,
  consoleLines,
  copyConverged,
  MiB,
  newConsole,
  newGuest,
  pause,
  powerOff,
  resume,
  secondsUp,
} from './guest.ts'

const shape = { residentMemory: 100, dirtyRate: 10, allocatedDisk: 50 }

describe('the guest', () => {
  test('counts seconds, boots and what it has ever run', () => {
    const first = boot(newGuest(shape), 100)
    expect(consoleLines(first, 102.5)).toEqual(['boot=1 up=0 disk=0', 'boot=1 up=1 disk=1', 'boot=1 up=2 disk=2'])
    const second = boot(first, 110)
    expect(consoleLines(second, 111)).toEqual(['boot=2 up=0 disk=10', 'boot=2 up=1 disk=11'])
  })
  test('stands still while it is paused', () => {
    const paused = pause(boot(newGuest(shape), 0), 10)
    expect(secondsUp(paused, 1000)).toBe(10)
    expect(secondsUp(resume(paused, 1000), 1005)).toBe(15)
  })
  test('writes into a new file after a live migration, and goes on counting', () => {
    const moved = newConsole(boot(newGuest(shape), 0), 9.2)
    expect(consoleLines(moved, 11)).toEqual(['boot=1 up=10 disk=10', 'boot=1 up=11 disk=11'])
  })
  test('says nothing while it is off', () => {
    expect(consoleLines(powerOff(boot(newGuest(shape), 0), 7), 100)).toEqual([])
  })
})

describe('copying', () => {
  const bandwidth = 100 * MiB
  test('takes the disk first, then the memory', () => {
    const guest = boot(newGuest(shape), 0)
    const half = advanceCopy(beginCopy(200, guest, true), 0.25, bandwidth, 0)
    expect([half.diskRemaining / MiB, half.memoryRemaining / MiB]).toEqual([25, 100])
    const more = advanceCopy(half, 0.75, bandwidth, 0)
    expect([more.diskRemaining, more.memoryRemaining / MiB, more.memoryProcessed / MiB]).toEqual([0, 50, 50])
  })
  test('the same however finely the time is cut', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 90 }),
        fc.array(fc.integer({ min: 1, max: 100 }), { minLength: 1, maxLength: 30 }),
        (dirty, slices) => {
          const start = beginCopy(200, boot(newGuest(shape), 0), true)
          const total = slices.reduce((sum, slice) => sum + slice, 0) / 1000
          const cut = slices.reduce((copy, slice) => advanceCopy(copy, slice / 1000, bandwidth, dirty * MiB), start)
          const whole = advanceCopy(start, total, bandwidth, dirty * MiB)
          expect(Math.abs(cut.memoryRemaining - whole.memoryRemaining)).toBeLessThan(MiB)
          expect(cut.elapsed).toBeCloseTo(total)
        },
      ),
    )
  })
  test('ends exactly when the guest dirties less than the link carries', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 300 }), (dirty) => {
        let copy = beginCopy(200, boot(newGuest(shape), 0), false)
        for (let second = 0; second < 400 && !copyConverged(copy, bandwidth, 0.1); second += 1)
          copy = advanceCopy(copy, 0.5, bandwidth, dirty * MiB)
        expect(copyConverged(copy, bandwidth, 0.1)).toBe(dirty < 100)
        expect(copy.memoryRemaining).toBeLessThanOrEqual(copy.memoryTotal)
      }),
      { examples: [[99], [100], [101]] },
    )
  })
})
