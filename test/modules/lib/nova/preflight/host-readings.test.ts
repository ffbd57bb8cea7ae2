/** Parsers of what hosts print, on texts recorded from real ones. */
import { describe, expect, test } from 'vitest'
import * as reading from '../../../../../modules/lib/nova/preflight/host-readings.ts'

// As a Debian 12 compute host prints them: libvirt 9.0.0, QEMU 7.2.22, Linux 6.

describe('sockets that listen', () => {
  const HEAD = '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n'

  test('of IPv4; connections are none', () => {
    const table = `${HEAD}   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 20 1\n   1: 00000000:407D 00000000:0000 0A 0 0\n   2: 0F004D0A:407D 0E004D0A:9C40 01 0 0\n`
    expect(reading.listeningSockets(table)).toEqual([
      { address: '127.0.0.1', port: 8080 },
      { address: '0.0.0.0', port: 16509 },
    ])
  })

  test('of IPv6, with an IPv4 address inside, and with one of its own', () => {
    const table = `${HEAD}   0: 00000000000000000000000000000000:407D 00000000000000000000000000000000:0000 0A\n   1: 0000000000000000FFFF00000F004D0A:0016 00000000000000000000000000000000:0000 0A\n   2: B80D0120000000000000000001000000:0016 00000000000000000000000000000000:0000 0A\n`
    expect(reading.listeningSockets(table)).toEqual([
      { address: '::', port: 16509 },
      { address: '10.77.0.15', port: 22 },
      { address: '2001:db8:0:0:0:0:0:1', port: 22 },
    ])
  })
})

test('huge pages, and a host that has none', () => {
  expect(reading.hugePages('2048kB 512\n1048576kB 4\n')).toEqual([
    { kib: 2048, free: 512 },
    { kib: 1048576, free: 4 },
  ])
  expect(reading.hugePages('hugepages-* \n')).toEqual([])
})

test('virsh capabilities', () => {
  const xml = `<capabilities>

  <host>
    <uuid>098bcc80-22cf-3bbd-eaa1-24f3af6a0f47</uuid>
    <cpu>
      <arch>x86_64</arch>
      <model>kvm64</model>
    </cpu>
    <power_management/>
  </host>

  <guest>
    <os_type>hvm</os_type>
    <arch name='x86_64'>
      <wordsize>64</wordsize>
      <machine canonical='pc-i440fx-7.2' maxCpus='255'>pc</machine>
      <machine maxCpus='255'>pc-i440fx-7.2</machine>
      <machine maxCpus='255'>pc-i440fx-7.2</machine>
    </arch>
  </guest>
</capabilities>`
  expect(reading.capabilities(xml)).toEqual({
    uuid: '098bcc80-22cf-3bbd-eaa1-24f3af6a0f47',
    cpu: '<cpu>\n      <arch>x86_64</arch>\n      <model>kvm64</model>\n    </cpu>',
    machines: ['pc', 'pc-i440fx-7.2'],
  })
})

test('virsh version', () => {
  expect(
    reading.libvirtVersion(
      'Compiled against library: libvirt 9.0.0\nUsing library: libvirt 9.0.0\nUsing API: QEMU 9.0.0\nRunning hypervisor: QEMU 7.2.22\n',
    ),
  ).toBe('9.0.0')
  expect(reading.libvirtVersion('error: failed to connect to the hypervisor')).toBeUndefined()
})

describe('virsh dumpxml', () => {
  const guest = (cpu: string) =>
    `<domain type='kvm' id='6'>\n  <vcpu placement='static'>1</vcpu>\n  <os>\n    <type arch='x86_64' machine='pc-i440fx-7.2'>hvm</type>\n  </os>\n${cpu}\n  <clock offset='utc'/>\n</domain>`

  test('a guest with a CPU model', () => {
    const cpu = '<cpu mode="custom" match="exact" check="full">\n    <model fallback="forbid">qemu64</model>\n  </cpu>'
    expect(reading.domain(guest(`  ${cpu}`))).toEqual({ type: 'kvm', machine: 'pc-i440fx-7.2', cpuMode: 'custom', cpuXml: cpu })
  })

  test('a guest with the CPU of its host, in one tag', () => {
    expect(reading.domain(guest("  <cpu mode='host-passthrough' check='none' migratable='on'/>"))).toMatchObject({
      cpuMode: 'host-passthrough',
      cpuXml: '<cpu mode="host-passthrough" check="none" migratable="on"/>',
    })
  })

  test('a guest without a CPU of its own, and none at all', () => {
    expect(reading.domain(guest(''))).toEqual({ type: 'kvm', machine: 'pc-i440fx-7.2', cpuMode: undefined, cpuXml: undefined })
    expect(reading.domain('')).toBeUndefined()
    expect(reading.domain(guest('').slice(0, -9))).toBeUndefined()
  })

  test('what an operator wrote into it is not taken for what libvirt runs', () => {
    const xml = guest('').replace('<vcpu', "<description>&lt;cpu mode='x'/&gt;</description><!-- <cpu mode='y'/> --><vcpu")
    expect(reading.domain(xml)).toMatchObject({ cpuMode: undefined, cpuXml: undefined })
  })
})

test('disks with the image they build on; what is no answer is passed over', () => {
  const qcow2 = JSON.stringify([
    { 'virtual-size': 1073741824, filename: '/i/1/disk', format: 'qcow2', 'actual-size': 335872 },
    { 'virtual-size': 4194304, filename: '/i/_base/843a', format: 'raw', 'actual-size': 4096 },
  ])
  const raw = JSON.stringify([{ 'virtual-size': 512, filename: '/i/1/disk.config', format: 'raw' }])
  expect(reading.diskFiles([qcow2, '', raw, 'qemu-img: error'].join(reading.SEPARATOR))).toEqual([
    { path: '/i/1/disk', virtual: 1073741824, backing: { path: '/i/_base/843a', size: 4096 } },
    { path: '/i/1/disk.config', virtual: 512 },
  ])
})

test('folders', () => {
  expect(reading.folders('id-1 1234 2026-11-24T03:23:04.123456789+0000\n')).toEqual({
    'id-1': { inode: '1234', mtime: '2026-11-24T03:23:04.123456789+0000' },
  })
  expect(reading.folders('')).toEqual({})
})

test('free space, also of a file system with a long name', () => {
  expect(
    reading.freeSpace(
      'Filesystem     1024-blocks     Used Available Capacity Mounted on\nlab-compute14    264212084 26012640  80378272      25% /\n',
    ),
  ).toBe(80378272 * 1024)
  expect(reading.freeSpace('df: /x: No such file or directory\n')).toBeUndefined()
})

test('addresses by name', () => {
  expect(reading.addresses('compute15 10.77.0.15\ncompute15 fe80::1\ncompute14 10.77.0.14\n')).toEqual({
    compute15: ['10.77.0.15', 'fe80::1'],
    compute14: ['10.77.0.14'],
  })
})
