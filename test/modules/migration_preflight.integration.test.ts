/** `migration_preflight` on the simulated cloud with real shells: its findings, and the moves it refuses. */
import { describe, expect, test } from 'vitest'
import migrationPreflight from '../../modules/migration_preflight.ts'
import { behavesLikeAModule } from '../contracts/module.ts'
import { check, cloudTarget, failureOf, filled, sharedCloud, targetOf, type CloudTarget } from '../doubles/cloud-target.ts'

const servers = [
  { name: 'web-1', host: 'compute14', ram: 1024 },
  { name: 'web-2', host: 'compute14', ram: 1024 },
  { name: 'old-1', host: 'compute14', status: 'SHUTOFF' },
  { name: 'there', host: 'compute15' },
] as const

// At the speed of the world: clocks are compared.
const given = { speed: 1, servers, startHosts: true } as const
const cloud = (more: Parameters<typeof cloudTarget>[0] = {}, options?: Parameters<typeof cloudTarget>[1]) =>
  cloudTarget({ ...given, ...more }, options)
const shared = sharedCloud(given)
const move = { servers: ['web-1', 'web-2'], target: 'compute15' }

behavesLikeAModule(
  migrationPreflight,
  { name: 'named servers', params: filled(migrationPreflight, move), target: shared },
  {
    name: 'all of a host',
    params: filled(migrationPreflight, { source: 'compute14', target: 'compute15', accept: ['not_running'] }),
    target: shared,
  },
)

interface Line {
  readonly check: string
  readonly level: string
  readonly subject: string
  readonly evidence: string
}
const loud = (lines: unknown): readonly string[] =>
  (lines as readonly Line[])
    .filter(({ level }) => level !== 'ok')
    .map(({ check, level, subject, evidence }) => `${level} ${check} ${subject}: ${evidence}`)

/** What stands against a move, as the failure has it. */
const against = async (params: Record<string, unknown>, target: CloudTarget): Promise<readonly string[]> =>
  loud((await failureOf(check(migrationPreflight, params, target))).data?.['checks'])

describe('hosts that fit each other', () => {
  test('every check passes, on the API and on both hosts', async () => {
    const target = shared()
    const { result, message, changes } = await check(migrationPreflight, move, target)
    expect(changes).toEqual([])
    expect(loud(result?.['checks'])).toEqual([])
    const names = new Set((result!['checks'] as readonly Line[]).map((line) => line.check))
    for (const name of [
      'permission',
      'memory',
      'host_access',
      'storage',
      'leftover',
      'disk_space',
      'cpu',
      'machine_type',
      'libvirt',
      'host_uuid',
      'listener',
      'port',
      'names',
      'clock',
    ])
      expect(names).toContain(name)
    expect(message).toMatch(/^2 servers to move to compute15\n {2}ok {5}permission · /)
    expect(result?.['summary']).toMatchObject({ blocks: 0, warns: 0, text: expect.stringMatching(/^\d\d checks pass$/) })
  })

  test('evidence is what was seen there', async () => {
    const target = shared()
    const { result } = await check(migrationPreflight, move, target)
    const evidence = (name: string) => (result!['checks'] as readonly Line[]).find((line) => line.check === name)?.evidence
    expect(evidence('disk_space')).toMatch(
      /^web-1, web-2 need \d+\.\d GiB.*; compute15 has \d+(\.\d)? GiB in \/var\/lib\/nova\/instances$/,
    )
    expect(evidence('storage')).toMatch(/^qcow2 in \/var\/lib\/nova\/instances \(.*\), local: disks are copied$/)
    expect(evidence('cpu')).toMatch(/^libvirt on compute15: /)
    expect(evidence('port')).toMatch(
      new RegExp(`^compute14 can connect to ${target.simulated.compute('compute15').address}:16509 \\(tcp\\)`),
    )
    expect(evidence('machine_type')).toMatch(/is known on compute15$/)
  })

  test('each host answers in a handful of requests', async () => {
    const target = shared()
    await check(migrationPreflight, move, target)
    expect(await target.requests('compute14')).toBeLessThanOrEqual(6)
    expect(await target.requests('compute15')).toBeLessThanOrEqual(6)
  })

  test('the servers come back with the host that they should leave', async () => {
    const { result } = await check(migrationPreflight, { servers: ['web-1', 'there'], target: 'compute15' }, shared())
    expect(result?.['servers']).toMatchObject([
      { name: 'there', host: 'compute15', from: 'compute15' },
      { name: 'web-1', host: 'compute14', from: 'compute14' },
    ])
  })
})

describe('all of a host', () => {
  test('servers that do not run are left behind, which must be accepted', async () => {
    const target = shared()
    expect(await against({ source: 'compute14', target: 'compute15' }, target)).toEqual([
      'WARN not_running 1 server: stays on compute14: old-1 (SHUTOFF)',
    ])
    const { result, warnings } = await check(
      migrationPreflight,
      { source: 'compute14', target: 'compute15', accept: ['not_running'] },
      target,
    )
    expect((result!['servers'] as readonly { name: string }[]).map(({ name }) => name).toSorted()).toEqual(['web-1', 'web-2'])
    expect(result?.['left']).toMatchObject([{ name: 'old-1' }])
    expect(warnings).toEqual(['not_running: 1 server: stays on compute14: old-1 (SHUTOFF) (accepted)'])
  })

  test('named one by one, a server that does not run stops the run, accepted or not', async () => {
    const target = shared()
    expect(await against({ servers: ['old-1'], target: 'compute15', accept: ['state', 'not_running'] }, target)).toContain(
      'BLOCK state old-1: it is SHUTOFF',
    )
  })

  test('an empty host: nothing to move, and no host is looked at', async () => {
    const target = await cloud({ servers: [], startHosts: false })
    const { result, message } = await check(migrationPreflight, { source: 'compute14', target: 'compute15' }, target)
    expect(message).toMatch(/^Nothing to move: no server is on compute14\n/)
    expect(result).toMatchObject({ servers: [], left: [] })
    expect(target.simulated.hosts['compute14']?.connections).toBe(0)
  })
})

test('a misspelt source blocks: it is no empty host', async () => {
  expect(await against({ source: 'compute41', target: 'compute15' }, shared())).toEqual([
    'BLOCK source compute41: no host of that name runs nova-compute; did you mean `compute14`?',
  ])
})

test('servers that are there already: nothing to move', async () => {
  const target = shared()
  const { message, result } = await check(migrationPreflight, { servers: ['there'], target: 'compute15' }, target)
  expect(message).toMatch(/^Nothing to move: 1 server is on compute15 already\n/)
  expect(result?.['servers']).toMatchObject([{ name: 'there' }])
})

describe('what it stops', () => {
  test('is reported with evidence and help, and kept as data', async () => {
    const target = await cloud({ servers: [{ ...servers[0], locked: true }], hosts: { compute15: { disabled: true } } })
    const failure = await failureOf(check(migrationPreflight, { servers: ['web-1'], target: 'compute15' }, target))
    expect(failure.kind).toBe('failed')
    expect(failure.message).toMatch(/^Pre-flight: 2 lines block, 1 warns; nothing was moved$/)
    expect(failure.why).toMatch(/^BLOCK {2}services +compute15: nova-compute is disabled/m)
    expect(failure.why).toMatch(/accept: \[lock\]/)
    expect(failure.help).toBe('resolve what blocks; then resolve the warnings, or accept them: [lock]')
    expect(failure.data).toMatchObject({ summary: { blocks: 2, warns: 1 } })
  })

  test('a name that does not exist, beside everything else', async () => {
    const target = shared()
    expect(await against({ servers: ['wbe-1', 'old-1'], target: 'compute15' }, target)).toEqual([
      'BLOCK parameters servers: no server has the name or id `wbe-1`; did you mean `web-1`?',
      'BLOCK state old-1: it is SHUTOFF',
    ])
  })

  test('nova-compute down on the target', async () => {
    const target = await cloud()
    target.simulated.serviceDown('compute15')
    expect((await against(move, target)).join('\n')).toMatch(/^BLOCK services compute15: nova-compute is down/m)
  })

  test('two hosts that do not reach each other', async () => {
    const target = await cloud()
    const host = await (await target.on('compute15')).run(['systemctl', 'stop', 'libvirtd'])
    expect(host.code).toBe(0)
    const found = (await against(move, target)).join('\n')
    expect(found).toMatch(/^BLOCK (listener|port) /m)
  })

  test('an older hypervisor, and a CPU that lacks something', async () => {
    const target = await cloud({ hosts: { compute15: { hypervisorVersion: 6002000, cpuFeatures: ['aes', 'sse'] } } })
    const found = (await against(move, target)).join('\n')
    expect(found).toMatch(/^BLOCK hypervisor compute14 → compute15: QEMU 7\.2\.22 → 6\.2\.0/m)
    expect(found).toMatch(/^BLOCK cpu web-1: libvirt on compute15: .*incompatible/m)
  })

  test('the memory of all together', async () => {
    const target = await cloud({ hosts: { compute15: { memory: 4608 } }, servers: [servers[0], { ...servers[1], ram: 3584 }] })
    expect((await against(move, target)).join('\n')).toMatch(
      /^BLOCK memory compute15: 2 servers need 4\.5 GiB; 4\.0 GiB of 4\.0 GiB are free$/m,
    )
  })

  test('a folder from an earlier move on the target', async () => {
    const target = await cloud()
    const { id } = target.simulated.server('web-1')
    await (await target.on('compute15')).run(['mkdir', `/var/lib/nova/instances/${id}`])
    expect((await against(move, target)).join('\n')).toMatch(
      new RegExp(`^BLOCK leftover web-1: /var/lib/nova/instances/${id} is on compute15 already`, 'm'),
    )
  })

  test('settings that differ', async () => {
    const target = await cloud()
    const host = await target.on('compute15')
    await host.run(['sh', '-c', "printf '[libvirt]\\nimages_type = rbd\\n' >> /etc/nova/nova-compute.conf"])
    expect((await against(move, target)).join('\n')).toMatch(
      /^BLOCK storage compute14 → compute15: images_type is qcow2 on compute14 and rbd on compute15/m,
    )
  })

  test('the same machine twice', async () => {
    const target = await cloud()
    const [source, other] = await Promise.all([target.on('compute14'), target.on('compute15')])
    await other.write('/etc/machine-id', (await source.read('/etc/machine-id'))!)
    expect((await against(move, target)).join('\n')).toMatch(/^BLOCK host_uuid /m)
  })

  test('a project user: what cannot be seen is not guessed', async () => {
    const found = await against(move, targetOf(shared().simulated, { as: 'demo-member' }))
    expect(found.map((line) => line.split(' ').slice(0, 2).join(' '))).toEqual(['BLOCK permission', 'BLOCK parameters'])
    expect(found[0]).toMatch(/^BLOCK permission alice: alice has the roles .* on project demo; .*403/)
  })
})

describe('shared storage', () => {
  test('is recognised without writing anything: no disk space is needed', async () => {
    const target = await cloud({ nova: { sharedStorage: true } })
    const { result } = await check(migrationPreflight, move, target)
    const lines = result?.['checks'] as readonly Line[]
    expect(lines.find((line) => line.check === 'storage')?.evidence).toMatch(/, shared$/)
    expect(lines.some((line) => line.check === 'disk_space')).toBe(false)
    expect(await against({ ...move, block_migration: true }, target)).toEqual(
      expect.arrayContaining([expect.stringMatching(/^BLOCK storage web-1: .*shared by both hosts/)]),
    )
  })
})

describe('hosts that are not reached', () => {
  test('not in the inventory: one warning each, and the checks of the API go on', async () => {
    const target = targetOf(shared().simulated, { hosts: ['compute14'] })
    expect(await against(move, target)).toEqual([
      'WARN host_access compute15: compute15 is not in the inventory: storage, disk space, CPU, ports and the like were not checked there',
    ])
    const { result } = await check(migrationPreflight, { ...move, accept: ['host_access'] }, target)
    expect(result?.['summary']).toMatchObject({ warns: 1, accepted: 1 })
  })

  test('down: the same, with the reason', async () => {
    const target = await cloud()
    await target.simulated.hosts['compute14']!.goDown()
    const [line] = await against(move, target)
    expect(line).toMatch(/^WARN host_access compute14: compute14: .*refused/i)
  })
})

describe("the scheduler's choice", () => {
  test('needs no target in the inventory', async () => {
    const { result, message } = await check(migrationPreflight, { servers: ['web-1'] }, await cloud({ computes: 3 }))
    expect(loud(result?.['checks'])).toEqual([])
    expect(message).toMatch(/^1 server to move\n/)
  })

  test('with nowhere to go', async () => {
    const target = await cloud({ computes: 1, servers: servers.filter(({ host }) => host === 'compute14') })
    expect((await against({ servers: ['web-1'] }, target)).join('\n')).toMatch(
      /^BLOCK services scheduler: no other compute host is up and enabled$/m,
    )
  })
})

describe('accept', () => {
  test('of a check that does not exist, with the nearest name', async () => {
    const failure = await failureOf(check(migrationPreflight, { ...move, accept: ['config-drive', 'zzz'] }, shared()))
    expect(failure.kind).toBe('input')
    expect(failure.message).toBe('accept: unknown check `config-drive` (did you mean `config_drive`?), `zzz`')
  })
})

test('neither servers nor a source', async () => {
  const failure = await failureOf(check(migrationPreflight, { target: 'compute15' }, shared()))
  expect([failure.kind, failure.message]).toEqual(['input', '`servers` and `source` are both missing'])
})

test('something that is no server', async () => {
  const failure = await failureOf(check(migrationPreflight, { servers: [{ name: 'x' }] }, shared()))
  expect(failure.message).toBe('{"name":"x"} is no server')
})

test('a migration that runs is joined, not blocked', async () => {
  const target = await cloud({ servers: [{ ...servers[0], ram: 32768, residentMemory: 30000 }] })
  const { compute } = await targetOf(target.simulated).cloud()
  await compute.liveMigrate(target.simulated.server('web-1').id, { host: 'compute15', blockMigration: 'auto' })
  while (target.simulated.migrations('web-1')[0]?.status !== 'running') await target.simulated.clock.sleep(0.1)
  const { result } = await check(migrationPreflight, { servers: ['web-1'], target: 'compute15' }, target)
  expect(loud(result?.['checks'])).toEqual([])
})
