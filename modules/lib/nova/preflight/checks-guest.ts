/** Checks of the guest: CPU, machine type, devices. Pure; called by inspect.ts with the evidence. */
import { compareVersions, type Hypervisor, list, type Server } from '../../../../runner/module.ts'
import { block, line, lines, ok, warn, type Check, type Verdict } from './check.ts'
import { nameOf } from './checks-request.ts'
import { hostFacts } from './checks-storage.ts'
import type { HostEvidence, Evidence } from './evidence.ts'
import { moving, sources, way } from './partition.ts'

export const guestChecks = (facts: Evidence): readonly Check[] => {
  if (facts.wanted.target === '') return []
  return [...lines('cpu', moving(facts), nameOf, (server) => cpu(server, facts)), ...machineTypes(facts), ...pairs(facts)]
}

const CPU_TODO = 'choose a host whose CPU has all that the guest has, or set `cpu_mode` to a model that both have'

function cpu(server: Server, facts: Evidence): Verdict {
  const [from, to] = [hostFacts(facts, server.host), hostFacts(facts, facts.wanted.target)]
  const guest = from?.guests[server.id]
  if (from !== undefined && to !== undefined && guest !== undefined) {
    if (guest.cpuXml === undefined) return ok("the guest has QEMU's default CPU")
    const passed = guest.cpuMode === 'host-passthrough'
    const xml = passed ? from.hostCpuXml : guest.cpuXml
    const answer = xml === undefined ? undefined : facts.pairs[server.host!]?.cpu[xml]
    if (answer !== undefined && !answer.fits) return block(`libvirt on ${facts.wanted.target}: ${answer.text}`, CPU_TODO)
    if (answer !== undefined)
      return passed ? passthrough(from, to, facts.wanted.target) : ok(`libvirt on ${facts.wanted.target}: ${answer.text}`)
  }
  const emulated = to === undefined ? undefined : emulation(to)
  return emulated === undefined ? byApi(server, facts) : ok(emulated)
}

/** With host-passthrough the guest sees kernel and microcode too. */
function passthrough(from: HostEvidence, to: HostEvidence, target: string): Verdict {
  const differ = [
    ...(from.kernel === to.kernel ? [] : [`kernel ${from.kernel} → ${to.kernel}`]),
    ...(from.microcode === to.microcode ? [] : [`microcode ${from.microcode} → ${to.microcode}`]),
  ]
  return differ.length === 0
    ? ok(`host-passthrough, and the CPU of ${target} has all of it`)
    : warn(
        `host-passthrough, and ${differ.join(', ')}`,
        'give both hosts the same kernel and microcode, or be ready for a guest that fails',
      )
}

const emulation = ({ conf }: HostEvidence): string | undefined => {
  if (conf.get('libvirt', 'virt_type') === 'qemu') return 'virt_type is qemu: the CPU is emulated'
  if (conf.get('libvirt', 'cpu_mode') === 'none') return "cpu_mode is none: the guest has QEMU's default CPU"
  return undefined
}

/** If libvirt could not be asked: compares the CPUs that both hypervisors report to Nova. */
function byApi(server: Server, facts: Evidence): Verdict {
  const all = 'value' in facts.api.hypervisors ? facts.api.hypervisors.value : []
  const [from, to] = [server.host, facts.wanted.target].map((host) => all.find((one) => one.host === host)?.cpu)
  const skipped =
    hostFacts(facts, facts.wanted.target)?.conf.flag('workarounds', 'skip_cpu_compare_on_dest', false) === true
      ? '; Nova is set not to compare'
      : ''
  const [has, lacks] = [features(from), features(to)]
  if (from === undefined || to === undefined || has === undefined || lacks === undefined) {
    return warn(`neither libvirt nor Nova says whether the CPU of ${facts.wanted.target} fits${skipped}`, CPU_TODO)
  }
  const missing = has.filter((feature) => !lacks.includes(feature))
  const models = `${String(from['model'])} → ${String(to['model'])}`
  if (from['arch'] !== to['arch'])
    return block(`${String(from['arch'])} → ${String(to['arch'])}`, 'choose a host of the same architecture')
  if (missing.length > 0)
    return warn(`as Nova knows it: ${models}; ${facts.wanted.target} lacks ${list(missing, 6)}${skipped}`, CPU_TODO)
  return from['vendor'] === to['vendor']
    ? ok(`as Nova knows it: ${models}`)
    : warn(`as Nova knows it: ${String(from['vendor'])} → ${String(to['vendor'])}${skipped}`, CPU_TODO)
}

const features = (cpu: Hypervisor['cpu']): readonly string[] | undefined => {
  const value = cpu?.['features']
  return Array.isArray(value) ? value.map(String) : undefined
}

function machineTypes(facts: Evidence): readonly Check[] {
  const { target } = facts.wanted
  const known = hostFacts(facts, target)?.machines
  if (known === undefined) return []
  const guests = moving(facts).flatMap((server) => {
    const machine = hostFacts(facts, server.host)?.guests[server.id]?.machine
    return machine === undefined ? [] : [{ server, machine }]
  })
  return lines(
    'machine_type',
    guests,
    ({ server }) => server.name,
    ({ machine }) =>
      known.includes(machine)
        ? ok(`${machine} is known on ${target}`)
        : warn(
            `QEMU on ${target} does not list ${machine}`,
            'move to a host whose QEMU has it, or give the server another machine type',
          ),
  )
}

/** Compares libvirt and the host UUIDs of source and target. */
function pairs(facts: Evidence): readonly Check[] {
  const { target } = facts.wanted
  const to = hostFacts(facts, target)
  if (to === undefined) return []
  return [...sources(moving(facts)).keys()].flatMap((host) => {
    const from = hostFacts(facts, host)
    if (from === undefined || host === target) return []
    const pair = way(host, target)
    return [...libvirt(from, to, pair), line('host_uuid', pair, hostUuid(from, to))]
  })
}

function libvirt(from: HostEvidence, to: HostEvidence, pair: string): readonly Check[] {
  if (from.libvirt === undefined || to.libvirt === undefined) return []
  const versions = `libvirt ${from.libvirt} → ${to.libvirt}`
  return [
    line(
      'libvirt',
      pair,
      compareVersions(to.libvirt, from.libvirt) < 0
        ? block(`${versions}: the target is older`, 'upgrade the target, or choose another')
        : ok(versions),
    ),
  ]
}

function hostUuid(from: HostEvidence, to: HostEvidence): Verdict {
  if (from.uuid !== undefined && from.uuid === to.uuid) {
    return block(
      `libvirt on both says ${from.uuid}: it would take the target for the same host`,
      'give one host its own `host_uuid` in libvirtd.conf and restart libvirtd there',
    )
  }
  if (from.uuid !== undefined && to.uuid !== undefined) return ok('they differ')
  if (from.machineId !== undefined && from.machineId === to.machineId) {
    return warn(
      `libvirt could not be asked; /etc/machine-id is ${from.machineId} on both`,
      'one was cloned from the other: give it a machine id and a `host_uuid` of its own',
    )
  }
  return ok('libvirt could not be asked; machine ids differ')
}
