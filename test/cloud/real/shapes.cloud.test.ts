/**
 * The other shapes of the real cloud: shared storage, Neutron, fake hosts, snapshots. Only if
 * RUNBOOK_CLOUD_SHAPES=1.
 */
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { down, realCloud, up, type RealCloud } from './cloud.ts'
import { computes } from './layout.ts'
import { migrationsOf, whereItRuns } from './observe.ts'
import { operator, step } from './operator.ts'
import { run } from './program.ts'
import { sources } from './layout.ts'

/**
 * The other shapes of the cloud. Each costs a start, and Neutron another set of packages, so they are not part of every run:
 * RUNBOOK_CLOUD_SHAPES=1 runs them.
 */
const wanted = process.env.RUNBOOK_CLOUD_SHAPES === '1'
const plain = { shared: false, neutron: false }

const migrate = async (cloud: RealCloud, params: Readonly<Record<string, string>>) =>
  (await operator(cloud)).migrate(params).ended
const toCompute15 = { servers: 'web-1', target: 'compute15' }

describe.skipIf(!wanted)('other shapes', () => {
  afterAll(() => down())

  describe('a shared instances folder', () => {
    let cloud: RealCloud
    beforeAll(async () => {
      await down()
      cloud = await up({ variant: { ...plain, shared: true } })
    })
    afterEach(() => cloud.removeAll())

    test('auto migrates without block copy, on the one disk that both hosts see', async () => {
      const { id } = await cloud.boot({ name: 'web-1', host: 'compute14' })
      const before = await cloud.counters(id)
      const disk = `/var/lib/nova/instances/${id}/disk`
      const told = await migrate(cloud, toCompute15)
      expect(told.stderr).toBe('')
      expect(told.code).toBe(0)
      expect(step(told, 'live_migration').result).toMatchObject({ to: 'compute15', disk_bytes: null })
      const checks = step(told, 'migration_preflight').result['checks'] as readonly any[]
      expect(checks).toContainEqual(
        expect.objectContaining({ check: 'storage', level: 'ok', evidence: expect.stringMatching(/shared/) }),
      )
      for (const host of computes) expect((await cloud.exec(host, ['test', '-e', disk])).code).toBe(0)
      expect(await whereItRuns(cloud, id)).toEqual(['compute15'])
      const after = await cloud.counters(id, before.up)
      expect(after.boot).toBe(before.boot)
      expect(after.disk - before.disk).toBe(after.up - before.up)
    })

    test('a block copy that is demanded is refused by the pre-flight, and Nova would refuse it too', async () => {
      const { id } = await cloud.boot({ name: 'web-1', host: 'compute14' })
      const told = await migrate(cloud, { ...toCompute15, block_migration: 'true' })
      expect(told.code).toBe(1)
      expect(step(told, 'migration_preflight').failure?.data?.['checks']).toContainEqual(
        expect.objectContaining({ check: 'storage', level: 'BLOCK' }),
      )
      expect(await migrationsOf(cloud, id)).toEqual([])
      const api = await cloud.api()
      await api.post('compute', `/servers/${id}/action`, { 'os-migrateLive': { host: 'compute15', block_migration: true } })
      await cloud.waitFor(id, { status: 'ACTIVE', host: 'compute14' })
      expect(await migrationsOf(cloud, id)).toMatchObject([{ status: 'error' }])
    })
  })

  describe('real Neutron', () => {
    let cloud: RealCloud
    beforeAll(async () => {
      await down()
      cloud = await up({ variant: { ...plain, neutron: true } })
    })
    afterEach(() => cloud.removeAll())

    test('the port of a server with a NIC follows it', async () => {
      const { id } = await cloud.boot({ name: 'web-1', host: 'compute14', nic: true })
      const before = await cloud.counters(id)
      const api = await cloud.api()
      const port = async () => (await api.get('network', `/v2.0/ports?device_id=${id}`)).ports[0]
      expect(await port()).toMatchObject({ 'binding:host_id': 'compute14', 'binding:vif_type': 'bridge', status: 'ACTIVE' })
      const told = await migrate(cloud, toCompute15)
      expect(told.stderr).toBe('')
      expect(told.code).toBe(0)
      const checks = step(told, 'migration_preflight').result['checks'] as readonly any[]
      expect(checks).toContainEqual(expect.objectContaining({ check: 'network', level: 'ok' }))
      expect(await port()).toMatchObject({ 'binding:host_id': 'compute15', 'binding:vif_type': 'bridge', status: 'ACTIVE' })
      expect(await whereItRuns(cloud, id)).toEqual(['compute15'])
      expect((await cloud.counters(id, before.up)).boot).toBe(before.boot)
    })

    test('a dead agent on the target is found before anything is moved', async () => {
      const { id } = await cloud.boot({ name: 'web-1', host: 'compute14', nic: true })
      const api = await cloud.api()
      const agent = (await api.get('network', '/v2.0/agents?host=compute15')).agents[0]
      const stop = await cloud.exec('compute15', ['systemctl', 'stop', 'neutron-linuxbridge-agent'])
      expect(stop.code).toBe(0)
      try {
        await expect
          .poll(async () => (await api.get('network', `/v2.0/agents/${agent.id}`)).agent.alive, {
            timeout: 180_000,
            interval: 2000,
          })
          .toBe(false)
        const told = await migrate(cloud, toCompute15)
        expect(told.code).toBe(1)
        expect(step(told, 'migration_preflight').failure?.data?.['checks']).toContainEqual(
          expect.objectContaining({ check: 'network', level: 'BLOCK' }),
        )
        expect(await migrationsOf(cloud, id)).toEqual([])
      } finally {
        await cloud.exec('compute15', ['systemctl', 'start', 'neutron-linuxbridge-agent'])
      }
    })
  })

  describe('many hosts', () => {
    let cloud: RealCloud
    beforeAll(async () => {
      await down()
      cloud = await up()
    })

    test('twenty pretended ones come up, take servers, and go', async () => {
      const api = await cloud.api()
      await cloud.fakes(20)
      const { services } = await api.get('compute', '/os-services?binary=nova-compute')
      expect(services.filter(({ host, state }: any) => host.startsWith('fake') && state === 'up')).toHaveLength(20)
      await cloud.fakes(0)
      expect((await api.get('compute', '/os-services?binary=nova-compute')).services).toHaveLength(computes.length)
    })

    test('a snapshot keeps what was done, and a start from it goes on there', async () => {
      const api = await cloud.api()
      await api.post('compute', '/flavors', { flavor: { name: 'kept', ram: 64, vcpus: 1, disk: 1 } })
      await run([process.execPath, `${sources}/../../../dist/test/cloud/real/main.js`, 'snapshot', 'of-a-test'])
      await expect(realCloud()).rejects.toThrow('not up')
      const again = await up({ from: 'of-a-test' })
      const { flavors } = await (await again.api()).get('compute', '/flavors')
      expect(flavors.map(({ name }: any) => name)).toContain('kept')
    })
  })
})
