/** `live_migration` on the simulated cloud: moves, joins, failures, interruption. */
import { describe, expect, test } from 'vitest'
import liveMigration from '../../modules/live_migration.ts'
import { behavesLikeAModule } from '../contracts/module.ts'
import { apply, check, cloudTarget, failureOf, filled, targetOf, type CloudTarget } from '../doubles/cloud-target.ts'
import { onServer } from '../doubles/address.ts'

const web = { name: 'web-1', ram: 1024, residentMemory: 512, dirtyRate: 1, allocatedDisk: 256 } as const
/** Changes memory faster than the link sends it: pre-copy never ends. */
const busy = { name: 'db-2', ram: 4096, residentMemory: 4096, dirtyRate: 900, allocatedDisk: 16 } as const

const cloud = (more: Parameters<typeof cloudTarget>[0] = {}, options?: Parameters<typeof cloudTarget>[1]) =>
  cloudTarget({ speed: 50, servers: [web, busy], nova: { statsInterval: 1 }, ...more }, options)

behavesLikeAModule(
  liveMigration,
  { name: 'to a named host', params: filled(liveMigration, { server: 'web-1', target: 'compute15' }), target: cloud },
  {
    name: 'wherever the scheduler likes',
    params: filled(liveMigration, { server: 'web-1', source: 'compute14' }),
    target: cloud,
  },
  {
    name: 'a paused server',
    params: filled(liveMigration, { server: 'p', target: 'compute15' }),
    target: () => cloud({ servers: [{ ...web, name: 'p', status: 'PAUSED' }] }),
  },
)

const where = ({ simulated }: CloudTarget, name = 'web-1') => {
  const { host, vmState, taskState } = simulated.server(name)
  return { host, vmState, taskState }
}
const asBefore = { host: 'compute14', vmState: 'active', taskState: undefined }

/** Runs apply after a check, so that the world can change in between. */
const applying = async (target: CloudTarget, params: Record<string, unknown>) => {
  const given = filled(liveMigration, params)
  const diff = await liveMigration.check(given, target)
  return liveMigration.apply!(given, diff, target)
}

const until = async ({ simulated }: CloudTarget, condition: () => boolean): Promise<void> => {
  while (!condition()) await simulated.clock.sleep(0.1)
}
const status = ({ simulated }: CloudTarget, name: string): string | undefined => simulated.migrations(name).at(-1)?.status

describe('a move', () => {
  test('returns what happened, and shows how it gets on', async () => {
    const target = await cloud({ servers: [{ ...web, ram: 16384, residentMemory: 12000 }] })
    const result = await apply(liveMigration, { server: 'web-1', target: 'compute15' }, target)
    const { id } = target.simulated.server('web-1')
    expect(result).toEqual({
      server_id: id,
      server: 'web-1',
      from: 'compute14',
      to: 'compute15',
      migration_id: 1,
      seconds: expect.any(Number),
      memory_bytes: expect.any(Number),
      disk_bytes: 256 * 1024 ** 2,
      forced: false,
    })
    expect(result['memory_bytes']).toBeGreaterThan(1024 ** 3)
    const shown = target.progressed.filter(({ total }) => total > 0)
    expect(shown.length).toBeGreaterThan(1)
    for (const { done, total, unit } of shown) {
      expect(unit).toBe('bytes')
      expect(done).toBeLessThanOrEqual(total)
    }
    expect(shown.map(({ note }) => note).join('\n')).toMatch(/MiB\/s, .* left, ETA /)
  })

  test('looks often at a short move, and seldom at a long one', async () => {
    const target = await cloud({ servers: [{ ...web, ram: 49152, residentMemory: 40000 }] })
    await apply(liveMigration, { server: 'web-1', target: 'compute15' }, target)
    expect(target.slept[0]).toBe(0.5)
    expect(Math.max(...target.slept)).toBe(5)
    expect(target.slept.toSorted((a, b) => a - b).at(-1)).toBeLessThanOrEqual(5)
  })

  test('by the scheduler goes wherever there is room', async () => {
    const target = await cloud({ computes: 3, hosts: { compute15: { disabled: true } } })
    expect(await apply(liveMigration, { server: 'web-1' }, target)).toMatchObject({ from: 'compute14', to: 'compute16' })
  })

  test('leaves other servers of that name pattern alone', async () => {
    const target = await cloud({ servers: [web, { ...web, name: 'web-11' }] })
    await apply(liveMigration, { server: 'web-1', target: 'compute15' }, target)
    expect(where(target, 'web-11')).toEqual(asBefore)
  })
})

test('only away from wherever it is, nothing tells whether that has been done', async () => {
  const target = await cloud()
  expect(await check(liveMigration, { server: 'web-1' }, target)).toMatchObject({ undetectable: true })
  for (const more of [{ source: 'compute14' }, { target: 'compute15' }])
    expect(await check(liveMigration, { server: 'web-1', ...more }, target)).not.toHaveProperty('undetectable')
})

describe('nothing to do', () => {
  test('on the target already: the result has the same keys as a move', async () => {
    const target = await cloud()
    const moved = await apply(liveMigration, { server: 'web-1', target: 'compute15' }, target)
    const again = await check(liveMigration, { server: 'web-1', target: 'compute15' }, target)
    expect(again.changes).toEqual([])
    expect(Object.keys(again.result!)).toEqual(expect.arrayContaining(Object.keys(moved)))
    expect(again.result).toMatchObject({ from: 'compute15', to: 'compute15', migration_id: null, seconds: 0 })
    const left = await check(liveMigration, { server: 'web-1', source: 'compute14', target: 'compute15' }, target)
    expect(left.result).toMatchObject({ from: 'compute14', to: 'compute15' })
    expect(target.simulated.migrations('web-1')).toHaveLength(1)
  })

  test('by the scheduler, once it has left the source', async () => {
    const target = await cloud()
    await apply(liveMigration, { server: 'web-1', source: 'compute14' }, target)
    expect((await check(liveMigration, { server: 'web-1', source: 'compute14' }, target)).changes).toEqual([])
  })

  test('it arrived between check and apply: no second move', async () => {
    const target = await cloud()
    const params = filled(liveMigration, { server: 'web-1', target: 'compute15' })
    const diff = await liveMigration.check(params, target)
    await apply(liveMigration, { server: 'web-1', target: 'compute15' }, targetOf(target.simulated))
    expect(await liveMigration.apply!(params, diff, target)).toMatchObject({ to: 'compute15', migration_id: null })
    expect(target.simulated.migrations('web-1')).toHaveLength(1)
  })
})

describe('a migration that runs already', () => {
  const started = async (): Promise<CloudTarget> => {
    const target = await cloud({ servers: [{ ...web, ram: 32768, residentMemory: 30000 }] })
    const other = targetOf(target.simulated)
    await (
      await other.cloud()
    ).compute.liveMigrate(target.simulated.server('web-1').id, { host: 'compute15', blockMigration: 'auto' })
    await until(target, () => status(target, 'web-1') === 'running')
    return target
  }

  test('is joined, not started again', async () => {
    const target = await started()
    const diff = await check(liveMigration, { server: 'web-1', target: 'compute15' }, target)
    expect(diff.changes).toHaveLength(1)
    expect(diff.inFlight).toMatch(/^migration 1 to compute15 is running(, \d+ %)?$/)
    expect(await apply(liveMigration, { server: 'web-1', target: 'compute15' }, target)).toMatchObject({
      to: 'compute15',
      migration_id: 1,
    })
    expect(target.simulated.migrations('web-1')).toHaveLength(1)
  })

  test('is joined by whoever lets the scheduler choose', async () => {
    const target = await started()
    expect(await apply(liveMigration, { server: 'web-1' }, target)).toMatchObject({ to: 'compute15', migration_id: 1 })
  })

  test('to another host is an error, and goes on', async () => {
    const target = await started()
    const failure = await failureOf(check(liveMigration, { server: 'web-1', target: 'compute16' }, target))
    expect(failure.kind).toBe('refused')
    expect(failure.message).toBe('web-1 is being moved to compute15, not to compute16')
    expect(failure.help).toContain(`openstack server migration abort ${target.simulated.server('web-1').id} 1`)
    await until(target, () => status(target, 'web-1') === 'completed')
  })

  test('that somebody starts between check and apply is joined as well: Nova refuses a second one', async () => {
    const target = await cloud({ servers: [{ ...web, ram: 32768, residentMemory: 30000 }] })
    const { compute } = await target.cloud()
    const { id } = target.simulated.server('web-1')
    const params = filled(liveMigration, { server: 'web-1', target: 'compute15' })
    const diff = await liveMigration.check(params, target)
    await compute.liveMigrate(id, { host: 'compute15', blockMigration: 'auto' })
    expect(await liveMigration.apply!(params, diff, target)).toMatchObject({ to: 'compute15', migration_id: 1 })
    expect(target.simulated.migrations('web-1')).toHaveLength(1)
  })

  test('a request whose answer was lost is found again, not repeated', async () => {
    const target = await cloud({ servers: [{ ...web, ram: 32768, residentMemory: 30000 }] })
    const { id } = target.simulated.server('web-1')
    const real = await target.cloud()
    // The request arrives, its answer does not: what a load balancer does that is restarted at that moment.
    const { compute } = await targetOf(target.simulated).cloud()
    const lossy = {
      ...target,
      cloud: async () => ({
        ...real,
        compute: {
          ...real.compute,
          liveMigrate: async (...args: Parameters<typeof compute.liveMigrate>) => {
            await compute.liveMigrate(...args)
            const { Failure } = await import('../../runner/module.ts')
            throw new Failure('the connection was lost', { kind: 'unreachable' })
          },
        },
      }),
    }
    const params = filled(liveMigration, { server: id, target: 'compute15' })
    expect(await liveMigration.apply!(params, await liveMigration.check(params, lossy), lossy)).toMatchObject({
      to: 'compute15',
      migration_id: 1,
    })
    expect(target.simulated.migrations('web-1')).toHaveLength(1)
  })
})

describe('what Nova fails', () => {
  test.each([
    ['cpu', /No valid host was found|Unacceptable CPU info/, 'error'],
    ['destination-disk', /already exists, it is expected not to exist/, undefined],
    ['no-space', /./, 'failed'],
  ] as const)('%s: where the server is, why, and what to do', async (fault, why, ended) => {
    const target = await cloud()
    target.simulated.faults.liveMigration(fault)
    const failure = await failureOf(applying(target, { server: 'web-1', target: 'compute15' }))
    expect(failure.kind).toBe('failed')
    expect(failure.message).toBe('web-1 is ACTIVE on compute14, as before: Nova rolled the migration back')
    expect(failure.why).toMatch(why)
    expect(failure.why).toMatch(/migration 1, (error|failed)/)
    if (ended !== undefined) expect(failure.data).toMatchObject({ status: ended })
    expect(failure.data).toMatchObject({ migration_id: 1, host: 'compute14' })
    expect(failure.help).toBeTruthy()
    expect(where(target)).toEqual(asBefore)
  })

  test("what only the source's log says is fetched from there", async () => {
    const target = await cloud({ startHosts: true })
    target.simulated.faults.liveMigration('libvirt-down')
    const failure = await failureOf(applying(target, { server: 'web-1', target: 'compute15' }))
    expect(failure.why).toMatch(
      /^nova-compute\.log on compute14: ".*(unable to connect|Connection refused|No route).*" \(migration 1, failed\)$/s,
    )
    expect(failure.help).toMatch(/listen for migrations/)
  })

  test('where that host is not in the inventory, it is named', async () => {
    const target = await cloud({}, { hosts: [] })
    target.simulated.faults.liveMigration('libvirt-down')
    const failure = await failureOf(applying(target, { server: 'web-1', target: 'compute15' }))
    expect(failure.why).toBe('Nova recorded no reason (migration 1, failed); it is in the log of nova-compute on compute14')
  })

  test('a disabled target: accepted, and failed afterwards', async () => {
    const target = await cloud({ hosts: { compute15: { disabled: true } } })
    const failure = await failureOf(applying(target, { server: 'web-1', target: 'compute15' }))
    expect(failure.why).toMatch(/No valid host was found.*\(migration 1, error\)/s)
    expect(failure.help).toMatch(/pre-flight/)
    expect(where(target)).toEqual(asBefore)
  })

  test("the scheduler's NoValidHost is told", async () => {
    const target = await cloud({ computes: 1 })
    const failure = await failureOf(applying(target, { server: 'web-1' }))
    expect(failure.why).toMatch(/No valid host was found/)
  })

  test('completed, but the server is on its source: not believed', async () => {
    const target = await cloud()
    target.simulated.faults.liveMigration('completed-but-on-source')
    const failure = await failureOf(applying(target, { server: 'web-1', target: 'compute15' }))
    expect(failure.message).toBe('Nova says that the move of web-1 is completed, and also that web-1 is ACTIVE on compute14')
    expect(failure.why).toMatch(/migration 1, completed, from compute14 to compute15/)
    expect(failure.help).toMatch(/do not reboot, move or delete it/)
  })

  test('a server that ends in ERROR: nothing is done to it before somebody has looked', async () => {
    const target = await cloud()
    target.simulated.faults.liveMigration('server-error')
    const failure = await failureOf(applying(target, { server: 'web-1', target: 'compute15' }))
    expect(failure.message).toBe('web-1 is ERROR on compute14: its migration failed')
    expect(failure.help).toMatch(/find out where the guest runs/)
  })

  test('a 4xx of the request itself: nothing was started', async () => {
    const target = await cloud()
    const failure = await failureOf(applying(target, { server: 'web-1', target: 'compute99' }))
    expect(failure.message).toBe('Nova does not start a live migration of web-1, which stays on compute14')
    expect(failure.why).toMatch(/compute99/)
    expect(where(target)).toEqual(asBefore)
  })

  test('after a failed one, the next is a new one', async () => {
    const target = await cloud()
    target.simulated.faults.liveMigration('cpu', { times: 1 })
    await failureOf(applying(target, { server: 'web-1', target: 'compute15' }))
    expect(await apply(liveMigration, { server: 'web-1', target: 'compute15' }, target)).toMatchObject({
      migration_id: 2,
      to: 'compute15',
    })
  })
})

describe('the time limit', () => {
  test('abort: the server stays, and what was left is told', async () => {
    const target = await cloud()
    const failure = await failureOf(applying(target, { server: 'db-2', target: 'compute15', timeout: 40 }))
    expect(failure.kind).toBe('timeout')
    expect(failure.message).toBe(
      'db-2 is ACTIVE on compute14, as before: its migration did not finish within 40 s and was aborted',
    )
    expect(failure.why).toMatch(/^migration 1, cancelled; .* were left/)
    expect(where(target, 'db-2')).toEqual(asBefore)
  })

  test('abort, on a libvirt that makes Nova record it as failed', async () => {
    const target = await cloud({ nova: { statsInterval: 1, abortedStatus: 'failed' } })
    const failure = await failureOf(applying(target, { server: 'db-2', target: 'compute15', timeout: 20 }))
    expect(failure.message).toMatch(/did not finish within 20 s and was aborted$/)
    expect(failure.data).toMatchObject({ status: 'failed' })
  })

  test('a guest that changes memory faster than it is sent: will not converge', async () => {
    const target = await cloud()
    const failure = await failureOf(applying(target, { server: 'db-2', target: 'compute15', timeout: 120 }))
    expect(target.progressed.map(({ note }) => note).join('\n')).toMatch(/will not converge/)
    expect(failure.why).toMatch(/it did not get less/)
  })

  test('force_complete: it is on the target, and was forced', async () => {
    const target = await cloud()
    const result = await apply(
      liveMigration,
      { server: 'db-2', target: 'compute15', timeout: 20, on_timeout: 'force_complete' },
      target,
    )
    expect(result).toMatchObject({ to: 'compute15', forced: true })
    expect(target.progressed.map(({ note }) => note).join('\n')).toMatch(/forced to complete/)
  })

  test('force_complete by post-copy, which is not in the list of running migrations', async () => {
    const target = await cloud({ nova: { statsInterval: 1, permitPostCopy: true } })
    const result = await apply(
      liveMigration,
      { server: 'db-2', target: 'compute15', timeout: 20, on_timeout: 'force_complete' },
      target,
    )
    expect(result).toMatchObject({ to: 'compute15', forced: true })
  })

  test('force_complete that does not help: aborted in the end', async () => {
    const target = await cloud()
    target.simulated.faults.liveMigration('stalled')
    const failure = await failureOf(
      applying(target, { server: 'web-1', target: 'compute15', timeout: 20, on_timeout: 'force_complete' }),
    )
    expect(failure.kind).toBe('timeout')
    expect(where(target)).toEqual(asBefore)
  })

  test('leave: it goes on in Nova, and is joined by the next run', async () => {
    const target = await cloud({ servers: [{ ...web, ram: 61440, residentMemory: 60000 }] })
    const failure = await failureOf(applying(target, { server: 'web-1', target: 'compute15', timeout: 20, on_timeout: 'leave' }))
    expect(failure.kind).toBe('timeout')
    expect(failure.message).toMatch(/^web-1 is still on its way from compute14 to compute15 after 2\d s, and was left to Nova$/)
    expect(target.simulated.server('web-1').taskState).toBe('migrating')
    expect(await apply(liveMigration, { server: 'web-1', target: 'compute15' }, target)).toMatchObject({
      to: 'compute15',
      migration_id: 1,
    })
  })

  test("Nova's own limit comes first: told as what it is", async () => {
    const target = await cloud()
    target.simulated.faults.liveMigration('timeout')
    const failure = await failureOf(applying(target, { server: 'web-1', target: 'compute15' }))
    expect(failure.message).toBe('web-1 is ACTIVE on compute14, as before: Nova rolled the migration back')
    expect(failure.why).toMatch(/migration 1, (failed|cancelled)/)
  })

  test("time in Nova's queue does not count", async () => {
    const target = await cloud({ servers: [{ ...web, name: 'big', ram: 49152, residentMemory: 40000 }, web] })
    const other = targetOf(target.simulated)
    const first = apply(liveMigration, { server: 'big', target: 'compute15' }, other)
    await until(target, () => status(target, 'big') === 'running')
    const second = await apply(liveMigration, { server: 'web-1', target: 'compute15', timeout: 30 }, target)
    expect(second['seconds']).toBeGreaterThan(30)
    expect(target.progressed.some(({ note }) => note === 'queued')).toBe(true)
    expect(await first).toMatchObject({ to: 'compute15' })
  })

  test('a request that got lost inside Nova is given up, and said to be there still', async () => {
    const target = await cloud()
    target.simulated.faults.liveMigration('lost')
    const failure = await failureOf(applying(target, { server: 'web-1', target: 'compute15', timeout: 20 }))
    expect(failure.kind).toBe('timeout')
    expect(failure.message).toMatch(/Nova did not end it when asked to abort$/)
    expect(failure.why).toMatch(/^migration 1, accepted/)
  })
})

describe('stopping the run', () => {
  test('leaves the migration to Nova, and says so', async () => {
    const target = await cloud({ servers: [{ ...web, ram: 49152, residentMemory: 40000 }] })
    const stopped = failureOf(applying(target, { server: 'web-1', target: 'compute15' }))
    await until(target, () => status(target, 'web-1') === 'running')
    target.stop()
    const failure = await stopped
    expect(failure.kind).toBe('interrupted')
    expect(failure.message).toBe('web-1 is still being live-migrated by Nova from compute14 to compute15')
    expect(failure.why).toMatch(/^the run stopped watching; migration 1 is (queued|accepted|preparing|running)/)
    expect(failure.help).toMatch(/^run the same again to join it, or stop it: openstack server migration abort \S+ 1$/)
    await until(target, () => status(target, 'web-1') === 'completed')
    expect(where(target).host).toBe('compute15')
  })
})

describe('an API that fails meanwhile', () => {
  test('is waited for: the migration goes on without it', async () => {
    const target = await cloud({ servers: [{ ...web, ram: 32768, residentMemory: 30000 }] })
    const moved = apply(liveMigration, { server: 'web-1', target: 'compute15' }, target)
    await until(target, () => status(target, 'web-1') === 'running')
    const outage = target.simulated.faults.api({ service: 'nova', path: '/os-migrations', status: 500 })
    await until(target, () => outage.struck > 2)
    outage.off()
    expect(await moved).toMatchObject({ to: 'compute15' })
    expect(target.progressed.some(({ note }) => note?.includes('Nova does not answer'))).toBe(true)
  })
})

describe('servers that cannot be moved live', () => {
  test.each([[{ status: 'SHUTOFF' } as const, 'web-1 is SHUTOFF: only a running or paused server can be moved live', 'failed']])(
    '%j',
    async (more, message, kind) => {
      const target = await cloud({ servers: [{ ...web, ...more }] })
      const failure = await failureOf(check(liveMigration, { server: 'web-1', target: 'compute15' }, target))
      expect([failure.message, failure.kind]).toEqual([message, kind])
      expect(failure.help).toMatch(/this module does not stop servers/)
    },
  )

  test('busy with something else', async () => {
    const target = await cloud()
    target.simulated.server('web-1').taskState = 'rebooting'
    const failure = await failureOf(check(liveMigration, { server: 'web-1', target: 'compute15' }, target))
    expect(failure.message).toBe('web-1 is busy: its task is rebooting')
  })

  test('stuck in MIGRATING without any migration', async () => {
    const target = await cloud()
    target.simulated.server('web-1').taskState = 'migrating'
    const failure = await failureOf(check(liveMigration, { server: 'web-1', target: 'compute15' }, target))
    expect(failure.why).toBe('Nova has no record of its migration')
  })

  test('somewhere else than it should leave', async () => {
    const target = await cloud({ computes: 3 })
    const failure = await failureOf(check(liveMigration, { server: 'web-1', target: 'compute15', source: 'compute16' }, target))
    expect([failure.message, failure.kind]).toEqual(['web-1 is on compute14, not on compute16', 'refused'])
  })

  test('not there at all', async () => {
    const failure = await failureOf(check(liveMigration, { server: 'web-2', target: 'compute15' }, await cloud()))
    expect(failure.message).toBe('no server has the name or id `web-2`; did you mean `web-1`?')
  })
})

test('verify sees a server that moved on afterwards', async () => {
  const target = await cloud({ computes: 3 })
  const params = filled(liveMigration, { server: 'web-1', target: 'compute15' })
  const diff = await liveMigration.check(params, target)
  await liveMigration.apply!(params, diff, target)
  await apply(liveMigration, { server: 'web-1', target: 'compute16' }, target)
  expect(await liveMigration.verify!(params, diff, target)).toEqual([
    { ...onServer('web-1', 'host'), before: 'compute16', after: 'compute15' },
  ])
})
