/** Evidence for the checks: plain data from the API and from the hosts, gathered by inspect.ts. */
import type { ComputeService, Hypervisor, Migration, Server, Token } from '../../../../runner/module.ts'
import type { OsloConfig } from '../../text/oslo-config.ts'
import type { Probe } from '../../host/port.ts'

/** A value, or why the value could not be read. */
export type Answer<T> = { readonly value: T } | { readonly why: string }

export interface Wanted {
  /** Requested servers that exist. */
  readonly servers: readonly Server[]
  /** A sentence for each server that was not found. */
  readonly problems: readonly string[]
  /** True if servers were named; false for all servers of a host. */
  readonly named: boolean
  /** Empty: none was named. */
  readonly source: string
  readonly target: string
  readonly block: 'auto' | boolean
}

export interface Group {
  readonly id: string
  readonly name: string
  readonly policy: string
  /** Members and their hosts; undefined for deleted members. */
  readonly members: readonly { readonly id: string; readonly host: string | undefined }[]
}

/** Room for one resource class on one host. */
export interface Room {
  /** Total minus reserved, times the allocation ratio. */
  readonly limit: number
  readonly used: number
}

/** Network port in Neutron. */
export interface Port {
  readonly id: string
  readonly vnicType: string
}

export interface Agent {
  readonly type: string
  readonly alive: boolean
}

/** Evidence from the API. */
export interface Api {
  readonly token: Token
  /** Highest microversion of Nova. */
  readonly microversion: string
  /** nova-compute on every host. */
  readonly services: Answer<readonly ComputeService[]>
  readonly hypervisors: Answer<readonly Hypervisor[]>
  readonly groups: readonly Group[]
  /** By host: room by resource class, and traits. */
  readonly room: Readonly<Record<string, Answer<Readonly<Record<string, Room>>>>>
  readonly traits: Readonly<Record<string, Answer<readonly string[]>>>
  /** By server id: its resources in Placement. */
  readonly allocations: Readonly<Record<string, Answer<Readonly<Record<string, number>>>>>
  readonly ports: Readonly<Record<string, Answer<readonly Port[]>>>
  /** Network agents on the target. */
  readonly agents: Answer<readonly Agent[]>
  /** By server id: its running live migration. */
  readonly inFlight: Readonly<Record<string, Migration>>
}

export interface Listening {
  readonly address: string
  readonly port: number
}

export interface DiskFile {
  readonly path: string
  /** Bytes, as the guest sees the disk. */
  readonly virtual: number
  /** Its base file in `_base`, with the size of that file. */
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
  /** `host-passthrough`, `custom` …; undefined: QEMU's default CPU. */
  readonly cpuMode: string | undefined
  readonly cpuXml: string | undefined
}

export interface Comparison {
  readonly fits: boolean
  readonly text: string
}

/** Evidence from a compute host. Undefined values could not be read. */
export interface HostEvidence {
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
  /** Seconds by which the clock is ahead of the runner's, and the uncertainty of that figure. */
  readonly clock: { readonly ahead: number; readonly within: number } | undefined
  readonly filesystem: { readonly type: string; readonly id: string; readonly free: number } | undefined
  readonly folders: Readonly<Record<string, Folder>>
  /** By server id, on the source. */
  readonly disks: Readonly<Record<string, readonly DiskFile[]>>
  readonly guests: Readonly<Record<string, Domain>>
  /** Addresses by name of a compute host, as this host resolves the name. */
  readonly names: Readonly<Record<string, readonly string[]>>
}

/** Evidence that needs both hosts: a source and the target. */
export interface PairEvidence {
  readonly address: string
  readonly scheme: string
  readonly portNumber: number
  readonly port: Probe | undefined
  /** Verdicts of the target's libvirt, by CPU description. */
  readonly cpu: Readonly<Record<string, Comparison>>
  /** Files of `_base` missing on the target. */
  readonly missingBacking: readonly string[]
}

export interface Evidence {
  readonly wanted: Wanted
  readonly api: Api
  /** By compute host: sources and target. */
  readonly hosts: Readonly<Record<string, Answer<HostEvidence> & { readonly help?: string }>>
  /** By source. */
  readonly pairs: Readonly<Record<string, PairEvidence>>
}
