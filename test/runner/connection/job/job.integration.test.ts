/** Jobs on real hosts: killed runners, cut connections, deaths, other users. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, describe, expect, test } from 'vitest'
import type { Become, Connection, HostAccess } from '../../../../runner/connection/connection.ts'
import { hostJob, type JobContext, type JobState, type JobWork } from '../../../../runner/connection/job/job.ts'
import { connectLocal } from '../../../../runner/connection/local.ts'
import { alive, running } from '../processes.ts'
import { addUser, startSshd } from '../sshd.ts'
import { closedLater, emptyConfig, folder, refusal, server, ssh, useServer } from '../ssh-setup.ts'

useServer()

const isRoot = process.getuid?.() === 0
const JOBS = isRoot ? '/var/lib/runbook/jobs' : join(homedir(), '.local/state/runbook/jobs')
const names = new Set<string>()
const ends: (() => void)[] = []
afterEach(() => {
  for (const end of ends.splice(0)) end()
  for (const name of names) rmSync(join(JOBS, name), { recursive: true, force: true })
  names.clear()
})

let count = 0
/** A unique name on this machine, and a file whose creation ends the job's work. */
function fresh() {
  const name = `test-${process.pid}-${++count}`
  names.add(name)
  const gate = join(folder, `${name}.gate`)
  const open = () => writeFileSync(gate, '')
  ends.push(open)
  // The command line holds the name, to find the job among the processes.
  const waiting = ['sh', '-c', `while [ ! -e "$1" ]; do sleep 0.05; done; echo over; exit 7`, name, gate]
  return { name, gate, open, waiting, at: (file: string) => join(JOBS, name, file) }
}

const sleep = (seconds: number) => new Promise<void>((resolve) => setTimeout(resolve, seconds * 100))
const told: unknown[] = []
const context = (signal = new AbortController().signal): JobContext => ({
  host: 'server',
  signal,
  async sleep(seconds) {
    await sleep(seconds)
    signal.throwIfAborted()
  },
  progress: (progress) => void told.push(progress),
})
const job = (connection: Connection, name: string, work: string[] | JobWork, become?: Become) =>
  hostJob(async () => connection.as(become), name, Array.isArray(work) ? { argv: work } : work, context())
const until = async (holds: () => Promise<boolean> | boolean) => {
  while (!(await holds())) await sleep(0.2)
}
const processes = (name: string) => running(new RegExp(`(^| )${name} `))

describe.each([
  [
    'this machine',
    async () => closedLater(connectLocal({ name: 'here', kind: 'local', address: 'localhost' }, { env: process.env })),
  ],
  ['another by ssh', () => ssh(server.endpoint())],
])('a job on %s', (_where, connect) => {
  test('starts, tells its progress, ends with its status and its output, and leaves nothing when it is removed', async () => {
    const { name, gate, at, open } = fresh()
    const connection = await connect()
    const script = `cat; echo "$GREETING" >&2; pwd >&2; echo '1 4 files a b' >"$RUNBOOK_PROGRESS"
      while [ ! -e "$1" ]; do sleep 0.05; done
      echo '4 4 files' >>"$RUNBOOK_PROGRESS"; printf '5 4 fi' >>"$RUNBOOK_PROGRESS"; exit 3`
    const it = job(connection, name, {
      argv: ['sh', '-c', script, name, gate],
      env: { GREETING: 'ünd $HOME' },
      cwd: folder,
      stdin: 'a\0b\n',
    })
    expect(await it.look()).toBeUndefined()
    await it.start()
    await until(async () => ((await it.look()) as { progress?: unknown }).progress !== undefined)
    expect(await it.look()).toEqual({
      kind: 'running',
      since: expect.any(Number),
      progress: { done: 1, total: 4, unit: 'files', note: 'a b' },
    })
    expect(statSync(at('')).mode & 0o777).toBe(0o700)
    expect(existsSync(at('stdin'))).toBe(false)
    told.length = 0
    const followed = it.follow()
    await until(() => told.length === 1)
    open()
    const end = await followed
    expect(end).toMatchObject({ code: 3, stdout: 'a\0b\n', stderr: `ünd $HOME\n${folder}\n`, progress: { done: 4, total: 4 } })
    expect(end.until).toBeGreaterThanOrEqual(end.since)
    expect(told).toEqual([expect.objectContaining({ done: 1 }), { done: 4, total: 4, unit: 'files' }])
    expect(await it.look()).toMatchObject({ kind: 'ended', code: 3 })
    await it.remove()
    await it.remove()
    expect(await it.look()).toBeUndefined()
    expect(readdirSync(JOBS)).not.toContain(name)
  })

  test('megabytes of output: the end of it is kept, and following it costs little', async () => {
    const { name } = fresh()
    const connection = await connect()
    const it = job(connection, name, ['sh', '-c', 'head -c 30000000 /dev/zero | tr "\\0" x; echo the end; echo wrong >&2'])
    await it.start()
    const { code, stdout, stderr } = await it.follow()
    expect([code, stdout.length, stdout.slice(-10), stderr]).toEqual([0, 65536, 'xthe end\n'.padStart(10, 'x'), 'wrong\n'])
    expect(connection.traffic.received).toBeLessThan(1_000_000)
  })

  test('a job that dies by a signal has not succeeded', async () => {
    const { name } = fresh()
    const connection = await connect()
    for (const [signal, code] of [
      ['KILL', 137],
      ['TERM', 143],
      ['SEGV', 139],
      ['INT', 130],
    ] as const) {
      const it = job(connection, name, ['sh', '-c', `kill -${signal} $$; sleep 60`])
      await it.start()
      expect(await it.follow()).toMatchObject({ code })
    }
  })

  test('a program that is missing, and a folder', async () => {
    const { name } = fresh()
    const connection = await connect()
    const missing = job(connection, name, ['no-such-program-here'])
    await missing.start()
    expect(await missing.follow()).toMatchObject({ code: 127, stderr: expect.stringContaining('no-such-program-here') })
    const nowhere = job(connection, name, { argv: ['true'], cwd: '/no/such/folder' })
    expect(await refusal(nowhere.start())).toMatchObject({ why: expect.stringContaining('/no/such/folder') })
    expect(await nowhere.look()).toBeUndefined()
  })

  test('one of a name at a time, whoever is first; the next one begins with nothing of it', async () => {
    const { name, open, waiting } = fresh()
    const connections = await Promise.all([connect(), connect(), connect()])
    const starts = await Promise.allSettled(connections.map((connection) => job(connection, name, waiting).start()))
    expect(starts.map(({ status }) => status).toSorted()).toEqual(['fulfilled', 'rejected', 'rejected'])
    expect(processes(name)).toHaveLength(2) // the supervisor and its work
    const it = job(connections[0]!, name, ['echo', 'anew'])
    expect(await refusal(it.start())).toMatchObject({ kind: 'refused', message: `job ${name} on server is running` })
    expect(await refusal(it.remove())).toMatchObject({ kind: 'refused' })
    open()
    expect(await it.follow()).toMatchObject({ code: 7, stdout: 'over\n' })
    await it.start()
    expect(await it.follow()).toMatchObject({ code: 0, stdout: 'anew\n' })
  })

  test('ended: all that it has started, also what does not listen to SIGTERM', async () => {
    const { name, waiting } = fresh()
    const connection = await connect()
    const gentle = job(connection, name, ['sh', '-c', `sleep 61 & "$@"; true`, name, ...waiting])
    await gentle.end()
    await gentle.start()
    await until(() => processes(name).length >= 3)
    await gentle.end()
    expect(processes(name)).toEqual([])
    expect(await gentle.look()).toMatchObject({ kind: 'ended', code: 143 })
    const deaf = job(connection, name, [
      'sh',
      '-c',
      `trap '' TERM; sleep 62 & "$@"; sleep 63`,
      name,
      ...waiting.slice(0, 3),
      name,
      '/no/gate',
    ])
    await deaf.start()
    await until(() => processes(name).length >= 3)
    await deaf.end()
    expect(processes(name)).toEqual([])
    expect(await deaf.look()).toMatchObject({ kind: 'dead' })
    expect(await refusal(deaf.follow())).toMatchObject({ message: `the end of job ${name} on server is unknown` })
    await deaf.remove()
  })

  test('ended: it does so by itself before the signal reaches it', async () => {
    const { name, gate, waiting } = fresh()
    const connection = await connect()
    const it = job(connection, name, waiting)
    await it.start()
    const late = `kill() { : >'${gate}'; while command kill -s 0 -- "-$pid"; do sleep 0.05; done; command kill "$@"; }\n`
    const access = connection.as(undefined)
    const slow: HostAccess = {
      ...access,
      run: ([sh, c, script, supervisor, action, ...words], options) =>
        access.run([sh!, c!, action === 'signal' ? late + script! : script!, supervisor!, action!, ...words], options),
    }
    await hostJob(async () => slow, name, { argv: waiting }, context()).end()
    expect(await it.look()).toMatchObject({ kind: 'ended', code: 7, stdout: 'over\n' })
  })
})

describe('a job goes on', () => {
  test('when its runner is killed; the next one finds and finishes it', async () => {
    const { name, open, waiting } = fresh()
    const given = JSON.stringify({ endpoint: server.endpoint(), sshConfig: emptyConfig, name, argv: waiting })
    const runner = spawn(
      process.execPath,
      [fileURLToPath(new URL('../../../../dist/test/scenes/working.js', import.meta.url)), given],
      {
        stdio: ['ignore', 'pipe', 'inherit'],
      },
    )
    const [said] = (await once(runner.stdout, 'data')) as [Buffer]
    expect(said.toString()).toBe('started\n')
    runner.kill('SIGKILL')
    await once(runner, 'exit')
    await until(() => server.sessions().length === 0)
    const it = job(await ssh(server.endpoint()), name, waiting)
    expect(await it.look()).toMatchObject({ kind: 'running' })
    open()
    expect(await it.follow()).toMatchObject({ code: 7, stdout: 'over\n' })
  })

  test('when its connection is cut and sshd is killed and started again', async () => {
    const { name, open, waiting } = fresh()
    const first = await startSshd()
    const connection = await ssh(first.endpoint())
    const it = job(connection, name, waiting)
    await it.start()
    const followed = refusal(it.follow())
    first.crash()
    expect(await followed).toMatchObject({ kind: 'unreachable' })
    await first.stop()
    const second = await startSshd()
    try {
      const again = job(await ssh(second.endpoint()), name, waiting)
      expect(await again.look()).toMatchObject({ kind: 'running' })
      open()
      expect(await again.follow()).toMatchObject({ code: 7, stdout: 'over\n' })
    } finally {
      await second.stop()
    }
  })

  test('when whoever follows it is stopped', async () => {
    const { name, waiting, open } = fresh()
    const connection = await ssh(server.endpoint())
    const stop = new AbortController()
    const it = hostJob(async () => connection.as(undefined), name, { argv: waiting }, context(stop.signal))
    await it.start()
    const followed = it.follow().catch((error: unknown) => error)
    stop.abort(new Error('Ctrl-C'))
    expect(await followed).toEqual(new Error('Ctrl-C'))
    const again = job(connection, name, waiting)
    expect(await again.look()).toMatchObject({ kind: 'running' })
    open()
    expect(await again.follow()).toMatchObject({ code: 7 })
  })
})

describe('a job that nobody saw end is never a success', () => {
  const dead = async (forge: (at: (file: string) => string, pid: string[]) => void): Promise<JobState | undefined> => {
    const { name, at } = fresh()
    const it = job(await ssh(server.endpoint()), name, ['sh', '-c', 'echo "2 9 files" >"$RUNBOOK_PROGRESS"; echo so far >&2'])
    await it.start()
    await it.follow()
    rmSync(at('result'))
    forge(at, readFileSync(at('pid'), 'utf8').trim().split(' '))
    return it.look()
  }

  test('the host was restarted meanwhile: what is known is told', async () => {
    const state = await dead((at, [pid, start, , since]) => writeFileSync(at('pid'), `${pid} ${start} another-boot ${since}\n`))
    expect(state).toEqual({
      kind: 'dead',
      why: 'the host was restarted while it ran',
      progress: { done: 2, total: 9, unit: 'files' },
      stderr: 'so far\n',
    })
  })

  test('its id has been given to another process since', async () => {
    const state = await dead((at, [, , boot, since]) => writeFileSync(at('pid'), `${process.pid} 1 ${boot} ${since}\n`))
    expect(state).toMatchObject({ kind: 'dead', why: 'its supervisor was killed' })
    expect(alive(process.pid)).toBe(true)
  })

  test.each(['', '0', '0 '])('the power failed while its result was written: %j', async (half) => {
    expect(await dead((at) => writeFileSync(at('result'), half))).toMatchObject({ kind: 'dead' })
  })

  test('the power failed while it was started', async () => {
    const state = await dead((at) => ['pid', 'out', 'err', 'progress'].forEach((file) => writeFileSync(at(file), '')))
    expect(state).toMatchObject({ kind: 'dead', why: 'the host was restarted while it ran' })
  })

  test('its supervisor is killed: it runs as long as its work does, and can be ended; then it is dead', async () => {
    const { name, at, waiting, open } = fresh()
    const connection = await ssh(server.endpoint())
    const it = job(connection, name, waiting)
    for (const finish of [() => it.end(), async () => open()]) {
      await it.start()
      await until(() => processes(name).length === 2)
      process.kill(Number(readFileSync(at('pid'), 'utf8').split(' ')[0]), 'SIGKILL')
      await until(() => processes(name).length === 1)
      expect(await it.look()).toMatchObject({ kind: 'running' })
      expect(await refusal(it.start())).toMatchObject({ kind: 'refused' })
      await finish()
      await until(() => processes(name).length === 0)
      expect(await it.look()).toMatchObject({ kind: 'dead', why: 'its supervisor was killed' })
    }
  })

  test('it is removed under whoever follows it', async () => {
    const { name, at, waiting } = fresh()
    const it = job(await ssh(server.endpoint()), name, waiting)
    await it.start()
    const followed = refusal(it.follow())
    rmSync(at(''), { recursive: true })
    expect(await followed).toMatchObject({ message: `job ${name} on server not found` })
  })
})

describe.skipIf(!isRoot)('a job of another user', () => {
  test('is kept in their home, or, for root, where root keeps its own', async () => {
    const { name, open, waiting } = fresh()
    const user = addUser({ sudo: 'nopasswd' })
    try {
      chmodSync(folder, 0o755)
      const connection = await ssh(server.endpoint({ user: user.name }))
      const [own, roots] = [job(connection, name, waiting), job(connection, name, waiting, { user: 'root', method: 'sudo' })]
      await own.start()
      await roots.start()
      expect(statSync(join(user.home, '.local/state/runbook/jobs', name)).mode & 0o777).toBe(0o700)
      expect(existsSync(join(JOBS, name))).toBe(true)
      await connection.close()
      open()
      const again = await ssh(server.endpoint({ user: user.name }))
      expect(await job(again, name, waiting).follow()).toMatchObject({ code: 7 })
      expect(await job(again, name, waiting, { user: 'root', method: 'sudo' }).follow()).toMatchObject({ code: 7 })
      await again.close()
    } finally {
      user.remove()
    }
  })
})

test('a name that would lead out of its folder, and a host without setsid', async () => {
  const connection = await ssh(server.endpoint())
  for (const name of ['', '..', 'a/b', '-x', '.new', 'a b', 'a\nb'])
    expect(() => job(connection, name, ['true'])).toThrow(/cannot be the name/)
  const bin = join(folder, 'bin')
  mkdirSync(bin)
  for (const tool of ['sh', 'id']) symlinkSync(`/usr/bin/${tool}`, join(bin, tool))
  const it = job(connection, fresh().name, { argv: ['true'], env: { PATH: bin } })
  expect(await refusal(it.start())).toMatchObject({ message: 'server cannot run jobs' })
})
