/** Checks of the way between two hosts: names, ports, libvirt's listener, clocks. Pure; called by inspect.ts. */
import { duration } from '../../../../runner/module.ts'
import { block, line, ok, warn, type Check, type Verdict } from './check.ts'
import { hostFacts } from './checks-storage.ts'
import type { HostEvidence, Listening, PairEvidence, Evidence } from './evidence.ts'
import { moving, sources, way } from './partition.ts'

export const pathChecks = (facts: Evidence): readonly Check[] => {
  const { target } = facts.wanted
  return [...sources(moving(facts)).keys()].flatMap((host) => {
    const from = hostFacts(facts, host)
    const between = facts.pairs[host]
    if (from === undefined || host === target) return []
    const to = hostFacts(facts, target)
    const pair = way(host, target)
    return [
      line('tls', pair, tls(from, to, between?.scheme)),
      line('post_copy', pair, postCopy(from, to)),
      ...(between === undefined
        ? []
        : [line('port', pair, port(between, host, target, to)), ...(to === undefined ? [] : listener(to, between, target))]),
      ...(to === undefined ? [] : [line('names', pair, names(from, to, host, facts)), ...clock(from, to, pair)]),
    ]
  })
}

const BULK = '49152-49215 cannot be tried while nobody listens there: let the firewall pass them'

function port(between: PairEvidence, source: string, target: string, to: HostEvidence | undefined): Verdict {
  const goal = `${between.address}:${between.portNumber} (${between.scheme})`
  if (between.port === undefined || between.port.state === 'unknown') {
    return warn(
      `${goal} could not be tried from ${source}: ${between.port?.why ?? 'no answer'}`,
      `see that ${source} can connect there`,
    )
  }
  if (between.port.state === 'open') return ok(`${source} can connect to ${goal}; ${BULK}`)
  const deaf = to?.listening !== undefined && !to.listening.some((socket) => socket.port === between.portNumber)
  return block(
    `${source} cannot connect to ${goal}: ${between.port.why}`,
    deaf
      ? `let libvirtd on ${target} listen for migrations (module \`libvirt_listen\`)`
      : `let the firewall pass ${source} to ${goal}, and 49152-49215`,
  )
}

function listener({ listening }: HostEvidence, { portNumber, address }: PairEvidence, target: string): readonly Check[] {
  if (listening === undefined) return []
  return [line('listener', target, listens(listening, portNumber, address, target))]
}

function listens(listening: readonly Listening[], port: number, address: string, target: string): Verdict {
  const own = listening.filter((socket) => socket.port === port)
  if (own.length === 0)
    return block(`nothing listens on port ${port}`, `let libvirtd on ${target} listen for migrations (module \`libvirt_listen\`)`)
  const everywhere = own.find((socket) => socket.address === '0.0.0.0' || socket.address === '::')
  const exact = own.find((socket) => socket.address === address)
  const others = everywhere === undefined && exact === undefined
  if (others && own.every((socket) => isLoopback(socket.address)) && !isLoopback(address))
    return block(`port ${port} is open on ${own.map((socket) => socket.address).join(', ')} only`, `let it listen on ${address}`)
  return ok(`${(exact ?? everywhere ?? own[0])!.address}:${port}`)
}

const isLoopback = (address: string): boolean => address.startsWith('127.') || address === '::1'

function tls({ conf }: HostEvidence, to: HostEvidence | undefined, scheme: string | undefined): Verdict {
  const native = conf.flag('libvirt', 'live_migration_with_native_tls', false)
  const there = to?.conf.flag('libvirt', 'live_migration_with_native_tls', false) ?? native
  if (native && conf.flag('libvirt', 'live_migration_tunnelled', false)) {
    return block(
      'live_migration_with_native_tls and live_migration_tunnelled exclude each other',
      'set live_migration_tunnelled to false',
    )
  }
  if (native !== there)
    return warn(`live_migration_with_native_tls is ${native} on the source and ${there} on the target`, 'set it alike on both')
  if (!native) return ok('not encrypted: live_migration_with_native_tls is off')
  if (scheme !== undefined && scheme !== 'tls') {
    return warn(
      `live_migration_with_native_tls is on, but the scheme is ${scheme}: libvirt then goes unencrypted, without a word`,
      'set live_migration_scheme to tls as well',
    )
  }
  return ok('encrypted')
}

function postCopy({ conf, userfaultfd }: HostEvidence, to: HostEvidence | undefined): Verdict {
  if (!conf.flag('libvirt', 'live_migration_permit_post_copy', false)) return ok('Nova does not use it')
  const forbidden = userfaultfd === '0' || to?.userfaultfd === '0'
  return forbidden
    ? warn(
        'Nova is set to use it, and the kernel does not let QEMU (vm.unprivileged_userfaultfd is 0)',
        'sysctl vm.unprivileged_userfaultfd=1 on both hosts, or expect a pause instead',
      )
    : ok('permitted by Nova and kernel')
}

function names(from: HostEvidence, to: HostEvidence, source: string, facts: Evidence): Verdict {
  const { target } = facts.wanted
  const hypervisor = ('value' in facts.api.hypervisors ? facts.api.hypervisors.value : []).find(({ host }) => host === target)
  const view = from.names[target] ?? []
  const byName = facts.pairs[source]?.address === target
  if (view.length === 0) {
    return byName
      ? warn(`${source} cannot resolve ${target}`, 'give all compute hosts the same names: DNS or /etc/hosts')
      : ok(`not needed: the target is reached at ${facts.pairs[source]?.address ?? 'its address'}`)
  }
  if (view.every(isLoopback) && hypervisor?.hostIp !== undefined && !isLoopback(hypervisor.hostIp)) {
    return warn(
      `${source} resolves ${target} to ${view.join(', ')}, itself`,
      `take ${target} off the loopback line of /etc/hosts on ${source}`,
    )
  }
  // In its own /etc/hosts, a host's name is often 127.0.1.1. That says nothing about the other names.
  const apart = [target, source].flatMap((name) => {
    const [here, there] = [from, to].map((host) => (host.names[name] ?? []).filter((address) => !isLoopback(address)))
    return here!.length > 0 && there!.length > 0 && !here!.some((address) => there!.includes(address))
      ? [`${name} is ${here!.join(', ')} on ${source} and ${there!.join(', ')} on ${target}`]
      : []
  })
  return apart.length === 0
    ? ok(`${target} is ${view.join(', ')}`)
    : warn(apart.join('; '), 'give all compute hosts the same names: DNS or /etc/hosts')
}

/** Permitted difference of the clocks, in seconds: a guest takes its time from its host. */
const TOLERANCE = 1

function clock(from: HostEvidence, to: HostEvidence, pair: string): readonly Check[] {
  if (from.clock === undefined || to.clock === undefined) return []
  const apart = Math.abs(from.clock.ahead - to.clock.ahead)
  const within = from.clock.within + to.clock.within
  const evidence = `${duration(apart)} apart, give or take ${duration(within)}`
  return [
    line('clock', pair, apart - within > TOLERANCE ? warn(evidence, 'let both hosts keep time (chrony, ntp)') : ok(evidence)),
  ]
}
