import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { connect as connectTcp, createServer, type Server, Socket } from 'node:net'
import { tmpdir, userInfo } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { NodeSSH } from 'node-ssh'
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest'
import { connect } from '../../../runner/connection/connect.ts'
import type { Connection, Endpoint } from '../../../runner/connection/connection.ts'
import { hostKeyCheck } from '../../../runner/connection/host-keys.ts'
import { fingerprint } from '../../../runner/connection/known-hosts.ts'
import { connectSsh, type SshOptions } from '../../../runner/connection/ssh.ts'
import { Failure } from '../../../runner/failure.ts'
import { alive, behavesLikeAConnection, running } from './contract.ts'
import { authorize, freePort, killQuietly, makeKey, type Sshd, startAgent, startSshd } from './sshd.ts'

const env = { PATH: process.env['PATH'] }
const folder = mkdtempSync(join(tmpdir(), 'runbook-test-'))
const emptyConfig = join(folder, 'empty_config')
writeFileSync(emptyConfig, '')
let server: Sshd
const uncaught: unknown[] = []
const note = (error: unknown) => void uncaught.push(error)

beforeAll(async () => {
  process.on('uncaughtException', note)
  server = await startSshd({ hostKeyTypes: ['ed25519', 'rsa', 'ecdsa'] })
})
afterAll(async () => {
  await server.stop()
  process.off('uncaughtException', note)
  rmSync(folder, { recursive: true, force: true })
})
const open = new Set<Connection>()
afterEach(async () => {
  await Promise.all([...open].map((connection) => connection.close()))
  open.clear()
  // Nothing that happens to a connection may end the process.
  expect(uncaught).toEqual([])
})

/** Neither the settings nor the agent of whoever runs the tests. */
const ssh = async (endpoint: Endpoint, options: Partial<SshOptions> = {}): Promise<Connection> => {
  const connection = await connectSsh(endpoint, { env, sshConfig: emptyConfig, ...options })
  open.add(connection)
  return connection
}
const refusal = async (work: Promise<unknown>): Promise<Failure> => {
  const error = await work.then(
    () => new Error('it was not refused'),
    (reason: unknown) => reason,
  )
  expect(error).toBeInstanceOf(Failure)
  return error as Failure
}
const works = async (connection: Connection) =>
  expect((await connection.as(undefined).run(['echo', 'hello'])).stdout).toBe('hello\n')
const file = (name: string, text: string): string => {
  writeFileSync(join(folder, name), text)
  return join(folder, name)
}
const blob = (type: string) => Buffer.from(server.hostKeys[type]?.split(' ')[1] ?? '', 'base64')
const parentOf = (pid: number) =>
  Number(
    readFileSync(`/proc/${pid}/stat`, 'utf8')
      .replace(/^.*\) . /s, '')
      .split(' ')[0],
  )
const strange = () =>
  readFileSync(`${makeKey(join(folder, `strange-${Math.random()}`))}.pub`, 'utf8')
    .split(' ')
    .slice(0, 2)
    .join(' ')
const at = () => `[127.0.0.1]:${server.port}`

behavesLikeAConnection('a host by SSH', async () => connectSsh(server.endpoint(), { env, sshConfig: emptyConfig }))

describe('host keys', () => {
  test('unknown: refused before any secret is sent, with the fingerprint and what accepts it', async () => {
    const failure = await refusal(ssh(server.endpoint({ knownHosts: file('none', '') })))
    expect(failure).toMatchObject({
      kind: 'unreachable',
      message: `the host key of server (${at()}) is not known`,
      data: { fingerprint: fingerprint(blob('ed25519')) },
    })
    expect(failure.todo).toContain('--accept-new-host-keys')
    expect(failure.todo).toContain(
      `ssh -o UserKnownHostsFile=${join(folder, 'none')} -p ${server.port} ${userInfo().username}@127.0.0.1`,
    )
  })

  test('unknown, and accepted: remembered, so that ssh itself and a second connection know it', async () => {
    const known = join(folder, 'accepted')
    await works(await ssh(server.endpoint({ knownHosts: known, acceptNewHostKeys: true })))
    await works(await ssh(server.endpoint({ knownHosts: known })))
    expect(readFileSync(known, 'utf8').split('\n')).toHaveLength(2)
    const args = [
      '-F',
      'none',
      '-o',
      `UserKnownHostsFile=${known}`,
      '-o',
      'StrictHostKeyChecking=yes',
      '-i',
      server.identity,
      '-p',
      String(server.port),
      '127.0.0.1',
      'echo',
      'in',
    ]
    expect(execFileSync('ssh', args, { encoding: 'utf8', stdio: 'pipe' })).toBe('in\n')
  })

  test('changed: refused with both fingerprints and the line, also when new keys are accepted', async () => {
    const other = strange()
    const known = file('changed', `# a comment\n${at()} ${other}\n`)
    const failure = await refusal(ssh(server.endpoint({ knownHosts: known, acceptNewHostKeys: true })))
    expect(failure).toMatchObject({
      kind: 'unreachable',
      message: `the host key of server (${at()}) has changed`,
      why: `it shows ED25519 ${fingerprint(blob('ed25519'))}, but ${known}:2 has ED25519 ${fingerprint(Buffer.from(other.split(' ')[1] ?? '', 'base64'))}`,
    })
    expect(readFileSync(known, 'utf8')).toBe(`# a comment\n${at()} ${other}\n`)
    expect(server.log()).not.toContain('Accepted password')
  })

  test('revoked', async () => {
    const known = file('revoked', `${at()} ${server.hostKeys['ed25519']}\n@revoked * ${server.hostKeys['ed25519']}\n`)
    expect((await refusal(ssh(server.endpoint({ knownHosts: known })))).message).toBe(
      `the host key of server (${at()}) is revoked`,
    )
  })

  test('known by an authority alone', async () => {
    const known = file('authority', `@cert-authority * ${strange()}\n`)
    expect((await refusal(ssh(server.endpoint({ knownHosts: known })))).why).toContain('certificates cannot be checked here')
  })

  test('hashed, wildcard, without the port', async () => {
    const hashed = file('hashed', `${at()} ${server.hostKeys['ed25519']}\n`)
    execFileSync('ssh-keygen', ['-H', '-f', hashed], { stdio: 'pipe' })
    expect(readFileSync(hashed, 'utf8')).toMatch(/^\|1\|/)
    await works(await ssh(server.endpoint({ knownHosts: hashed })))
    await works(
      await ssh(server.endpoint({ knownHosts: file('wildcard', `[127.*.1]:*,!other ${server.hostKeys['ed25519']}\n`) })),
    )
    await works(await ssh(server.endpoint({ knownHosts: file('plain', `127.0.0.1 ${server.hostKeys['ed25519']}\n`) })))
  })

  test.each(['ed25519', 'rsa', 'ecdsa'])('a host that is known by its %s key alone is asked for that one', async (type) => {
    await works(await ssh(server.endpoint({ knownHosts: file(`only-${type}`, `${at()} ${server.hostKeys[type]}\n`) })))
  })

  test('another key type than the one on file is a changed key, even when new keys are accepted', async () => {
    const lone = await startSshd({ hostKeyTypes: ['ed25519'] })
    try {
      const known = file('other-type', `[127.0.0.1]:${lone.port} ${server.hostKeys['rsa']}\n`)
      expect((await refusal(ssh(lone.endpoint({ knownHosts: known, acceptNewHostKeys: true })))).message).toContain('has changed')
    } finally {
      await lone.stop()
    }
  })

  test('why the verifier must not be async: ssh2 takes its promise for consent, ours says no at once', async () => {
    const careless = new NodeSSH()
    const hostVerifier = async () => false
    await careless.connect({
      host: '127.0.0.1',
      port: server.port,
      username: userInfo().username,
      privateKeyPath: server.identity,
      hostVerifier: hostVerifier as never,
    })
    expect(careless.isConnected()).toBe(true)
    careless.dispose()
    const { verify } = hostKeyCheck({
      name: 'x',
      address: 'x',
      port: 22,
      host: 'x',
      keyPort: 22,
      user: 'x',
      files: [],
      ownFile: undefined,
      acceptNew: false,
      hashed: false,
    })
    expect(verify(blob('ed25519'))).toBe(false)
  })

  test('new keys exchanged in the middle of a transfer are verified and do not stop it', async () => {
    const busy = await startSshd({ config: ['RekeyLimit 1M'] })
    try {
      const host = (await ssh(busy.endpoint({ knownHosts: join(folder, 'rekey'), acceptNewHostKeys: true }))).as(undefined)
      const big = Buffer.alloc(8 * 1024 * 1024, 'x')
      expect(Buffer.from((await host.run(['cat'], { stdin: big })).bytes).equals(big)).toBe(true)
    } finally {
      await busy.stop()
    }
  })
})

describe('logging in', () => {
  const authFailure = `cannot log in to server (127.0.0.1 port %): permission denied for ${userInfo().username}`
  const denied = () => authFailure.replace('%', String(server.port))

  test('no key fits: what was tried, what the server takes', async () => {
    const wrong = makeKey(join(folder, 'wrong'))
    const failure = await refusal(ssh(server.endpoint({ identityFiles: [wrong], password: 'hunter2-secret' })))
    expect(failure).toMatchObject({ kind: 'unreachable', message: denied() })
    expect(failure.why).toContain(wrong)
    expect(failure.why).toContain('it takes publickey')
    expect(JSON.stringify({ ...failure, stack: failure.stack })).not.toContain('hunter2-secret')
  })

  test('a wrong key before the right one', async () => {
    await works(await ssh(server.endpoint({ identityFiles: [makeKey(join(folder, 'wrong2')), server.identity] })))
  })

  test('an encrypted key, a missing one, one that others may read, one that is none: passed over, and told', async () => {
    const encrypted = makeKey(join(folder, 'encrypted'), { passphrase: 'secret words' })
    const exposed = join(folder, 'exposed')
    copyFileSync(server.identity, exposed)
    chmodSync(exposed, 0o644)
    const garbage = file('garbage', 'no key')
    chmodSync(garbage, 0o600)
    const files = [encrypted, join(folder, 'missing'), exposed, garbage]
    const failure = await refusal(ssh(server.endpoint({ identityFiles: files })))
    expect(failure.why).toContain(`${encrypted}: it is encrypted: ssh-add ${encrypted}`)
    expect(failure.why).toContain(`${join(folder, 'missing')}: there is no such file`)
    expect(failure.why).toContain(`${exposed}: others may read it (mode 0644)`)
    expect(failure.why).toContain(garbage)
    await works(await ssh(server.endpoint({ identityFiles: [...files, server.identity] })))
  })

  test.each(['rsa', 'ecdsa'])('a key of type %s', async (type) => {
    const key = makeKey(join(folder, `as-${type}`), { type })
    authorize(server, `${key}.pub`)
    await works(await ssh(server.endpoint({ identityFiles: [key] })))
  })

  test('the agent: its keys, and the key of an encrypted file among many others', async () => {
    const agent = startAgent(folder)
    try {
      while (!existsSync(agent.socket)) await new Promise((resolve) => setTimeout(resolve, 20))
      const many = { env: { ...env, SSH_AUTH_SOCK: agent.socket } }
      agent.add(server.identity)
      await works(await ssh(server.endpoint({ identityFiles: [] }), many))

      const encrypted = makeKey(join(folder, 'in-agent'), { passphrase: 'secret words' })
      authorize(server, `${encrypted}.pub`)
      const helper = file('askpass', '#!/bin/sh\necho secret words\n')
      chmodSync(helper, 0o700)
      for (let index = 0; index < 7; index++) agent.add(makeKey(join(folder, `other-${index}`)))
      execFileSync('ssh-add', ['-q', encrypted], {
        env: { ...many.env, SSH_ASKPASS: helper, SSH_ASKPASS_REQUIRE: 'force', DISPLAY: 'x' },
        stdio: 'pipe',
      })
      rmSync(`${encrypted}.pub`)
      execFileSync('ssh-add', ['-q', '-d', server.identity], { env: many.env, stdio: 'pipe' })
      // Seven others first would be one more than the server lets anybody try.
      await works(await ssh(server.endpoint({ identityFiles: [encrypted] }), many))
      const failure = await refusal(ssh(server.endpoint({ identityFiles: [] }), many))
      expect(failure).toMatchObject({
        why: expect.stringContaining('Too many authentication failures'),
        todo: expect.stringContaining('IdentitiesOnly'),
      })
      const only = file('only', `IdentityAgent ${agent.socket}\nIdentitiesOnly yes\nIdentityFile ${encrypted}\n`)
      await works(await ssh(server.endpoint({ identityFiles: [] }), { sshConfig: only }))
    } finally {
      agent.stop()
    }
  })

  test('an agent that is not there is no reason to stop', async () => {
    await works(await ssh(server.endpoint(), { env: { ...env, SSH_AUTH_SOCK: join(folder, 'no-agent') } }))
  })

  test('an alias of ssh_config', async () => {
    const config = file(
      'alias',
      `Host node\n  HostName 127.0.0.1\n  Port ${server.port}\n  User ${userInfo().username}\n  IdentityFile ${server.identity}\n  UserKnownHostsFile ${server.knownHosts}\n`,
    )
    await works(await ssh({ name: 'node', kind: 'ssh', address: 'node' }, { sshConfig: config }))
  })

  test('HostKeyAlias and ProxyCommand', async () => {
    const known = file('aliased', `thealias ${server.hostKeys['ed25519']}\n`)
    const relay = `${process.execPath} -e 'const s=require("net").connect(${server.port},"127.0.0.1");process.stdin.pipe(s).pipe(process.stdout)'`
    const config = file('proxy', `Host far\n  HostKeyAlias thealias\n  Port 22\n  ProxyCommand ${relay}\n`)
    await works(
      await ssh(
        {
          name: 'far',
          kind: 'ssh',
          address: 'far',
          user: userInfo().username,
          identityFiles: [server.identity],
          knownHosts: known,
        },
        { sshConfig: config },
      ),
    )
  })
})

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
      for (const pid of first.sessions()) killQuietly(pid)
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
      todo: 'is sshd running there, and on this port?',
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
    })
    const control = new AbortController()
    const reason = new Error('enough')
    const waiting = ssh({ ...endpoint, connectTimeout: 60 }, { signal: control.signal }).catch((error: unknown) => error)
    setTimeout(() => control.abort(reason), 100)
    expect(await waiting).toBe(reason)
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
      message: expect.stringContaining('closes the connection before it says anything'),
      todo: expect.stringContaining('MaxStartups'),
    })
    expect(calls).toBe(8)
    web.close()
    shut.close()
  })

  /** A server reached through a relay whose connections the test can break. */
  const relayed = async (target = server) => {
    const sockets: Socket[] = []
    const relay = await listener((near) => {
      const far = connectTcp(target.port, '127.0.0.1')
      far.on('error', () => undefined)
      near.pipe(far).pipe(near)
      sockets.push(near, far)
    })
    const known = file(`relay-${Math.random()}`, `[127.0.0.1]:${portOf(relay)} ${target.hostKeys['ed25519']}\n`)
    const connection = await ssh(target.endpoint({ port: portOf(relay), knownHosts: known }), {
      keepalive: { interval: 200, count: 3 },
    })
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
    idle.sockets[0]?.resetAndDestroy()
    await new Promise((resolve) => setTimeout(resolve, 100))
    expect(await refusal(idle.connection.as(undefined).read('/etc/passwd'))).toMatchObject(lost)
    idle.close()
  })

  test('silence: the keepalive notices it', async () => {
    const { connection, sockets, close } = await relayed()
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
      for (const pid of [...doomed.sessions(), doomed.pid]) killQuietly(pid)
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
        todo: expect.stringContaining('MaxSessions'),
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
        message: 'the host gives no shell',
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
  const connection = await connect(server.endpoint(), { env, sshConfig: emptyConfig })
  open.add(connection)
  await works(connection)
  expect(connection.host).toBe('server')
  const local = await connect({ name: 'here', kind: 'local', address: 'localhost' }, { env: process.env })
  open.add(local)
  await works(local)
})
