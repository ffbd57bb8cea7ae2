/** Faults of the simulated cloud, as its clients see them. */
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { act, compute, connect, ended, moveTo, readLogin, serverNow, settled, until } from '../expectations/subject.ts'
import type { Api, Subject } from '../expectations/subject.ts'
import { startCloud } from './cloud.ts'
import type { LiveMigrationFault, SimulatedCloud } from './cloud.ts'
import { hostOf } from '../expectations/subject.ts'

let cloud: SimulatedCloud
let admin: Api
/** As far as the helpers of the expectations need one. */
let subject: Subject

beforeEach(async () => {
  cloud = await startCloud({ speed: 50 })
  admin = await connect(await readLogin(cloud.cloudsFile, 'demo'))
  subject = { admin, patience: { every: 0.02, limit: 240 } } as Subject
})
afterEach(() => cloud.stop())

const id = (name: string) => cloud.server(name).id

describe('a broken API', () => {
  test('answers with a status, so many times, and the headers asked for', async () => {
    const fault = cloud.faults.api({ service: 'nova', path: '/servers', status: 503, times: 2, headers: { 'Retry-After': '1' } })
    const answers = [
      await admin.ask('compute', '/servers'),
      await admin.ask('compute', '/servers/detail'),
      await admin.ask('compute', '/servers'),
    ]
    expect(answers.map(({ status }) => status)).toEqual([503, 503, 200])
    expect(answers[0]?.headers.get('Retry-After')).toBe('1')
    expect(fault.struck).toBe(2)
  })
  test('answers with a page, or with what is no JSON', async () => {
    cloud.faults.api({ path: /servers$/, html: true })
    const page = await admin.ask('compute', '/servers')
    expect([page.status, page.headers.get('Content-Type')]).toEqual([502, 'text/html'])
    expect(page.body).toContain('<title>502 Bad Gateway</title>')
    cloud.faults.clear()
    cloud.faults.api({ body: '{"servers": [' })
    await expect(admin.ask('compute', '/servers')).rejects.toThrow(SyntaxError)
  })
  test('cuts the connection, or never answers', async () => {
    cloud.faults.api({ reset: true, times: 1 })
    await expect(admin.ask('compute', '/servers')).rejects.toThrow('fetch failed')
    const hanging = cloud.faults.api({ hang: true, times: 1 })
    const patience = new AbortController()
    const asked = fetch(`${cloud.urls.nova}/`, { signal: patience.signal }).catch((error: unknown) => error)
    await vi.waitUntil(() => hanging.struck === 1, { timeout: 240_000 })
    patience.abort(new Error('no answer'))
    expect(await asked).toMatchObject({ message: 'no answer' })
    expect((await admin.ask('compute', '/servers')).status).toBe(200)
  })
  test('a fault of one service leaves the others alone', async () => {
    cloud.faults.api({ service: 'placement', method: 'GET', status: 500 })
    expect((await admin.ask('placement', '/resource_providers', { version: '1.36' })).status).toBe(500)
    expect((await admin.ask('compute', '/servers')).status).toBe(200)
  })
})

describe('tokens', () => {
  test('are refused once they are revoked', async () => {
    cloud.revokeTokens()
    expect((await admin.ask('compute', '/servers')).status).toBe(401)
  })
  test('expire when they say so', async () => {
    const short = await startCloud({ tokenLifetime: 60 })
    vi.useFakeTimers({ toFake: ['Date'] })
    try {
      const api = await connect(await readLogin(short.cloudsFile, 'demo'))
      expect((await api.ask('compute', '/servers')).status).toBe(200)
      vi.setSystemTime(Date.now() + 61_000)
      expect((await api.ask('compute', '/servers')).status).toBe(401)
    } finally {
      vi.useRealTimers()
      await short.stop()
    }
  })
})

describe('a live migration that goes wrong', () => {
  const outcomes: readonly (readonly [LiveMigrationFault, string, string])[] = [
    ['cpu', 'error', 'compute14'],
    ['destination-disk', 'failed', 'compute14'],
    ['libvirt-down', 'failed', 'compute14'],
    ['no-space', 'failed', 'compute14'],
    ['timeout', 'cancelled', 'compute14'],
    ['completed-but-on-source', 'completed', 'compute14'],
  ]
  test.each(outcomes)('%s: the migration ends %s, the server is ACTIVE on %s', async (kind, status, host) => {
    cloud.faults.liveMigration(kind, { server: 'web-1' })
    expect((await act(subject, id('web-1'), moveTo('compute15'))).status).toBe(202)
    expect((await ended(subject, id('web-1'))).status).toBe(status)
    expect(hostOf(await settled(subject, id('web-1'), 'ACTIVE'))).toBe(host)
  })
  test('server-error: the migration ends error, the server too, and says so', async () => {
    cloud.faults.liveMigration('server-error')
    await act(subject, id('web-1'), moveTo('compute15'))
    expect((await ended(subject, id('web-1'))).status).toBe('error')
    expect(await settled(subject, id('web-1'), 'ERROR')).toMatchObject({
      fault: { code: 500, message: 'Live migration failed.' },
    })
  })
  test('lost: it stays accepted, and the server migrating', async () => {
    cloud.faults.liveMigration('lost')
    await act(subject, id('web-1'), moveTo('compute15'))
    await until(subject, 'the conductor is done', async () => cloud.migrations('web-1')[0]?.destHost)
    await cloud.clock.sleep(20)
    expect(cloud.migrations('web-1').map(({ status }) => status)).toEqual(['accepted'])
    expect((await serverNow(subject, id('web-1'))).status).toBe('MIGRATING')
  })
  test('stalled: no bytes move until it is aborted', async () => {
    cloud.faults.liveMigration('stalled')
    await act(subject, id('web-1'), moveTo('compute15'))
    const migration = await until(subject, 'bytes are counted', async () =>
      cloud.migrations('web-1').find(({ memory }) => memory !== undefined),
    )
    expect(migration.memory?.processed).toBe(0)
    await compute(subject, `/servers/${id('web-1')}/migrations/${migration.id}`, { method: 'DELETE' })
    expect((await ended(subject, id('web-1'))).status).toBe('cancelled')
  })
  test('completed-but-on-source: the guest is on the target all the same', async () => {
    cloud.faults.liveMigration('completed-but-on-source')
    await act(subject, id('web-1'), moveTo('compute15'))
    await ended(subject, id('web-1'))
    expect(cloud.compute('compute15').domains.has(id('web-1'))).toBe(true)
    expect(cloud.compute('compute14').domains.has(id('web-1'))).toBe(false)
  })
  test('only the server named is struck, and only so many times', async () => {
    const fault = cloud.faults.liveMigration('cpu', { server: 'web-1', times: 1 })
    await act(subject, id('web-2'), moveTo('compute15'))
    await act(subject, id('web-1'), moveTo('compute15'))
    expect([(await ended(subject, id('web-2'))).status, (await ended(subject, id('web-1'))).status]).toEqual([
      'completed',
      'error',
    ])
    await act(subject, id('web-1'), moveTo('compute15'))
    await until(subject, 'web-1 is on compute15', async () => (cloud.server('web-1').host === 'compute15' ? true : undefined))
    expect(fault.struck).toBe(1)
  })
})

describe('a host in trouble', () => {
  test('target down: accepted, then error; source down: error that names it', async () => {
    const down = cloud.serviceDown('compute15')
    expect((await compute(subject, '/os-services?host=compute15')).body.services[0]).toMatchObject({
      state: 'down',
      status: 'enabled',
    })
    const order = await act(subject, id('web-1'), moveTo('compute15'))
    expect(order.status).toBe(202)
    expect((await ended(subject, id('web-1'))).status).toBe('error')
    down.up()
    cloud.serviceDown('compute14')
    await act(subject, id('web-2'), moveTo('compute15'))
    await ended(subject, id('web-2'))
    expect(cloud.server('web-2').actions.at(-1)?.events[0]?.details).toBe(
      'Compute service of compute14 is unavailable at this time.',
    )
    await settled(subject, id('web-2'), 'ACTIVE')
  })
  test('the network between two hosts is cut in mid-migration: failed after a while, ACTIVE where it was', async () => {
    await act(subject, id('db-1'), moveTo('compute15'))
    await until(subject, 'it runs', async () => (cloud.migrations('db-1')[0]?.status === 'running' ? true : undefined))
    cloud.cutNetwork('compute14', 'compute15')
    expect((await ended(subject, id('db-1'))).status).toBe('failed')
    expect(hostOf(await settled(subject, id('db-1'), 'ACTIVE'))).toBe('compute14')
  })
  test.each([
    ['too little memory', { memory: 4096 }],
    ['another CPU', { cpuFeatures: ['fpu', 'sse2'] }],
    ['an older hypervisor', { hypervisorVersion: 6002000 }],
    ['another hypervisor', { hypervisorType: 'VMware vCenter Server' }],
    ['disabled', { disabled: true }],
  ])('a target with %s: error, ACTIVE where it was', async (_what, compute15) => {
    const other = await startCloud({ speed: 50, hosts: { compute15 } })
    try {
      const its = { ...subject, admin: await connect(await readLogin(other.cloudsFile, 'demo')) }
      await act(its, other.server('web-1').id, moveTo('compute15'))
      expect((await ended(its, other.server('web-1').id)).status).toBe('error')
      expect(hostOf(await settled(its, other.server('web-1').id, 'ACTIVE'))).toBe('compute14')
    } finally {
      await other.stop()
    }
  })
  test('a target whose disk is full of other things: Nova does not look, the copy fails', async () => {
    cloud.compute('compute15').occupiedDisk = 399.9
    await act(subject, id('db-1'), moveTo('compute15'))
    expect((await ended(subject, id('db-1'))).status).toBe('failed')
    expect(hostOf(await settled(subject, id('db-1'), 'ACTIVE'))).toBe('compute14')
  })
})
