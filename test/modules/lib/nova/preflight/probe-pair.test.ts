/** The way from source to target: addresses, libvirt, CPUs. */
import { describe, expect, test } from 'vitest'
import { osloConfig } from '../../../../../modules/lib/text/oslo-config.ts'
import { comparison, probePair, route } from '../../../../../modules/lib/nova/preflight/probe-pair.ts'
import { fakeTarget } from '../../../../doubles/target.ts'
import { CPU_XML, host, HOST_CPU_XML, hypervisor } from './evidence.ts'

describe("the way to the target's libvirt", () => {
  const conf = (text: string) => osloConfig([`[libvirt]\n${text}\n`])

  test.each([
    ['nothing set', '', '', { scheme: 'tcp', address: 'compute15', portNumber: 16509 }],
    ['TLS', 'live_migration_scheme = tls', '', { scheme: 'tls', address: 'compute15', portNumber: 16514 }],
    [
      'ssh with a user and a key in the URI',
      'live_migration_uri = qemu+ssh://nova@%s/system?keyfile=/k',
      '',
      { scheme: 'ssh', address: 'compute15', portNumber: 22 },
    ],
    [
      'a port in the URI; the scheme is ignored then',
      'live_migration_uri = qemu+tcp://%s:16999/system\nlive_migration_scheme = tls',
      '',
      { scheme: 'tcp', address: 'compute15', portNumber: 16999 },
    ],
    [
      'an address of the target',
      '',
      'live_migration_inbound_addr = 10.8.0.15',
      { scheme: 'tcp', address: '10.8.0.15', portNumber: 16509 },
    ],
    [
      'an address that Nova found by itself',
      '',
      'live_migration_inbound_addr = $my_ip',
      { scheme: 'tcp', address: '10.0.0.15', portNumber: 16509 },
    ],
  ])('%s', (_, source, target, way) => {
    expect(route(conf(source), conf(target), 'compute15', hypervisor('compute15'))).toEqual(way)
  })

  test('a target whose settings could not be read', () => {
    expect(route(conf(''), undefined, 'compute15', undefined)).toEqual({ scheme: 'tcp', address: 'compute15', portNumber: 16509 })
  })
})

describe("libvirt's words about a CPU", () => {
  test.each([
    ['CPU described in /dev/stdin is identical to host CPU\n', true],
    ['The CPU provided by hypervisor on the host is a superset of CPU described in /dev/stdin\n', true],
    ['CPU described in /dev/stdin is incompatible with the CPU provided by hypervisor on the host\n', false],
  ])('%s', (words, fits) => {
    expect(comparison(words)?.fits).toBe(fits)
  })

  test('an error is no answer, although virsh exits with 1 for both', () => {
    expect(
      comparison('error: Failed to compare hypervisor CPU with /dev/stdin\nerror: internal error: Unknown CPU model Nonsense'),
    ).toBeUndefined()
    expect(comparison('sh: 1: virsh: not found')).toBeUndefined()
  })
})

describe('what takes both hosts', () => {
  const virsh = (argv: readonly string[], stdin: unknown) => ({ argv: argv.slice(3, -1), stdin })

  const tried = async (guests: ReturnType<typeof host>['guests']) => {
    const asked: unknown[] = []
    const source = fakeTarget({ host: 'compute14', commands: () => ({ stdout: 'open bash\n' }) })
    const target = fakeTarget({
      host: 'compute15',
      files: { '/base/1': 'x' },
      commands: (argv, { stdin }) => {
        asked.push(virsh(argv, stdin))
        return { stdout: 'The CPU is a superset\n' }
      },
    })
    const disks = {
      a: [{ path: '/a', virtual: 1, backing: { path: '/base/1', size: 1 } }],
      b: [{ path: '/b', virtual: 1, backing: { path: '/base/2', size: 1 } }],
    }
    const evidence = await probePair(
      { host: source, evidence: host('compute14', '', { guests, disks }) },
      { host: target, evidence: host('compute15'), name: 'compute15', hypervisor: undefined },
    )
    return { evidence, asked, wrote: [...source.wrote, ...target.wrote] }
  }

  test('each CPU is compared once, as the kind of guest it is for; images that are lacking are found', async () => {
    const guest = { type: 'kvm', machine: undefined, cpuMode: 'custom', cpuXml: CPU_XML }
    const { evidence, asked, wrote } = await tried({ a: guest, b: guest })
    expect(asked).toEqual([{ argv: ['hypervisor-cpu-compare', '--virttype', 'kvm'], stdin: CPU_XML }])
    expect(evidence.port).toEqual({ state: 'open', how: 'bash' })
    expect(evidence.cpu[CPU_XML]?.fits).toBe(true)
    expect(evidence.missingBacking).toEqual(['/base/2'])
    expect(wrote).toEqual([])
  })

  test('a guest that has the CPU of its host: the hosts are compared', async () => {
    const { asked } = await tried({ a: { type: 'kvm', machine: undefined, cpuMode: 'host-passthrough', cpuXml: '<cpu/>' } })
    expect(asked).toEqual([{ argv: ['cpu-compare'], stdin: HOST_CPU_XML }])
  })

  test('a target that could not be looked at: the port is tried all the same', async () => {
    const source = fakeTarget({
      host: 'compute14',
      commands: () => ({ stdout: 'closed nc 1\nnc: connect: Connection refused\n' }),
    })
    const evidence = await probePair(
      {
        host: source,
        evidence: host('compute14', '', {
          guests: { a: { type: 'kvm', machine: undefined, cpuMode: 'custom', cpuXml: CPU_XML } },
        }),
      },
      { host: undefined, evidence: undefined, name: 'compute15', hypervisor: undefined },
    )
    expect(evidence).toEqual({
      scheme: 'tcp',
      address: 'compute15',
      portNumber: 16509,
      port: { state: 'closed', how: 'nc', why: 'connection refused' },
      cpu: {},
      missingBacking: [],
    })
  })
})
