/** The real cloud itself: whole machines, up twice, down, smoke tests, the view of a user. */
import { beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { up, type RealCloud } from './cloud.ts'
import { ApiError } from './client.ts'
import { computes, hosts } from './layout.ts'
import { progressOn } from './progress.ts'
import { finish, until } from './program.ts'
import { smoke } from './smoke.ts'

let cloud: RealCloud

beforeAll(async () => {
  cloud = await up()
})
beforeEach(async () => {
  await cloud.mend()
  await cloud.removeAll()
})

test('the hosts are whole systemd machines without a failed unit', async () => {
  for (const host of hosts) {
    expect((await cloud.exec(host, ['hostname'])).stdout).toBe(`${host}\n`)
    expect(await cloud.exec(host, ['systemctl', 'is-system-running', '--wait'])).toMatchObject({ stdout: 'running\n' })
  }
})

test('up is idempotent: a second time nothing is started again', async () => {
  const bootId = () =>
    Promise.all(
      hosts.map(async (host) => (await cloud.exec(host, ['systemctl', 'show', '-P', 'UserspaceTimestampMonotonic'])).stdout),
    )
  const before = await bootId()
  await up()
  expect(await bootId()).toEqual(before)
})

describe('logins', () => {
  const ssh = (host: string, user = 'root', known = cloud.knownHosts) =>
    finish([
      'ssh',
      '-F',
      'none',
      '-i',
      cloud.key,
      '-o',
      `UserKnownHostsFile=${known}`,
      '-o',
      'GlobalKnownHostsFile=none',
      '-o',
      'StrictHostKeyChecking=yes',
      '-o',
      'BatchMode=yes',
      `${user}@${host}`,
      'id -un; sudo -n id -un',
    ])

  test('root and an operator with sudo, with the host key verified', async () => {
    for (const host of hosts) {
      expect(await ssh(cloud.addresses[host])).toMatchObject({ code: 0, stdout: 'root\nroot\n' })
      expect(await ssh(cloud.addresses[host], 'ops')).toMatchObject({ code: 0, stdout: 'ops\nroot\n' })
    }
  })

  test('without its known_hosts a host is refused', async () => {
    expect(await ssh(cloud.addresses.compute14, 'root', '/dev/null')).toMatchObject({ code: 255 })
  })

  test('the hosts know each other, root and nova log in among the computes', async () => {
    for (const user of ['root', 'nova'])
      expect(
        await cloud.exec('compute14', ['runuser', '-u', user, '--', 'ssh', '-o', 'BatchMode=yes', 'compute15', 'hostname']),
      ).toMatchObject({ stdout: 'compute15\n' })
  })
})

test('the smoke check: boot, live there and back, the counter goes on, cold', async () => {
  await smoke(cloud, progressOn(process.stderr))
})

test('a user without the admin role sees its project only and moves nothing', async () => {
  const { id } = await cloud.boot({ name: 'not-yours' })
  const demo = await cloud.api('demo')
  expect(await demo.get('compute', '/servers')).toMatchObject({ servers: [] })
  await expect(demo.get('compute', `/servers/${id}`)).rejects.toBeInstanceOf(ApiError)
  await expect(demo.get('compute', '/os-services')).rejects.toMatchObject({ status: 403 })
})

test('a cut network between two hosts is silent, leaves other ways alone, and is mended', async () => {
  const reaches = async (from: string, to: string) => (await cloud.exec(from, ['ping', '-c', '1', '-W', '1', to])).code === 0
  await cloud.cut('compute14', 'compute15')
  expect(await reaches('compute14', 'compute15')).toBe(false)
  expect(await reaches('compute15', 'compute14')).toBe(false)
  expect(await reaches('compute14', 'controller')).toBe(true)
  await cloud.mend()
  expect(await reaches('compute14', 'compute15')).toBe(true)
  await cloud.unplugHost('compute15')
  expect(await reaches('controller', 'compute15')).toBe(false)
  expect(await reaches('controller', 'compute14')).toBe(true)
  await cloud.mend()
  expect(await until('compute15 is back', 10, () => reaches('controller', 'compute15'))).toBe(true)
})

test('pretended compute hosts come and go', async () => {
  const computesOf = async () => {
    const { services } = await (await cloud.api()).get('compute', '/os-services?binary=nova-compute')
    return services.map(({ host }: { host: string }) => host).sort()
  }
  await cloud.fakes(2)
  expect(await computesOf()).toEqual([...computes, 'fake01', 'fake02'])
  await cloud.fakes(0)
  expect(await computesOf()).toEqual([...computes])
})
