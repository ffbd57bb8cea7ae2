/** The evidence that the checks judge: plain data from the API and from the hosts. */
import type { ComputeService, Hypervisor, Migration, Server, Token } from '../../../../runner/module.ts'
import type { OsloConfig } from '../../text/oslo-config.ts'
import type { Probe } from '../../host/port.ts'

/** Something that was looked at, or why it could not be. */
export type Looked<T> = { readonly value: T } | { readonly why: string }

export interface Wanted {
  /** Every server that is asked for and exists. */
  readonly servers: readonly Server[]
  /** A sentence for each that was not found. */
  readonly problems: readonly string[]
  /** True when servers were named one by one; false when it is all of a host. */
  readonly named: boolean
  /** Empty where none was named. */
  readonly source: string
  readonly target: string
  readonly block: 'auto' | boolean
}

export interface Group {
  readonly id: string
  readonly name: string
  readonly policy: string
  /** Members and the hosts they are on; undefined for those that are gone. */
  readonly members: readonly { readonly id: string; readonly host: string | undefined }[]
}

/** Of one resource class of one host. */
export interface Room {
  /** total minus reserved, times the allocation ratio. */
  readonly limit: number
  readonly used: number
}

/** A network port as Neutron's API shows it. */
export interface Port {
  readonly id: string
  readonly vnicType: string
}

export interface Agent {
  readonly type: string
  readonly alive: boolean
}

/** All that the API said. */
export interface Api {
  readonly token: Token
  /** Of Nova: the highest microversion it offers. */
  readonly microversion: string
  /** nova-compute of every host. */
  readonly services: Looked<readonly ComputeService[]>
  readonly hypervisors: Looked<readonly Hypervisor[]>
  readonly groups: readonly Group[]
  /** By host: room by resource class, and traits. */
  readonly room: Readonly<Record<string, Looked<Readonly<Record<string, Room>>>>>
  readonly traits: Readonly<Record<string, Looked<readonly string[]>>>
  /** By server: what it has on the host it is on. */
  readonly allocations: Readonly<Record<string, Looked<Readonly<Record<string, number>>>>>
  readonly ports: Readonly<Record<string, Looked<readonly Port[]>>>
  /** On the target. */
  readonly agents: Looked<readonly Agent[]>
  /** By server: its live migration that is under way. */
  readonly inFlight: Readonly<Record<string, Migration>>
}

export interface Listening {
  readonly address: string
  readonly port: number
}

export interface DiskFile {
  readonly path: string
  /** Bytes that the guest sees. */
  readonly virtual: number
  /** The file in `_base` that it builds on, with its size there. */
  readonly backing?: { readonly path: string; readonly size: number }
}

export interface Folder {
  readonly inode: string
  readonly mtime: string
}

/** The guest as libvirt runs it. */
export interface Domain {
  /** kvm, qemu … */
  readonly type: string
  readonly machine: string | undefined
  /** `host-passthrough`, `custom` …; undefined where the guest has QEMU's default CPU. */
  readonly cpuMode: string | undefined
  readonly cpuXml: string | undefined
}

export interface Comparison {
  readonly fits: boolean
  readonly text: string
}

/** All that was seen on one compute host. What is undefined could not be read there. */
export interface HostSeen {
  readonly conf: OsloConfig
  readonly instancesPath: string
  readonly kernel: string | undefined
  readonly microcode: string | undefined
  /** Bytes. */
  readonly memAvailable: number | undefined
  readonly hugePages: readonly { readonly kib: number; readonly free: number }[]
  readonly machineId: string | undefined
  readonly uuid: string | undefined
  readonly hostCpuXml: string | undefined
  readonly machines: readonly string[] | undefined
  readonly libvirt: string | undefined
  readonly domains: readonly string[] | undefined
  readonly users: Readonly<Record<string, string>>
  readonly listening: readonly Listening[] | undefined
  readonly userfaultfd: string | undefined
  /** Seconds that its clock is ahead of the runner's, and how far off that may be. */
  readonly clock: { readonly ahead: number; readonly within: number } | undefined
  readonly filesystem: { readonly type: string; readonly id: string; readonly free: number } | undefined
  readonly folders: Readonly<Record<string, Folder>>
  /** By server, on the source. */
  readonly disks: Readonly<Record<string, readonly DiskFile[]>>
  readonly guests: Readonly<Record<string, Domain>>
  /** By name of a compute host: the addresses it has there. */
  readonly names: Readonly<Record<string, readonly string[]>>
}

/** What can only be tried with both: from one source to the target. */
export interface PairSeen {
  readonly address: string
  readonly scheme: string
  readonly portNumber: number
  readonly port: Probe | undefined
  /** By CPU description: what the target's libvirt says of it. */
  readonly cpu: Readonly<Record<string, Comparison>>
  /** Files of `_base` that the target has not got. */
  readonly missingBacking: readonly string[]
}

export interface Seen {
  readonly wanted: Wanted
  readonly api: Api
  /** By compute host: sources and target. */
  readonly hosts: Readonly<Record<string, Looked<HostSeen> & { readonly cure?: string }>>
  /** By source. */
  readonly pairs: Readonly<Record<string, PairSeen>>
}
