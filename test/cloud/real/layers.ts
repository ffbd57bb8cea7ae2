/** Read-only file trees that hosts are made of, built from Debian's packages and kept by digest. */
import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, open, readFile, readdir, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { spawn } from 'node:child_process'
import { sources, type Layout, type Role, type Variant } from './layout.ts'
import { aptSources } from './machine.ts'
import type { Progress } from './progress.ts'
import { run } from './program.ts'

/** A read-only part of a host's file system: what packages bring, on top of other layers. */
export interface Layer {
  readonly name: string
  /** Topmost first. */
  readonly below: readonly string[]
  readonly packages: readonly string[]
}

const words = (text: string): readonly string[] => text.trim().split(/\s+/)

export const layers: readonly Layer[] = [
  {
    name: 'base',
    below: [],
    packages: words(`
      systemd systemd-sysv dbus udev kmod sudo cron rsyslog logrotate ca-certificates
      openssh-server openssh-client iproute2 iputils-ping netcat-openbsd socat tcpdump curl bridge-utils
      procps psmisc less vim-tiny jq rsync sqlite3 python3 nova-common python3-openstackclient python3-pymysql`),
  },
  {
    name: 'compute',
    below: ['base'],
    packages: words(`
      nova-compute nova-compute-kvm libvirt-daemon-system libvirt-daemon-system-systemd libvirt-clients
      qemu-system-x86 qemu-utils dnsmasq-base- genisoimage bindfs fuse3`),
  },
  {
    name: 'controller',
    below: ['base'],
    packages: words(`
      mariadb-server rabbitmq-server memcached keystone placement-api glance-api nova-api nova-conductor nova-scheduler
      uwsgi-plugin-python3`),
  },
  { name: 'compute-neutron', below: ['compute', 'base'], packages: ['neutron-linuxbridge-agent'] },
  { name: 'controller-neutron', below: ['controller', 'base'], packages: ['neutron-server'] },
]

const named = (name: string): Layer => {
  const layer = layers.find((one) => one.name === name)
  if (!layer) throw new Error(`no layer is called ${name}`)
  return layer
}

/** The layers of a host, topmost first. */
export const stackOf = (role: Role, { neutron }: Variant): readonly Layer[] => {
  const top = named(neutron ? `${role}-neutron` : role)
  return [top, ...top.below.map(named)]
}

/** Everything that decides what a layer holds: its packages, the script that builds it, the layers below. */
export const digestOf = async (layer: Layer): Promise<string> => {
  const scripts =
    layer.below.length === 0
      ? ['build-base.sh', 'before-packages.sh', 'before-python.sh', 'compile-python.sh']
      : ['build-layer.sh', 'compile-python.sh']
  const below = await Promise.all(layer.below.map((name) => digestOf(named(name))))
  const texts = await Promise.all(scripts.map((script) => readFile(join(sources, 'steps', script), 'utf8')))
  const parts = [...layer.packages, ...texts, ...below]
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex').slice(0, 12)
}

const folderOf = async (layout: Layout, layer: Layer): Promise<string> =>
  join(layout.layers, `${layer.name}-${await digestOf(layer)}`)

/** lowerdir of overlayfs for a host: its layers, topmost first. */
export const lowerOf = async (layout: Layout, role: Role, variant: Variant): Promise<readonly string[]> =>
  Promise.all(stackOf(role, variant).map((layer) => folderOf(layout, layer)))

const lastLine = async (path: string): Promise<string> => {
  const file = await open(path)
  try {
    const { size } = await file.stat()
    const { buffer, bytesRead } = await file.read(Buffer.alloc(400), 0, 400, Math.max(0, size - 400))
    return (
      buffer
        .subarray(0, bytesRead)
        .toString()
        .split(/[\r\n]+/)
        .filter((line) => line.trim())
        .at(-1)
        ?.slice(0, 60) ?? ''
    )
  } finally {
    await file.close()
  }
}

/** Runs a script in mount and process namespaces of its own, so that it leaves neither mount nor process; its words go to a log. */
const runApart = async (
  argv: readonly string[],
  log: string,
  note: (text: string) => void,
  stdin = '',
  env: Record<string, string> = {},
) => {
  const file = await open(log, 'w')
  const apart = ['--mount', '--propagation', 'private', '--pid', '--fork', '--kill-child', '--mount-proc']
  // and that ends when this process does
  const child = spawn('setpriv', ['--pdeathsig', 'KILL', 'unshare', ...apart, ...argv], {
    stdio: ['pipe', file.fd, file.fd],
    env: { ...process.env, ...env },
  })
  child.stdin?.end(stdin)
  const timer = setInterval(() => void lastLine(log).then(note, () => {}), 1000)
  const code = await new Promise<number>((resolve, reject) =>
    child.on('error', reject).on('close', (status) => resolve(status ?? 1)),
  )
  clearInterval(timer)
  await file.close()
  if (code === 0) return
  const words = (await readFile(log, 'utf8')).trim().split('\n').slice(-15).join('\n')
  throw new Error(`${argv[0]} failed with exit status ${code}; the whole log is ${log}\n${words}`)
}

const build = async (layout: Layout, layer: Layer, note: (text: string) => void): Promise<void> => {
  const folder = await folderOf(layout, layer)
  const part = `${folder}.part`
  const log = join(layout.logs, `layer-${layer.name}.log`)
  await rm(part, { recursive: true, force: true })
  if (layer.below.length === 0) {
    const { list, options } = await aptSources()
    const script = join(sources, 'steps', 'build-base.sh')
    await runApart([script, part, layout.packages, layer.packages.join(',')], log, note, list, { APT_OPTIONS: options })
  } else {
    const below = await Promise.all(layer.below.map((name) => folderOf(layout, named(name))))
    const script = join(sources, 'steps', 'build-layer.sh')
    await runApart([script, below.join(':'), part, layout.packages, ...layer.packages], log, note)
  }
  // the overlay was a volatile one: only now is the layer known to be on disk
  await run(['sync', '--file-system', part])
  await rename(part, folder)
}

/** Removes layers of an earlier recipe. */
const prune = async (layout: Layout, layer: Layer): Promise<void> => {
  const keep = await digestOf(layer)
  const old = (await readdir(layout.layers)).filter(
    (name) => name.replace(/-[0-9a-f]{12}(\.part.*)?$/, '') === layer.name && !name.endsWith(keep),
  )
  await Promise.all(old.map((name) => rm(join(layout.layers, name), { recursive: true, force: true })))
}

/** Builds the layers that are missing; the computes' and the controller's at the same time. Returns how many were built. */
export const buildLayers = async (layout: Layout, variant: Variant, progress: Progress): Promise<number> => {
  await Promise.all([layout.layers, layout.packages, layout.logs].map((folder) => mkdir(folder, { recursive: true })))
  const buildMissing = async (wanted: readonly Layer[]): Promise<number> => {
    const folders = await Promise.all(wanted.map((layer) => folderOf(layout, layer)))
    const missing = wanted.filter((_, index) => !existsSync(folders[index] ?? ''))
    await Promise.all(
      missing.map((layer) =>
        progress.step(`layer ${layer.name}`, async (note) => {
          await build(layout, layer, note)
          await prune(layout, layer)
        }),
      ),
    )
    return missing.length
  }
  const all = [...new Set([...stackOf('controller', variant), ...stackOf('compute', variant)])]
  const depths = [...new Set(all.map(({ below }) => below.length))].sort()
  let built = 0
  for (const depth of depths) built += await buildMissing(all.filter(({ below }) => below.length === depth))
  return built
}
