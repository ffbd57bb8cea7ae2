/** Live migration: what is accepted, what then comes of it, and where one can read that. */
import { expect } from 'vitest'
import {
  act,
  actionOf,
  compute,
  ended,
  hostOf,
  moveTo,
  newest,
  records,
  serverNow,
  settled,
  until,
  withServer,
} from './subject.ts'
import type { Expectation, Reply, Subject } from './subject.ts'

const counters = (console: string) => {
  const lines = [...console.matchAll(/boot=(\S+) up=(\S+) disk=(\S+)/g)]
  const last = lines.at(-1)
  return last === undefined ? undefined : { boot: last[1], disk: last[3] ?? '' }
}

const consoleOf = async (cloud: Subject, id: string) =>
  until(cloud, `the guest of ${id} writes`, async () =>
    counters((await act(cloud, id, { 'os-getConsoleOutput': { length: 5 } })).body.output ?? ''),
  )

const running = async (cloud: Subject, id: string, version = newest): Promise<any[]> =>
  (await compute(cloud, `/servers/${id}/migrations`, { version })).body.migrations

const untilRunning = (cloud: Subject, id: string) =>
  until(cloud, `the migration of ${id} runs`, async () =>
    (await running(cloud, id)).find((migration) => migration.status === 'running'),
  )

const message = ({ status, body }: Reply) => [status, Object.values<any>(body)[0].message]

const recordKeys = [
  'created_at',
  'dest_compute',
  'dest_host',
  'dest_node',
  'id',
  'instance_uuid',
  'migration_type',
  'new_instance_type_id',
  'old_instance_type_id',
  'project_id',
  'source_compute',
  'source_node',
  'status',
  'updated_at',
  'user_id',
  'uuid',
]
const runningKeys = [
  'created_at',
  'dest_compute',
  'dest_host',
  'dest_node',
  'disk_processed_bytes',
  'disk_remaining_bytes',
  'disk_total_bytes',
  'id',
  'memory_processed_bytes',
  'memory_remaining_bytes',
  'memory_total_bytes',
  'server_uuid',
  'source_compute',
  'source_node',
  'status',
  'updated_at',
]

const eventNames = (action: any): string[] => action.events.map((event: any) => event.event)

export const liveMigration: readonly Expectation[] = [
  {
    name: 'to another host: migrating before the answer, then on the target, not rebooted, with a trace of every step',
    check: (cloud) =>
      withServer(cloud, 'live', 'quiet', async (id) => {
        const before = await consoleOf(cloud, id)
        const order = await act(cloud, id, moveTo(cloud.target))
        expect([order.status, order.body]).toEqual([202, ''])
        const record = await ended(cloud, id)
        expect(record).toMatchObject({
          status: 'completed',
          migration_type: 'live-migration',
          source_compute: cloud.source,
          dest_compute: cloud.target,
          source_node: cloud.source,
          dest_node: cloud.target,
          dest_host: null,
        })
        expect(Object.keys(record).sort()).toEqual(recordKeys)
        const server = await settled(cloud, id, 'ACTIVE')
        expect([hostOf(server), server['OS-EXT-SRV-ATTR:hypervisor_hostname']]).toEqual([cloud.target, cloud.target])
        const after = await consoleOf(cloud, id)
        expect(after?.boot).toBe(before?.boot)
        const action = await actionOf(cloud, id, order)
        expect([action.action, action.message]).toEqual(['live-migration', null])
        expect(eventNames(action)).toEqual([
          'compute_post_live_migration_at_destination',
          'compute_pre_live_migration',
          'compute_live_migration',
          'compute_check_can_live_migrate_source',
          'compute_check_can_live_migrate_destination',
          'conductor_live_migrate_instance',
        ])
        expect(
          action.events.every((event: any) => event.result === 'Success' && event.details === null && event.traceback === null),
        ).toBe(true)
        expect(await running(cloud, id)).toEqual([])
        const shown = await compute(cloud, `/servers/${id}/migrations/${record.id}`)
        expect(message(shown)).toEqual([404, `Live migration ${record.id} for server ${id} is not in progress.`])
      }),
  },
  {
    name: 'without a host the scheduler chooses another one',
    check: (cloud) =>
      withServer(cloud, 'choice', 'quiet', async (id) => {
        expect((await act(cloud, id, moveTo(null))).status).toBe(202)
        expect((await ended(cloud, id)).status).toBe('completed')
        expect(hostOf(await settled(cloud, id, 'ACTIVE'))).not.toBe(cloud.source)
      }),
  },
  {
    name: 'to its own host: accepted, and then an error, ACTIVE where it was',
    check: (cloud) =>
      withServer(cloud, 'own', 'quiet', async (id) => {
        const order = await act(cloud, id, moveTo(cloud.source))
        expect(order.status).toBe(202)
        expect(await ended(cloud, id)).toMatchObject({ status: 'error', dest_compute: null, source_node: null })
        expect(hostOf(await settled(cloud, id, 'ACTIVE'))).toBe(cloud.source)
        expect(await serverNow(cloud, id)).not.toHaveProperty('fault')
        const action = await actionOf(cloud, id, order)
        expect(action.message).toBe('Error')
        expect(action.events).toHaveLength(1)
        expect(action.events[0]).toMatchObject({
          event: 'conductor_live_migrate_instance',
          result: 'Error',
          details: 'No valid host was found. There are not enough hosts available.',
        })
        expect((await actionOf(cloud, id, order, '2.83')).events[0]).not.toHaveProperty('details')
      }),
  },
  {
    name: 'to a disabled host: accepted, and then an error, ACTIVE where it was',
    check: (cloud) =>
      withServer(cloud, 'disabled', 'quiet', async (id) => {
        const { body } = await compute(cloud, `/os-services?binary=nova-compute&host=${cloud.target}`)
        const service = `/os-services/${body.services[0].id}`
        expect(
          (await compute(cloud, service, { method: 'PUT', body: { status: 'disabled', disabled_reason: 'exp' } })).body.service,
        ).toMatchObject({ status: 'disabled', disabled_reason: 'exp' })
        try {
          const order = await act(cloud, id, moveTo(cloud.target))
          expect(order.status).toBe(202)
          expect((await ended(cloud, id)).status).toBe('error')
          expect(hostOf(await settled(cloud, id, 'ACTIVE'))).toBe(cloud.source)
          expect((await actionOf(cloud, id, order)).events[0].details).toMatch(/^No valid host was found\. /)
        } finally {
          await compute(cloud, service, { method: 'PUT', body: { status: 'enabled' } })
        }
      }),
  },
  {
    name: 'without block copy on local storage: the pre-check fails in three events with the same words',
    check: (cloud) =>
      withServer(cloud, 'storage', 'quiet', async (id) => {
        const order = await act(cloud, id, moveTo(cloud.target, false))
        expect(order.status).toBe(202)
        expect(await ended(cloud, id)).toMatchObject({ status: 'error', dest_compute: null })
        await settled(cloud, id, 'ACTIVE')
        const action = await actionOf(cloud, id, order)
        const said = `${cloud.source} is not on shared storage: Shared storage live-migration requires either shared storage or boot-from-volume with no local disks.`
        expect(action.events.map((event: any) => [event.event, event.result, event.details, event.host])).toEqual([
          ['compute_check_can_live_migrate_source', 'Error', said, cloud.source],
          ['compute_check_can_live_migrate_destination', 'Error', said, cloud.target],
          ['conductor_live_migrate_instance', 'Error', said, 'controller'],
        ])
      }),
  },
  {
    name: 'below 2.34 a failed pre-check is said at once',
    check: (cloud) =>
      withServer(cloud, 'sync', 'quiet', async (id) => {
        const { status, body } = await act(cloud, id, moveTo(cloud.target, false), { version: '2.33' })
        expect(status).toBe(400)
        expect(body.badRequest.message).toMatch(/is not on shared storage/)
        await settled(cloud, id, 'ACTIVE')
      }),
  },
  {
    name: 'while it runs: byte counts, one at a time, an abort that leaves the server where it was',
    check: (cloud) =>
      withServer(cloud, 'abort', 'restless', async (id) => {
        const order = await act(cloud, id, moveTo(cloud.target))
        expect(order.status).toBe(202)
        const mine = await untilRunning(cloud, id)
        expect(Object.keys(mine).sort()).toEqual([...runningKeys, 'project_id', 'user_id', 'uuid'].sort())
        expect(Object.keys((await running(cloud, id, '2.23'))[0]).sort()).toEqual(runningKeys)
        expect(await serverNow(cloud, id)).toMatchObject({
          status: 'MIGRATING',
          'OS-EXT-STS:task_state': 'migrating',
          'OS-EXT-STS:vm_state': 'active',
        })
        expect(message(await act(cloud, id, moveTo(cloud.target)))).toEqual([
          409,
          `Cannot 'os-migrateLive' instance ${id} while it is in task_state migrating`,
        ])
        expect(message(await act(cloud, id, { reboot: { type: 'SOFT' } }))).toEqual([
          409,
          `Cannot 'reboot' instance ${id} while it is in task_state migrating`,
        ])
        const [record] = await records(cloud, id)
        expect(Object.keys(record).sort()).toEqual([...recordKeys, 'links'].sort())

        const counted = await until(cloud, 'the byte counts are there', async () => {
          const shown = (await compute(cloud, `/servers/${id}/migrations/${mine.id}`)).body.migration
          // null at first, and 0 when Nova looked before QEMU had begun
          return shown.memory_total_bytes ? shown : undefined
        })
        expect(counted.memory_total_bytes).toBeGreaterThan(0)
        expect(counted.memory_remaining_bytes).toBeLessThanOrEqual(counted.memory_total_bytes)
        expect(counted.disk_processed_bytes + counted.disk_remaining_bytes).toBe(counted.disk_total_bytes)

        const path = `/servers/${id}/migrations`
        expect(message(await compute(cloud, `${path}/999999`, { method: 'DELETE' }))).toEqual([
          404,
          `Migration 999999 not found for instance ${id}`,
        ])
        const abort = await compute(cloud, `${path}/${mine.id}`, { method: 'DELETE' })
        expect(abort.status).toBe(202)
        expect(['cancelled', 'failed']).toContain((await ended(cloud, id)).status)
        expect(hostOf(await settled(cloud, id, 'ACTIVE'))).toBe(cloud.source)
        expect(await actionOf(cloud, id, abort)).toMatchObject({
          action: 'live_migration_cancel',
          message: null,
          events: [{ event: 'compute_live_migration_abort', result: 'Success' }],
        })
        // Nothing in the migration's own action says that it did not end well.
        expect(await actionOf(cloud, id, order)).toMatchObject({ action: 'live-migration', message: null })
        // The target is told last, and does it in its own time.
        await until(cloud, 'the target has been cleared', async () =>
          eventNames(await actionOf(cloud, id, order))[0] === 'compute_rollback_live_migration_at_destination' ? true : undefined,
        )
        expect(message(await compute(cloud, `${path}/${mine.id}`, { method: 'DELETE' }))).toEqual([
          409,
          `Instance ${id} is in an invalid state for 'abort live migration'`,
        ])
        expect(
          message(await compute(cloud, `${path}/${mine.id}/action`, { method: 'POST', body: { force_complete: null } })),
        ).toEqual([409, `Instance ${id} is in an invalid state for 'force_complete'`])
      }),
  },
  {
    name: 'force_complete pauses the guest and brings it over',
    check: (cloud) =>
      withServer(cloud, 'force', 'restless', async (id) => {
        await act(cloud, id, moveTo(cloud.target))
        const mine = await untilRunning(cloud, id)
        await until(cloud, 'the byte counts are there', async () =>
          (await running(cloud, id))[0]?.memory_total_bytes === null ? undefined : true,
        )
        const force = await compute(cloud, `/servers/${id}/migrations/${mine.id}/action`, {
          method: 'POST',
          body: { force_complete: null },
        })
        expect(force.status).toBe(202)
        const name = (await serverNow(cloud, id))['OS-EXT-SRV-ATTR:instance_name']
        await until(cloud, 'the guest is paused, or over', async () => {
          const state = (await cloud.run(cloud.source, `virsh domstate ${name}`)).stdout.trim()
          return state === 'running' ? undefined : true
        })
        expect((await ended(cloud, id)).status).toBe('completed')
        expect(hostOf(await settled(cloud, id, 'ACTIVE'))).toBe(cloud.target)
        expect((await cloud.run(cloud.target, `virsh domstate ${name}`)).stdout).toBe('running\n\n')
        expect(await actionOf(cloud, id, force)).toMatchObject({
          action: 'live_migration_force_complete',
          message: null,
          events: [{ event: 'compute_live_migration_force_complete', result: 'Success' }],
        })
      }),
  },
  {
    name: 'a source runs one at a time: the second is queued, and can be taken out of the queue',
    check: (cloud) =>
      withServer(cloud, 'first', 'restless', (first) =>
        withServer(cloud, 'second', 'quiet', async (second) => {
          await act(cloud, first, moveTo(cloud.target))
          const mine = await untilRunning(cloud, first)
          await act(cloud, second, moveTo(cloud.target))
          const waiting = await until(cloud, 'the second is queued', async () =>
            (await running(cloud, second)).find((migration) => migration.status === 'queued'),
          )
          expect(
            message(await compute(cloud, `/servers/${second}/migrations/${waiting.id}`, { method: 'DELETE', version: '2.64' })),
          ).toEqual([
            400,
            `Migration ${waiting.id} state of instance ${second} is queued. Cannot abort live migration while the migration is in this state.`,
          ])
          expect((await compute(cloud, `/servers/${second}/migrations/${waiting.id}`, { method: 'DELETE' })).status).toBe(202)
          expect((await ended(cloud, second)).status).toBe('cancelled')
          expect(hostOf(await settled(cloud, second, 'ACTIVE'))).toBe(cloud.source)
          await compute(cloud, `/servers/${first}/migrations/${mine.id}`, { method: 'DELETE' })
          await ended(cloud, first)
        }),
      ),
  },
  {
    name: 'a stopped server has no console and cannot be live-migrated; started, it has booted once more',
    check: (cloud) =>
      withServer(cloud, 'stopped', 'quiet', async (id) => {
        const before = await consoleOf(cloud, id)
        expect((await act(cloud, id, { 'os-stop': null })).status).toBe(202)
        await settled(cloud, id, 'SHUTOFF')
        expect(message(await act(cloud, id, moveTo(cloud.target)))).toEqual([
          409,
          `Cannot 'os-migrateLive' instance ${id} while it is in vm_state stopped`,
        ])
        expect(message(await act(cloud, id, { 'os-getConsoleOutput': { length: 1 } }))).toEqual([
          404,
          'Guest does not have a console available.',
        ])
        expect((await act(cloud, id, { 'os-start': null })).status).toBe(202)
        await settled(cloud, id, 'ACTIVE')
        expect(Number.parseInt((await consoleOf(cloud, id))?.boot ?? '', 16)).toBe(Number.parseInt(before?.boot ?? '', 16) + 1)
      }),
  },
  {
    name: 'a cold migration waits for its confirmation',
    check: (cloud) =>
      withServer(cloud, 'cold', 'quiet', async (id) => {
        expect(message(await act(cloud, id, { migrate: { host: cloud.source } }))).toEqual([
          400,
          'Cannot migrate to the host where the server exists.',
        ])
        expect((await act(cloud, id, { migrate: { host: cloud.target } })).status).toBe(202)
        await settled(cloud, id, 'VERIFY_RESIZE')
        expect((await records(cloud, id))[0]).toMatchObject({
          status: 'finished',
          migration_type: 'migration',
          source_compute: cloud.source,
          dest_compute: cloud.target,
        })
        expect((await act(cloud, id, { confirmResize: null })).status).toBe(204)
        expect(hostOf(await settled(cloud, id, 'ACTIVE'))).toBe(cloud.target)
        expect((await records(cloud, id))[0].status).toBe('confirmed')
      }),
  },
]
