import { expect, test } from 'vitest'
import { reasonIn } from '../../../../../modules/lib/nova/live-migration/conclude.ts'

const line = (text: string) => `2026-11-24 07:51:58.530 3487 ERROR nova.virt.libvirt.driver [-] [instance: 37fb166b] ${text}\n`
const aborted = line('Migration operation has aborted')
const reason = line('Live Migration failure: internal error: client socket is closed')

test.each([
  ['before', reason + aborted],
  ['after', aborted + reason],
])('what libvirt said is the reason, also %s the line that says that it was aborted', (_, log) => {
  expect(reasonIn(log)).toBe('Live Migration failure: internal error: client socket is closed')
})

test('without it the last line is what there is; an empty log says nothing', () => {
  expect(reasonIn(line('something else') + aborted)).toBe('Migration operation has aborted')
  expect(reasonIn('')).toBeUndefined()
})
