/** virsh, answering from the simulated libvirt in the form of virsh 9.0. */
import { readFileSync } from 'node:fs'
import { isAbsolute, join } from 'node:path'
import { linkOf } from '../nova/engine.ts'
import type { Engine } from '../nova/engine.ts'
import type { Compute, Domain } from '../state.ts'
import { failed, parseArgs, said } from './command.ts'
import type { Answer, Command, Parsed } from './command.ts'
import { jobInfo } from './virsh-job.ts'
import { capabilities, compareCpu, domainCapabilities, domainXml } from './virsh-xml.ts'

export interface Hypervisor {
  readonly engine: Engine
  readonly compute: Compute
  /** The host's `/` as a path here. */
  readonly root: string
}

type Verb = (host: Hypervisor, parsed: Parsed, command: Command) => Answer

const withValue = [
  '-c',
  '--connect',
  '-d',
  '--debug',
  '-l',
  '--log',
  '--domain',
  '--file',
  '--virttype',
  '--emulatorbin',
  '--machine',
  '--arch',
]

export function virsh(host: Hypervisor, command: Command): Answer {
  const parsed = parseArgs(command.args, withValue)
  if (parsed.flags.has('--version') || parsed.flags.has('-v')) return said('9.0.0\n')
  const [name, ...words] = parsed.words
  if (name === undefined) return failed(1, 'error: the simulated virsh has no interactive mode\n')
  const verb = verbs[name]
  if (verb === undefined) return failed(1, `error: unknown command: '${name}'\n`)
  const uri = (parsed.values.get('-c') ?? parsed.values.get('--connect'))?.at(-1)
  const connected = connect(host, uri)
  if (typeof connected === 'string') return failed(1, `error: failed to connect to the hypervisor\nerror: ${connected}\n`, '\n')
  return verb(
    { ...host, compute: connected },
    { ...parsed, words: [...(parsed.values.get('--domain') ?? []), ...(parsed.values.get('--file') ?? []), ...words] },
    command,
  )
}

/** The hypervisor that a URI leads to, or why it cannot be reached from this host. */
function connect({ engine, compute }: Hypervisor, uri: string | undefined): Compute | string {
  const remote = /^qemu\+(\w+):\/\/(?:[^@/]*@)?([^:/]+)(?::(\d+))?\/system/.exec(uri ?? '')
  if (remote === null)
    return compute.libvirtRuns
      ? compute
      : "Failed to connect socket to '/var/run/libvirt/libvirt-sock': No such file or directory"
  const [, transport = '', name = '', port] = remote
  const target = [...engine.state.computes.values()].find((candidate) => candidate.address === name || candidate.name === name)
  const at = `unable to connect to server at '${name}:${port ?? (transport === 'tls' ? 16514 : 16509)}'`
  if (target === undefined || engine.cut.has(linkOf(compute.name, target.name))) return `${at}: No route to host`
  if (transport !== 'tcp' || !target.libvirtListens || !target.libvirtRuns) return `${at}: Connection refused`
  return target
}

const machineId = (host: Hypervisor) => {
  try {
    return readFileSync(join(host.root, 'etc/machine-id'), 'utf8').trim()
  } catch {
    return ''
  }
}

/** Every command's output ends with an empty line. */
const line = (text: string) => said(`${text}\n\n`)

const ordered = (compute: Compute) => [...compute.domains.values()].sort((a, b) => a.number - b.number)

const version = (compute: Compute) => {
  const number = compute.hypervisorVersion
  return `${Math.floor(number / 1_000_000)}.${Math.floor(number / 1000) % 1000}.${number % 1000}`
}

const withDomain =
  (work: (host: Hypervisor, domain: Domain, parsed: Parsed) => Answer): Verb =>
  (host, parsed) => {
    const name = parsed.words[0]
    if (name === undefined) return failed(1, 'error: command requires <domain> option\n')
    const domain = ordered(host.compute).find((candidate) =>
      [candidate.id, candidate.name, String(candidate.number)].includes(name),
    )
    return domain === undefined ? failed(1, `error: failed to get domain '${name}'\n`, '\n') : work(host, domain, parsed)
  }

const verbs: Readonly<Record<string, Verb>> = {
  hostname: ({ compute }) => line(compute.name),
  uri: () => line('qemu:///system'),
  version: ({ compute }) =>
    line(
      `Compiled against library: libvirt ${compute.libvirtVersion}\nUsing library: libvirt ${compute.libvirtVersion}\nUsing API: QEMU ${compute.libvirtVersion}\nRunning hypervisor: QEMU ${version(compute)}`,
    ),
  nodeinfo: ({ compute: { cpu, vcpus, memory } }) =>
    line(
      [
        `CPU model:           ${cpu.arch}`,
        `CPU(s):              ${vcpus}`,
        'CPU frequency:       2096 MHz',
        `CPU socket(s):       ${cpu.topology.sockets}`,
        `Core(s) per socket:  ${cpu.topology.cores}`,
        `Thread(s) per core:  ${cpu.topology.threads}`,
        'NUMA cell(s):        1',
        `Memory size:         ${memory * 1024} KiB`,
      ].join('\n'),
    ),
  capabilities: (host) => said(`${capabilities(host.compute, machineId(host))}\n`),
  domcapabilities: ({ compute }) => said(`${domainCapabilities(compute)}\n`),
  list,
  domstate: withDomain((_host, domain) => line(domain.state)),
  domuuid: withDomain((_host, domain) => line(domain.id)),
  domname: withDomain((_host, domain) => line(domain.name)),
  domid: withDomain((_host, domain) => line(domain.state === 'shut off' ? '-' : String(domain.number))),
  dominfo: withDomain(dominfo),
  domblklist: withDomain((_host, domain) =>
    line(
      ` Target   Source\n-----------------------------------------------------------------------------\n vda      /var/lib/nova/instances/${domain.id}/disk`,
    ),
  ),
  domjobinfo: withDomain(({ engine, compute }, domain) =>
    said(jobInfo([...engine.jobs.values()].find((job) => job.serverId === domain.id && job.source === compute))),
  ),
  domjobabort: withDomain(({ engine, compute }, domain) => {
    const job = [...engine.jobs.values()].find((candidate) => candidate.serverId === domain.id && candidate.source === compute)
    if (job === undefined) return failed(1, 'error: Requested operation is not valid: no job is active on the domain\n', '\n')
    job.abort = true
    return said('\n')
  }),
  dumpxml: withDomain(({ engine, compute }, domain) => {
    const server = engine.state.servers.get(domain.id)
    if (server === undefined) return failed(1, `error: failed to get domain '${domain.name}'\n`, '\n')
    return said(`${domainXml(server, compute, domain.state === 'shut off' ? undefined : domain.number)}\n`)
  }),
  undefine: withDomain(({ compute }, domain) => {
    if (domain.state !== 'shut off')
      return failed(
        1,
        `error: Failed to undefine domain '${domain.name}'\nerror: Requested operation is not valid: cannot undefine transient domain\n`,
        '\n',
      )
    compute.domains.delete(domain.id)
    return line(`Domain '${domain.name}' has been undefined`)
  }),
  'cpu-compare': (host, parsed, command) => compare(host, parsed, command, 'host CPU', 'Host CPU'),
  'hypervisor-cpu-compare': (host, parsed, command) =>
    compare(host, parsed, command, 'the CPU provided by hypervisor on the host', 'The CPU provided by hypervisor on the host'),
}

function list({ compute }: Hypervisor, { flags }: Parsed): Answer {
  const all = flags.has('--all')
  const shown = ordered(compute).filter((domain) =>
    flags.has('--inactive') ? domain.state === 'shut off' : all || domain.state !== 'shut off',
  )
  if (flags.has('--name') || flags.has('--uuid'))
    return said(`${shown.map((domain) => `${flags.has('--uuid') ? domain.id : domain.name}\n`).join('')}\n`)
  const rows = shown.map(
    (domain) => ` ${(domain.state === 'shut off' ? '-' : String(domain.number)).padEnd(4)} ${domain.name}   ${domain.state}\n`,
  )
  return said(` Id   Name                State\n-----------------------------------\n${rows.join('')}\n`)
}

function dominfo({ engine }: Hypervisor, domain: Domain): Answer {
  const flavor = engine.state.servers.get(domain.id)?.flavor
  const memory = (flavor?.ram ?? 0) * 1024
  return line(
    [
      `Id:             ${domain.state === 'shut off' ? '-' : domain.number}`,
      `Name:           ${domain.name}`,
      `UUID:           ${domain.id}`,
      'OS Type:        hvm',
      `State:          ${domain.state}`,
      `CPU(s):         ${flavor?.vcpus ?? 1}`,
      `Max memory:     ${memory} KiB`,
      `Used memory:    ${memory} KiB`,
      'Persistent:     yes',
      'Autostart:      disable',
      'Managed save:   no',
      'Security model: none',
      'Security DOI:   0',
    ].join('\n'),
  )
}

function compare(host: Hypervisor, parsed: Parsed, command: Command, to: string, by: string): Answer {
  const file = parsed.words[0]
  if (file === undefined) return failed(1, 'error: command requires <file> option\n')
  let xml: string
  try {
    xml =
      file === '/dev/stdin'
        ? command.stdin
        : readFileSync(join(host.root, isAbsolute(file) ? file : join(command.cwd, file)), 'utf8')
  } catch {
    return failed(1, `error: Failed to open file '${file}': No such file or directory\n`, '\n')
  }
  const found = compareCpu(host.compute.cpu, xml)
  if (found === undefined)
    return failed(
      1,
      `error: File '${file}' does not contain any <cpu> element or valid domain XML, host capabilities XML, or domain capabilities XML\n`,
      '\n',
    )
  if (found === 'identical') return line(`CPU described in ${file} is identical to ${to}`)
  if (found === 'superset') return line(`${by} is a superset of CPU described in ${file}`)
  return failed(1, '', `CPU described in ${file} is incompatible with ${to}\n\n`)
}
