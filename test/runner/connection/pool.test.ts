/** Shells of one connection: their number, and the effect of a hanging one. */
import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, test, vi } from 'vitest'
import type { Become } from '../../../runner/connection/connection.ts'
import { hostAccess } from '../../../runner/connection/host-access.ts'
import { createPool, type OpenPipe } from '../../../runner/connection/pool.ts'
import { Failure } from '../../../runner/base/failure.ts'

const children: number[] = []
afterEach(() => {
  for (const pid of children.splice(0)) {
    try {
      process.kill(pid, 'SIGCONT')
      process.kill(pid, 'SIGTERM')
    } catch {
      // It has ended.
    }
  }
})

/**
 * Shells of this machine, so many at a time. Other users' shells run without sudo, which pools do not depend on.
 */
function setUp(sessions = Infinity) {
  let open = 0
  let opening = 0
  let most = 0
  const traffic = { requests: 0, sent: 0, received: 0 }
  const openPipe: OpenPipe = async ({ argv, ready }) => {
    opening += 1
    if (open >= sessions) return 'refused'
    most = Math.max(most, ++open)
    const loader = argv.find((word) => word.startsWith(`echo ${ready}`)) ?? ''
    const child = spawn('/bin/sh', ['-c', loader], { detached: true })
    children.push(child.pid ?? 0)
    for (const stream of [child.stdin, child.stdout, child.stderr]) stream.on('error', () => undefined)
    const ended = new Promise<string>((resolve) =>
      child.once('close', (code, signal) => {
        open -= 1
        resolve(signal ?? String(code))
      }),
    )
    return { stdin: child.stdin, stdout: child.stdout, stderr: child.stderr, ended, destroy: () => child.stdin.destroy() }
  }
  const pool = createPool({ openPipe, traffic, openLimit: 10, stallLimit: 60_000 })
  let id = 0
  const as = (become?: Become) =>
    hostAccess({ add: (item) => pool.add(become, item), drop: pool.drop, nextId: () => ++id, signal: undefined })
  return { pool, as, traffic, most: () => most, open: () => open, opening: () => opening }
}
/** Resolves when the shells have been sent what was asked of them. */
const sent = (traffic: { readonly requests: number }, requests: number) =>
  vi.waitUntil(() => traffic.requests >= requests, { timeout: 240_000 })
const user = (name: string): Become => ({ user: name, method: 'sudo' })
const size = async (read: Promise<Uint8Array | undefined>) => ((await read)?.length ?? 0) > 0

test('one shell serves a user, whatever is asked one after the other or at once', async () => {
  const { as, pool, most } = setUp()
  await Promise.all(Array.from({ length: 30 }, () => as().read('/etc/passwd')))
  await as().run(['true'])
  expect(most()).toBe(1)
  await pool.close()
})

test('a shell that hangs in a request, as in a dead network share, does not hold up the others', async () => {
  const { as, pool, most, traffic } = setUp()
  await as().run(['true'])
  process.kill(children[0] ?? 0, 'SIGSTOP')
  const stuck = as().read('/etc/hostname')
  await sent(traffic, 2)
  expect(await size(as().read('/etc/passwd'))).toBe(true)
  expect(most()).toBe(2)
  process.kill(children[0] ?? 0, 'SIGCONT')
  expect(await size(stuck)).toBe(true)
  await pool.close()
})

test('a probe that hangs for good fails; the commands beside it and the other requests do not', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'runbook-pool-'))
  const { as, pool } = setUp()
  const beside = as().run(['sh', '-c', `until [ -e ${folder}/go ]; do sleep 0.1; done; echo whole`])
  await as().run(['true']) // its batch has ended by then: the next one goes to the same shell
  process.kill(children[0] ?? 0, 'SIGSTOP')
  // The test decides when the minute passes.
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] })
  try {
    let answer: unknown
    void as()
      .read('/etc/hostname')
      .catch((error: unknown) => (answer = error))
    while (answer === undefined) {
      vi.advanceTimersByTime(1000)
      await new Promise((resolve) => setImmediate(resolve))
    }
    expect(answer).toMatchObject({
      kind: 'timeout',
      message: 'the host did not answer within 1 min',
      why: expect.stringContaining('/etc/hostname'),
    })
  } finally {
    vi.useRealTimers()
  }
  expect(await size(as().read('/etc/passwd'))).toBe(true)
  process.kill(children[0] ?? 0, 'SIGCONT')
  writeFileSync(join(folder, 'go'), '')
  expect((await beside).stdout).toBe('whole\n')
  rmSync(folder, { recursive: true })
  await pool.close()
})

test('at most four shells', async () => {
  const { as, pool, most, traffic, opening } = setUp()
  const hung: Promise<unknown>[] = []
  for (let count = 0; count < 4; count++) {
    await as().run(['true'])
    process.kill(children[count] ?? 0, 'SIGSTOP')
    hung.push(as().read('/etc/hostname'))
    await sent(traffic, 2 * (count + 1))
  }
  // A fifth would be opened when what waits has waited long enough.
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  const waiting = as().read('/etc/passwd')
  while (vi.getTimerCount() === 0) await new Promise((resolve) => setImmediate(resolve))
  await vi.runOnlyPendingTimersAsync()
  vi.useRealTimers()
  expect([most(), opening()]).toEqual([4, 4])
  process.kill(children[2] ?? 0, 'SIGCONT')
  expect(await size(waiting)).toBe(true)
  for (const pid of children) process.kill(pid, 'SIGCONT')
  await Promise.all(hung)
  await pool.close()
})

describe('where the host allows one session', () => {
  test('users take turns', async () => {
    const { as, pool, most } = setUp(1)
    for (const name of ['a', 'b', 'a']) expect(await size(as(user(name)).read('/etc/passwd'))).toBe(true)
    const both = await Promise.all([as(user('a')).run(['echo', 'a']), as(user('b')).run(['echo', 'b'])])
    expect([both.map(({ stdout }) => stdout), most()]).toEqual([['a\n', 'b\n'], 1])
    await pool.close()
  })
  test('nobody is thrown out in the middle of a command', async () => {
    const { as, pool } = setUp(1)
    const folder = mkdtempSync(join(tmpdir(), 'runbook-pool-'))
    const long = as(user('a')).run([
      'sh',
      '-c',
      `echo > ${folder}/begun; until [ -e ${folder}/go ]; do sleep 0.05; done; echo whole`,
    ])
    await vi.waitUntil(() => existsSync(join(folder, 'begun')), { timeout: 240_000 })
    const next = as(user('b')).run(['echo', 'b'])
    await new Promise((resolve) => setImmediate(() => setImmediate(resolve))) // the pool has tried to serve it by then
    writeFileSync(join(folder, 'go'), '')
    expect([(await long).stdout, (await next).stdout]).toEqual(['whole\n', 'b\n'])
    rmSync(folder, { recursive: true })
    await pool.close()
  })
  test('or none', async () => {
    const { as } = setUp(0)
    await expect(as().read('/etc/passwd')).rejects.toMatchObject({ kind: 'unreachable', message: 'the host allows no session' })
  })
})

test('a shell that is killed fails what it was asked, and another takes its place', async () => {
  const { as, pool, open } = setUp()
  const folder = mkdtempSync(join(tmpdir(), 'runbook-pool-'))
  const work = as().run(['sh', '-c', `echo > ${folder}/begun; exec sleep 60`])
  const ended = expect(work).rejects.toMatchObject({ kind: 'unreachable', message: 'the shell on the host has ended' })
  await vi.waitUntil(() => existsSync(join(folder, 'begun')), { timeout: 240_000 })
  process.kill(children[0] ?? 0, 'SIGKILL')
  await ended
  rmSync(folder, { recursive: true })
  expect(await size(as().read('/etc/passwd'))).toBe(true)
  expect(open()).toBe(1)
  await pool.close()
})

test('a user who cannot be had is not asked for again', async () => {
  const { as, pool } = setUp()
  const bad = as(user('no such name'))
  const [first, second] = await Promise.all([bad.read('/x'), bad.read('/y')].map((read) => read.catch((error: unknown) => error)))
  expect(first).toBe(second)
  expect(await bad.read('/z').catch((error: unknown) => error)).toBe(first)
  await pool.close()
})

test('the end: what is pending and what comes later fails with the reason', async () => {
  const { as, pool } = setUp()
  const reason = new Failure('the connection was lost', { kind: 'unreachable' })
  await as().run(['true'])
  const running = as().run(['sleep', '60'])
  const queued = as().read('/etc/passwd')
  pool.fail(reason)
  expect(await running.catch((error: unknown) => error)).toBe(reason)
  expect(await queued.catch((error: unknown) => error)).toBe(reason)
  expect(
    await as()
      .read('/etc/passwd')
      .catch((error: unknown) => error),
  ).toBe(reason)
  await pool.close()
})
