import { readdir, readFile, readlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { expect, test } from 'vitest'
import { down, realCloud, up } from './cloud.ts'
import { hierarchiesIn } from './hosts.ts'
import { layoutOf } from './layout.ts'
import { run } from './program.ts'

const layout = layoutOf(process.env)
const lines = (text: string) => text.split('\n').filter(Boolean).sort()

/** All that a program can leave behind on a machine, as far as it can be listed. */
const machine = async () => {
  const mountinfo = await readFile('/proc/self/mountinfo', 'utf8')
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name))
  const of = (path: string) => Promise.all(pids.map((pid) => readlink(`/proc/${pid}/${path}`).catch(() => '')))
  const groups = await Promise.all(
    hierarchiesIn(mountinfo).map((path) => run(['find', path, '-type', 'd', '-name', 'runbook-*'])),
  )
  const folders = ['/boot', '/dev', '/etc', '/home', '/opt', '/root', '/run', '/srv', '/usr', '/var']
  // the cache, and the folders of the programs that run this test
  const others = [layout.root, '/root/.npm', '/root/.cache', '/var/tmp'].flatMap((path) => ['-path', path, '-prune', '-o'])
  return {
    mounts: mountinfo
      .split('\n')
      .map((line) => line.split(' ').slice(3, 5).join(' '))
      // The cloud has none there; whoever else is on the machine may mount something meanwhile.
      .filter((mount) => !mount.includes(` ${tmpdir()}/`))
      .sort(),
    interfaces: lines(await run(['ip', '-brief', 'link'])).map((line) => line.split(/\s+/)[0]),
    addresses: lines(await run(['ip', '-brief', 'address'])).map((line) => line.replace(/\s+/g, ' ')),
    routes: lines(await run(['ip', 'route', 'show', 'table', 'all'])),
    networkNamespaces: new Set((await of('ns/net')).filter(Boolean)).size,
    mountNamespaces: new Set((await of('ns/mnt')).filter(Boolean)).size,
    groups: groups.flatMap(lines),
    settings: (
      await run(['sysctl', '-a', '--pattern', '^(vm|net.ipv4.conf.all|net.ipv4.ip_forward|kernel.core)']).catch(() => '')
    )
      .split('\n')
      .sort(),
    files: lines(await run(['find', ...folders, '-xdev', ...others, '-print'])),
  }
}

/** Processes that know the cloud's folder: by their command line, their root or a mount. */
const processesOfTheCloud = async (): Promise<readonly string[]> => {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
  const knows = await Promise.all(
    pids.map(async (pid) => {
      const texts = await Promise.all(
        ['cmdline', 'mountinfo', 'cgroup'].map((name) => readFile(`/proc/${pid}/${name}`, 'utf8').catch(() => '')),
      )
      return texts.some((text) => text.includes(layout.run) || /runbook-[0-9a-f]{6}-(controller|compute)/.test(text))
    }),
  )
  return pids.filter((_, index) => knows[index])
}

test('taken down, the cloud leaves nothing: no process, mount, namespace, group, interface, route, setting or file', async () => {
  await down()
  const before = await machine()
  const cloud = await up()
  expect(await cloud.api().then((api) => api.get('compute', '/servers?all_tenants=1'))).toMatchObject({ servers: [] })
  await cloud.boot({ name: 'left-behind', image: 'dirty', flavor: 'big' })
  const during = await machine()
  expect(during.interfaces).not.toEqual(before.interfaces)
  expect(during.groups).not.toEqual([])
  expect(await processesOfTheCloud()).not.toEqual([])

  await down()
  const after = await machine()
  for (const key of Object.keys(before) as (keyof typeof before)[]) expect(after[key], key).toEqual(before[key])
  expect(after.groups).toEqual([])
  expect(after.mounts.filter((mount) => mount.includes(layout.root))).toEqual([])
  expect(await processesOfTheCloud()).toEqual([])
  expect(await readdir(layout.root)).not.toContain('run')
  await expect(realCloud()).rejects.toThrow('npm run cloud:real up')
})
