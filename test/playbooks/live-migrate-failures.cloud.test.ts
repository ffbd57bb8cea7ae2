/** Live migrations that go wrong on the real cloud: no convergence, libvirtd killed, network cut. */
import { beforeAll, beforeEach, expect, test } from 'vitest'
import type { StepFinished } from '../../runner/events/events.ts'
import { up, type RealCloud, type Server } from '../cloud/real/cloud.ts'
import type { Counters } from '../cloud/real/guest.ts'
import { isDirty, migrationsOf, whereItRuns } from '../cloud/real/observe.ts'
import { operator, step, type Operator, type Running, type Told } from '../cloud/real/operator.ts'
import { until } from '../cloud/real/program.ts'

/** A guest that changes its memory faster than its migration can carry it, so that there is time to break something on the way. */
let cloud: RealCloud
let someone: Operator
let server: Server
let before: Counters

beforeAll(async () => {
  cloud = await up()
})
beforeEach(async () => {
  await cloud.mend()
  await cloud.removeAll()
  someone = await operator(cloud)
  server = await cloud.boot({ name: 'db-1', flavor: 'big', image: 'dirty', host: 'compute14' })
  before = await cloud.counters(server.id)
  await isDirty(cloud, server)
  await cloud.limitSpeed(server.id, 8)
})

const toCompute15 = { servers: 'db-1', target: 'compute15' }

const shell = async (host: string, script: string): Promise<void> => {
  const { code, stderr } = await cloud.exec(host, ['sh', '-euc', script])
  if (code !== 0) throw new Error(`${host}: ${stderr}`)
}

const serviceIs = async (host: string, wanted: { state?: string; status?: string }) => {
  const api = await cloud.api()
  await until(
    `nova-compute on ${host} is ${Object.values(wanted).join(' and ')}`,
    120,
    async () => {
      const { services } = await api.get('compute', `/os-services?binary=nova-compute&host=${host}`)
      return Object.entries(wanted).every(([key, value]) => services[0][key] === value)
    },
    500,
  )
}

/** The memory is on its way: the first figures are there. */
const onItsWay = (running: Running) =>
  running.event('bytes go over', (event) => (event.type === 'step-progress' && event.progress.total > 0 ? true : undefined))

/** Nothing is called a success, and the table at the end lists the server with its trouble. */
const failed = (told: Told): NonNullable<StepFinished['failure']> => {
  expect(told.code).toBe(1)
  expect(told.events.at(-1)).toMatchObject({ type: 'run-finished', exitCode: 1, counts: { changed: 0, failed: 1 } })
  const { outcome, failure } = step(told, 'live_migration')
  expect(outcome).toBe('failed')
  expect(step(told, 'migration_verify')).toMatchObject({
    result: { verified: 0, moved: 0, rows: [{ server: 'db-1', problem: expect.stringContaining(failure?.what ?? 'a failure') }] },
  })
  return failure!
}

/** Not moved and not harmed: by Nova, by libvirt, by the guest's own count. */
const goesOnOnCompute14 = async () => {
  expect(await cloud.waitFor(server.id, { status: 'ACTIVE' })).toMatchObject({ host: 'compute14' })
  expect(await whereItRuns(cloud, server.id)).toEqual(['compute14'])
  expect((await cloud.counters(server.id, before.up)).boot).toBe(before.boot)
}

test('it does not converge, abort: it stays where it is, and the reason is said', async () => {
  const told = await someone.migrate({ ...toCompute15, timeout: 12, on_timeout: 'abort' }).ended
  expect(failed(told)).toMatchObject({
    kind: 'timeout',
    what: 'db-1 is ACTIVE on compute14, as before: its migration did not finish within 12 s and was aborted',
    why: expect.stringMatching(/^migration \d+, (cancelled|failed)/),
    help: expect.stringMatching(/on_timeout: force_complete/),
    data: { server_id: server.id, host: 'compute14' },
  })
  await goesOnOnCompute14()
})

test('it does not converge, force_complete: paused until it is over, then it goes on there', async () => {
  const run = someone.migrate({ ...toCompute15, timeout: 12, on_timeout: 'force_complete' })
  await run.event('it is forced', (event) =>
    event.type === 'step-progress' && event.progress.note?.includes('forced to complete') ? true : undefined,
  )
  // what is left goes over at once, as the guest stands still
  await cloud.limitSpeed(server.id, 1000)
  const told = await run.ended
  expect(told.stderr).toBe('')
  expect(told.code).toBe(0)
  expect(step(told, 'live_migration')).toMatchObject({ outcome: 'changed', result: { to: 'compute15', forced: true } })
  expect(await migrationsOf(cloud, server.id)).toMatchObject([{ status: 'completed' }])
  expect(await whereItRuns(cloud, server.id)).toEqual(['compute15'])
  expect((await cloud.counters(server.id, before.up)).boot).toBe(before.boot)
})

test('it does not converge, leave: the run fails, Nova goes on, and the next run joins it and aborts', async () => {
  const told = await someone.migrate({ ...toCompute15, timeout: 12, on_timeout: 'leave' }).ended
  expect(failed(told)).toMatchObject({
    kind: 'timeout',
    what: expect.stringMatching(/^db-1 is still on its way from compute14 to compute15 after \d+ s, and was left to Nova$/),
    why: expect.stringMatching(/^migration \d+, running/),
    help: expect.stringMatching(/join/),
  })
  expect(await migrationsOf(cloud, server.id)).toMatchObject([{ status: 'running' }])
  const again = await someone.migrate({ ...toCompute15, timeout: 2, on_timeout: 'abort' }).ended
  expect(failed(again)).toMatchObject({
    what: expect.stringMatching(/as before: its migration did not finish within 2 s and was aborted/),
  })
  expect(await migrationsOf(cloud, server.id)).toHaveLength(1)
  await goesOnOnCompute14()
})

test('libvirtd on the target is killed in mid-migration', async () => {
  const run = someone.migrate(toCompute15)
  await onItsWay(run)
  await shell('compute15', 'systemctl kill --signal=KILL libvirtd')
  const failure = failed(await run.ended)
  expect(failure).toMatchObject({
    what: 'db-1 is ACTIVE on compute14, as before: Nova rolled the migration back',
    data: { host: 'compute14' },
  })
  // The log of the source tells the reason; the API does where libvirtd is not back when the target is to clean up.
  expect(failure.why).toMatch(
    /(nova-compute\.log on compute14|compute15): ".*(libvirt|connection|closed).*" \(migration \d+, (error|failed)\)/i,
  )
  await serviceIs('compute15', { state: 'up', status: 'enabled' })
  await goesOnOnCompute14()
})

test('the network between the hosts is cut in mid-migration', async () => {
  const run = someone.migrate(toCompute15)
  await onItsWay(run)
  await cloud.cut('compute14', 'compute15')
  try {
    const failure = failed(await run.ended)
    expect(failure.why).toMatch(/nova-compute\.log on compute14: "/)
    // Where the target does not answer either when it is to clean up, Nova leaves the server in ERROR, although its guest has gone on.
    if ((await cloud.server(server.id))?.status === 'ERROR') {
      expect(failure).toMatchObject({
        what: 'db-1 is ERROR on compute14: its migration failed',
        why: expect.stringMatching(/; libvirt has it running on compute14/),
        data: { host: 'compute14' },
      })
      const api = await cloud.api()
      await api.post('compute', `/servers/${server.id}/action`, { 'os-resetState': { state: 'active' } })
    } else {
      expect(failure).toMatchObject({
        what: 'db-1 is ACTIVE on compute14, as before: Nova rolled the migration back',
        data: { host: 'compute14' },
      })
    }
    await goesOnOnCompute14()
  } finally {
    await cloud.mend()
  }
})

test('nova-compute on the source is stopped in mid-migration: nobody drives it, and where the guest is is looked up', async () => {
  // Nova takes it for down after 15 s
  const run = someone.migrate({ ...toCompute15, timeout: 30, on_timeout: 'leave' })
  await onItsWay(run)
  await shell('compute14', 'systemctl stop nova-compute')
  try {
    const failure = failed(await run.ended)
    expect(failure.what).toMatch(/^db-1 is still on its way from compute14 to compute15 after \d+ s, and was left to Nova$/)
    expect(failure.why).toMatch(/nova-compute on compute14, which drives it, is down: Nova last heard of it at \S+;/)
    expect(failure.why).toMatch(/; libvirt has it running on compute14, paused on compute15$/)
    expect(failure.help).toMatch(/^find out where the guest runs .* before nova-compute on compute14 is started/)
  } finally {
    await shell('compute14', 'systemctl start nova-compute')
    await serviceIs('compute14', { state: 'up' })
  }
  await goesOnOnCompute14()
  expect(await migrationsOf(cloud, server.id)).toMatchObject([{ status: 'error' }])
  // Nova has forgotten the migration, libvirt has not: the pre-flight sees what is on the target
  const again = await someone.migrate(toCompute15).ended
  expect(again.code).toBe(1)
  expect(step(again, 'migration_preflight').failure?.data?.['checks']).toContainEqual(
    expect.objectContaining({ check: 'leftover', level: expect.stringMatching(/WARN|BLOCK/), subject: 'db-1' }),
  )
})
