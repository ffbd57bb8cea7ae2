/** Opening a shell through real login shells and sudo. */
import { execFileSync } from 'node:child_process'
import { chmodSync, existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import type { Become, Connection } from '../../../../runner/connection/connection.ts'
import { connectLocal } from '../../../../runner/connection/local.ts'
import { connectSsh } from '../../../../runner/connection/ssh/ssh.ts'
import { Failure } from '../../../../runner/base/failure.ts'
import { behavesLikeAConnection } from '../contract.ts'
import { addUser, type Sshd, startSshd, type TestUser } from '../sshd.ts'

// Creating users needs root. Without root only the current user is tested.
describe.skipIf(process.getuid?.() !== 0)('users of a host', () => {
  const folder = mkdtempSync(join(tmpdir(), 'runbook-test-'))
  const emptyConfig = join(folder, 'empty_config')
  writeFileSync(emptyConfig, '')
  const open = new Set<Connection>()
  const users: TestUser[] = []
  const servers: Sshd[] = []
  let server: Sshd

  const serve = async (config: readonly string[] = []) => {
    const started = await startSshd({ config })
    servers.push(started)
    return started
  }
  const user = (options: Parameters<typeof addUser>[0] = {}): TestUser => {
    const added = addUser(options)
    users.push(added)
    return added
  }
  const login = async (name: string, at = server): Promise<Connection> => {
    const connection = await connectSsh(at.endpoint({ user: name }), {
      env: { PATH: process.env['PATH'] },
      sshConfig: emptyConfig,
    })
    open.add(connection)
    return connection
  }
  const start = (home: string, file: string, text: string) => {
    writeFileSync(join(home, file), text)
    chmodSync(join(home, file), 0o755)
  }
  const refusal = async (work: Promise<unknown>): Promise<Failure> => {
    const error = await work.then(
      () => new Error('it was not refused'),
      (reason: unknown) => reason,
    )
    expect(error).toBeInstanceOf(Failure)
    return error as Failure
  }
  const whoIs = async (connection: Connection, become?: Become) => (await connection.as(become).run(['id', '-un'])).stdout.trim()
  const root = (password?: string): Become => ({ user: 'root', method: 'sudo', ...(password === undefined ? {} : { password }) })

  beforeAll(async () => {
    server = await serve()
  })
  afterEach(async () => {
    await Promise.all([...open].map((connection) => connection.close()))
    open.clear()
  })
  afterAll(async () => {
    await Promise.all(servers.map((each) => each.stop()))
    for (const each of users) each.remove()
    rmSync(folder, { recursive: true, force: true })
  })

  describe('login shells and their start-up files', () => {
    const shells: readonly (readonly [string, string, string])[] = [
      ['/bin/csh', '.cshrc', 'echo Welcome from csh\nsetenv MARK "yes"\nalias ls "echo no"\n'],
      ['/usr/bin/fish', '.config.fish', ''],
      ['/bin/bash', '.bashrc', 'echo Welcome; echo trouble >&2; printf "no end"; set -e; alias cat=false\n'],
      ['/bin/sh', '.profile', ''],
    ]
    test.each(shells.filter(([shell]) => existsSync(shell)))('%s', async (shell, file, text) => {
      const someone = user({ shell })
      start(someone.home, file, text)
      const noisy = await serve(['SetEnv SHLVL=0', 'Banner /etc/hostname', 'PrintMotd yes'])
      const host = (await login(someone.name, noisy)).as(undefined)
      const output = await host.run(['sh', '-c', 'printf out; printf err >&2; exit 4'])
      expect(output).toMatchObject({ code: 4, stdout: 'out', stderr: 'err' })
      await host.write(join(someone.home, 'file'), 'x\n')
      expect(Buffer.from((await host.read(join(someone.home, 'file'))) ?? []).toString()).toBe('x\n')
      expect(await host.stat(join(someone.home, 'file'))).toMatchObject({ owner: someone.name, mode: '0644' })
    })

    test('a bash start-up file that is read, for it was noisy above', async () => {
      const someone = user()
      start(someone.home, '.bashrc', `touch ${someone.home}/was-read\n`)
      const noisy = await serve(['SetEnv SHLVL=0'])
      await whoIs(await login(someone.name, noisy))
      expect(existsSync(join(someone.home, 'was-read'))).toBe(true)
    })

    test('an account without a shell', async () => {
      expect(await refusal(whoIs(await login(user({ shell: '/usr/sbin/nologin' }).name)))).toMatchObject({
        kind: 'unreachable',
        message: 'no shell on the host',
        why: expect.stringContaining('not available'),
      })
    })
  })

  test('a password in place of a key', async () => {
    const someone = user({ password: 'open sesame' })
    const asking = await serve(['PasswordAuthentication yes', 'PubkeyAuthentication no'])
    const endpoint = asking.endpoint({ user: someone.name, identityFiles: [] })
    const connection = await connectSsh({ ...endpoint, password: 'open sesame' }, { env: {}, sshConfig: emptyConfig })
    open.add(connection)
    expect(await whoIs(connection)).toBe(someone.name)
    const failure = await refusal(connectSsh({ ...endpoint, password: 'hunter2-secret' }, { env: {}, sshConfig: emptyConfig }))
    expect(failure).toMatchObject({ kind: 'unreachable', why: expect.stringContaining('it refused password') })
    expect(JSON.stringify({ ...failure, stack: failure.stack })).not.toContain('hunter2')
  })

  describe('sudo', () => {
    test('without a password: root and another user, each with a shell of its own that is kept', async () => {
      const [someone, other] = [user({ sudo: 'nopasswd' }), user()]
      const connection = await login(someone.name)
      expect(await whoIs(connection)).toBe(someone.name)
      expect(await whoIs(connection, root())).toBe('root')
      expect(await whoIs(connection, { user: other.name, method: 'sudo' })).toBe(other.name)
      expect(await whoIs(connection)).toBe(someone.name)
      const home = await connection.as({ user: other.name, method: 'sudo' }).run(['sh', '-c', 'echo "$HOME $USER [$LC_ALL]"'])
      expect(home.stdout).toBe(`${other.name === '' ? '' : other.home} ${other.name} []\n`)
      const asRoot = connection.as(root())
      await asRoot.write(join(someone.home, 'root-made'), 'x')
      expect(await asRoot.stat(join(someone.home, 'root-made'))).toMatchObject({ owner: 'root', mode: '0644' })
      expect((await asRoot.read('/etc/shadow'))?.length).toBeGreaterThan(0)
      expect(await refusal(connection.as(undefined).read('/etc/shadow'))).toMatchObject({
        message: 'cannot read /etc/shadow',
        why: '/etc/shadow: Permission denied',
        help: expect.stringContaining('become'),
      })
    })

    test('as root: time limits, aborts and processes left behind', async () => {
      const connection = await login(user({ sudo: 'nopasswd' }).name)
      const host = connection.as(root())
      expect(await refusal(host.run(['sleep', '60'], { timeout: 0.3 }))).toMatchObject({ kind: 'timeout' })
      expect(await host.run(['sh', '-c', 'sleep 60 & echo done'])).toMatchObject({ stdout: 'done\n' })
    })

    test('with a password, also one with every kind of character', async () => {
      const password = ' p ä$"\'`\\%s!#*'
      const someone = user({ sudo: 'password', password })
      const connection = await login(someone.name)
      expect(await whoIs(connection, root(password))).toBe('root')
      expect(await connection.as(root(password)).run(['cat'])).toMatchObject({ stdout: '' })
    })

    test('a wrong password: said so, tried once, and shown nowhere', async () => {
      const someone = user({ sudo: 'password', password: 'right one' })
      const connection = await login(someone.name)
      const host = connection.as(root('hunter2-secret'))
      const failures = await Promise.all([refusal(host.run(['id'])), refusal(host.read('/etc/shadow'))])
      for (const failure of failures) {
        expect(failure).toMatchObject({
          kind: 'failed',
          message: 'sudo refused the password to become `root`',
          help: expect.stringContaining('ansible_become_password'),
        })
        expect(JSON.stringify({ ...failure, stack: failure.stack })).not.toContain('hunter2')
      }
      expect(await refusal(host.run(['id']))).toBe(failures[0])
      expect(await whoIs(connection)).toBe(someone.name)
      expect(await whoIs(connection, root('right one'))).toBe('root')
    })

    test('a password is wanted and none was given', async () => {
      const connection = await login(user({ sudo: 'password', password: 'x' }).name)
      expect(await refusal(whoIs(connection, root()))).toMatchObject({
        kind: 'failed',
        message: 'sudo requires a password to become `root`',
        why: 'sudo: a password is required',
        help: expect.stringContaining('-K'),
      })
    })

    test('not allowed at all', async () => {
      const connection = await login(user({ password: 'x' }).name)
      expect(await refusal(whoIs(connection, root('x')))).toMatchObject({
        kind: 'failed',
        message: 'sudo does not let this login become `root`',
        why: expect.stringContaining('not in the sudoers file'),
      })
    })

    test('a terminal is required', async () => {
      const connection = await login(user({ sudo: 'requiretty' }).name)
      expect(await refusal(whoIs(connection, root()))).toMatchObject({
        kind: 'failed',
        message: 'sudo requires a terminal',
        help: expect.stringContaining('!requiretty'),
      })
    })

    test('a user that the host does not have', async () => {
      const connection = await login(user({ sudo: 'nopasswd' }).name)
      expect(await refusal(whoIs(connection, { user: 'no-such-user', method: 'sudo' }))).toMatchObject({
        kind: 'failed',
        message: 'unknown user `no-such-user` on the host',
      })
    })

    test('no sudo on the host', async () => {
      const bin = mkdtempSync(join(folder, 'bin-'))
      for (const program of ['sh', 'id', 'head', 'echo', 'cat'])
        execFileSync('ln', ['-s', `/usr/bin/${program}`, join(bin, program)])
      chmodSync(folder, 0o755)
      chmodSync(bin, 0o755)
      const bare = await serve([`SetEnv PATH=${bin} SHLVL=1`])
      const connection = await login(user({ sudo: 'nopasswd' }).name, bare)
      expect(await refusal(whoIs(connection, root()))).toMatchObject({ kind: 'failed', message: 'sudo not found on the host' })
    })

    test('who is root already needs no sudo, and no second shell', async () => {
      const connection = await login(userInfo().username)
      const before = server.sessions().length
      expect(await whoIs(connection)).toBe('root')
      const one = server.sessions().length
      expect([await whoIs(connection, root()), server.sessions().length]).toEqual(['root', one])
      expect(one).toBeGreaterThan(before)
    })

    test('MaxSessions 1: the login user and root take turns', async () => {
      const narrow = await serve(['MaxSessions 1'])
      const someone = user({ sudo: 'nopasswd' })
      const connection = await login(someone.name, narrow)
      for (let round = 0; round < 2; round++) {
        expect(await whoIs(connection)).toBe(someone.name)
        expect(await whoIs(connection, root())).toBe('root')
      }
    })

    test('on this machine', async () => {
      const other = user()
      const local = connectLocal({ name: 'here', kind: 'local', address: 'localhost' }, { env: process.env })
      open.add(local)
      expect(await whoIs(local, { user: other.name, method: 'sudo' })).toBe(other.name)
      expect(await whoIs(local)).toBe('root')
    })
  })
})

// The whole suite again through sudo, if sudo works without a password.
const sudoWorks = process.getuid?.() === 0 && existsSync('/usr/bin/sudo')
if (sudoWorks) {
  let server: Sshd
  let someone: TestUser
  beforeAll(async () => {
    server = await startSshd()
    someone = addUser({ sudo: 'nopasswd' })
  })
  afterAll(async () => {
    await server.stop()
    someone.remove()
  })
  behavesLikeAConnection('a host by SSH, as root by sudo', async () => {
    const connection = await connectSsh(server.endpoint({ user: someone.name }), { env: { PATH: process.env['PATH'] } })
    return {
      host: connection.host,
      traffic: connection.traffic,
      lock: connection.lock,
      forward: connection.forward,
      peer: connection.peer,
      as: () => connection.as({ user: 'root', method: 'sudo' }),
      close: () => connection.close(),
    }
  })
}
