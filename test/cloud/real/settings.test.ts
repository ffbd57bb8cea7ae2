import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { inventoryYaml } from './handout.ts'
import { addresses, hosts, layoutOf, prefix, sources, variantName } from './layout.ts'
import { hierarchiesIn } from './hosts.ts'
import { fill, filesBelow, partsOf, startPartsOf } from './settings.ts'

test('a name without a value is an error that says where', () => {
  expect(fill('my_ip = {{address}}\n', { address: '192.0.2.1' }, 'nova.conf')).toBe('my_ip = 192.0.2.1\n')
  expect(() => fill('host = {{hots}}', { host: 'a' }, 'nova.conf')).toThrow('nova.conf: {{hots}} has no value')
})

test('every part of every host has its folder of configuration', () => {
  for (const shared of [false, true])
    for (const neutron of [false, true])
      for (const host of hosts)
        for (const part of [...partsOf(host, { shared, neutron }), ...startPartsOf(host, { shared, neutron })])
          expect(existsSync(join(sources, 'conf', part)), `${part} of ${host}`).toBe(true)
})

test('no template has an address of its own: all come from one place', async () => {
  const conf = join(sources, 'conf')
  for (const file of await filesBelow(conf)) expect(await readFile(join(conf, file), 'utf8'), file).not.toContain(prefix)
})

test('the cache is where the environment says', () => {
  expect(layoutOf({}).root).toBe('/var/cache/runbook/real-cloud')
  expect(layoutOf({ XDG_CACHE_HOME: '/home/me/.cache' }).root).toBe('/home/me/.cache/runbook/real-cloud')
  expect(layoutOf({ XDG_CACHE_HOME: '/home/me/.cache', RUNBOOK_CACHE: '/mnt/big' }).root).toBe('/mnt/big/real-cloud')
})

test('the inventory that ships is the one that is handed out with the machine’s cache folder', async () => {
  const shipped = await readFile(join(sources, '..', '..', '..', 'inventory', 'real-cloud.yml'), 'utf8')
  expect(shipped).toBe(inventoryYaml(layoutOf({})))
})

test('no two hosts share an address', () => {
  expect(new Set(Object.values(addresses)).size).toBe(hosts.length)
})

test('variants have names', () => {
  expect(variantName({ shared: false, neutron: false })).toBe('plain')
  expect(variantName({ shared: true, neutron: true })).toBe('shared+neutron')
})

test('hierarchies of control groups, old and new, are found among other mounts', () => {
  const mountinfo = `22 1 254:0 / / rw,relatime - ext4 /dev/vda rw
30 22 0:26 / /sys/fs/cgroup rw,nosuid - tmpfs tmpfs rw,mode=755
31 30 0:27 / /sys/fs/cgroup/unified rw,relatime shared:4 - cgroup2 cgroup2 rw
32 30 0:28 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory
`
  expect(hierarchiesIn(mountinfo)).toEqual(['/sys/fs/cgroup/unified', '/sys/fs/cgroup/memory'])
})
