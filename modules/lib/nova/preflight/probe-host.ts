/** Reads all evidence for the pre-flight from one compute host. Called by inspect.ts. */
import { Failure, kibOf, type Output, type Target } from '../../../../runner/module.ts'
import { osloConfig, type OsloConfig } from '../../text/oslo-config.ts'
import * as reading from './host-readings.ts'
import type { HostEvidence } from './evidence.ts'

/** Files of nova-compute, in its order: the later file wins. Debian starts nova-compute with the first two. */
const CONFIG_FILES = ['/etc/nova/nova.conf', '/etc/nova/nova-compute.conf']
const CONFIG_FOLDERS = ['/etc/nova/nova.conf.d', '/etc/nova/nova-compute.conf.d']
const DEFAULTS = { state_path: '/var/lib/nova', instances_path: '$state_path/instances' }

/** Seconds for one command: virsh waits that long for a hanging libvirtd. */
const PATIENCE = 20

/** Servers whose folders and files to read: `leaving` move away from this host, `all` are all moving servers. */
export interface Interest {
  readonly leaving: readonly string[]
  readonly all: readonly string[]
  /** Compute hosts whose names the host should resolve. */
  readonly names: readonly string[]
}

/**
 * Probes a compute host; reads only. Needs root: nova.conf and the disks are not readable for everyone. Throws
 * `Failure` if nova.conf cannot be read, because the other values mean little without it. Other unreadable values
 * are undefined.
 */
export async function probeHost(host: Target, { leaving, all, names }: Interest): Promise<HostEvidence> {
  const [conf, ...basics] = await Promise.all([
    readConfig(host),
    text(host, '/proc/meminfo'),
    text(host, '/etc/machine-id'),
    text(host, '/proc/sys/vm/unprivileged_userfaultfd'),
    text(host, '/proc/net/tcp'),
    text(host, '/proc/net/tcp6'),
    output(host, ['uname', '-r']),
    script(host, 'grep -m1 "^microcode" /proc/cpuinfo'),
    script(host, 'for d in /sys/kernel/mm/hugepages/hugepages-*; do echo "${d##*-} $(cat "$d/free_hugepages")"; done'),
    script(host, 'for u in nova libvirt-qemu qemu; do id -u "$u" 2>/dev/null | sed "s/^/$u /"; done'),
    virsh(host, 'capabilities'),
    virsh(host, 'version'),
    virsh(host, 'list', '--all', '--uuid'),
  ])
  const [meminfo, machineId, userfaultfd, tcp, tcp6, kernel, microcode, pages, users, capabilities, version, domains] = basics
  const instancesPath = conf.get('DEFAULT', 'instances_path')!
  const [filesystem, free, folders, disks, guests, resolved] = await Promise.all([
    output(host, ['stat', '-f', '-c', '%T %i', instancesPath]),
    output(host, ['df', '-Pk', instancesPath]),
    script(
      host,
      'cd "$1" && shift && for id; do stat -c "%n %i %y" "$id" 2>/dev/null | sed "s/ /T/3; s/ //3"; done',
      instancesPath,
      ...all,
    ),
    script(host, DISKS, instancesPath, ...leaving),
    script(host, GUESTS, ...leaving),
    script(host, 'for n; do getent ahosts "$n" | sed -n "s/^\\([^ ]*\\) .*/\\1/p" | sort -u | sed "s/^/$n /"; done', ...names),
  ])
  const { uuid, cpu, machines } =
    capabilities === undefined ? { uuid: undefined, cpu: undefined, machines: undefined } : reading.capabilities(capabilities)
  const [type, id] = filesystem?.trim().split(' ') ?? []
  const available = kibOf(meminfo ?? '', 'MemAvailable')
  const space = free === undefined ? undefined : reading.freeSpace(free)
  return {
    conf,
    instancesPath,
    kernel: kernel?.trim(),
    microcode: microcode?.split(':')[1]?.trim(),
    memAvailable: available === undefined ? undefined : available * 1024,
    hugePages: reading.hugePages(pages ?? ''),
    machineId: machineId?.trim(),
    uuid,
    hostCpuXml: cpu,
    machines,
    libvirt: version === undefined ? undefined : reading.libvirtVersion(version),
    domains: domains
      ?.split('\n')
      .map((line) => line.trim())
      .filter((line) => line !== ''),
    users: Object.fromEntries([...(users ?? '').matchAll(/^(\S+) (\d+)$/gm)].map(([, name, uid]) => [name!, uid!])),
    listening: tcp === undefined ? undefined : [...reading.listeningSockets(tcp), ...reading.listeningSockets(tcp6 ?? '')],
    userfaultfd: userfaultfd?.trim(),
    clock: await probeClock(host),
    filesystem: type === undefined || id === undefined || space === undefined ? undefined : { type, id, free: space },
    folders: reading.folders(folders ?? ''),
    disks: perServer(leaving, disks, reading.diskFiles),
    guests: perServer(leaving, guests, reading.domain),
    names: reading.addresses(resolved ?? ''),
  }
}

async function readConfig(host: Target): Promise<OsloConfig> {
  try {
    const listed = await Promise.all(
      CONFIG_FOLDERS.map(
        async (folder) =>
          (await host.list(folder))?.filter((name) => name.endsWith('.conf')).map((name) => `${folder}/${name}`) ?? [],
      ),
    )
    const contents = await Promise.all([...CONFIG_FILES, ...listed.flat()].map((path) => host.read(path)))
    if (contents[0] === undefined)
      throw new Failure(`there is no ${CONFIG_FILES[0]}`, {
        help: 'is it a compute host, and does nova-compute run outside a container there?',
      })
    return osloConfig(
      contents.flatMap((content) => (content === undefined ? [] : [decode(content)])),
      DEFAULTS,
    )
  } catch (error) {
    if (!(error instanceof Failure)) throw error
    throw new Failure(`${host.host}: ${error.message}`, {
      kind: error.kind,
      why: error.why,
      help: error.help ?? 'give the play `become: true`, or run with -b: nova.conf is for root and nova only',
      cause: error,
    })
  }
}

/** Reads the clock in a separate request, so that no slow command delays the answer. */
async function probeClock(host: Target): Promise<HostEvidence['clock']> {
  const before = host.now()
  const seconds = Number(await output(host, ['date', '+%s.%N']))
  const after = host.now()
  return Number.isFinite(seconds) && seconds > 0
    ? { ahead: seconds - (before + after) / 2, within: (after - before) / 2 }
    : undefined
}

// Each answer follows the id of its server and ends with a separator: a disk may be missing, a guest may not run.
const DISKS = `cd "$1" && shift && for id; do for f in "$id"/disk*; do case $f in *.info) continue;; esac
[ -f "$f" ] && { printf '%s\\n' "$id"; qemu-img info -U --output=json --backing-chain "$PWD/$f" 2>/dev/null; printf '\\036'; }; done; done`
const GUESTS = `for id; do printf '%s\\n' "$id"; virsh -c qemu:///system dumpxml "$id" 2>/dev/null; printf '\\036'; done`

/** Groups the answers by server, without servers that have no answer. */
function perServer<T>(
  ids: readonly string[],
  answers: string | undefined,
  read: (text: string) => T | undefined,
): Readonly<Record<string, T>> {
  const parts = (answers ?? '').split(reading.SEPARATOR).map((part) => /^(\S+)\n(.*)$/s.exec(part.trimStart()))
  return Object.fromEntries(
    ids.flatMap((id) => {
      const texts = parts.filter((part) => part?.[1] === id).map((part) => part![2]!)
      const value = texts.length === 0 ? undefined : read(texts.join(reading.SEPARATOR))
      return value === undefined ? [] : [[id, value]]
    }),
  )
}

const decode = (content: Uint8Array): string => new TextDecoder().decode(content)

/** Returns undefined for an unreadable file or a failed command. A lost connection still throws. */
async function quietly<T>(work: Promise<T>): Promise<T | undefined> {
  try {
    return await work
  } catch (error) {
    if (!(error instanceof Failure) || error.kind === 'unreachable' || error.kind === 'interrupted') throw error
    return undefined
  }
}

const text = async (host: Target, path: string): Promise<string | undefined> => {
  const content = await quietly(host.read(path))
  return content === undefined ? undefined : decode(content)
}

async function output(host: Target, argv: readonly string[]): Promise<string | undefined> {
  const done: Output | undefined = await quietly(host.run(argv, { env: { LC_ALL: 'C' }, timeout: PATIENCE }))
  return done?.code === 0 ? done.stdout : undefined
}

const script = (host: Target, body: string, ...args: readonly string[]): Promise<string | undefined> =>
  output(host, ['sh', '-c', `${body}; true`, 'look', ...args])

const virsh = (host: Target, ...args: readonly string[]): Promise<string | undefined> =>
  output(host, ['virsh', '-c', 'qemu:///system', ...args])
