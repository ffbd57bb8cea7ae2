/** Evidence of two hosts that fit each other; each test changes one thing. */
import { osloConfig } from '../../../../../modules/lib/text/oslo-config.ts'
import type { Api, HostEvidence, PairEvidence, Evidence, Wanted } from '../../../../../modules/lib/nova/preflight/evidence.ts'
import type { ComputeService, Hypervisor, Server } from '../../../../../runner/module.ts'

/** Two compute hosts that fit each other, and servers on the first: what every check passes. Tests change one thing. */

export const GIB = 1024 ** 3

export const server = (
  name: string,
  more: Partial<Server> & { readonly ram?: number; readonly extraSpecs?: Readonly<Record<string, string>> } = {},
): Server => {
  const { ram = 2048, extraSpecs = {}, ...rest } = more
  return {
    id: `id-${name}`,
    name,
    status: 'ACTIVE',
    vmState: 'active',
    taskState: undefined,
    powerState: 1,
    host: 'compute14',
    node: 'compute14',
    instanceName: 'instance-1',
    projectId: 'p',
    availabilityZone: 'nova',
    pinnedAvailabilityZone: undefined,
    locked: false,
    configDrive: false,
    flavor: { name: 'm', vcpus: 2, ram, disk: 10, ephemeral: 0, swap: 0, extraSpecs },
    imageId: 'image',
    volumes: [],
    serverGroups: [],
    fault: undefined,
    launchedAt: undefined,
    ...rest,
  }
}

export const service = (host: string, more: Partial<ComputeService> = {}): ComputeService => ({
  id: `service-${host}`,
  binary: 'nova-compute',
  host,
  zone: 'nova',
  status: 'enabled',
  state: 'up',
  disabledReason: undefined,
  forcedDown: false,
  updatedAt: '2026-01-01T00:00:00',
  ...more,
})

export const hypervisor = (host: string, more: Partial<Hypervisor> = {}): Hypervisor => ({
  id: `hypervisor-${host}`,
  name: `${host}.example.org`,
  host,
  type: 'QEMU',
  version: 7002022,
  state: 'up',
  status: 'enabled',
  hostIp: '10.0.0.15',
  memory: 65536,
  memoryUsed: 1024,
  diskAvailableLeast: 300,
  localDisk: 400,
  vcpus: 32,
  runningServers: 1,
  cpu: { arch: 'x86_64', model: 'Skylake', vendor: 'Intel', features: ['avx', 'avx2'] },
  ...more,
})

export const CPU_XML = "<cpu mode='custom' match='exact'><model>Skylake</model></cpu>"
export const HOST_CPU_XML = '<cpu><model>Skylake</model></cpu>'

export const host = (name: string, conf = '', more: Partial<HostEvidence> = {}): HostEvidence => ({
  conf: osloConfig([conf]),
  instancesPath: '/var/lib/nova/instances',
  kernel: '6.1.0',
  microcode: '0x1',
  memAvailable: 32 * GIB,
  hugePages: [{ kib: 2048, free: 4096 }],
  machineId: `machine-${name}`,
  uuid: `uuid-${name}`,
  hostCpuXml: HOST_CPU_XML,
  machines: ['pc-i440fx-7.2', 'pc-q35-7.2'],
  libvirt: '9.0.0',
  domains: [],
  users: { nova: '64060', 'libvirt-qemu': '64055' },
  listening: [{ address: '0.0.0.0', port: 16509 }],
  userfaultfd: '1',
  clock: { ahead: 0, within: 0.1 },
  filesystem: { type: 'ext2/ext3', id: `fs-${name}`, free: 200 * GIB },
  folders: {},
  disks: {},
  guests: {},
  names: { compute14: ['10.0.0.14'], compute15: ['10.0.0.15'] },
  ...more,
})

export const pair = (more: Partial<PairEvidence> = {}): PairEvidence => ({
  address: '10.0.0.15',
  scheme: 'tcp',
  portNumber: 16509,
  port: { state: 'open', how: 'bash' },
  cpu: { [CPU_XML]: { fits: true, text: 'identical' }, [HOST_CPU_XML]: { fits: true, text: 'identical' } },
  missingBacking: [],
  ...more,
})

export interface Changes {
  readonly servers?: readonly Server[]
  readonly wanted?: Partial<Wanted>
  readonly api?: Partial<Api>
  readonly source?: Partial<HostEvidence>
  readonly sourceConf?: string
  readonly target?: Partial<HostEvidence>
  readonly targetConf?: string
  readonly pair?: Partial<PairEvidence>
  readonly hosts?: Evidence['hosts']
}

export function evidenceOf(changes: Changes = {}): Evidence {
  const servers = changes.servers ?? [server('web-1'), server('db-2', { ram: 8192 })]
  const onSource: Partial<HostEvidence> = {
    folders: Object.fromEntries(
      servers.map(({ id }, index) => [id, { inode: String(100 + index), mtime: '2026-01-01T10:00:00.1+0000' }]),
    ),
    disks: Object.fromEntries(
      servers.map(({ id }) => [
        id,
        [{ path: `/var/lib/nova/instances/${id}/disk`, virtual: 10 * GIB, backing: { path: '/base/1', size: GIB } }],
      ]),
    ),
    guests: Object.fromEntries(
      servers.map(({ id }) => [id, { type: 'kvm', machine: 'pc-i440fx-7.2', cpuMode: 'custom', cpuXml: CPU_XML }]),
    ),
  }
  const room = {
    value: { MEMORY_MB: { limit: 65536, used: 1024 }, VCPU: { limit: 128, used: 2 }, DISK_GB: { limit: 400, used: 10 } },
  }
  const ids = servers.map(({ id }) => id)
  const wanted: Wanted = {
    servers,
    problems: [],
    named: true,
    source: 'compute14',
    target: 'compute15',
    block: 'auto',
    ...changes.wanted,
  }
  return {
    wanted,
    api: {
      token: { user: { id: 'u', name: 'admin' }, project: { id: 'p', name: 'admin' }, roles: ['admin', 'member'], expiresAt: '' },
      microversion: '2.93',
      services: { value: [service('compute14'), service('compute15')] },
      hypervisors: { value: [hypervisor('compute14'), hypervisor('compute15')] },
      groups: [],
      room: { compute15: room },
      traits: { compute15: { value: ['HW_CPU_X86_AVX'] } },
      allocations: Object.fromEntries(
        servers.map(({ id, flavor }) => [id, { value: { MEMORY_MB: flavor.ram, VCPU: flavor.vcpus, DISK_GB: flavor.disk } }]),
      ),
      ports: Object.fromEntries(ids.map((id) => [id, { value: [{ id: 'port', vnicType: 'normal' }] }])),
      agents: { value: [{ type: 'Open vSwitch agent', alive: true }] },
      inFlight: {},
      ...changes.api,
    },
    hosts: changes.hosts ?? {
      compute14: { value: host('compute14', changes.sourceConf, { ...onSource, ...changes.source }) },
      compute15: { value: host('compute15', changes.targetConf, changes.target) },
    },
    pairs: { compute14: pair(changes.pair) },
  }
}
