/** `wait_for`: files, ports, time limits. */
import { once } from 'node:events'
import { createServer, type AddressInfo } from 'node:net'
import { appendFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import waitFor from '../../modules/wait_for.ts'
import { fakeTarget, type FakeGiven } from '../doubles/target.ts'
import { localTarget, scratchFolder } from '../doubles/local-target.ts'
import { behavesLikeAModule, sensiblyChecked } from '../contracts/module.ts'
import { onAct } from '../doubles/address.ts'

const defaults = { host: '127.0.0.1', state: 'started', timeout: 30, delay: 0, sleep: 1, connect_timeout: 5 } as const
type Given = Partial<Parameters<typeof waitFor.check>[0]>

const appearing = (path: string, after: number, content = 'ready\n'): FakeGiven => ({
  onSleep: (now, target) => {
    if (now >= after)
      target.files.set(path, { content: new TextEncoder().encode(content), mode: '0644', owner: 'root', group: 'root' })
  },
})

const waited = async (given: Given, world: FakeGiven) => {
  const params = { ...defaults, ...given }
  const target = fakeTarget(world)
  const diff = await waitFor.check(params, target)
  return { target, diff, result: await waitFor.apply?.(params, diff, target) }
}

behavesLikeAModule(
  waitFor,
  { name: 'a file that comes', params: { ...defaults, path: '/run/x' }, target: () => fakeTarget(appearing('/run/x', 3)) },
  {
    name: 'with a delay',
    params: { ...defaults, path: '/run/x', delay: 5 },
    target: () => fakeTarget({ files: { '/run/x': '' } }),
  },
)

describe('wait_for a file', () => {
  test('waits until it is there, and says how long', async () => {
    const { diff, result, target } = await waited({ path: '/run/x' }, appearing('/run/x', 3))
    expect(diff.changes).toEqual([{ ...onAct('/run/x'), before: 'absent', after: 'present' }])
    expect(result).toEqual({ elapsed: 3, state: 'present' })
    expect(target.progressed).toHaveLength(3)
    expect(target.progressed[1]).toEqual({ done: 1, total: 30, unit: 's', note: '/run/x is absent' })
  })

  test('does not wait for what is there', async () => {
    const { changes, result } = await waitFor.check({ ...defaults, path: '/run/x' }, fakeTarget({ files: { '/run/x': '' } }))
    expect({ changes, result }).toEqual({ changes: [], result: { elapsed: 0, state: 'present' } })
  })

  test('waits until it is gone', async () => {
    const world: FakeGiven = {
      files: { '/run/x': '' },
      onSleep: (now, target) => void (now >= 2 && target.files.delete('/run/x')),
    }
    expect((await waited({ path: '/run/x', state: 'absent' }, world)).result).toEqual({ elapsed: 2, state: 'absent' })
  })

  test('waits for a line in it', async () => {
    const { diff, result } = await waited(
      { path: '/log', search_regex: '^rea.y$' },
      { files: { '/log': 'start\n' }, ...appearing('/log', 4, 'start\nready\n') },
    )
    expect(diff.changes).toEqual([{ ...onAct('`^rea.y$` in /log'), before: 'not matched', after: 'matched' }])
    expect(result).toEqual({ elapsed: 4, state: 'matched' })
  })

  test('waits until a line is gone, or its file', async () => {
    const world: FakeGiven = { files: { '/log': 'busy\n' }, onSleep: (_now, target) => void target.files.delete('/log') }
    expect((await waited({ path: '/log', search_regex: 'busy', state: 'absent' }, world)).result).toEqual({
      elapsed: 1,
      state: 'absent',
    })
  })

  test('waits first where told to, because what is seen at once may be the state before', async () => {
    const { diff, result } = await waited({ path: '/run/x', delay: 10 }, { files: { '/run/x': '' } })
    expect(diff.changes).toHaveLength(1)
    expect(result).toEqual({ elapsed: 10, state: 'present' })
  })

  test('gives up when the time is over, not later', async () => {
    const failing = waited({ path: '/run/x', timeout: 2.5, sleep: 1 }, {})
    await expect(failing).rejects.toMatchObject({
      kind: 'timeout',
      message: '/run/x is still absent after 2.5 s',
      data: { elapsed: 2.5, state: 'absent' },
    })
  })

  test('an own message replaces the error', async () => {
    await expect(waited({ path: '/run/x', timeout: 1, msg: 'The agent is dead' }, {})).rejects.toThrow('The agent is dead')
  })

  test('stops waiting when it is told to', async () => {
    const controller = new AbortController()
    const world: FakeGiven = {
      signal: controller.signal,
      onSleep: (now) => void (now >= 2 && controller.abort(new Error('stopped by the operator'))),
    }
    await expect(waited({ path: '/run/x' }, world)).rejects.toThrow('stopped by the operator')
  })

  test('a real file on this machine', async () => {
    const path = join(scratchFolder(), 'log')
    writeFileSync(path, 'start\n')
    const target = localTarget('/nowhere', { onSleep: () => appendFileSync(path, 'done\n') })
    const params = { ...defaults, path, search_regex: '^done$' }
    expect(await waitFor.apply?.(params, await waitFor.check(params, target), target)).toMatchObject({ state: 'matched' })
    rmSync(path)
    expect((await waitFor.check({ ...params, search_regex: undefined, state: 'absent' }, target)).changes).toEqual([])
  })
})

describe('wait_for a port', () => {
  const listen = async () => {
    const server = createServer((socket) => socket.destroy()).listen(0, '127.0.0.1')
    await once(server, 'listening')
    return { server, port: (server.address() as AddressInfo).port }
  }

  test('an open port needs no waiting, a closed one is waited for', async () => {
    const { server, port } = await listen()
    const target = localTarget('/nowhere')
    expect((await waitFor.check({ ...defaults, port }, target)).result).toEqual({ elapsed: 0, state: 'open' })
    server.close()
    await once(server, 'close')
    const { changes } = await waitFor.check({ ...defaults, port }, target)
    expect(changes).toEqual([{ ...onAct(`port ${port} of 127.0.0.1`), before: 'closed', after: 'open' }])
    expect((await waitFor.check({ ...defaults, port, state: 'stopped' }, target)).changes).toEqual([])
  })

  test('waits until something listens', async () => {
    const { server, port } = await listen()
    server.close()
    await once(server, 'close')
    const later = createServer((socket) => socket.destroy())
    const target = localTarget('/nowhere', { onSleep: (now) => void (now === 2 && later.listen(port, '127.0.0.1')) })
    const params = { ...defaults, port }
    const result = await waitFor.apply?.(params, await waitFor.check(params, target), target)
    later.close()
    expect(result).toMatchObject({ state: 'open' })
  })

  test('says why it is closed', async () => {
    const { server, port } = await listen()
    server.close()
    await once(server, 'close')
    const params = { ...defaults, port, timeout: 0 }
    const target = localTarget('/nowhere')
    await expect(waitFor.apply?.(params, await waitFor.check(params, target), target)).rejects.toMatchObject({
      kind: 'timeout',
      message: `port ${port} of 127.0.0.1 is still closed after 0 s`,
      why: 'connection refused',
    })
  })

  test('a host without any program to try it is an error, not a closed port', async () => {
    const target = fakeTarget({ commands: () => ({ stdout: 'none\n' }) })
    await expect(waitFor.check({ ...defaults, port: 22 }, target)).rejects.toMatchObject({
      kind: 'failed',
      message: 'cannot probe port 22 of 127.0.0.1 from host1',
    })
  })
})

describe('wait_for refuses', () => {
  test.each<[Given, string]>([
    [{}, '`port` and `path` are both missing'],
    [{ port: 1, path: '/x' }, '`port` and `path` exclude each other'],
    [{ port: 1, search_regex: 'x' }, '`search_regex` needs `path`'],
    [{ path: '/x', search_regex: '(' }, '`search_regex` is not a regular expression: `(`'],
  ])('%j', async (given, message) => {
    await expect(sensiblyChecked(waitFor, { ...defaults, ...given }, fakeTarget())).rejects.toMatchObject({
      kind: 'input',
      message,
    })
  })
})
