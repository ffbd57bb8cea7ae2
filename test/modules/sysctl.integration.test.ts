import { spawn } from 'node:child_process'
import { readlinkSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import sysctl from '../../modules/sysctl.ts'
import type { Target } from '../../runner/module.ts'
import { localTarget, scratchFolder } from '../doubles/local-target.ts'

// A real kernel: the parameters of a network namespace of the test's own.
const folder = scratchFolder()
const local = localTarget(folder)
const namespace = spawn('unshare', ['--net', 'sleep', 'infinity'], { stdio: 'ignore' })
const network = () => readlinkSync(`/proc/${namespace.pid}/ns/net`)
const run: Target['run'] = (argv, options) => local.run(['nsenter', `--net=/proc/${namespace.pid}/ns/net`, ...argv], options)
const target: Target = {
  ...local,
  run,
  read: async (path) => (path.startsWith('/proc/') ? (await run(['cat', path])).bytes : local.read(path)),
}

const NAME = 'net.ipv4.tcp_rmem'
const params = { name: NAME, state: 'present', sysctl_file: join(folder, '1.conf'), reload: true, sysctl_set: false } as const
const kernel = async () => (await run(['sysctl', '-n', NAME])).stdout

beforeAll(() => vi.waitUntil(() => network() !== readlinkSync('/proc/self/ns/net'), { timeout: 60_000 }))
afterAll(() => void namespace.kill())

test('a real kernel takes a list, and undo puts it back', async () => {
  const before = await kernel()
  const wish = { ...params, value: '4096 131072 7000000' }
  const diff = await sysctl.check(wish, target)
  await sysctl.apply?.(wish, diff, target)
  expect(await kernel()).toBe('4096\t131072\t7000000\n')
  expect((await sysctl.check(wish, target)).changes).toEqual([])
  await sysctl.undo?.(wish, diff.before, target)
  expect(await kernel()).toBe(before)
})

test.each([
  ['4096 x', { why: `sysctl: setting key "${NAME}": Invalid argument` }],
  ['0x1000', { why: expect.stringContaining('the kernel made `4096 ') }],
])('a real kernel does not take %s', async (value, failure) => {
  const wish = { ...params, value }
  await expect(sysctl.apply?.(wish, await sysctl.check(wish, target), target)).rejects.toMatchObject(failure)
})
