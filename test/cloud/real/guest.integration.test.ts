import { expect, test } from 'vitest'
import { assemble } from './guest.ts'
import { finish } from './program.ts'

const { code } = await finish(['as', '--version']).catch(() => ({ code: 127 }))

test.skipIf(code !== 0)('guest.S makes one bootable sector, with a harmless load', async () => {
  const sector = await assemble()
  const view = new DataView(sector.buffer, sector.byteOffset, sector.length)
  expect(sector).toHaveLength(512)
  expect(view.getUint16(510, true)).toBe(0xaa55)
  expect(view.getUint32(0x1f0, true)).toBe(0)
})
