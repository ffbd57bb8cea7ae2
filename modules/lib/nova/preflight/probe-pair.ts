/** Probes of the way from a source to the target: libvirt's connection, CPUs, missing images. Called by inspect.ts. */
import type { Hypervisor, Target } from '../../../../runner/module.ts'
import type { OsloConfig } from '../../text/oslo-config.ts'
import { probePort } from '../../host/port.ts'
import { answerOf } from './ask-api.ts'
import type { Comparison, HostEvidence, PairEvidence } from './evidence.ts'

const SECONDS = 5
const PORTS: Readonly<Record<string, number>> = { tcp: 16509, tls: 16514, ssh: 22, libssh: 22, libssh2: 22 }

/** Route from the source's libvirt to the target's: the source sets URI and scheme, the target its address. */
export function route(
  source: OsloConfig,
  target: OsloConfig | undefined,
  targetHost: string,
  hypervisor: Hypervisor | undefined,
): Pick<PairEvidence, 'address' | 'scheme' | 'portNumber'> {
  const uri = /^\w+\+(\w+):\/\/(?:[^@/]*@)?[^/:]*(?::(\d+))?/.exec(source.get('libvirt', 'live_migration_uri') ?? '')
  const scheme = uri?.[1] ?? (source.get('libvirt', 'live_migration_scheme') || 'tcp')
  const inbound = target?.get('libvirt', 'live_migration_inbound_addr') ?? ''
  // If no file sets `$my_ip`, Nova detects the address and shows it as the hypervisor's.
  const address = inbound === '' ? targetHost : inbound.startsWith('$') ? (hypervisor?.hostIp ?? targetHost) : inbound
  return { scheme, address, portNumber: uri?.[2] === undefined ? (PORTS[scheme] ?? PORTS['tcp']!) : Number(uri[2]) }
}

/** Probes a pair of hosts: the connection to the target, the guests' CPUs on the target, and its missing images. */
export async function probePair(
  source: { readonly host: Target; readonly evidence: HostEvidence },
  target: {
    readonly host: Target | undefined
    readonly evidence: HostEvidence | undefined
    readonly name: string
    readonly hypervisor: Hypervisor | undefined
  },
): Promise<PairEvidence> {
  const way = route(source.evidence.conf, target.evidence?.conf, target.name, target.hypervisor)
  const guests = Object.values(source.evidence.guests)
  const own = source.evidence.hostCpuXml
  const cpus = new Map(
    guests.flatMap(({ cpuXml, cpuMode, type }) =>
      cpuXml === undefined || cpuMode === 'host-passthrough' ? [] : [[cpuXml, type] as const],
    ),
  )
  if (own !== undefined && guests.some(({ cpuMode }) => cpuMode === 'host-passthrough')) cpus.set(own, 'host')
  const images = [
    ...new Set(Object.values(source.evidence.disks).flatMap((disks) => disks.flatMap(({ backing }) => backing?.path ?? []))),
  ]
  const { host } = target
  const [port, compared, missingBacking] = await Promise.all([
    answerOf(probePort(source.host, way.address, way.portNumber, SECONDS)),
    Promise.all(
      [...cpus].map(async ([xml, type]) => [xml, host === undefined ? undefined : await compare(host, xml, type)] as const),
    ),
    host === undefined ? [] : missing(host, images),
  ])
  return {
    ...way,
    port: 'value' in port ? port.value : undefined,
    cpu: Object.fromEntries(compared.flatMap(([xml, comparison]) => (comparison === undefined ? [] : [[xml, comparison]]))),
    missingBacking,
  }
}

/**
 * Asks the target's libvirt if a guest can have that CPU there; undefined if libvirt has no answer. A guest with
 * host-passthrough needs the CPU of its host, so that CPU is compared with the target's own.
 */
async function compare(host: Target, xml: string, type: string): Promise<Comparison | undefined> {
  const how = type === 'host' ? ['cpu-compare'] : ['hypervisor-cpu-compare', '--virttype', type]
  const answer = await answerOf(
    host.run(['virsh', '-c', 'qemu:///system', ...how, '/dev/stdin'], { stdin: xml, env: { LC_ALL: 'C' }, timeout: 20 }),
  )
  return 'value' in answer ? comparison(`${answer.value.stdout}${answer.value.stderr}`) : undefined
}

/** Reads virsh's output: virsh exits with 1 both for an incompatible CPU and for an error. */
export function comparison(words: string): Comparison | undefined {
  const text = words.trim().replaceAll('/dev/stdin', "the guest's").replace(/\s+/g, ' ')
  if (/\bincompatible\b/.test(text)) return { fits: false, text }
  return /\b(identical|superset)\b/.test(text) ? { fits: true, text } : undefined
}

async function missing(host: Target, paths: readonly string[]): Promise<readonly string[]> {
  const found = await Promise.all(paths.map((path) => answerOf(host.stat(path))))
  return paths.filter((_, index) => {
    const answer = found[index]!
    return 'value' in answer && answer.value === undefined
  })
}
