import { expect, test } from 'vitest'
import { progressOn } from './progress.ts'

const screen = (isTTY: boolean) => {
  const written: string[] = []
  return { isTTY, columns: 40, write: (text: string) => written.push(text), written }
}

const withoutTimes = (text: string) => text.replace(/\d+\.\d s/g, 'N s')

test('a log gets a line when a step starts and one when it ends, with how it ended', async () => {
  const log = screen(false)
  const { step, say } = progressOn(log)
  say('hello')
  await step('one', async () => {})
  await expect(step('two', () => Promise.reject(new Error('no')))).rejects.toThrow('no')
  expect(withoutTimes(log.written.join(''))).toBe('hello\n… one\n✔ one N s\n… two\n✖ two N s\n')
})

test('a terminal gets one line that is wiped before anything else is written, never wider than it is', async () => {
  const terminal = screen(true)
  await progressOn(terminal).step('a step with a very long name that goes on and on', async () => {})
  const lines = terminal.written.map((text) => text.replace('\r\x1b[K', ''))
  expect(terminal.written.every((text) => text.startsWith('\r\x1b[K'))).toBe(true)
  expect(lines[0]).toHaveLength(39)
})

test('what the work gives comes back', async () => {
  expect(await progressOn(screen(false)).step('one', async () => 42)).toBe(42)
})
