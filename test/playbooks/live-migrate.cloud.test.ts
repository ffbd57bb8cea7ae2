/** playbooks/live-migrate.yml on the real cloud, as a user runs it. */
import { afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { up, type RealCloud } from '../cloud/real/cloud.ts'
import { operator, step, steps, type Operator } from '../cloud/real/operator.ts'
import { isDirty, migrationsOf, whereItRuns } from '../cloud/real/observe.ts'
import { onServer } from '../doubles/address.ts'

let cloud: RealCloud
let someone: Operator

beforeAll(async () => {
  cloud = await up()
})
beforeEach(async () => {
  await cloud.mend()
  await cloud.removeAll()
  someone = await operator(cloud)
})
afterEach(() => cloud.removeAll())

test('a running guest with a local disk: to a chosen target, nothing to do a second time, back by the scheduler’s choice', async () => {
  const { id } = await cloud.boot({ name: 'web-1', host: 'compute14' })
  const before = await cloud.counters(id)

  const there = await someone.migrate({ servers: 'web-1', target: 'compute15' }).ended
  expect(there.stderr).toBe('')
  expect(there.code).toBe(0)
  expect(step(there, 'migration_preflight')).toMatchObject({ outcome: 'ok', result: { summary: { blocks: 0, warns: 0 } } })
  expect(step(there, 'live_migration')).toMatchObject({
    outcome: 'changed',
    changes: [{ ...onServer('web-1', 'host'), before: 'compute14', after: 'compute15' }],
    result: { server_id: id, from: 'compute14', to: 'compute15', forced: false },
  })
  expect(step(there, 'migration_verify')).toMatchObject({
    outcome: 'ok',
    result: {
      verified: 1,
      moved: 1,
      rows: [{ server: 'web-1', from: 'compute14', to: 'compute15', status: 'ACTIVE', console: 'answers', problem: '' }],
    },
  })
  // and so it is: by Nova, by libvirt, and by the guest itself, which has gone on with the same memory and the same disk
  expect(await cloud.server(id)).toMatchObject({ status: 'ACTIVE', host: 'compute15', taskState: undefined })
  expect(await whereItRuns(cloud, id)).toEqual(['compute15'])
  expect(await migrationsOf(cloud, id)).toMatchObject([
    { status: 'completed', source_compute: 'compute14', dest_compute: 'compute15' },
  ])
  const after = await cloud.counters(id, before.up)
  expect(after.boot).toBe(before.boot)
  expect(after.disk - before.disk).toBe(after.up - before.up)

  const again = await someone.migrate({ servers: 'web-1', target: 'compute15' }).ended
  expect(again.code).toBe(0)
  expect(step(again, 'live_migration')).toMatchObject({ outcome: 'ok', changes: [], result: { migration_id: null } })
  expect(again.events.at(-1)).toMatchObject({ type: 'run-finished', counts: { changed: 0, failed: 0 } })
  expect(await migrationsOf(cloud, id)).toHaveLength(1)

  const back = await someone.migrate({ source: 'compute15' }).ended
  expect(back.code).toBe(0)
  expect(step(back, 'live_migration')).toMatchObject({
    outcome: 'changed',
    changes: [{ before: 'compute15', after: 'chosen by the scheduler' }],
    result: { from: 'compute15', to: 'compute14' },
  })
  expect(await whereItRuns(cloud, id)).toEqual(['compute14'])
  expect((await cloud.counters(id, after.up)).boot).toBe(before.boot)
})

test('two at once, with a third that does not run left behind: all of a host', async () => {
  const [one, two, stopped] = await Promise.all(
    ['web-1', 'web-2', 'stopped'].map((name) => cloud.boot({ name, host: 'compute14' })),
  )
  const api = await cloud.api()
  await api.post('compute', `/servers/${stopped!.id}/action`, { 'os-stop': null })
  await cloud.waitFor(stopped!.id, { status: 'SHUTOFF' })
  const ids = [one!.id, two!.id]
  const before = await Promise.all(ids.map((id) => cloud.counters(id)))

  const told = await someone.migrate({ source: 'compute14', target: 'compute15', accept: 'not_running', parallel: 2 }).ended
  expect(told.stderr).toBe('')
  expect(told.code).toBe(0)
  expect(steps(told, 'live_migration')).toMatchObject([
    { outcome: 'changed', result: { to: 'compute15' } },
    { outcome: 'changed', result: { to: 'compute15' } },
  ])
  // both had been asked of Nova before the first was over
  const course = told.events.flatMap((event) =>
    (event.type === 'apply-started' || event.type === 'step-finished') && event.step.module === 'live_migration'
      ? [event.type]
      : [],
  )
  expect(course).toEqual(['apply-started', 'apply-started', 'step-finished', 'step-finished'])
  expect(step(told, 'migration_verify')).toMatchObject({
    result: {
      verified: 2,
      moved: 2,
      rows: [{ problem: '' }, { problem: '' }, { server: 'stopped', to: 'compute14', problem: 'left behind' }],
    },
  })
  for (const [index, id] of ids.entries()) {
    expect(await whereItRuns(cloud, id)).toEqual(['compute15'])
    expect((await cloud.counters(id, before[index]!.up)).boot).toBe(before[index]!.boot)
  }
  expect(await cloud.server(stopped!.id)).toMatchObject({ status: 'SHUTOFF', host: 'compute14' })
})

test('a plan moves nothing and says what would be moved', async () => {
  const { id } = await cloud.boot({ name: 'web-1', host: 'compute14' })
  const told = await someone.plan({ servers: 'web-1', target: 'compute15' }).ended
  expect(told.code).toBe(0)
  expect(step(told, 'live_migration')).toMatchObject({
    outcome: 'planned',
    changes: [{ before: 'compute14', after: 'compute15' }],
  })
  expect(await migrationsOf(cloud, id)).toEqual([])
  expect(await whereItRuns(cloud, id)).toEqual(['compute14'])
})

test('undone, each server is back where it came from, without a restart', async () => {
  const { id } = await cloud.boot({ name: 'web-1', host: 'compute14' })
  const before = await cloud.counters(id)
  const told = await someone.migrate({ servers: 'web-1', target: 'compute15' }).ended
  expect(told.code).toBe(0)
  expect(await whereItRuns(cloud, id)).toEqual(['compute15'])
  const undone = await someone.start(['undo', told.run]).ended
  expect(undone.stderr).toBe('')
  expect(undone.code).toBe(0)
  expect(await whereItRuns(cloud, id)).toEqual(['compute14'])
  expect((await cloud.counters(id, before.up)).boot).toBe(before.boot)
})

test('killed in mid-migration and resumed: the running migration is joined, not started again', async () => {
  const server = await cloud.boot({ name: 'web-1', flavor: 'big', image: 'dirty', host: 'compute14' })
  const { id } = server
  const before = await cloud.counters(id)
  await isDirty(cloud, server)
  await cloud.limitSpeed(id, 4)
  const first = someone.migrate({ servers: 'web-1', target: 'compute15' })
  const run = await first.event('the run has begun', (event) => (event.type === 'run-started' ? event.run : undefined))
  await first.event('bytes have gone over', (event) =>
    event.type === 'step-progress' && event.progress.total > 0 ? true : undefined,
  )
  await first.kill()
  expect(await migrationsOf(cloud, id)).toMatchObject([{ status: 'running' }])

  const second = someone.start(['resume', run])
  const inFlight = await second.event('it finds the migration', (event) =>
    event.type === 'step-checked' && event.step.module === 'live_migration' ? event.inFlight : undefined,
  )
  expect(inFlight).toMatch(/^migration \d+ to compute15 is running/)
  await cloud.limitSpeed(id, 1000)
  const told = await second.ended
  expect(told.code).toBe(0)
  expect(told.events).toContainEqual(expect.objectContaining({ type: 'run-resumed', run }))
  expect(step(told, 'live_migration')).toMatchObject({ outcome: 'changed', result: { from: 'compute14', to: 'compute15' } })
  expect(await migrationsOf(cloud, id)).toMatchObject([{ status: 'completed' }])
  expect(await whereItRuns(cloud, id)).toEqual(['compute15'])
  expect((await cloud.counters(id, before.up)).boot).toBe(before.boot)
})
