/** Every check of the pre-flight, passing and failing on evidence made for it. */
import { describe, expect, test } from 'vitest'
import { CHECK_NAMES, type CheckName, type Level } from '../../../../../modules/lib/nova/preflight/check.ts'
import { allChecks } from '../../../../../modules/lib/nova/preflight/inspect.ts'
import type { Evidence } from '../../../../../modules/lib/nova/preflight/evidence.ts'
import { CPU_XML, GIB, host, HOST_CPU_XML, hypervisor, evidenceOf, server, service, type Changes } from './evidence.ts'

const TLS = '[libvirt]\nlive_migration_with_native_tls = true\n'

/** Both hosts see the same folder. */
const shared = {
  servers: [server('web-1')],
  target: { folders: { 'id-web-1': { inode: '100', mtime: '2026-01-01T10:00:00.1+0000' } } },
} satisfies Changes

const passthrough = {
  servers: [server('web-1')],
  source: {
    guests: {
      'id-web-1': { type: 'kvm', machine: undefined, cpuMode: 'host-passthrough', cpuXml: "<cpu mode='host-passthrough'/>" },
    },
    folders: { 'id-web-1': { inode: '100', mtime: 'x' } },
  },
} satisfies Changes

/** Lines of a check that are not ok, as `LEVEL subject: evidence`. */
const loud = (facts: Evidence, check: CheckName): readonly string[] =>
  allChecks(facts)
    .filter((one) => one.check === check && one.level !== 'ok')
    .map(({ level, subject, evidence }) => `${level} ${subject}: ${evidence}`)

const names = (facts: Evidence): readonly CheckName[] => [...new Set(allChecks(facts).map(({ check }) => check))]
const levels = (facts: Evidence): readonly Level[] => [...new Set(allChecks(facts).map(({ level }) => level))]

test('hosts that fit each other: every check passes', () => {
  const facts = evidenceOf()
  expect(levels(facts)).toEqual(['ok'])
  expect(names(facts)).toEqual(
    CHECK_NAMES.filter(
      (name) => !['not_running', 'resources', 'server_group', 'numa', 'config_drive', 'ids'].includes(name),
    ).toSorted((a, b) => names(facts).indexOf(a) - names(facts).indexOf(b)),
  )
})

test('a server that is somewhere else altogether is asked about no further', () => {
  const facts = evidenceOf({ servers: [server('x', { host: 'compute16', status: 'SHUTOFF', vmState: 'stopped', locked: true })] })
  expect(
    allChecks(facts)
      .filter(({ level }) => level !== 'ok')
      .map(({ check }) => check),
  ).toEqual(['source'])
})

test('all findings are shown, not only the first', () => {
  const facts = evidenceOf({
    servers: [server('web-1', { locked: true, status: 'SHUTOFF', vmState: 'stopped', powerState: 4 })],
    pair: { port: { state: 'closed', how: 'nc', why: 'connection refused' } },
  })
  expect(
    allChecks(facts)
      .filter(({ level }) => level !== 'ok')
      .map(({ check }) => check),
  ).toEqual(['state', 'lock', 'port'])
})

/** One thing is changed; one check must notice it, at that level, and say what was facts. Nothing else may be loud. */
const cases: readonly (readonly [string, CheckName, 'WARN' | 'BLOCK', RegExp, Changes])[] = [
  // the request
  [
    'a role that is not admin',
    'permission',
    'WARN',
    /roles member on project demo, not admin/,
    { api: { token: { user: { id: 'u', name: 'x' }, project: { id: 'p', name: 'demo' }, roles: ['member'], expiresAt: '' } } },
  ],
  [
    'a name that does not exist',
    'parameters',
    'BLOCK',
    /no server has the name/,
    { wanted: { problems: ['no server has the name or id `web-9`'] } },
  ],
  ['a Nova before Newton', 'parameters', 'BLOCK', /to 2\.25; 2\.30 is needed/, { api: { microversion: '2.25' } }],
  [
    'a server on another host',
    'source',
    'BLOCK',
    /on compute16, not on compute14/,
    { servers: [server('web-1', { host: 'compute15' }), server('x', { host: 'compute16' })] },
  ],
  [
    'a stopped server that was named',
    'state',
    'BLOCK',
    /web-1: it is SHUTOFF/,
    { servers: [server('web-1', { status: 'SHUTOFF', vmState: 'stopped', powerState: 4 })] },
  ],
  [
    'a server whose machine is off although Nova says ACTIVE',
    'state',
    'BLOCK',
    /ACTIVE, but its virtual machine is shut down/,
    { servers: [server('web-1', { powerState: 4 })] },
  ],
  [
    'a stopped server on a host that is emptied',
    'not_running',
    'WARN',
    /stays on compute14: old-1 \(SHUTOFF\)/,
    { wanted: { named: false }, servers: [server('web-1'), server('old-1', { status: 'SHUTOFF', vmState: 'stopped' })] },
  ],
  [
    'a server that is being resized',
    'task_state',
    'BLOCK',
    /its task is resize_prep/,
    { servers: [server('web-1', { taskState: 'resize_prep' })] },
  ],
  ['a locked server', 'lock', 'WARN', /web-1: it is locked/, { servers: [server('web-1', { locked: true })] }],
  [
    'a source whose nova-compute is down',
    'services',
    'BLOCK',
    /compute14: nova-compute is down/,
    { api: { services: { value: [service('compute14', { state: 'down' }), service('compute15')] } } },
  ],
  [
    'a target whose nova-compute is down',
    'services',
    'BLOCK',
    /compute15: nova-compute is down; Nova last heard of it at 2026/,
    { api: { services: { value: [service('compute14'), service('compute15', { state: 'down' })] } } },
  ],
  [
    'a target that is disabled',
    'services',
    'BLOCK',
    /disabled \(bad RAM\): Nova accepts the request and then fails it/,
    {
      api: {
        services: { value: [service('compute14'), service('compute15', { status: 'disabled', disabledReason: 'bad RAM' })] },
      },
    },
  ],
  [
    'a target marked as down',
    'services',
    'BLOCK',
    /forced down/,
    { api: { services: { value: [service('compute14'), service('compute15', { forcedDown: true })] } } },
  ],
  // room
  [
    'another type of hypervisor',
    'hypervisor',
    'BLOCK',
    /compute14 has QEMU, compute15 has VMware/,
    { api: { hypervisors: { value: [hypervisor('compute14'), hypervisor('compute15', { type: 'VMware' })] } } },
  ],
  [
    'an older hypervisor',
    'hypervisor',
    'BLOCK',
    /QEMU 7\.2\.22 → 6\.2\.0: the target is older/,
    { api: { hypervisors: { value: [hypervisor('compute14'), hypervisor('compute15', { version: 6002000 })] } } },
  ],
  [
    'too little memory for all, though enough for each',
    'memory',
    'BLOCK',
    /2 servers need 10\.0 GiB; 9\.8 GiB of 10\.0 GiB are free/,
    { api: room({ MEMORY_MB: { limit: 10240, used: 200 } }) },
  ],
  ['too few CPUs', 'vcpus', 'BLOCK', /need 4 VCPU; 3 VCPU of 4 VCPU are free/, { api: room({ VCPU: { limit: 4, used: 1 } }) }],
  [
    'too little disk',
    'disk_allocation',
    'BLOCK',
    /need 20.0 GiB of disk; 10.0 GiB of disk/,
    { api: room({ DISK_GB: { limit: 20, used: 10 } }) },
  ],
  [
    'a GPU that the target has not on its own provider',
    'resources',
    'WARN',
    /has 1 VGPU, which is not on the host's own provider/,
    { servers: [server('gpu')], api: { allocations: { 'id-gpu': { value: { VGPU: 1 } } } } },
  ],
  [
    'less memory in fact than Placement thinks',
    'memory_free',
    'WARN',
    /10\.0 GiB needed at most, 4\.0 GiB available/,
    { target: { memAvailable: 4 * GIB } },
  ],
  [
    'Placement has the target disabled',
    'traits',
    'BLOCK',
    /COMPUTE_STATUS_DISABLED/,
    { api: { traits: { compute15: { value: ['COMPUTE_STATUS_DISABLED'] } } } },
  ],
  [
    'a trait that is lacking',
    'traits',
    'BLOCK',
    /HW_GPU is required/,
    { servers: [server('web-1', { extraSpecs: { 'trait:HW_GPU': 'required' } })] },
  ],
  [
    'a trait that must not be',
    'traits',
    'BLOCK',
    /HW_CPU_X86_AVX is forbidden/,
    { servers: [server('web-1', { extraSpecs: { 'trait:HW_CPU_X86_AVX': 'forbidden' } })] },
  ],
  [
    'Placement that does not answer',
    'memory',
    'WARN',
    /10\.0 GiB needed, 63\.0 GiB free/,
    { api: { room: { compute15: { why: 'no answer' } } } },
  ],
  [
    'Placement that does not answer, and a hypervisor that is full',
    'memory',
    'BLOCK',
    /10\.0 GiB needed, 2\.0 GiB free/,
    {
      api: {
        room: { compute15: { why: 'no answer' } },
        hypervisors: { value: [hypervisor('compute14'), hypervisor('compute15', { memoryUsed: 63488 })] },
      },
    },
  ],
  // the servers
  [
    'a server pinned to another zone',
    'availability_zone',
    'BLOCK',
    /pinned to az1; compute15 is in nova/,
    { servers: [server('web-1', { pinnedAvailabilityZone: 'az1' })], api: { microversion: '2.96' } },
  ],
  [
    'another zone, on a Nova that does not say what is pinned',
    'availability_zone',
    'WARN',
    /does not say whether it is pinned/,
    { servers: [server('web-1', { availabilityZone: 'az1' })] },
  ],
  [
    'a group that must stay apart, with a member on the target',
    'server_group',
    'BLOCK',
    /keeps its members apart, and other is on compute15/,
    group('anti-affinity', 'compute15'),
  ],
  [
    'a group that must stay together',
    'server_group',
    'BLOCK',
    /keeps its members together, and other is on compute14/,
    group('affinity', 'compute14'),
  ],
  [
    'PCI devices',
    'devices',
    'WARN',
    /PCI devices \(gpu:1\)/,
    { servers: [server('web-1', { extraSpecs: { 'pci_passthrough:alias': 'gpu:1' } })] },
  ],
  [
    'encrypted memory',
    'devices',
    'BLOCK',
    /SEV/,
    { servers: [server('web-1', { extraSpecs: { 'hw:mem_encryption': 'True' } })] },
  ],
  [
    'accelerators, beside a TPM: the worse one is told',
    'devices',
    'BLOCK',
    /accelerators/,
    { servers: [server('web-1', { extraSpecs: { 'hw:tpm_version': '2.0', 'accel:device_profile': 'fpga' } })] },
  ],
  [
    'pinned CPUs before Train',
    'numa',
    'BLOCK',
    /pinned CPUs or NUMA nodes/,
    { servers: [server('web-1', { extraSpecs: { 'hw:cpu_policy': 'dedicated' } })], api: { microversion: '2.78' } },
  ],
  [
    'huge pages that the target has not',
    'numa',
    'BLOCK',
    /16\.0 GiB in huge pages \(2MB\) needed, 8\.0 GiB free/,
    { servers: [server('web-1', { ram: 16384, extraSpecs: { 'hw:mem_page_size': '2MB' } })] },
  ],
  ['a whole device as port', 'network', 'BLOCK', /direct-physical port/, { api: ports('direct-physical') }],
  ['a virtual function as port', 'network', 'WARN', /it has a direct port/, { api: ports('direct') }],
  [
    'a dead network agent on the target',
    'network',
    'BLOCK',
    /Open vSwitch agent is dead/,
    {
      api: {
        agents: {
          value: [
            { type: 'Open vSwitch agent', alive: false },
            { type: 'DHCP agent', alive: false },
          ],
        },
      },
    },
  ],
  [
    'ports that could not be asked',
    'network',
    'WARN',
    /could not be asked: 503/,
    { servers: [server('web-1')], api: { ports: { 'id-web-1': { why: '503' } } } },
  ],
  [
    'a config drive on a local disk',
    'config_drive',
    'WARN',
    /it is copied along/,
    { servers: [server('web-1', { configDrive: true })] },
  ],
  // storage
  [
    'other storage on the target',
    'storage',
    'BLOCK',
    /images_type is qcow2 on compute14 and rbd on compute15/,
    { targetConf: '[libvirt]\nimages_type = rbd\n' },
  ],
  [
    'another place for disks on the target',
    'storage',
    'BLOCK',
    /\/var\/lib\/nova\/instances on compute14 and \/srv/,
    { target: { instancesPath: '/srv' } },
  ],
  [
    'no copy wanted, of local disks',
    'storage',
    'BLOCK',
    /is local: its disks must be copied/,
    { servers: [server('web-1')], wanted: { block: false } },
  ],
  [
    'a copy wanted, of shared disks',
    'storage',
    'BLOCK',
    /is shared by both hosts: nothing can be copied/,
    { ...shared, wanted: { block: true } },
  ],
  [
    'tunnelled, with volumes beside local disks',
    'storage',
    'BLOCK',
    /live_migration_tunnelled is set/,
    { servers: [server('web-1', { volumes: ['v'] })], sourceConf: '[libvirt]\nlive_migration_tunnelled = true\n' },
  ],
  [
    'a folder that is not where it should be',
    'storage',
    'WARN',
    /its folder is not in/,
    { servers: [server('web-1')], source: { folders: {} } },
  ],
  [
    'an old folder on the target',
    'leftover',
    'BLOCK',
    /instances\/id-web-1 is on compute15 already, with other content \(changed 2025-12-01T08:00\)/,
    { target: { folders: { 'id-web-1': { inode: '7', mtime: '2025-12-01T08:00:00.0+0000' } } } },
  ],
  ['an old domain on the target', 'leftover', 'WARN', /has a domain of it already/, { target: { domains: ['id-web-1'] } }],
  [
    'a full target',
    'disk_space',
    'BLOCK',
    /web-1, db-2 need 20\.0 GiB; compute15 has 19\.0 GiB/,
    { target: { filesystem: { type: 'xfs', id: 'x', free: 19 * GIB } } },
  ],
  [
    'a target that is full when the image is counted',
    'disk_space',
    'BLOCK',
    /need 21\.0 GiB with an image that compute15 lacks; compute15 has 20\.5 GiB/,
    { target: { filesystem: { type: 'xfs', id: 'x', free: 20.5 * GIB } }, pair: { missingBacking: ['/base/1'] } },
  ],
  [
    'a target that is full when the reserve is counted',
    'disk_space',
    'BLOCK',
    /20\.0 GiB.*has 19\.0 GiB .*beside the 2\.0 GiB that are reserved/,
    { targetConf: '[DEFAULT]\nreserved_host_disk_mb = 2048\n', target: { filesystem: { type: 'xfs', id: 'x', free: 21 * GIB } } },
  ],
  [
    'other user ids over shared disks',
    'ids',
    'WARN',
    /nova is 64060 on compute14 and 998 on compute15/,
    { ...shared, target: { ...shared.target, users: { nova: '998', 'libvirt-qemu': '64055' } } },
  ],
  // guests
  [
    'a CPU that does not fit',
    'cpu',
    'BLOCK',
    /libvirt on compute15: incompatible/,
    { pair: { cpu: { [CPU_XML]: { fits: false, text: 'incompatible' } } } },
  ],
  [
    'a host CPU that does not fit a guest that has it all',
    'cpu',
    'BLOCK',
    /incompatible/,
    { ...passthrough, pair: { cpu: { [HOST_CPU_XML]: { fits: false, text: 'incompatible' } } } },
  ],
  [
    'another kernel under a guest that sees it',
    'cpu',
    'WARN',
    /host-passthrough, and kernel 6\.1\.0 → 6\.8\.0/,
    { ...passthrough, target: { kernel: '6.8.0' } },
  ],
  [
    'a libvirt that cannot say, and a CPU that lacks something',
    'cpu',
    'WARN',
    /compute15 lacks avx2/,
    {
      pair: { cpu: {} },
      api: {
        hypervisors: {
          value: [
            hypervisor('compute14'),
            hypervisor('compute15', { cpu: { arch: 'x86_64', model: 'Nehalem', vendor: 'Intel', features: ['avx'] } }),
          ],
        },
      },
    },
  ],
  [
    'a libvirt that cannot say, and another architecture',
    'cpu',
    'BLOCK',
    /x86_64 → aarch64/,
    {
      pair: { cpu: {} },
      api: {
        hypervisors: {
          value: [
            hypervisor('compute14'),
            hypervisor('compute15', { cpu: { arch: 'aarch64', model: 'x', vendor: 'y', features: ['avx', 'avx2'] } }),
          ],
        },
      },
    },
  ],
  [
    'a machine type that the target does not know',
    'machine_type',
    'WARN',
    /does not list pc-i440fx-7\.2/,
    { target: { machines: ['pc-q35-6.2'] } },
  ],
  ['an older libvirt', 'libvirt', 'BLOCK', /libvirt 9\.0\.0 → 8\.10\.1: the target is older/, { target: { libvirt: '8.10.1' } }],
  [
    'the same UUID',
    'host_uuid',
    'BLOCK',
    /uuid-compute14: it would take the target for the same host/,
    { target: { uuid: 'uuid-compute14' } },
  ],
  [
    'the same machine id, where libvirt could not be asked',
    'host_uuid',
    'WARN',
    /machine-compute14 on both/,
    { target: { uuid: undefined, machineId: 'machine-compute14' } },
  ],
  // between the hosts
  [
    'nobody listens',
    'listener',
    'BLOCK',
    /nothing listens on port 16509/,
    { target: { listening: [{ address: '0.0.0.0', port: 22 }] } },
  ],
  [
    'it listens to itself only',
    'listener',
    'BLOCK',
    /open on 127\.0\.0\.1 only/,
    { target: { listening: [{ address: '127.0.0.1', port: 16509 }] } },
  ],
  [
    'a firewall between',
    'port',
    'BLOCK',
    /compute14 cannot connect to 10\.0\.0\.15:16509 \(tcp\): no answer within 5 s/,
    { pair: { port: { state: 'closed', how: 'bash', why: 'no answer within 5 s' } } },
  ],
  [
    'nothing to try the port with',
    'port',
    'WARN',
    /could not be tried from compute14: bash, nc/,
    { pair: { port: { state: 'unknown', why: 'bash, nc, python3 and perl are all missing on the host' } } },
  ],
  [
    'encryption that is not one',
    'tls',
    'WARN',
    /the scheme is tcp: libvirt then goes unencrypted/,
    { sourceConf: TLS, targetConf: TLS },
  ],
  ['encryption on one side', 'tls', 'WARN', /true on the source and false on the target/, { sourceConf: TLS }],
  ['encryption and a tunnel', 'tls', 'BLOCK', /exclude each other/, { sourceConf: `${TLS}live_migration_tunnelled = true\n` }],
  [
    'post-copy that the kernel forbids',
    'post_copy',
    'WARN',
    /vm\.unprivileged_userfaultfd is 0/,
    { sourceConf: '[libvirt]\nlive_migration_permit_post_copy = true\n', target: { userfaultfd: '0' } },
  ],
  [
    'other addresses',
    'names',
    'WARN',
    /compute15 is 10\.9\.9\.9 on compute14 and 10\.0\.0\.15 on compute15/,
    { source: { names: { compute15: ['10.9.9.9'] } } },
  ],
  [
    'a name that leads back to the source',
    'names',
    'WARN',
    /resolves compute15 to 127\.0\.1\.1, itself/,
    { source: { names: { compute15: ['127.0.1.1'] } } },
  ],
  [
    'a name that is needed and not known',
    'names',
    'WARN',
    /compute14 cannot resolve compute15/,
    { source: { names: {} }, pair: { address: 'compute15' } },
  ],
  ['clocks apart', 'clock', 'WARN', /3 s apart, give or take 0\.2 s/, { target: { clock: { ahead: -3, within: 0.1 } } }],
]

test.each(cases)('%s', (_, check, level, evidence, changes) => {
  const facts = evidenceOf(changes)
  const found = loud(facts, check)
  expect(found).not.toEqual([])
  for (const one of found) {
    expect(one.startsWith(`${level} `)).toBe(true)
    expect(one).toMatch(evidence)
  }
  const other = allChecks(facts).filter((one) => one.level !== 'ok' && one.check !== check)
  expect(other.map((one) => `${one.check}: ${one.evidence}`)).toEqual([])
  for (const one of allChecks(facts)) if (one.level !== 'ok') expect(one.help).not.toBe('')
})

test('every check has been seen to fail', () => {
  const failing = new Set([...cases.map(([, check]) => check), 'target_exists', 'host_access'])
  expect(CHECK_NAMES.filter((name) => !failing.has(name))).toEqual([])
})

describe('the target', () => {
  const to = (target: string, more: Changes = {}) =>
    loud(evidenceOf({ ...more, wanted: { target, source: '' }, api: { room: {}, traits: {}, ...more.api } }), 'target_exists')

  test('a name nearly right', () => {
    expect(to('compute51')).toEqual(['BLOCK compute51: no host of that name runs nova-compute; did you mean `compute15`?'])
  })

  test('the name of its hypervisor', () => {
    expect(to('compute15.example.org')).toEqual([
      'BLOCK compute15.example.org: this is the name of a hypervisor; Nova calls its compute host compute15',
    ])
  })

  test('the source itself', () => {
    expect(loud(evidenceOf({ wanted: { target: 'compute14' } }), 'source')).toEqual([
      'BLOCK compute14: source and target are the same host',
    ])
  })
})

describe('a server that is there already', () => {
  test('is fine, and needs no room', () => {
    const facts = evidenceOf({
      servers: [server('web-1', { host: 'compute15' })],
      api: { ...room({ MEMORY_MB: { limit: 1, used: 1 } }) },
    })
    expect(levels(facts)).toEqual(['ok'])
    expect(names(facts)).not.toContain('memory')
  })

  test('unless something is moving it away again', () => {
    const facts = evidenceOf({
      servers: [server('web-1', { host: 'compute15', status: 'MIGRATING', taskState: 'migrating' })],
      wanted: { source: '' },
    })
    expect(loud(facts, 'task_state')).toEqual(['BLOCK web-1: its task is migrating'])
  })
})

describe('a migration that is under way', () => {
  const running = (targetHost: string) => ({
    id: 41,
    uuid: undefined,
    serverId: 'id-web-1',
    status: 'running',
    type: 'live-migration',
    sourceHost: 'compute14',
    targetHost,
    createdAt: '',
    updatedAt: undefined,
  })
  const moving = server('web-1', { status: 'MIGRATING', taskState: 'migrating' })

  test('to the same target is joined, and its folder on the target is no leftover', () => {
    const facts = evidenceOf({
      servers: [moving],
      api: { inFlight: { 'id-web-1': running('compute15') } },
      target: { folders: { 'id-web-1': { inode: '7', mtime: 'x' } } },
    })
    expect(levels(facts)).toEqual(['ok'])
    expect(allChecks(facts).find(({ check }) => check === 'task_state')?.evidence).toMatch(
      /migration 41 to compute15 is running: it will be joined/,
    )
  })

  test('needs no more room on the target than it has there already', () => {
    const facts = evidenceOf({
      servers: [moving],
      api: { inFlight: { 'id-web-1': running('compute15') }, ...room({ MEMORY_MB: { limit: 2048, used: 2048 } }) },
      target: { filesystem: { type: 'xfs', id: 'x', free: 0 } },
    })
    expect(levels(facts)).toEqual(['ok'])
  })

  test('to another one stops the run', () => {
    expect(
      loud(evidenceOf({ servers: [moving], api: { inFlight: { 'id-web-1': running('compute16') } } }), 'task_state'),
    ).toEqual(['BLOCK web-1: migration 41 is moving it to compute16'])
  })
})

describe('hosts that could not be looked at', () => {
  const facts = evidenceOf({
    hosts: {
      compute14: { why: 'compute14 is not in the inventory', help: 'add compute14 to the inventory' },
      compute15: { why: 'compute15: cannot connect (refused)', help: 'start sshd' },
    },
  })

  test('are named, with help, and can be accepted under one name', () => {
    expect(loud(facts, 'host_access')).toEqual([
      'WARN compute14: compute14 is not in the inventory: storage, disk space, CPU, ports and the like were not checked there',
      'WARN compute15: compute15: cannot connect (refused): storage, disk space, CPU, ports and the like were not checked there',
    ])
    expect(
      allChecks(facts)
        .filter(({ check }) => check === 'host_access')
        .map(({ help }) => help),
    ).toEqual(['add compute14 to the inventory', 'start sshd'])
  })

  test("the API's checks go on: room, disk by the hypervisor's figures, CPU as Nova knows it", () => {
    expect(names(facts)).toEqual(expect.arrayContaining(['memory', 'hypervisor', 'disk_space', 'cpu']))
    expect(loud(facts, 'disk_space')).toEqual([])
    const full = evidenceOf({
      hosts: facts.hosts,
      api: { hypervisors: { value: [hypervisor('compute14'), hypervisor('compute15', { diskAvailableLeast: 3 })] } },
    })
    expect(loud(full, 'disk_space')).toEqual([
      'WARN compute15: web-1, db-2 need 20.0 GiB, if disks are local; compute15 has 3.0 GiB by its own figures',
    ])
  })
})

describe("the scheduler's choice", () => {
  const third = {
    services: { value: [service('compute14'), service('compute15'), service('compute16')] },
    hypervisors: { value: [hypervisor('compute14'), hypervisor('compute15'), hypervisor('compute16')] },
  }
  const free = (mib: number) => ({
    value: { MEMORY_MB: { limit: mib, used: 0 }, VCPU: { limit: 64, used: 0 }, DISK_GB: { limit: 500, used: 0 } },
  })
  const choose = (rooms: Readonly<Record<string, number>>) =>
    evidenceOf({
      wanted: { target: '' },
      api: { ...third, room: Object.fromEntries(Object.entries(rooms).map(([name, mib]) => [name, free(mib)])), traits: {} },
      hosts: { compute14: { value: host('compute14') } },
    })

  test('two hosts with room for one server each', () => {
    const facts = choose({ compute15: 8192, compute16: 2048 })
    expect(levels(facts)).toEqual(['ok'])
    expect(allChecks(facts).find(({ check }) => check === 'memory')?.evidence).toBe(
      'all fit, for instance on compute15, compute16',
    )
  })

  test('room for each, but not for both', () => {
    expect(loud(choose({ compute15: 8192, compute16: 1024 }), 'memory')).toEqual([
      'WARN scheduler: each server fits somewhere, but together there may be no room for web-1',
    ])
  })

  test('a server that fits nowhere', () => {
    expect(loud(choose({ compute15: 4096, compute16: 4096 }), 'memory')).toEqual([
      'BLOCK db-2: no host has room for it (8.0 GiB, 2 VCPU, 10.0 GiB of disk)',
    ])
  })

  test('no other host', () => {
    const facts = evidenceOf({
      wanted: { target: '' },
      api: { services: { value: [service('compute14')] }, room: {}, traits: {} },
      hosts: {},
    })
    expect(loud(facts, 'services')).toEqual(['BLOCK scheduler: no other compute host is up and enabled'])
  })
})

describe('a server group', () => {
  test('that stays apart is not helped by moving all of it to one host', () => {
    const both = [server('a', { serverGroups: ['g'] }), server('b', { serverGroups: ['g'] })]
    const facts = evidenceOf({
      servers: both,
      api: { groups: [{ id: 'g', name: 'web', policy: 'anti-affinity', members: both.map(({ id, host }) => ({ id, host })) }] },
    })
    expect(loud(facts, 'server_group')).toHaveLength(2)
  })

  test('whose other members are gone, or which is soft, does not mind', () => {
    expect(levels(evidenceOf(group('affinity', undefined)))).toEqual(['ok'])
    expect(levels(evidenceOf(group('soft-anti-affinity', 'compute15')))).toEqual(['ok'])
  })
})

describe('shared storage', () => {
  test('is seen by the same folder on both hosts: nothing is copied', () => {
    const facts = evidenceOf(shared)
    expect(levels(facts)).toEqual(['ok'])
    expect(names(facts)).not.toContain('disk_space')
    expect(names(facts)).toContain('ids')
  })

  test('in Ceph needs no folder at all', () => {
    const rbd = '[libvirt]\nimages_type = rbd\n'
    const facts = evidenceOf({
      sourceConf: rbd,
      targetConf: rbd,
      source: { folders: {} },
      servers: [server('web-1', { configDrive: true })],
    })
    expect(levels(facts)).toEqual(['ok'])
  })

  test('a boot volume alone is no local disk', () => {
    expect(
      loud(
        evidenceOf({ servers: [server('web-1', { imageId: undefined, volumes: ['v'] })], wanted: { block: false } }),
        'storage',
      ),
    ).toEqual([])
  })
})

test('a permission that is refused blocks, and nothing that hangs on it is guessed', () => {
  const facts = evidenceOf({ api: { services: { why: 'compute refused GET /os-services (403)' }, hypervisors: { why: '403' } } })
  expect(loud(facts, 'permission')).toEqual([
    'BLOCK admin: admin has the roles admin, member on project admin; compute refused GET /os-services (403)',
  ])
  expect(names(facts)).not.toContain('services')
  expect(names(facts)).not.toContain('hypervisor')
})

function room(changed: Readonly<Record<string, { limit: number; used: number }>>) {
  return {
    room: {
      compute15: {
        value: {
          MEMORY_MB: { limit: 65536, used: 0 },
          VCPU: { limit: 128, used: 0 },
          DISK_GB: { limit: 400, used: 0 },
          ...changed,
        },
      },
    },
  }
}
function ports(vnicType: string) {
  return { ports: { 'id-web-1': { value: [{ id: 'p', vnicType }] }, 'id-db-2': { value: [] } } }
}
function group(policy: string, other: string | undefined): Changes {
  const own = server('web-1', { serverGroups: ['g'] })
  return {
    servers: [own],
    api: {
      groups: [
        {
          id: 'g',
          name: 'web',
          policy,
          members: [
            { id: own.id, host: own.host },
            { id: 'other', host: other },
          ],
        },
      ],
    },
  }
}
