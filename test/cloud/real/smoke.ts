import { computes } from './layout.ts'
import type { RealCloud, Server } from './cloud.ts'
import type { Progress } from './progress.ts'
import { until } from './program.ts'

const other = (host: string | undefined): string => computes.find((one) => one !== host) ?? ''

const expect = (holds: boolean, what: string): void => {
  if (!holds) throw new Error(`not so: ${what}`)
}

/** Live-migrates a server to the other compute host and proves it: the migration's own record, the place, the guest that went on. */
const liveMigrate = async (cloud: RealCloud, { id }: Server): Promise<Server> => {
  const api = await cloud.api()
  const [before, from] = [await cloud.counters(id), await cloud.server(id)]
  const to = other(from?.host)
  await api.post('compute', `/servers/${id}/action`, { 'os-migrateLive': { host: to, block_migration: 'auto' } })
  const migration = await until(
    `the migration to ${to} ends`,
    120,
    async () => {
      const { migrations } = await api.get('compute', `/os-migrations?instance_uuid=${id}`)
      const newest = migrations.toSorted((a: { id: number }, b: { id: number }) => b.id - a.id)[0]
      return ['completed', 'error', 'failed', 'cancelled'].includes(newest?.status) ? newest : undefined
    },
    300,
  )
  expect(migration.status === 'completed', `the migration is completed (it is ${migration.status})`)
  const after = await cloud.waitFor(id, { status: 'ACTIVE', host: to })
  const counters = await cloud.counters(id, before.up)
  expect(counters.boot === before.boot, `the guest did not restart (boot ${before.boot} before, ${counters.boot} after)`)
  return after
}

const coldMigrate = async (cloud: RealCloud, { id, host }: Server): Promise<void> => {
  const api = await cloud.api()
  const [before, to] = [await cloud.counters(id), other(host)]
  await api.post('compute', `/servers/${id}/action`, { migrate: { host: to } })
  await cloud.waitFor(id, { status: 'VERIFY_RESIZE', host: to })
  await api.post('compute', `/servers/${id}/action`, { confirmResize: null })
  await cloud.waitFor(id, { status: 'ACTIVE', host: to })
  const after = await until(
    'the guest counts on',
    60,
    async () => {
      const now = await cloud.counters(id)
      return now.boot > before.boot ? now : undefined
    },
    300,
  )
  expect(after.boot === before.boot + 1, `the guest started once (boot ${before.boot} before, ${after.boot} after)`)
  expect(after.disk > before.disk, `its disk came along (disk ${before.disk} before, ${after.disk} after)`)
}

/** Boots a server, moves it live there and back and then cold, and removes it. Throws at the first thing that is not as it should be. */
export const smoke = async (cloud: RealCloud, progress: Progress): Promise<void> => {
  const server = await progress.step('boot', () => cloud.boot({ name: 'smoke', nic: cloud.running.variant.neutron }))
  try {
    const there = await progress.step('live migration there', () => liveMigrate(cloud, server))
    const back = await progress.step('live migration back', () => liveMigrate(cloud, there))
    expect(back.host === server.host, `it is back on ${server.host}`)
    await progress.step('cold migration', () => coldMigrate(cloud, back))
  } finally {
    await progress.step('remove', () => cloud.remove(server.id))
  }
}
