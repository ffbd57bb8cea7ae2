/** What the simulated cloud knows: Nova's and Placement's records and, apart from them, what runs on each hypervisor. */
import { createHash, randomUUID } from 'node:crypto'
import type { Guest } from './guest.ts'

export interface Flavor {
  readonly id: string
  readonly name: string
  readonly vcpus: number
  /** MiB */
  readonly ram: number
  /** GiB */
  readonly disk: number
  readonly ephemeral: number
  readonly swap: number
  readonly extraSpecs: Readonly<Record<string, string>>
}

export interface InstanceEvent {
  readonly event: string
  readonly host: string
  readonly startTime: number
  finishTime: number | undefined
  result: 'Success' | 'Error' | undefined
  details: string | undefined
  traceback: string | undefined
}

export interface InstanceAction {
  readonly action: string
  readonly requestId: string
  readonly startTime: number
  readonly userId: string
  readonly projectId: string
  updatedAt: number
  message: string | undefined
  readonly events: InstanceEvent[]
}

/** Names of nova.compute.vm_states and task_states. */
export type VmState = 'active' | 'paused' | 'stopped' | 'resized' | 'error'

export interface Server {
  readonly id: string
  readonly name: string
  readonly number: number
  readonly projectId: string
  readonly userId: string
  readonly flavor: Flavor
  readonly imageId: string | undefined
  readonly volumes: readonly string[]
  readonly configDrive: boolean
  readonly pinnedZone: string | undefined
  readonly createdAt: number
  readonly launchedAt: number
  readonly actions: InstanceAction[]
  updatedAt: number
  vmState: VmState
  taskState: string | undefined
  /** 1 running, 3 paused, 4 shut down (nova.compute.power_state). */
  powerState: number
  host: string
  node: string
  locked: boolean
  lockedReason: string | undefined
  progress: number
  fault: { readonly code: number; readonly message: string; readonly details: string; readonly createdAt: number } | undefined
  guest: Guest
}

export interface Migration {
  readonly id: number
  readonly uuid: string
  readonly serverId: string
  readonly type: 'live-migration' | 'migration'
  readonly sourceHost: string
  sourceNode: string | undefined
  readonly createdAt: number
  readonly userId: string
  readonly projectId: string
  updatedAt: number | undefined
  status: string
  destHost: string | undefined
  destNode: string | undefined
  destAddress: string | undefined
  /** As of Nova's last look at libvirt, not of this moment. */
  memory: { total: number; processed: number; remaining: number } | undefined
  disk: { total: number; processed: number; remaining: number } | undefined
}

/** A libvirt domain: it may disagree with Nova's record. */
export interface Domain {
  readonly id: string
  readonly name: string
  readonly number: number
  state: 'running' | 'paused' | 'shut off'
}

export interface Cpu {
  readonly arch: string
  readonly model: string
  readonly vendor: string
  readonly features: readonly string[]
  readonly topology: { readonly sockets: number; readonly cores: number; readonly threads: number }
}

/** A compute host: nova-compute's service and node records, its resource provider, and its libvirt. */
export interface Compute {
  readonly name: string
  readonly address: string
  readonly number: number
  readonly serviceId: string
  /** The node's uuid, which is its resource provider's too. */
  readonly nodeId: string
  readonly zone: string
  readonly hypervisorType: string
  /** As Nova's integer: 7002022 is 7.2.22. */
  readonly hypervisorVersion: number
  readonly libvirtVersion: string
  readonly cpu: Cpu
  /** MiB */
  readonly memory: number
  readonly vcpus: number
  /** GiB */
  readonly disk: number
  /** GiB of it that something else than servers has taken: Placement does not know. */
  occupiedDisk: number
  readonly domains: Map<string, Domain>
  generation: number
  disabled: boolean
  disabledReason: string | undefined
  forcedDown: boolean
  /** Simulated time at which nova-compute stopped reporting; undefined while it reports. */
  silentSince: number | undefined
  /** Whether libvirtd accepts migrations over TCP at this moment. */
  libvirtListens: boolean
  libvirtRuns: boolean
}

export interface ServerGroup {
  readonly id: string
  readonly name: string
  readonly policy: 'affinity' | 'anti-affinity' | 'soft-affinity' | 'soft-anti-affinity'
  readonly projectId: string
  readonly userId: string
  members: string[]
}

/** Resource classes to amounts, by provider. */
export type Allocation = Record<string, Record<string, number>>

export interface State {
  readonly computes: Map<string, Compute>
  readonly servers: Map<string, Server>
  readonly migrations: Migration[]
  /** By consumer: a server, or a migration that holds the source's share. */
  readonly allocations: Map<string, Allocation>
  readonly groups: ServerGroup[]
}

export const emptyState = (): State => ({
  computes: new Map(),
  servers: new Map(),
  migrations: [],
  allocations: new Map(),
  groups: [],
})

export const computeOf = (state: State, name: string): Compute => {
  const compute = state.computes.get(name)
  if (compute === undefined) throw new Error(`the simulated cloud has no compute host ${name}`)
  return compute
}

/** By name or ID. */
export const findServer = (state: State, nameOrId: string): Server | undefined =>
  state.servers.get(nameOrId) ?? [...state.servers.values()].find((server) => server.name === nameOrId)

export const resourcesOf = (flavor: Flavor): Record<string, number> => ({
  VCPU: flavor.vcpus,
  MEMORY_MB: flavor.ram,
  DISK_GB: flavor.disk + flavor.ephemeral,
})

export const instanceName = (server: { readonly number: number }) => `instance-${server.number.toString(16).padStart(8, '0')}`

/** The same text gives the same id in every cloud, so that examples in documents stay true. */
export const idOf = (text: string): string => {
  const hash = createHash('sha1').update(text).digest('hex')
  return `${hash.slice(0, 8)}-${hash.slice(8, 12)}-4${hash.slice(13, 16)}-a${hash.slice(17, 20)}-${hash.slice(20, 32)}`
}

/** Keystone's form: a uuid without its dashes. */
export const shortIdOf = (text: string): string => idOf(text).replaceAll('-', '')

export const newRequestId = () => `req-${randomUUID()}`

/** What every change of a server's record does to its `updated`. */
export const update = (server: Server, change: Partial<Server>): void => {
  Object.assign(server, change, { updatedAt: Date.now() })
}

/** Placement's view of a provider's use. */
export const usageOf = (state: State, providerId: string): Record<string, number> => {
  const usage: Record<string, number> = { VCPU: 0, MEMORY_MB: 0, DISK_GB: 0 }
  for (const allocation of state.allocations.values())
    for (const [name, amount] of Object.entries(allocation[providerId] ?? {})) usage[name] = (usage[name] ?? 0) + amount
  return usage
}

export const inventoryOf = (compute: Compute) => ({
  VCPU: { total: compute.vcpus, reserved: 0, allocation_ratio: 4 },
  MEMORY_MB: { total: compute.memory, reserved: 512, allocation_ratio: 1 },
  DISK_GB: { total: compute.disk, reserved: 0, allocation_ratio: 1 },
})

export const traitsOf = (compute: Compute): string[] => [
  'COMPUTE_NODE',
  'COMPUTE_IMAGE_TYPE_QCOW2',
  'COMPUTE_IMAGE_TYPE_RAW',
  'HW_CPU_X86_SSE',
  'HW_CPU_X86_SSE2',
  ...(compute.cpu.features.includes('avx2') ? ['HW_CPU_X86_AVX2'] : []),
  ...(compute.disabled || compute.forcedDown ? ['COMPUTE_STATUS_DISABLED'] : []),
]

/** Seconds without a report until Nova takes a service for down; Nova's default. */
export const serviceDownTime = 60

export const serviceIsUp = (compute: Compute, now: number): boolean =>
  !compute.forcedDown && (compute.silentSince === undefined || now - compute.silentSince < serviceDownTime)

export const inProgress = ['queued', 'preparing', 'running', 'post-migrating']
