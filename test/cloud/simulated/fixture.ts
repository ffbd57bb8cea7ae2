/** The cloud as it starts: hosts, projects, users and servers, described in few words and turned into state. */
import { boot, newGuest } from './guest.ts'
import { computeOf, idOf, instanceName, resourcesOf, shortIdOf } from './state.ts'
import type { Compute, Cpu, Flavor, Server, State } from './state.ts'

export interface ComputeOptions {
  /** MiB; default 65536. */
  readonly memory?: number
  readonly vcpus?: number
  /** GiB for /var/lib/nova/instances; default 400. */
  readonly disk?: number
  /** GiB of it taken by something that Placement does not know; default 0. */
  readonly occupiedDisk?: number
  readonly zone?: string
  readonly hypervisorType?: string
  /** As Nova's integer; default 7002022. */
  readonly hypervisorVersion?: number
  readonly cpuModel?: string
  readonly cpuFeatures?: readonly string[]
  readonly disabled?: boolean
}

export interface ServerOptions {
  readonly name: string
  /** Compute host; default compute14. */
  readonly host?: string
  readonly status?: 'ACTIVE' | 'SHUTOFF' | 'PAUSED'
  /** Name of a project; default `demo`. */
  readonly project?: string
  readonly vcpus?: number
  /** MiB; default 2048. */
  readonly ram?: number
  /** GiB; default 10. */
  readonly disk?: number
  /** MiB/s; default 8. */
  readonly dirtyRate?: number
  /** MiB of RAM in use; default three quarters. */
  readonly residentMemory?: number
  /** MiB allocated in its disk; default 512. */
  readonly allocatedDisk?: number
  readonly extraSpecs?: Readonly<Record<string, string>>
  readonly locked?: boolean
  readonly configDrive?: boolean
  readonly volumes?: readonly string[]
  readonly pinnedZone?: string
  /** Seconds it has been up; default 3600. */
  readonly up?: number
}

const baseFeatures = [
  'aes',
  'apic',
  'avx',
  'avx2',
  'bmi1',
  'bmi2',
  'cx16',
  'fma',
  'fpu',
  'lm',
  'mmx',
  'nx',
  'pge',
  'sse',
  'sse2',
  'sse4.1',
  'sse4.2',
  'ssse3',
  'x2apic',
  'xsave',
]

export const projects = ['admin', 'demo', 'service'] as const

export const users = [
  {
    name: 'admin',
    password: 'admin-secret',
    roles: { admin: ['admin', 'member', 'reader'], demo: ['admin', 'member', 'reader'] },
  },
  { name: 'alice', password: 'alice-secret', roles: { demo: ['member', 'reader'] } },
] as const

export const projectId = (name: string) => shortIdOf(`project ${name}`)
export const userId = (name: string) => shortIdOf(`user ${name}`)

export function addCompute(state: State, name: string, address: string, options: ComputeOptions = {}): Compute {
  const cpu: Cpu = {
    arch: 'x86_64',
    model: options.cpuModel ?? 'Skylake-Server-IBRS',
    vendor: 'Intel',
    features: options.cpuFeatures ?? baseFeatures,
    topology: { sockets: 2, cores: 8, threads: 2 },
  }
  const compute: Compute = {
    name,
    address,
    number: state.computes.size + 1,
    serviceId: idOf(`service ${name}`),
    nodeId: idOf(`node ${name}`),
    zone: options.zone ?? 'nova',
    hypervisorType: options.hypervisorType ?? 'QEMU',
    hypervisorVersion: options.hypervisorVersion ?? 7002022,
    libvirtVersion: '9.0.0',
    cpu,
    memory: options.memory ?? 65536,
    vcpus: options.vcpus ?? 32,
    disk: options.disk ?? 400,
    occupiedDisk: options.occupiedDisk ?? 0,
    domains: new Map(),
    generation: 3,
    disabled: options.disabled ?? false,
    disabledReason: undefined,
    forcedDown: false,
    silentSince: undefined,
    libvirtListens: true,
    libvirtRuns: true,
  }
  state.computes.set(name, compute)
  return compute
}

/** @param now simulated time */
export function addServer(state: State, options: ServerOptions, now: number): Server {
  const host = computeOf(state, options.host ?? 'compute14')
  const ram = options.ram ?? 2048
  const status = options.status ?? 'ACTIVE'
  const born = Date.now() - 86_400_000 + state.servers.size * 60_000
  const started = boot(
    newGuest({
      residentMemory: options.residentMemory ?? Math.round(ram * 0.75),
      dirtyRate: options.dirtyRate ?? 8,
      allocatedDisk: options.allocatedDisk ?? 512,
    }),
    now,
  )
  const up = options.up ?? 3600
  const guest =
    status === 'SHUTOFF'
      ? { ...started, ranBefore: up, since: undefined, consoleFrom: Infinity }
      : { ...started, up, since: status === 'ACTIVE' ? now : undefined, consoleFrom: Math.max(0, up - 120) }
  const server: Server = {
    id: idOf(`server ${options.name}`),
    name: options.name,
    number: state.servers.size + 1,
    projectId: projectId(options.project ?? 'demo'),
    userId: userId('alice'),
    flavor: flavorOf(options, ram),
    imageId: (options.volumes ?? []).length > 0 ? undefined : idOf('image tick'),
    volumes: options.volumes ?? [],
    configDrive: options.configDrive ?? false,
    pinnedZone: options.pinnedZone,
    createdAt: born,
    launchedAt: born + 4000,
    actions: [],
    updatedAt: born + 4000,
    vmState: status === 'ACTIVE' ? 'active' : status === 'PAUSED' ? 'paused' : 'stopped',
    taskState: undefined,
    powerState: status === 'ACTIVE' ? 1 : status === 'PAUSED' ? 3 : 4,
    host: host.name,
    node: host.name,
    locked: options.locked ?? false,
    lockedReason: undefined,
    progress: 0,
    fault: undefined,
    guest,
  }
  if (state.servers.has(server.id)) throw new Error(`the simulated cloud has a server ${options.name} already`)
  state.servers.set(server.id, server)
  state.allocations.set(server.id, { [host.nodeId]: resourcesOf(server.flavor) })
  host.domains.set(server.id, {
    id: server.id,
    name: instanceName(server),
    number: server.number,
    state: status === 'ACTIVE' ? 'running' : status === 'PAUSED' ? 'paused' : 'shut off',
  })
  return server
}

const flavorOf = (options: ServerOptions, ram: number): Flavor => {
  const [vcpus, disk] = [options.vcpus ?? 1, options.disk ?? 10]
  const name = `r${ram}.v${vcpus}.d${disk}`
  return { id: idOf(`flavor ${name}`), name, vcpus, ram, disk, ephemeral: 0, swap: 0, extraSpecs: options.extraSpecs ?? {} }
}

/** What the demo moves: `db-1` is the largest and busiest, but it converges. */
export const defaultServers: readonly ServerOptions[] = [
  { name: 'web-1', host: 'compute14', ram: 4096, up: 5400 },
  { name: 'web-2', host: 'compute14', ram: 4096, up: 5390 },
  { name: 'db-1', host: 'compute14', ram: 6144, vcpus: 4, disk: 40, dirtyRate: 80, allocatedDisk: 1024, up: 86_000 },
  { name: 'batch-1', host: 'compute15', ram: 4096, up: 1200 },
  { name: 'old-1', host: 'compute15', ram: 2048, status: 'SHUTOFF', up: 400 },
]
