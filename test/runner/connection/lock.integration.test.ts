/** Locks on a real host: leases, holders that die, hosts without flock. */
import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, describe, expect, onTestFinished, test, vi } from 'vitest'
import type { Connection } from '../../../runner/connection/connection.ts'
import { connectLocal } from '../../../runner/connection/local.ts'
import { heldLocks, lockFolder } from '../../../runner/connection/lock.ts'
import { connectSsh } from '../../../runner/connection/ssh/ssh.ts'
import { dedent } from '../../scenes/dedent.ts'
import { alive } from './processes.ts'
import { addUser, startSshd } from './sshd.ts'

const bin = mkdtempSync(join(tmpdir(), 'runbook-no-flock-'))
const used = new Set<string>()
afterAll(() => {
  rmSync(bin, { recursive: true })
  for (const name of used) rmSync(join(lockFolder, name), { force: true })
})

const opened: Connection[] = []
afterEach(async () => {
  vi.useRealTimers()
  await Promise.all(opened.splice(0).map((connection) => connection.close()))
})

const keep = <T extends Connection>(connection: T): T => {
  opened.push(connection)
  return connection
}
const local = (shell = '/bin/sh', env: NodeJS.ProcessEnv = process.env) =>
  keep(connectLocal({ name: 'here', kind: 'local', address: 'localhost' }, { env, shell }))

/** A host whose leases, of a minute, pass when the test says so: in place of its `sleep`. */
function passing() {
  const folder = mkdtempSync(join(tmpdir(), 'runbook-leases-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  writeFileSync(join(folder, 'begun'), '')
  writeFileSync(
    join(folder, 'sleep'),
    dedent`
      #!/bin/sh
      [ "$1" = 60 ] || exec /usr/bin/sleep "$@"
      echo >>${folder}/begun
      lease=$(wc -l <${folder}/begun)
      until [ -e ${folder}/over-$lease ]; do /usr/bin/sleep 0.02; done
    `,
    { mode: 0o755 },
  )
  return {
    env: { ...process.env, PATH: `${folder}:${process.env['PATH']}` },
    begun: () => readFileSync(join(folder, 'begun'), 'utf8').length,
    end: (lease: number) => writeFileSync(join(folder, `over-${lease}`), ''),
  }
}

/** A name that no other test or program on this machine locks. */
const unique = () => {
  const name = `test-${process.pid}-${Math.random().toString(36).slice(2)}`
  used.add(name)
  return name
}
const wanted = (name: string, more: object = {}) => ({ name, note: `{"held by":"${name}"}`, shared: false, ...more })
const until = async (holds: () => Promise<boolean>) => {
  while (!(await holds())) await new Promise((resolve) => setTimeout(resolve, 20))
}
const isFree = async (name: string, connection = local()) => {
  const lock = await connection.lock(undefined, wanted(name))
  lock?.release()
  return lock !== undefined
}
const notes = async (name: string) =>
  (await heldLocks(local().as(undefined))).filter((held) => held.name === name).map(({ note }) => note)
const keepers = (name: string) =>
  existsSync(lockFolder) ? readdirSync(lockFolder).filter((file) => file.startsWith(`${name}.`)) : []

for (const shell of ['/bin/dash', '/bin/bash'].filter(existsSync)) {
  describe(`locks by ${shell}`, () => {
    test('one has it, the next does not and can read who has it; it is free when the first has closed its connection', async () => {
      const name = unique()
      const first = local(shell)
      const lock = await first.lock(undefined, wanted(name, { note: `{"who":"Лі's \\"run\\" ünd $HOME"}` }))
      expect(() => lock?.stands()).not.toThrow()
      expect(await local(shell).lock(undefined, wanted(name))).toBeUndefined()
      expect(await notes(name)).toEqual([`{"who":"Лі's \\"run\\" ünd $HOME"}`])
      await first.close()
      expect(await isFree(name)).toBe(true)
      expect(await notes(name)).toEqual([])
    })

    test('shared by those who want it shared, and for nobody else', async () => {
      const name = unique()
      const [a, b] = [local(shell), local(shell)]
      expect(await a.lock(undefined, wanted(name, { shared: true, note: 'a' }))).toBeDefined()
      expect(await b.lock(undefined, wanted(name, { shared: true, note: 'b' }))).toBeDefined()
      expect((await notes(name)).toSorted()).toEqual(['a', 'b'])
      expect(await isFree(name)).toBe(false)
      await a.close()
      expect(await isFree(name)).toBe(false)
      expect(await notes(name)).toEqual(['b'])
      await b.close()
      expect(await isFree(name)).toBe(true)
      await until(async () => keepers(name).length === 0)
    })

    test('let go, it can be taken by another, and again; other locks of the connection stay', async () => {
      const [name, other] = [unique(), unique()]
      const connection = local(shell)
      const lock = await connection.lock(undefined, wanted(name))
      await connection.lock(undefined, wanted(other))
      lock?.release()
      expect(await connection.lock(undefined, wanted(name))).toBeDefined()
      expect(await isFree(name)).toBe(false)
      expect(await isFree(other)).toBe(false)
    })

    test('a command that goes on after the connection has ended keeps no lock', async () => {
      const name = unique()
      const connection = local(shell)
      const host = connection.as(undefined)
      await connection.lock(undefined, wanted(name))
      await host.run(['sh', '-c', `sleep 61.${process.pid} >/dev/null 2>&1 & echo $!`])
      const running = host.run(['sleep', `62.${process.pid}`]).catch((error: unknown) => error)
      const pids = () =>
        spawnSync('pgrep', ['-f', `^sleep 6[12]\\.${process.pid}$`], { encoding: 'utf8' })
          .stdout.split('\n')
          .filter(Boolean)
          .map(Number)
      await until(async () => pids().length >= 2)
      const left = pids()
      await connection.close()
      expect(await isFree(name)).toBe(true)
      for (const pid of left) process.kill(pid)
      await running
    })

    test('the shell on the host is killed: freed, and the runner knows', async () => {
      const name = unique()
      const connection = local(shell)
      const lock = await connection.lock(undefined, wanted(name))
      process.kill(await shellOf(connection), 'SIGKILL')
      await until(() => isFree(name))
      expect(() => lock?.stands()).toThrow(/the shell on the host has ended/)
    })

    test('held while heartbeats come; after a lease without one it is free, and the shell is gone with it', async () => {
      const name = unique()
      const leases = passing()
      const connection = local(shell, leases.env)
      vi.useFakeTimers({ toFake: ['setInterval', 'Date'] })
      const lock = await connection.lock(undefined, wanted(name))
      const shellPid = await shellOf(connection)
      for (let lease = 1; lease <= 4; lease++) {
        await until(async () => leases.begun() === lease)
        vi.advanceTimersByTime(15_000)
        // The host reads a later request only after the heartbeat.
        await connection.as(undefined).run(['true'])
        leases.end(lease)
      }
      await until(async () => leases.begun() === 5)
      expect(await isFree(name)).toBe(false)
      expect(() => lock?.stands()).not.toThrow() // gives one more
      for (const lease of [5, 6]) leases.end(lease)
      await until(() => isFree(name))
      await until(async () => {
        try {
          lock?.stands()
          return false
        } catch {
          return true
        }
      })
      await until(async () => !alive(shellPid))
    })
  })
}

test('a runner that stood still for longer than the lease gives up, whatever the host has done', async () => {
  // Before the lease begins: on a busy machine the host's answer alone can take a second.
  vi.useFakeTimers({ toFake: ['Date'] })
  const lock = await local().lock(undefined, wanted(unique()))
  vi.setSystemTime(Date.now() + 61_000)
  expect(() => lock?.stands()).toThrow(
    expect.objectContaining({ kind: 'unreachable', why: expect.stringContaining('suspended for 1 min 1 s') }),
  )
})

test('a shell that keeps a lock is not given up for another user', async () => {
  const connection = local()
  const lock = await connection.lock(undefined, wanted(unique()))
  await Promise.all(Array.from({ length: 40 }, () => connection.as(undefined).run(['true'])))
  expect(() => lock?.stands()).not.toThrow()
})

test('without flock on the host the help names it', async () => {
  for (const folder of ['/usr/bin', '/bin'])
    for (const program of readdirSync(folder))
      if (program !== 'flock' && !existsSync(join(bin, program))) symlinkSync(join(folder, program), join(bin, program))
  const env = { ...process.env, PATH: bin }
  const connection = keep(connectLocal({ name: 'here', kind: 'local', address: 'localhost' }, { env }))
  await expect(connection.lock(undefined, wanted(unique()))).rejects.toMatchObject({
    message: 'the host cannot be locked',
    help: 'install flock on the host: package util-linux, or util-linux-core',
  })
  await expect(heldLocks(connection.as(undefined))).rejects.toMatchObject({ help: expect.stringContaining('util-linux') })
})

describe('over SSH', () => {
  test('a cut connection frees it at once; so does the end of sshd', async () => {
    const sshd = await startSshd()
    try {
      const [name, other] = [unique(), unique()]
      const connection = keep(await connectSsh(sshd.endpoint(), { env: process.env }))
      const lock = await connection.lock(undefined, wanted(name))
      await connection.lock(undefined, wanted(other))
      expect(await isFree(name)).toBe(false)
      sshd.crash()
      await until(() => isFree(name))
      await until(() => isFree(other))
      await until(async () =>
        connection
          .as(undefined)
          .run(['true'])
          .then(
            () => false,
            () => true,
          ),
      )
      expect(() => lock?.stands()).toThrow(expect.objectContaining({ kind: 'unreachable' }))
    } finally {
      await sshd.stop()
    }
  })

  test.skipIf(process.getuid?.() !== 0)('another user of the host respects it, and can take it afterwards', async () => {
    const sshd = await startSshd()
    const user = addUser()
    try {
      const name = unique()
      const mine = keep(await connectSsh(sshd.endpoint(), { env: process.env }))
      const theirs = keep(await connectSsh(sshd.endpoint({ user: user.name }), { env: process.env }))
      const lock = await mine.lock(undefined, wanted(name, { note: 'root' }))
      expect(await theirs.lock(undefined, wanted(name))).toBeUndefined()
      expect(await heldLocks(theirs.as(undefined))).toContainEqual({ name, note: 'root' })
      lock?.release()
      await until(() => isFree(name, theirs))
      expect(await theirs.lock(undefined, wanted(name, { note: 'user' }))).toBeDefined()
      expect(await mine.lock(undefined, wanted(name))).toBeUndefined()
      expect(await heldLocks(mine.as(undefined))).toContainEqual({ name, note: 'user' })
    } finally {
      await Promise.all(opened.splice(0).map((connection) => connection.close()))
      user.remove()
      await sshd.stop()
    }
  })
})

/**
 * Process id of the shell that serves a connection: the first process above a command with the shell's command line.
 */
async function shellOf(connection: Connection): Promise<number> {
  const { stdout } = await connection.as(undefined).run(['cat', '/proc/self/stat'])
  const group = Number(stdout.replace(/^.*\) . /s, '').split(' ')[2])
  return group
}
