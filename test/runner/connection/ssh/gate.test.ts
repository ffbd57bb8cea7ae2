import { expect, test } from 'vitest'
import { serverGate } from '../../../../runner/connection/ssh/gate.ts'

test('one gate for each server', () => {
  expect(serverGate('a:22')).toBe(serverGate('a:22'))
  expect(serverGate('a:22')).not.toBe(serverGate('b:22'))
})
