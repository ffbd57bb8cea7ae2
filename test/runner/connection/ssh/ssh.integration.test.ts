/** Connections to a real sshd: bastions, failing networks, limits, large transfers. */
import { once } from 'node:events'
import { existsSync, readFileSync, readlinkSync, statSync } from 'node:fs'
import { connect as connectTcp, createServer, type Server, Socket } from 'node:net'
import { userInfo } from 'node:os'
import { basename, dirname } from 'node:path'
import { describe, expect, test, vi } from 'vitest'
import { connect } from '../../../../runner/connection/connect.ts'
import type { Connection } from '../../../../runner/connection/connection.ts'
import { connectSsh } from '../../../../runner/connection/ssh/ssh.ts'
import { behavesLikeAConnection } from '../contract.ts'
import { alive, parentOf, running } from '../processes.ts'
import { closedLater, emptyConfig, env, file, refusal, server, ssh, strange, useServer, works } from '../ssh-setup.ts'
import { authorize, freePort, startSshd } from '../sshd.ts'

useServer()

behavesLikeAConnection('a host by SSH', async () => connectSsh(server.endpoint(), { env, sshConfig: emptyConfig }))

describe('through a bastion', () => {
  test('each key is verified, commands run at the end of the chain', async () => {
    const [first, second] = await Promise.all([startSshd(), startSshd()])
    try {
      const known = file('chain', [server, first, second].map((each) => readFileSync(each.knownHosts, 'utf8')).join(''))
      const me = userInfo().username
      for (const each of [first, second]) authorize(each, `${server.identity}.pub`)
      const endpoint = server.endpoint({
        knownHosts: known,
        proxyJump: `${me}@127.0.0.1:${first.port},${me}@127.0.0.1:${second.port}`,
      })
      const connection = await ssh(endpoint)
      await works(connection)
      const from = await connection.as(undefined).run(['sh', '-c', 'echo $SSH_CONNECTION'])
      expect(from.stdout).toContain(` ${server.port}\n`)
      expect([first.sessions().length > 0, second.sessions().length > 0]).toEqual([true, true])

      const doubtful = file('doubtful', readFileSync(known, 'utf8').replace(first.hostKeys['ed25519'] ?? '', strange()))
      expect((await refusal(ssh({ ...endpoint, knownHosts: doubtful }))).message).toContain(
        `the host key of [127.0.0.1]:${first.port} has changed`,
      )

      const closed = await refusal(ssh({ ...endpoint, port: await freePort() }))
      expect(closed).toMatchObject({
        kind: 'unreachable',
        message: expect.stringContaining('through the bastion'),
        why: expect.stringContaining('Connection refused'),
      })

      const work = connection.as(undefined).run(['sleep', '30'])
      first.crash()
      expect(await refusal(work)).toMatchObject({ kind: 'unreachable', message: 'the connection to server was lost' })
    } finally {
      await Promise.all([first.stop(), second.stop()])
    }
  })
})

describe('a network that fails', () => {
  test('nobody listens', async () => {
    const failure = await refusal(ssh(server.endpoint({ port: await freePort() })))
    expect(failure).toMatchObject({
      kind: 'unreachable',
      why: expect.stringContaining('ECONNREFUSED'),
      help: 'check that sshd runs there, and on this port',
    })
  })

  test('a name that is none', async () => {
    expect(await refusal(ssh(server.endpoint({ address: 'no-such-host.invalid' })))).toMatchObject({
      kind: 'unreachable',
      message: expect.stringContaining('no-such-host.invalid'),
    })
  })

  const listener = (act: (socket: Socket) => void): Promise<Server> =>
    new Promise((resolve) => {
      const listening = createServer((socket) => {
        socket.on('error', () => undefined)
        act(socket)
      })
      listening.listen(0, '127.0.0.1', () => resolve(listening))
    })
  const portOf = (listening: Server) => (listening.address() as { port: number }).port

  test('a host that takes the connection and never answers; and an abort of the waiting', async () => {
    const silent = await listener(() => undefined)
    const endpoint = server.endpoint({ port: portOf(silent), connectTimeout: 1 })
    expect(await refusal(ssh(endpoint))).toMatchObject({
      kind: 'unreachable',
      message: expect.stringContaining('did not answer as an SSH server'),
      why: 'no answer within 1 s',
      help: expect.stringContaining('ansible_port'),
    })
    const control = new AbortController()
    const reason = new Error('enough')
    silent.once('connection', () => control.abort(reason))
    expect(await ssh({ ...endpoint, connectTimeout: 60 }, { signal: control.signal }).catch((error: unknown) => error)).toBe(
      reason,
    )
    silent.close()
  })

  test('something else than SSH; and something that always hangs up', async () => {
    const web = await listener((socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'.repeat(2000)))
    expect(await refusal(ssh(server.endpoint({ port: portOf(web), connectTimeout: 3 })))).toMatchObject({ kind: 'unreachable' })
    let calls = 0
    const shut = await listener((socket) => {
      calls += 1
      socket.destroy()
    })
    expect(await refusal(ssh(server.endpoint({ port: portOf(shut) })))).toMatchObject({
      kind: 'unreachable',
      message: expect.stringContaining('closes the connection before its first message'),
      help: expect.stringContaining('MaxStartups'),
    })
    expect(calls).toBe(8)
    web.close()
    shut.close()
  })

  /** A server reached through a relay whose connections the test can break. */
  const relayed = async (target = server, keepalive?: { readonly interval: number; readonly count: number }) => {
    const sockets: Socket[] = []
    const relay = await listener((near) => {
      const far = connectTcp(target.port, '127.0.0.1')
      far.on('error', () => undefined)
      near.pipe(far).pipe(near)
      sockets.push(near, far)
    })
    const known = file(`relay-${Math.random()}`, `[127.0.0.1]:${portOf(relay)} ${target.hostKeys['ed25519']}\n`)
    const connection = await ssh(
      target.endpoint({ port: portOf(relay), knownHosts: known }),
      keepalive === undefined ? {} : { keepalive },
    )
    return { connection, sockets, close: () => relay.close() }
  }
  const lost = { kind: 'unreachable', message: 'the connection to server was lost' }

  test('a reset in the middle of a command, and while nothing is done', async () => {
    const { connection, sockets, close } = await relayed()
    const work = connection.as(undefined).run(['sleep', '30'])
    const read = works(connection)
    await read
    sockets[0]?.resetAndDestroy()
    const failure = await refusal(work)
    expect(failure).toMatchObject(lost)
    expect(failure.why).toContain('may still be running on the host')
    expect(await refusal(connection.as(undefined).run(['true']))).toBe(failure)
    close()
    const idle = await relayed()
    await works(idle.connection)
    const reset = once(idle.sockets[0]!, 'close')
    idle.sockets[0]?.resetAndDestroy()
    await reset
    expect(await refusal(idle.connection.as(undefined).read('/etc/passwd'))).toMatchObject(lost)
    idle.close()
  })

  test('silence: the keepalive notices it', async () => {
    const { connection, sockets, close } = await relayed(server, { interval: 1000, count: 3 })
    await works(connection)
    const work = connection.as(undefined).run(['sleep', '30'])
    for (const socket of sockets) socket.pause()
    expect(await refusal(work)).toMatchObject({ ...lost, why: expect.stringContaining('Keepalive timeout') })
    for (const socket of sockets) socket.destroy()
    close()
  })

  test('sshd is killed in the middle of a command', async () => {
    const doomed = await startSshd()
    try {
      const connection = await ssh(doomed.endpoint())
      const work = connection.as(undefined).run(['sleep', '305'])
      const file = connection.as(undefined).read('/etc/passwd')
      await file
      doomed.crash()
      expect(await refusal(work)).toMatchObject(lost)
    } finally {
      await doomed.stop()
    }
  })

  test('a killed shell is no success, and nothing of it stays', async () => {
    const own = await startSshd()
    try {
      const connection = await ssh(own.endpoint())
      const host = connection.as(undefined)
      for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
        const work = host.run(['sh', '-c', 'echo half; sleep 20; echo whole'])
        await host.read('/etc/passwd')
        const shells = running(/^\/bin\/sh -c echo ready-/).filter((pid) => own.sessions().includes(pid))
        const main = shells.find((pid) => !shells.includes(parentOf(pid))) ?? 0
        const private_ = dirname(readlinkSync(`/proc/${main}/fd/5`))
        expect(basename(private_)).toMatch(/^\.runbook\.\w+$/)
        expect(statSync(private_).mode & 0o777).toBe(0o700)
        const collectors = running(/^cat a1 /).filter((pid) => own.sessions().includes(pid))
        expect(collectors.length).toBeGreaterThan(0)
        process.kill(main, signal)
        expect(await refusal(work)).toMatchObject({ kind: 'unreachable', message: 'the shell on the host has ended' })
        await works(connection)
        await vi.waitFor(() => expect([existsSync(private_), collectors.filter(alive)]).toEqual([false, []]), 10_000)
      }
    } finally {
      await own.stop()
    }
  })

  test('nothing stays after an orderly end, nor after a connection that broke', async () => {
    const own = await startSshd()
    try {
      const folders = () =>
        own.sessions().flatMap((pid) => {
          try {
            return [dirname(readlinkSync(`/proc/${pid}/fd/5`))].filter((path) => path.includes('/.runbook.'))
          } catch {
            return []
          }
        })
      const orderly = await ssh(own.endpoint())
      await works(orderly)
      const [first = ''] = folders()
      expect(existsSync(first)).toBe(true)
      await orderly.close()
      expect(existsSync(first)).toBe(false)
      const { connection, sockets, close } = await relayed(own)
      await works(connection)
      const [second = ''] = folders()
      sockets[0]?.resetAndDestroy()
      sockets[1]?.destroy()
      await vi.waitFor(() => expect(existsSync(second)).toBe(false), 10_000)
      close()
    } finally {
      await own.stop()
    }
  })
})

describe('limits of the server', () => {
  test('MaxSessions 1: commands beside each other, another user in turn', async () => {
    const narrow = await startSshd({ config: ['MaxSessions 1'] })
    try {
      const host = (await ssh(narrow.endpoint())).as(undefined)
      const outputs = await Promise.all(
        Array.from({ length: 6 }, (_, index) => host.run(['sh', '-c', `sleep 0.2; echo ${index}`])),
      )
      expect(outputs.map(({ stdout }) => stdout)).toEqual(outputs.map((_, index) => `${index}\n`))
    } finally {
      await narrow.stop()
    }
  })

  test('MaxSessions 0: said so', async () => {
    const closed = await startSshd({ config: ['MaxSessions 0'] })
    try {
      expect(await refusal((await ssh(closed.endpoint())).as(undefined).read('/etc/passwd'))).toMatchObject({
        kind: 'unreachable',
        message: 'the host allows no session',
        help: expect.stringContaining('MaxSessions'),
      })
    } finally {
      await closed.stop()
    }
  })

  test('sixty connections at once to a server that takes few', async () => {
    const crowded = await startSshd({ config: ['MaxStartups 3:50:6'] })
    try {
      const connections = await Promise.all(Array.from({ length: 60 }, () => ssh(crowded.endpoint())))
      expect(new Set(connections).size).toBe(60)
      await works(connections[59] as Connection)
    } finally {
      await crowded.stop()
    }
  })

  test('a forced command, and an account without a shell', async () => {
    const forced = await startSshd({ config: ['ForceCommand echo only this'] })
    try {
      expect(await refusal((await ssh(forced.endpoint())).as(undefined).read('/x'))).toMatchObject({
        kind: 'unreachable',
        message: 'no shell on the host',
        why: 'the login ended with exit status 0; it said: only this',
      })
    } finally {
      await forced.stop()
    }
  })
})

test('TCP_NODELAY is set before anything is sent', async () => {
  const spy = vi.spyOn(Socket.prototype, 'setNoDelay')
  await ssh(server.endpoint())
  expect(spy.mock.calls).toContainEqual([true])
  spy.mockRestore()
})

test('a hundred megabytes', async () => {
  const host = (await ssh(server.endpoint())).as(undefined)
  const { bytes, code } = await host.run(['sh', '-c', 'yes 0123456789abcde | head -c 100000000'])
  expect([code, bytes.length, Buffer.from(bytes).subarray(-16).toString()]).toEqual([0, 100_000_000, '0123456789abcde\n'])
  expect(Buffer.from(bytes).equals(Buffer.alloc(100_000_000, '0123456789abcde\n'))).toBe(true)
})

test('by `connect`, as the runner does it', async () => {
  const connection = closedLater(await connect(server.endpoint(), { env, sshConfig: emptyConfig }))
  await works(connection)
  expect(connection.host).toBe('server')
  const local = closedLater(await connect({ name: 'here', kind: 'local', address: 'localhost' }, { env: process.env }))
  await works(local)
})
