/** Files and commands as another user, on this machine. */
import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Connection, HostAccess } from '../../../runner/connection/connection.ts'
import { connectLocal } from '../../../runner/connection/local.ts'
import { connectSsh } from '../../../runner/connection/ssh/ssh.ts'
import { Failure } from '../../../runner/base/failure.ts'
import { addUser, type Sshd, startSshd, type TestUser } from './sshd.ts'

const has = (program: string) => existsSync(`/usr/bin/${program}`) || existsSync(`/usr/sbin/${program}`)
const sh = (script: string) => execFileSync('sh', ['-c', script], { encoding: 'utf8', stdio: 'pipe' })

describe.skipIf(process.getuid?.() !== 0)('files of a real host', () => {
  let folder: string
  let server: Sshd
  let someone: TestUser
  let root: Connection
  let user: Connection
  let host: HostAccess
  const path = (name: string) => join(folder, name)
  const left = (where = folder) => readdirSync(where).filter((name) => name.startsWith('.runbook'))
  const refusal = async (work: Promise<unknown>): Promise<Failure> => {
    const error = await work.then(
      () => new Error('it was not refused'),
      (reason: unknown) => reason,
    )
    expect(error).toBeInstanceOf(Failure)
    return error as Failure
  }

  beforeAll(async () => {
    folder = realpathSync(mkdtempSync(join(tmpdir(), 'runbook-test-')))
    chmodSync(folder, 0o755)
    server = await startSshd()
    someone = addUser({ sudo: 'nopasswd' })
    root = await connectSsh(server.endpoint(), { env: { PATH: process.env['PATH'] } })
    user = await connectSsh(server.endpoint({ user: someone.name }), { env: { PATH: process.env['PATH'] } })
    host = root.as(undefined)
  })
  afterAll(async () => {
    await Promise.all([root.close(), user.close()])
    await server.stop()
    someone.remove()
    rmSync(folder, { recursive: true, force: true })
  })

  test('owner, group and set-uid bit are kept', async () => {
    writeFileSync(path('owned'), 'old')
    chownSync(path('owned'), 1234, 4321)
    chmodSync(path('owned'), 0o4750)
    await host.write(path('owned'), 'new')
    const { uid, gid, mode } = statSync(path('owned'))
    expect([readFileSync(path('owned'), 'utf8'), uid, gid, mode & 0o7777]).toEqual(['new', 1234, 4321, 0o4750])
  })

  test('owner, group and mode as asked for', async () => {
    await host.write(path('given'), 'x', { owner: someone.name, group: 'adm', mode: '0640' })
    expect(await host.stat(path('given'))).toMatchObject({ owner: someone.name, group: 'adm', mode: '0640' })
    await host.write(path('given'), 'y', { group: 'root' })
    expect(await host.stat(path('given'))).toMatchObject({ owner: someone.name, group: 'root', mode: '0640' })
    expect(await refusal(host.write(path('given'), 'z', { owner: 'no-such-user' }))).toMatchObject({
      why: expect.stringContaining('invalid user'),
    })
    expect([readFileSync(path('given'), 'utf8'), left()]).toEqual(['y', []])
  })

  test.skipIf(!has('setfacl') || !has('setfattr'))('access control list and extended attributes are kept', async () => {
    writeFileSync(path('listed'), 'old')
    sh(`setfacl -m u:${someone.name}:rw ${path('listed')} && setfattr -n user.note -v "kept" ${path('listed')}`)
    const before = sh(`getfacl -cp ${path('listed')}; getfattr --only-values -n user.note --absolute-names ${path('listed')}`)
    await host.write(path('listed'), 'new')
    expect(sh(`getfacl -cp ${path('listed')}; getfattr --only-values -n user.note --absolute-names ${path('listed')}`)).toBe(
      before,
    )
    expect(before).toContain(`user:${someone.name}:rw-`)
    expect(readFileSync(path('listed'), 'utf8')).toBe('new')
  })

  test.skipIf(!has('setcap'))('capabilities are kept', async () => {
    execFileSync('cp', ['/usr/bin/true', path('capable')])
    execFileSync('setcap', ['cap_net_raw=ep', path('capable')])
    await host.write(path('capable'), readFileSync('/usr/bin/true'))
    expect(sh(`getcap ${path('capable')}`)).toContain('cap_net_raw=ep')
  })

  test('a user cannot replace a file of another without changing its owner: refused', async () => {
    const own = join(someone.home, 'folder')
    mkdirSync(own)
    writeFileSync(join(own, 'of-root'), 'old', { mode: 0o666 })
    execFileSync('chown', [someone.name, own])
    const failure = await refusal(user.as(undefined).write(join(own, 'of-root'), 'new'))
    expect(failure).toMatchObject({
      message: `cannot write ${own}/of-root`,
      why: expect.stringContaining('its owner (0:0) cannot be kept'),
    })
    expect([readFileSync(join(own, 'of-root'), 'utf8'), left(own)]).toEqual(['old', []])
    await user.as({ user: 'root', method: 'sudo' }).write(join(own, 'of-root'), 'new')
    expect(statSync(join(own, 'of-root')).uid).toBe(0)
  })

  test('what a user may not see or change is a failure, not an absence', async () => {
    mkdirSync(path('closed'), { mode: 0o700 })
    writeFileSync(path('closed/file'), 'x')
    writeFileSync(path('secret'), 'x', { mode: 0o600 })
    mkdirSync(path('listable'), { mode: 0o744 })
    writeFileSync(path('listable/file'), 'x')
    const stranger = user.as(undefined)
    const denied = { why: expect.stringContaining('Permission denied'), help: expect.stringContaining('become') }
    const works = [
      stranger.read(path('closed/file')),
      stranger.read(path('closed/absent')),
      stranger.stat(path('closed/file')),
      stranger.list(path('closed')),
      stranger.list(path('closed/below')),
      stranger.read(path('secret')),
      stranger.write(path('file'), 'x'),
      stranger.write(path('closed/file'), 'x'),
    ]
    for (const failure of await Promise.all(works.map(refusal))) expect(failure).toMatchObject(denied)
    expect(await stranger.stat(path('secret'))).toMatchObject({ mode: '0600' })
    expect(await stranger.list(path('listable'))).toEqual(['file'])
    expect(await stranger.read(path('absent'))).toBeUndefined()
  })

  test('a folder that is missing: the cure names it', async () => {
    expect(await refusal(host.write(path('missing/deep/file'), 'new'))).toMatchObject({
      why: expect.stringContaining('No such file or directory'),
      help: `make the folder first: \`file: { path: ${path('missing/deep')}, state: directory }\``,
    })
  })

  test('a full disk: the old file is untouched, nothing stays', async () => {
    const disk = path('disk')
    mkdirSync(disk)
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1M', 'tmpfs', disk])
    try {
      await host.write(join(disk, 'file'), 'old')
      const failure = await refusal(host.write(join(disk, 'file'), Buffer.alloc(3_000_000)))
      expect(failure).toMatchObject({
        kind: 'failed',
        message: `cannot write ${disk}/file`,
        why: expect.stringContaining('No space left on device'),
        help: 'make room there, then run again',
      })
      expect([readFileSync(join(disk, 'file'), 'utf8'), readdirSync(disk)]).toEqual(['old', ['file']])
    } finally {
      execFileSync('umount', [disk])
    }
  })

  test('a file system that is read-only, and a file that is a mount of its own', async () => {
    const disk = path('read-only')
    mkdirSync(disk)
    execFileSync('mount', ['-t', 'tmpfs', 'tmpfs', disk])
    try {
      writeFileSync(join(disk, 'file'), 'old')
      execFileSync('mount', ['-o', 'remount,ro', disk])
      expect(await refusal(host.write(join(disk, 'file'), 'new'))).toMatchObject({
        why: expect.stringContaining('Read-only file system'),
      })
      expect(await refusal(host.write(join(disk, 'other'), 'new'))).toMatchObject({
        why: expect.stringContaining('Read-only file system'),
      })
      expect(Buffer.from((await host.read(join(disk, 'file'))) ?? []).toString()).toBe('old')
      writeFileSync(path('mounted'), 'x')
      execFileSync('mount', ['--bind', join(disk, 'file'), path('mounted')])
      expect(await refusal(host.write(path('mounted'), 'new'))).toMatchObject({ why: expect.stringContaining('busy') })
      execFileSync('umount', [path('mounted')])
      expect(left()).toEqual([])
    } finally {
      execFileSync('umount', [disk])
    }
  })

  test('fifty megabytes, there and back', async () => {
    const content = Buffer.alloc(50 * 1024 * 1024, Buffer.from(Array.from({ length: 253 }, (_, byte) => byte)))
    await host.write(path('big'), content)
    expect(readFileSync(path('big')).equals(content)).toBe(true)
    expect(Buffer.from((await host.read(path('big'))) ?? []).equals(content)).toBe(true)
  })

  test('a connection that ends while a file is being put in place leaves no half of it behind', async () => {
    const bin = mkdtempSync(join(tmpdir(), 'runbook-cut-'))
    // A hang-up at the last moment, as sshd sends after the loss of a connection.
    writeFileSync(join(bin, 'mv'), `#!/bin/sh\nkill -HUP $PPID\nps -o ppid= -p $PPID >${bin}/shell\nexit 1\n`, { mode: 0o755 })
    const env = { ...process.env, PATH: `${bin}:${process.env['PATH']}` }
    const cut = connectLocal({ name: 'here', kind: 'local', address: 'localhost' }, { env })
    const written = cut
      .as(undefined)
      .write(join(bin, 'file'), Buffer.from('new'))
      .catch((error: unknown) => error)
    while (!existsSync(join(bin, 'shell')) || readdirSync(bin).some((name) => name.startsWith('.runbook.')))
      await new Promise((resolve) => setTimeout(resolve, 20))
    expect(readdirSync(bin).toSorted()).toEqual(['mv', 'shell'])
    process.kill(Number(readFileSync(join(bin, 'shell'), 'utf8')), 'SIGKILL')
    expect(await written).toBeInstanceOf(Failure)
    await cut.close()
    rmSync(bin, { recursive: true })
  })

  test('a folder for temporary files with a space in its name: nothing else is removed', async () => {
    mkdirSync(path('two words'))
    writeFileSync(path('two'), 'kept')
    // A /dev/shm of its own, too small to be used.
    const small = 'mount -t tmpfs -o size=1M tmpfs /dev/shm && exec /bin/sh "$@"'
    writeFileSync(path('spaced'), `#!/bin/sh\nexec unshare --mount --propagation private sh -c '${small}' sh "$@"\n`, {
      mode: 0o755,
    })
    const spaced = connectLocal(
      { name: 'here', kind: 'local', address: 'localhost' },
      { env: { ...process.env, TMPDIR: path('two words') }, shell: path('spaced') },
    )
    const host = spaced.as(undefined)
    for (let n = 0; n < 300; n += 1) await host.run(['true'], { stdin: 'x' })
    const [own] = readdirSync(path('two words'))
    expect(readdirSync(join(path('two words'), own!)).length).toBeLessThan(250)
    expect(readFileSync(path('two'), 'utf8')).toBe('kept')
    await spaced.close()
    expect(readdirSync(path('two words'))).toEqual([])
  })

  describe('a host with hardly any room for temporary files', () => {
    let narrow: Connection
    beforeAll(() => {
      // A /dev/shm, /tmp and /var/tmp of its own, in a mount namespace that ends with the shell.
      const small = ['/dev/shm', '/tmp', '/var/tmp'].map((place) => `mount -t tmpfs -o size=1M tmpfs ${place}`).join(' && ')
      writeFileSync(
        path('narrow'),
        `#!/bin/sh\nexec unshare --mount --propagation private sh -c '${small} && exec /bin/sh "$@"' sh "$@"\n`,
        { mode: 0o755 },
      )
      narrow = connectLocal({ name: 'here', kind: 'local', address: 'localhost' }, { env: process.env, shell: path('narrow') })
    })
    afterAll(() => narrow.close())
    const works = async () => expect(await narrow.as(undefined).run(['echo', 'on'])).toMatchObject({ code: 0, stdout: 'on\n' })

    test('standard input that does not fit', async () => {
      await works()
      expect(await refusal(narrow.as(undefined).run(['wc', '-c'], { stdin: Buffer.alloc(4_000_000) }))).toMatchObject({
        why: 'no room for temporary files on the host',
      })
      await works()
    })
    test('content that does not fit', async () => {
      expect(await refusal(narrow.as(undefined).write('/tmp/file', Buffer.alloc(4_000_000)))).toMatchObject({
        why: expect.stringContaining('no room left'),
      })
      await works()
    })
    test('output that does not fit is never taken for the whole, whatever the command makes of it', async () => {
      for (const script of [
        'head -c 4000000 /dev/zero',
        'head -c 1070000 /dev/zero; exit 0',
        'head -c 4000000 /dev/zero >&2; exit 0',
      ]) {
        expect(await refusal(narrow.as(undefined).run(['sh', '-c', script]))).toMatchObject({
          kind: 'failed',
          message: 'the output of `sh` is lost',
        })
        await works()
      }
    })
    test('a request that does not fit', async () => {
      expect(await refusal(narrow.as(undefined).run(['true', 'x'.repeat(2_000_000)]))).toMatchObject({
        kind: 'unreachable',
        why: expect.stringContaining('no room left'),
      })
      await works()
    })
  })
})
