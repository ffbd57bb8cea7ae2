/** Streams between two real sshd: bytes, keys, failures, leftovers. */
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { chmodSync, copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { type AddressInfo, connect, createServer } from 'node:net'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Connection, HostAccess } from '../../../../runner/connection/connection.ts'
import { hostStream, type StreamEnd, type StreamWork } from '../../../../runner/connection/stream/stream.ts'
import { running } from '../processes.ts'
import { addUser, startSshd, type Sshd, type TestUser } from '../sshd.ts'
import { folder, refusal, ssh, useServer } from '../ssh-setup.ts'

useServer()

const STREAMS = '.local/state/runbook/streams'
let count = 0

// Two users of this machine are the two hosts: neither can read the other's files. Root only.
describe.skipIf(process.getuid?.() !== 0)('a stream from a host to another', () => {
  let sshd: Sshd
  let sender: TestUser
  let receiver: TestUser
  let a: Connection
  let b: Connection
  let name: string
  beforeEach(async () => {
    chmodSync(folder, 0o755)
    sshd = await startSshd({ config: ['AuthorizedKeysFile .ssh/authorized_keys'] })
    ;[sender, receiver] = [addUser(), addUser({ sudo: 'nopasswd' })]
    for (const user of [sender, receiver]) {
      mkdirSync(join(user.home, '.ssh'))
      copyFileSync(`${sshd.identity}.pub`, keysOf(user))
      execFileSync('chown', ['-R', `${user.name}:${user.name}`, user.home])
    }
    ;[a, b] = (await Promise.all([sender, receiver].map(({ name: user }) => ssh(sshd.endpoint({ user }))))) as [
      Connection,
      Connection,
    ]
    name = `test-stream-${process.pid}-${++count}`
  })
  afterEach(async () => {
    await Promise.all([a.close(), b.close()])
    await sshd.stop()
    for (const user of [sender, receiver]) user.remove()
  })

  const keysOf = (user: TestUser) => join(user.home, '.ssh/authorized_keys')
  const kept = () => (existsSync(join(sender.home, STREAMS)) ? readdirSync(join(sender.home, STREAMS)) : [])
  const streamOf = (work: StreamWork, change: Partial<StreamEnd> = {}, from: Connection = a) =>
    hostStream(
      async () => from.as(undefined),
      name,
      async () => ({ host: 'b', connection: b, become: undefined, ...change }),
      work,
      {
        host: 'a',
        signal: new AbortController().signal,
        sleep: (seconds) => new Promise((resolve) => setTimeout(resolve, seconds * 100)),
        progress: () => undefined,
      },
    )
  const into = (file: string) => ['sh', '-c', 'cat >"$1" && sha256sum <"$1"', 'sh', join(receiver.home, file)]
  const clean = () => {
    expect(readFileSync(keysOf(receiver), 'utf8')).toBe(readFileSync(`${sshd.identity}.pub`, 'utf8'))
    expect(kept()).toEqual([])
  }

  test('megabytes arrive byte for byte, none of them by the controller, and nothing is left', async () => {
    let carried = 0
    const counter = createServer((client) => {
      const upstream = connect(sshd.port, '127.0.0.1')
      for (const [one, other] of [
        [client, upstream],
        [upstream, client],
      ] as const) {
        one
          .on('data', (chunk) => (carried += chunk.length))
          .on('error', () => undefined)
          .pipe(other)
      }
    }).listen(0, '127.0.0.1')
    await once(counter, 'listening')
    const { port } = counter.address() as AddressInfo
    const knownHosts = join(folder, `${name}.known`)
    writeFileSync(knownHosts, `[127.0.0.1]:${port} ${sshd.hostKeys['ed25519']}\n`)
    const counted = await ssh(sshd.endpoint({ user: sender.name, port, knownHosts }))
    const script = 'head -c 40000000 /dev/urandom >"$HOME/disk"; cat "$HOME/disk"'
    const stream = streamOf({ from: ['sh', '-c', script], into: into(`it's "a" $disk`) }, {}, counted)
    await stream.start()
    const { code, stdout } = await stream.follow()
    const digest = createHash('sha256')
      .update(readFileSync(join(sender.home, 'disk')))
      .digest('hex')
    expect([code, stdout]).toEqual([0, `${digest}  -\n`])
    expect(carried).toBeLessThan(400_000)
    clean()
    await counted.close()
    counter.close()
  })

  test('the key that it is given is good for nothing else, and the private half is the sender’s alone', async () => {
    const gate = join(sender.home, 'gate')
    const stream = streamOf({
      from: ['sh', '-c', 'while [ ! -e "$1" ]; do sleep 0.05; done; echo over', 'sh', gate],
      into: ['cat'],
    })
    await stream.start()
    const line = readFileSync(keysOf(receiver), 'utf8').trim().split('\n').at(-1)!
    expect(line).toMatch(
      /^expiry-time="\d{14}",restrict,from="[^"]*127\.0\.0\.1[^"]*",command="exec 'cat'" ssh-ed25519 \S+ runbook-stream:\S+:a:\d+$/,
    )
    const [own] = kept()
    expect(
      execFileSync('stat', ['-c', '%a %U', join(sender.home, STREAMS, own!), join(sender.home, STREAMS, own!, 'key')], {
        encoding: 'utf8',
      }),
    ).toBe(`700 ${sender.name}\n600 ${sender.name}\n`)
    writeFileSync(gate, '')
    expect(await stream.follow()).toMatchObject({ code: 0, stdout: 'over\n' })
    clean()
  })

  test('as another user of the receiving host, by sudo; a password for it is refused', async () => {
    const become = { user: 'root', method: 'sudo' } as const
    const stream = streamOf({ from: ['echo', 'x'], into: ['id', '-un'] }, { become })
    await stream.start()
    expect(await stream.follow()).toMatchObject({ code: 0, stdout: 'root\n' })
    clean()
    const withPassword = streamOf({ from: ['echo'], into: ['cat'] }, { become: { ...become, password: 'x' } })
    expect(await refusal(withPassword.start())).toMatchObject({ kind: 'input' })
    clean()
  })

  test.each(['a\nb', 'a\0b'])(
    'an argument that no line of authorized_keys can hold is refused before a key is made: %j',
    async (word) => {
      const stream = streamOf({ from: ['echo', 'x'], into: ['echo', word] })
      expect(await refusal(stream.start())).toMatchObject({ kind: 'input', message: 'b cannot receive a stream' })
      clean()
    },
  )

  test('either side that fails is told', async () => {
    for (const [from, to, code] of [
      ['echo half; exit 3', 'cat', 3],
      ['echo all', 'cat >/dev/null; echo no room >&2; exit 4', 4],
    ] as const) {
      const stream = streamOf({ from: ['sh', '-c', from], into: ['sh', '-c', to] })
      await stream.start()
      expect(await stream.follow()).toMatchObject({ code, stderr: code === 4 ? 'no room\n' : '' })
      clean()
    }
  })

  test('another host key than the runner has seen is refused', async () => {
    const peer = { ...b.peer!, hostKey: readFileSync(`${sshd.identity}.pub`, 'utf8').split(' ').slice(0, 2).join(' ') }
    const stream = streamOf({ from: ['echo', 'secret'], into: into('got') }, { connection: { ...b, peer } })
    await stream.start()
    expect(await stream.follow()).toMatchObject({ code: 255, stderr: expect.stringMatching(/host key verification failed/i) })
    expect(existsSync(join(receiver.home, 'got'))).toBe(false)
    clean()
  })

  test('what a killed stream has left is removed by the next one; keys of others stay until they expire', async () => {
    const waiting = streamOf({ from: ['sleep', '3600'], into: ['cat'] })
    await waiting.start()
    const [group] = readFileSync(join(sender.home, '.local/state/runbook/jobs', name, 'pid'), 'utf8').split(' ')
    process.kill(-Number(group), 'SIGKILL')
    while ((await waiting.look())?.kind === 'running') await new Promise((resolve) => setTimeout(resolve, 50))
    expect(kept()).toHaveLength(1)
    expect(readFileSync(keysOf(receiver), 'utf8')).toContain(`runbook-stream:${name}:a:`)
    const [soon, past] = [9999999999, 1].map((expiry) => `ssh-ed25519 AAAA runbook-stream:other:a:${expiry}\n`)
    writeFileSync(keysOf(receiver), readFileSync(keysOf(receiver), 'utf8') + past + soon)
    const next = streamOf({ from: ['echo', 'anew'], into: ['cat'] })
    await next.start()
    expect(await next.follow()).toMatchObject({ code: 0, stdout: 'anew\n' })
    expect(readFileSync(keysOf(receiver), 'utf8')).toBe(readFileSync(`${sshd.identity}.pub`, 'utf8') + soon)
    expect(kept()).toEqual([])
  })

  test('a second start is refused, also if the stream ends before the refusal: its result stays', async () => {
    const gate = join(sender.home, 'gate')
    const work = { from: ['sh', '-c', 'while [ ! -e "$1" ]; do sleep 0.05; done; echo over', 'sh', gate], into: ['cat'] }
    const first = streamOf(work)
    await first.start()
    const access = a.as(undefined)
    // Ends the first stream as soon as a look has found it running.
    const run: HostAccess['run'] = async (...asked) => {
      const output = await access.run(...asked)
      if (output.stdout.startsWith('running ')) {
        writeFileSync(gate, '')
        await first.follow()
      }
      return output
    }
    const second = streamOf(work, {}, { ...a, as: () => ({ ...access, run }) })
    expect(await refusal(second.start())).toMatchObject({ kind: 'refused', message: `job ${name} on a is running` })
    expect(await first.look()).toMatchObject({ kind: 'ended', code: 0, stdout: 'over\n' })
    clean()
  })

  test('ended: nothing of it runs, nothing is left', async () => {
    const stream = streamOf({ from: ['sleep', '3601'], into: ['cat'] })
    await stream.start()
    expect(await refusal(stream.start())).toMatchObject({ kind: 'refused' })
    await stream.end()
    expect(running(/^sleep 3601$/)).toEqual([])
    clean()
    await stream.remove()
    expect(await stream.look()).toBeUndefined()
  })
})
