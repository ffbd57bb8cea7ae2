/** Names of the checks, their levels, and a line of the report. Called by all checks and by `migration_preflight`. */
import { count, list } from '../../../../runner/module.ts'

export type Level = 'ok' | 'WARN' | 'BLOCK'

/** A line of the report, as plain JSON. A WARN can be accepted by the name of its check, a BLOCK cannot. */
export interface Check {
  readonly check: CheckName
  readonly level: Level
  /** The server, the host or the hosts of the check. */
  readonly subject: string
  readonly evidence: string
  /** Empty if the check passed. */
  readonly help: string
}

/** Every check with its question. Read by the documentation, by `accept` and by the report. */
export const CHECKS = {
  permission: 'the token may see hosts and services and move servers',
  parameters: 'every server is known, and what is asked for can be asked of this Nova',
  target_exists: 'the target runs nova-compute',
  source: 'each server is on the host it should leave, and that is not the target',
  state: 'each server is ACTIVE or PAUSED, and so is its virtual machine',
  not_running: 'servers of the host that are left behind because they do not run',
  task_state: 'no server is busy with another task',
  lock: 'no server is locked',
  services: 'nova-compute is up on source and target, and enabled on the target',
  hypervisor: 'source and target have the same type of hypervisor, the target no older one',
  memory: "the target has room for the servers' memory, as Placement counts",
  vcpus: "the target has room for the servers' CPUs, as Placement counts",
  disk_allocation: "the target has room for the servers' disks, as Placement counts",
  resources: 'the target offers whatever else the servers have, such as GPUs',
  memory_free: 'the target has that much memory free in fact',
  traits: 'the target has the traits that the flavors require',
  availability_zone: 'no server leaves the availability zone that it is pinned to',
  server_group: 'affinity and anti-affinity hold after the move',
  devices: 'no device or feature of a server stands against a live migration (PCI, GPU, TPM, encrypted memory)',
  numa: 'pinned CPUs, NUMA nodes and huge pages can be placed anew on the target',
  network: "the servers' network ports can follow, and the target's network agent is alive",
  config_drive: 'a config drive on a local disk, which is copied along',
  host_access: 'source and target could be looked at over ssh',
  storage: 'both hosts keep disks in the same way and place, and the kind of migration fits it',
  leftover: 'the target has no folder or domain of the server from an earlier move',
  disk_space: 'the target has space for the local disks, which Nova itself has not checked since microversion 2.25',
  cpu: "the target's CPU has all that the guests were given",
  machine_type: "the target's QEMU knows the machine types of the guests",
  libvirt: "the target's libvirt is not older than the source's",
  host_uuid: 'both hosts have UUIDs of their own',
  listener: 'libvirtd on the target listens for migrations',
  port: "the source can connect to the target's libvirtd",
  tls: 'encryption is either off or really on',
  names: 'both hosts resolve their names alike',
  clock: "the hosts' clocks agree",
  ids: 'nova and qemu have the same user ids on both hosts, where they share disks',
  post_copy: 'the kernel permits post-copy where Nova is set to use it',
} as const

export type CheckName = keyof typeof CHECKS

export const CHECK_NAMES = Object.keys(CHECKS) as readonly CheckName[]

/** Outcome of a check for one server or one pair of hosts. */
export interface Verdict {
  readonly level: Level
  readonly evidence: string
  readonly help?: string
}

export const ok = (evidence: string): Verdict => ({ level: 'ok', evidence })
export const warn = (evidence: string, help: string): Verdict => ({ level: 'WARN', evidence, help })
export const block = (evidence: string, help: string): Verdict => ({ level: 'BLOCK', evidence, help })

export const line = (check: CheckName, subject: string, { level, evidence, help = '' }: Verdict): Check => ({
  check,
  level,
  subject,
  evidence,
  help,
})

/** Makes a line for each subject that fails, and one line for all that pass. No subjects, no lines. */
export function lines<T>(
  check: CheckName,
  subjects: readonly T[],
  name: (subject: T) => string,
  judge: (subject: T) => Verdict,
  noun = 'server',
): readonly Check[] {
  const verdicts = subjects.map((subject) => ({ subject, verdict: judge(subject) }))
  const passed = verdicts.filter(({ verdict }) => verdict.level === 'ok')
  const evidence = [...new Set(passed.map(({ verdict }) => verdict.evidence))]
  const who = passed.length === 1 ? name(passed[0]!.subject) : count(passed.length, noun)
  return [
    ...verdicts
      .filter(({ verdict }) => verdict.level !== 'ok')
      .map(({ subject, verdict }) => line(check, name(subject), verdict)),
    ...(passed.length === 0 ? [] : [line(check, who, ok(list(evidence, 3)))]),
  ]
}
