/** The simulated cloud: start, stop, and the credentials of its user. */
import { execFileSync } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { connect, readLogin } from '../expectations/subject.ts'
import { startCloud } from './cloud.ts'
import { inventoryYaml } from './files.ts'
import { checkout } from './hosts/assets.ts'

/** Processes of ours that live, mounts, and what is in the temporary folder. */
const traces = () => ({
  children: execFileSync('ps', ['-o', 'pid=,stat=,args=', '--ppid', String(process.pid)], { encoding: 'utf8' })
    .split('\n')
    .filter((line) => line !== '' && !/^ *\d+ (?:Z|\S+ +ps )/.test(line))
    .map((line) => line.trim().split(' ')[0]),
  mounts: readFileSync('/proc/self/mounts', 'utf8'),
  temporary: readdirSync(tmpdir()),
})

describe('starting and stopping', () => {
  test('leaves nothing behind', async () => {
    const temporary = process.env.TMPDIR
    process.env.TMPDIR = mkdtempSync(join(tmpdir(), 'runbook-test-'))
    const before = traces()
    const cloud = await startCloud({ startHosts: true })
    const pids = Object.values(cloud.hosts).map((host) => Number(/^\/proc\/(\d+)\/root$/.exec(host.started?.root ?? '')?.[1]))
    expect(traces().children.length).toBeGreaterThanOrEqual(before.children.length + 4)
    expect(statSync(cloud.folder).mode & 0o777).toBe(0o700)
    expect(statSync(cloud.keyFile).mode & 0o777).toBe(0o600)
    await cloud.stop()
    const { children, mounts, temporary: files } = traces()
    // What other tests left to end by itself may have ended meanwhile; nothing may have come.
    expect(children.filter((pid) => !before.children.includes(pid))).toEqual([])
    expect({ mounts, files }).toEqual({ mounts: before.mounts, files: before.temporary })
    for (const pid of pids) expect(existsSync(`/proc/${pid}`)).toBe(false)
    await expect(fetch(cloud.urls.nova)).rejects.toThrow('fetch failed')
    rmSync(process.env.TMPDIR, { recursive: true })
    if (temporary === undefined) delete process.env.TMPDIR
    else process.env.TMPDIR = temporary
  })
  test('stops in the middle of migrations, and a second stop is harmless', async () => {
    const cloud = await startCloud({ speed: 1 })
    const admin = await connect(await readLogin(cloud.cloudsFile, 'demo'))
    for (const name of ['web-1', 'web-2'])
      await admin.ask('compute', `/servers/${cloud.server(name).id}/action`, {
        method: 'POST',
        version: '2.60',
        body: { 'os-migrateLive': { host: 'compute15', block_migration: 'auto' } },
      })
    await cloud.stop()
    await cloud.stop()
    expect(cloud.migrations('web-1')[0]?.status).not.toBe('completed')
  })
  test('several at once do not meet', async () => {
    const clouds = await Promise.all([startCloud(), startCloud()])
    const [first, second] = clouds
    expect(first?.compute('compute14').address).not.toBe(second?.compute('compute14').address)
    await Promise.all(clouds.map((cloud) => cloud.stop()))
  })
  test('many compute hosts are cheap: nothing is started for them until somebody logs in', async () => {
    const cloud = await startCloud({ computes: 100, servers: [] })
    try {
      expect(Object.values(cloud.hosts)).toHaveLength(101)
      expect(Object.values(cloud.hosts).filter((host) => host.started !== undefined)).toEqual([])
      const admin = await connect(await readLogin(cloud.cloudsFile, 'demo'))
      expect((await admin.ask('compute', '/os-hypervisors/detail', { version: '2.87' })).body.hypervisors).toHaveLength(100)
      const last = await cloud.hosts.compute113?.start()
      expect(await last?.run('hostname')).toEqual({ status: 0, out: 'compute113\n', err: '' })
    } finally {
      await cloud.stop()
    }
    await expect(startCloud({ computes: 241 })).rejects.toThrow('1 to 240 compute hosts, not 241')
  })
})

describe('what a user needs', () => {
  test('clouds.yaml lets in an administrator, a member, and an application credential', async () => {
    const cloud = await startCloud()
    try {
      const { clouds } = parse(readFileSync(cloud.cloudsFile, 'utf8'))
      expect(Object.keys(clouds)).toEqual(['demo', 'demo-member', 'demo-application'])
      expect((await (await connect(await readLogin(cloud.cloudsFile, 'demo-member'))).ask('compute', '/servers')).status).toBe(
        200,
      )
      const { auth } = clouds['demo-application']
      const credential = (secret: string) => ({
        auth: {
          identity: {
            methods: ['application_credential'],
            application_credential: { id: auth.application_credential_id, secret },
          },
        },
      })
      const enter = (secret: string) =>
        fetch(`${auth.auth_url}/auth/tokens`, { method: 'POST', body: JSON.stringify(credential(secret)) })
      const granted = await enter(auth.application_credential_secret)
      expect(granted.status).toBe(201)
      expect(((await granted.json()) as any).token).toMatchObject({
        methods: ['application_credential'],
        project: { name: 'admin' },
        user: { name: 'admin' },
      })
      expect((await enter('wrong')).status).toBe(401)
    } finally {
      await cloud.stop()
    }
  })
  test('the shipped inventory names the addresses and files of `npm run cloud`', () => {
    const hosts = [
      { name: 'controller', address: '127.77.0.11', port: 2222 },
      { name: 'compute14', address: '127.77.0.14', port: 2222 },
      { name: 'compute15', address: '127.77.0.15', port: 2222 },
    ]
    const folder = '../.runbook/demo'
    const own = inventoryYaml(hosts, {
      key: `${folder}/id_ed25519`,
      knownHosts: `${folder}/known_hosts`,
      clouds: `${folder}/clouds.yaml`,
    })
    expect(parse(readFileSync(join(checkout, 'inventory/demo.yml'), 'utf8'))).toEqual(parse(own))
  })
  test('fixed addresses that somebody has are named', async () => {
    const lock = createServer()
    const taken = await new Promise<boolean>((resolve) => {
      lock.once('error', () => resolve(true))
      lock.listen({ host: '127.77.0.1', port: 7741 }, () => resolve(false))
    })
    const folder = join(tmpdir(), 'runbook-cloud-never-made')
    await expect(startCloud({ fixed: { folder } })).rejects.toThrow(
      'the addresses 127.77.0.* are taken: another simulated cloud runs with them',
    )
    expect(existsSync(folder)).toBe(false)
    if (!taken) await new Promise((resolve) => lock.close(resolve))
  })
})
