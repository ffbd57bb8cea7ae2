/** Each cause that the pre-flight must find, brought about on the real cloud. */
import { beforeAll, beforeEach, expect, test } from 'vitest'
import { up, type RealCloud } from '../cloud/real/cloud.ts'
import { migrationsOf, whereItRuns } from '../cloud/real/observe.ts'
import { operator, step, type Operator } from '../cloud/real/operator.ts'
import { until } from '../cloud/real/program.ts'

/** Everything here is really so on the hosts, and the playbook must find it before it moves anything. */
let cloud: RealCloud
let someone: Operator
let id: string

beforeAll(async () => {
  cloud = await up()
  await cloud.mend()
  await cloud.removeAll()
  id = (await cloud.boot({ name: 'web-1', host: 'compute14' })).id
})
beforeEach(async () => {
  someone = await operator(cloud)
})

const shell = async (host: string, script: string): Promise<string> => {
  const { code, stdout, stderr } = await cloud.exec(host, ['sh', '-euc', script])
  if (code !== 0) throw new Error(`${host}: ${stderr}`)
  return stdout
}

const service = async (host: string): Promise<any> =>
  (await (await cloud.api()).get('compute', `/os-services?binary=nova-compute&host=${host}`)).services[0]

const serviceIs = (host: string, state: string) =>
  until(`nova-compute on ${host} is ${state}`, 120, async () => (await service(host)).state === state, 500)

/** It is up for a minute after it has ended, too; its first report comes when it has told placement what there is, and serves. */
const restartNovaCompute = async (host: string) => {
  await shell(host, 'systemctl restart nova-compute')
  const since = new Date().toISOString().replace('Z', '')
  await until(`nova-compute on ${host} reports anew`, 120, async () => (await service(host)).updated_at > since, 500)
}

/** The lines of the report that stand against the move. The run must have failed by them and moved nothing. */
const against = async (params: Readonly<Record<string, string>>, who = someone): Promise<readonly any[]> => {
  const told = await who.migrate(params).ended
  expect(told.code).toBe(1)
  const { outcome, failure } = step(told, 'migration_preflight')
  expect(outcome).toBe('failed')
  expect(failure?.what).toMatch(/^Pre-flight: .*; nothing was moved$/)
  expect(told.events.filter((event) => event.type === 'apply-started')).toEqual([])
  expect(await migrationsOf(cloud, id)).toEqual([])
  expect(await whereItRuns(cloud, id)).toEqual(['compute14'])
  return ((failure?.data?.['checks'] ?? []) as any[]).filter(({ level }) => level !== 'ok')
}
const toCompute15 = { servers: 'web-1', target: 'compute15' }

test('nothing is in the way', async () => {
  const told = await someone.plan(toCompute15).ended
  expect(told.code).toBe(0)
  const { summary, checks } = step(told, 'migration_preflight').result as any
  expect(summary).toMatchObject({ blocks: 0, warns: 0 })
  // what is looked at on the hosts was seen, not passed over
  const seen = checks.map(({ check }: any) => check)
  expect(seen).toEqual(
    expect.arrayContaining(['host_access', 'storage', 'disk_space', 'cpu', 'listener', 'port', 'clock', 'host_uuid']),
  )
})

test('the target is down', async () => {
  await shell('compute15', 'systemctl stop nova-compute')
  try {
    await serviceIs('compute15', 'down')
    expect(await against(toCompute15)).toContainEqual(
      expect.objectContaining({
        check: 'services',
        level: 'BLOCK',
        subject: 'compute15',
        evidence: expect.stringMatching(/nova-compute is down/),
      }),
    )
  } finally {
    await shell('compute15', 'systemctl start nova-compute')
    await serviceIs('compute15', 'up')
  }
})

test('the target is disabled', async () => {
  const api = await cloud.api()
  const path = `/os-services/${(await service('compute15')).id}`
  await api.put('compute', path, { status: 'disabled', disabled_reason: 'new disks' })
  try {
    expect(await against(toCompute15)).toContainEqual(
      expect.objectContaining({
        check: 'services',
        level: 'BLOCK',
        subject: 'compute15',
        evidence: expect.stringMatching(/disabled \(new disks\)/),
      }),
    )
  } finally {
    await api.put('compute', path, { status: 'enabled' })
  }
})

test('source and target are the same host', async () => {
  expect(await against({ source: 'compute14', target: 'compute14' })).toMatchObject([
    { check: 'source', level: 'BLOCK', evidence: 'source and target are the same host' },
  ])
})

test('the target has neither memory nor disk left', async () => {
  const api = await cloud.api()
  const { resource_providers: providers } = await api.get('placement', '/resource_providers?name=compute15')
  const of = async (what: string) => (await api.get('placement', `/resource_providers/${providers[0].uuid}/${what}`))[what]
  // Servers of earlier tests release their room after they are gone.
  await expect.poll(() => of('usages'), { timeout: 60_000 }).toMatchObject({ MEMORY_MB: 0, DISK_GB: 0, VCPU: 0 })
  const [inventories, usages] = [await of('inventories'), await of('usages')]
  const free = (name: string) => {
    const { total, reserved, allocation_ratio: ratio } = inventories[name]
    return Math.floor((total - reserved) * ratio) - usages[name]
  }
  // two fill the host, as Placement lets none have more memory than the machine has; QEMU takes only what a guest writes
  const ram = Math.floor(free('MEMORY_MB') / 2)
  const shapes = [
    { name: 'fills-1', ram, vcpus: 1, disk: free('DISK_GB') },
    { name: 'fills-2', ram, vcpus: 1, disk: 0 },
  ]
  try {
    for (const flavor of shapes) await api.post('compute', '/flavors', { flavor: { id: flavor.name, ...flavor } })
    await Promise.all(shapes.map(({ name }) => cloud.boot({ name, flavor: name, host: 'compute15' })))
    const found = await against(toCompute15)
    expect(found).toContainEqual(
      expect.objectContaining({
        check: 'memory',
        level: 'BLOCK',
        evidence: expect.stringMatching(/needs 64.0 MiB; [01].* of .* are free/),
      }),
    )
    expect(found).toContainEqual(
      expect.objectContaining({
        check: 'disk_allocation',
        level: 'BLOCK',
        evidence: expect.stringMatching(/needs 1.0 GiB of disk; 0 B of disk of/),
      }),
    )
  } finally {
    const { servers } = await api.get('compute', '/servers?name=fills')
    for (const server of servers) await cloud.remove(server.id)
    for (const { name } of shapes) await api.remove('compute', `/flavors/${name}`)
  }
})

test('the file system of the target’s instances is too small', async () => {
  // nova-compute keeps what it has open; new files go to the small one
  await shell('compute15', 'mount -t tmpfs -o size=1M,uid=64060,gid=64060 small /var/lib/nova/instances')
  try {
    expect(await against(toCompute15)).toContainEqual(
      expect.objectContaining({ check: 'disk_space', level: 'BLOCK', subject: 'compute15' }),
    )
  } finally {
    await shell('compute15', 'umount /var/lib/nova/instances')
  }
})

test('the server is stopped', async () => {
  const api = await cloud.api()
  await api.post('compute', `/servers/${id}/action`, { 'os-stop': null })
  try {
    await cloud.waitFor(id, { status: 'SHUTOFF' })
    const told = await someone.migrate(toCompute15).ended
    expect(told.code).toBe(1)
    expect(step(told, 'migration_preflight').failure?.data).toMatchObject({
      checks: expect.arrayContaining([
        { check: 'state', level: 'BLOCK', subject: 'web-1', evidence: 'it is SHUTOFF', help: 'start it, or move it cold' },
      ]),
    })
    expect(await migrationsOf(cloud, id)).toEqual([])
  } finally {
    await api.post('compute', `/servers/${id}/action`, { 'os-start': null })
    await cloud.waitFor(id, { status: 'ACTIVE' })
  }
})

test('the server is locked: a warning that can be accepted', async () => {
  const api = await cloud.api()
  await api.post('compute', `/servers/${id}/action`, { lock: { locked_reason: 'audit' } })
  try {
    expect(await against(toCompute15)).toMatchObject([{ check: 'lock', level: 'WARN', subject: 'web-1' }])
    const planned = await someone.plan({ ...toCompute15, accept: 'lock' }).ended
    expect(planned.code).toBe(0)
  } finally {
    await api.post('compute', `/servers/${id}/action`, { unlock: null })
  }
})

test('the target’s CPU lacks what the guest was given', async () => {
  // an emulated CPU is QEMU's own: another QEMU on the target is another CPU there
  await shell('compute14', "sed -i.kept 's/^cpu_mode = none/cpu_mode = host-model/' /etc/nova/nova-compute.conf")
  await restartNovaCompute('compute14')
  try {
    const { id: picky } = await cloud.boot({ name: 'picky', host: 'compute14' })
    try {
      const move = { servers: 'picky', target: 'compute15' }
      expect((await someone.plan(move).ended).code).toBe(0)
      const qemu = '/usr/bin/qemu-system-x86_64'
      await shell(
        'compute15',
        `mv ${qemu} ${qemu}.kept
        printf '#!/bin/sh\\nexec ${qemu}.kept -global x86_64-cpu.pku=off "$@"\\n' > ${qemu}
        chmod 755 ${qemu}; systemctl restart libvirtd`,
      )
      try {
        expect(await against(move)).toContainEqual(
          expect.objectContaining({
            check: 'cpu',
            level: 'BLOCK',
            subject: 'picky',
            evidence: expect.stringMatching(/^libvirt on compute15: .*incompatible/),
          }),
        )
      } finally {
        await shell('compute15', `mv ${qemu}.kept ${qemu}; systemctl restart libvirtd`)
        await serviceIsEnabled('compute15')
      }
    } finally {
      await cloud.remove(picky)
    }
  } finally {
    await shell('compute14', 'mv /etc/nova/nova-compute.conf.kept /etc/nova/nova-compute.conf')
    await restartNovaCompute('compute14')
  }
})

test('libvirtd on the target does not listen', async () => {
  await shell('compute15', "sed -i.kept '/--listen/d' /etc/default/libvirtd; systemctl restart libvirtd")
  try {
    const found = await against(toCompute15)
    expect(found).toContainEqual(
      expect.objectContaining({
        check: 'listener',
        level: 'BLOCK',
        subject: 'compute15',
        evidence: 'nothing listens on port 16509',
      }),
    )
    expect(found).toContainEqual(
      expect.objectContaining({
        check: 'port',
        level: 'BLOCK',
        evidence: expect.stringMatching(/cannot connect to 10\.78\.0\.15:16509/),
      }),
    )
  } finally {
    await shell('compute15', 'mv /etc/default/libvirtd.kept /etc/default/libvirtd; systemctl restart libvirtd')
    await serviceIsEnabled('compute15')
  }
})

/** Nova disables a host by itself when libvirtd goes away, and enables it when it is back. */
const serviceIsEnabled = (host: string) =>
  until(`${host} is enabled`, 120, async () => (await service(host)).status === 'enabled', 500)

test.each([
  ['refuses', 'prohibit'],
  ['drops', 'blackhole'],
])('something between the hosts %s connections to the port', async (_, verdict) => {
  // the answer of the target to whoever connects has no way back; all else has
  const rule = `pref 10 to ${cloud.addresses.compute14} ipproto tcp sport 16509 ${verdict}`
  await shell('compute15', `ip rule add ${rule}`)
  try {
    const found = await against(toCompute15)
    expect(found).toMatchObject([
      {
        check: 'port',
        level: 'BLOCK',
        subject: 'compute14 → compute15',
        help: expect.stringMatching(/let the firewall pass compute14 to 10\.78\.0\.15:16509/),
      },
    ])
  } finally {
    await shell('compute15', `ip rule del ${rule}`)
  }
})

test('a user without the admin role may not', async () => {
  const { id: own } = await cloud.boot({ name: 'of-demo', user: 'demo' })
  try {
    const told = await (await operator(cloud, 'demo')).migrate({ servers: 'of-demo', target: 'compute15' }).ended
    expect(told.code).toBe(1)
    const { failure } = step(told, 'migration_preflight')
    expect(failure?.data).toMatchObject({
      checks: expect.arrayContaining([
        expect.objectContaining({
          check: 'permission',
          level: 'BLOCK',
          subject: 'demo',
          help: 'use credentials with the admin role',
        }),
      ]),
    })
    expect(await migrationsOf(cloud, own)).toEqual([])
  } finally {
    await cloud.remove(own)
  }
})
