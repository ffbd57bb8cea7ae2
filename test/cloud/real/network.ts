/** The real cloud's network: bridge, namespaces, cables that can be cut. */
import { existsSync } from 'node:fs'
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import {
  addresses,
  computes,
  controller,
  hosts,
  machineAddress,
  machineInterface,
  type Host,
  type Layout,
  type Variant,
} from './layout.ts'
import { finish, run, until } from './program.ts'

/**
 * The file that keeps a network namespace. (Not those of `ip netns`: these are kept in a place that belongs to all, below a mount that
 * stays when the last of them is gone.)
 */
export const namespaceOf = (layout: Layout, name: Host | 'switch'): string => join(layout.run, 'network', name)

const isMounted = async (path: string): Promise<boolean> => (await readFile('/proc/self/mountinfo', 'utf8')).includes(` ${path} `)

const batch = (lines: readonly string[], namespace?: string): Promise<string> =>
  run([...(namespace ? ['nsenter', `--net=${namespace}`] : []), 'ip', '-batch', '-'], { stdin: `${lines.join('\n')}\n` })

const makeNamespace = async (path: string): Promise<void> => {
  if (await isMounted(path)) return
  await writeFile(path, '')
  await run(['unshare', `--net=${path}`, 'true'])
}

/** The name of a host's port on the switch. */
const port = (host: Host): string => `port-${host}`

/** Throws when the machine already has a way to the cloud's addresses: they would be hidden, or answered by somebody else. */
const refuseOverlap = async (): Promise<void> => {
  // the kernel may still be taking down the last one
  await until(
    `${machineInterface} is free (or is another cloud up, of another cache folder?)`,
    10,
    async () => !existsSync(`/sys/class/net/${machineInterface}`),
  )
  const { stdout } = await finish(['ip', '-json', 'route', 'show', 'to', 'match', machineAddress])
  const routes = JSON.parse(stdout || '[]') as readonly { dst: string; dev?: string }[]
  const other = routes.find(({ dst }) => dst !== 'default')
  if (other)
    throw new Error(
      `this machine already has a route to ${other.dst} by ${other.dev}; the cloud needs ${machineAddress}/24 for itself`,
    )
}

/** The switch, one cable to each host, one to the machine; with Neutron a second network for the guests between the computes. */
export const plugIn = async (layout: Layout, { neutron }: Variant): Promise<void> => {
  const at = (name: Host | 'switch') => namespaceOf(layout, name)
  if (await isMounted(at('switch'))) return
  await refuseOverlap()
  await mkdir(join(layout.run, 'network'), { recursive: true })
  for (const name of ['switch', ...hosts] as const) await makeNamespace(at(name))

  await batch(
    [
      'link set lo up',
      'link add hosts type bridge forward_delay 0',
      'link set hosts up',
      'link add guests type bridge forward_delay 0',
      'link set guests up',
    ],
    at('switch'),
  )
  await batch([
    `link add ${machineInterface} type veth peer name port-machine netns ${at('switch')}`,
    ...hosts.map((host) => `link add eth0 netns ${at(host)} type veth peer name ${port(host)} netns ${at('switch')}`),
    ...(neutron
      ? computes.map((host) => `link add phys0 netns ${at(host)} type veth peer name nic-${host} netns ${at('switch')}`)
      : []),
    `addr add ${machineAddress}/24 dev ${machineInterface}`,
    `link set ${machineInterface} up`,
  ])
  await batch(
    [
      ...['port-machine', ...hosts.map(port)].map((name) => `link set ${name} master hosts up`),
      ...(neutron ? computes.map((host) => `link set nic-${host} master guests up`) : []),
    ],
    at('switch'),
  )
  await Promise.all(
    hosts.map((host) =>
      batch(
        [
          'link set lo up',
          `addr add ${addresses[host]}/24 dev eth0`,
          'link set eth0 up',
          ...(neutron && host !== controller ? ['link set phys0 up'] : []),
        ],
        at(host),
      ),
    ),
  )
}

/** Takes it all away; the interfaces go with the namespaces that their other ends are in. */
export const unplug = async (layout: Layout): Promise<void> => {
  const ours = await isMounted(namespaceOf(layout, 'switch'))
  for (const name of [...hosts, 'switch'] as const) {
    const path = namespaceOf(layout, name)
    if (await isMounted(path)) await run(['umount', path])
    await rm(path, { force: true })
  }
  // the kernel takes a namespace down some time later: the cable to the machine need not wait for that
  if (ours) await finish(['ip', 'link', 'delete', machineInterface])
}

/** A hardware address that nobody has: frames to it are lost without a word, as on a cut cable. */
const nowhere = '02:00:00:00:00:01'

/** Cuts the network between two hosts, both ways, silently: their connections hang. Every other way stays. */
export const cut = async (layout: Layout, a: Host, b: Host): Promise<void> => {
  const lose = (from: Host, to: Host) =>
    batch([`neigh replace ${addresses[to]} lladdr ${nowhere} nud permanent dev eth0`], namespaceOf(layout, from))
  await Promise.all([lose(a, b), lose(b, a)])
}

/** Pulls a host's cable: it reaches nobody and is reached by nobody, the machine included. */
export const unplugHost = (layout: Layout, host: Host): Promise<unknown> =>
  batch([`link set ${port(host)} down`], namespaceOf(layout, 'switch'))

/** Mends every cut and puts every cable back. */
export const mend = async (layout: Layout): Promise<void> => {
  await batch(
    hosts.map((host) => `link set ${port(host)} up`),
    namespaceOf(layout, 'switch'),
  )
  await Promise.all(
    hosts.map((host) => batch(['neigh flush all nud permanent dev eth0', 'neigh flush dev eth0'], namespaceOf(layout, host))),
  )
}
