import { expect, test } from 'vitest'
import { countersIn, withLoad } from './guest.ts'

test('the load goes into two numbers and nothing else changes', () => {
  const sector = new Uint8Array(512).fill(7)
  const loaded = withLoad(sector, { pages: 4000, limit: 192 })
  const numbers = new DataView(loaded.buffer)
  expect(numbers.getUint32(0x1f0, true)).toBe(4000)
  expect(numbers.getUint32(0x1f4, true)).toBe(192 * 1024 * 1024)
  expect(loaded.filter((byte, at) => byte !== 7 && (at < 0x1f0 || at >= 0x1f8))).toHaveLength(0)
  expect(sector.every((byte) => byte === 7)).toBe(true)
})

test('only the last whole line counts', () => {
  expect(countersIn('SeaBIOS (version 1.16)\r\nboot=1 up=9 disk=9\r\nboot=1 up=10 disk=10\r\nboot=1 up=11 di')).toEqual({
    boot: 1,
    up: 10,
    disk: 10,
  })
  expect(countersIn('Booting from Hard Disk...\r\n')).toBeUndefined()
  expect(countersIn('')).toBeUndefined()
})
