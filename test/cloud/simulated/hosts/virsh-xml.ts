/** The XML that libvirt shows of a host and of a domain: what a check before a migration reads. */
import { createHash } from 'node:crypto'
import type { Compute, Cpu, Server } from '../state.ts'
import { instanceName } from '../state.ts'
import { stampZ } from '../api/nova/call.ts'

/** libvirt's host UUID where it comes from the machine-id: the same bytes, in a UUID's form. */
export const hostUuid = (machineId: string): string => {
  const hex = /^[0-9a-f]{32}$/.test(machineId) ? machineId : createHash('md5').update(machineId).digest('hex')
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')
}

export const capabilities = (compute: Compute, machineId: string): string => `<capabilities>

  <host>
    <uuid>${hostUuid(machineId)}</uuid>
    <cpu>
      <arch>${compute.cpu.arch}</arch>
      <model>${compute.cpu.model}</model>
      <vendor>${compute.cpu.vendor}</vendor>
      <microcode version='33581318'/>
      <signature family='6' model='85' stepping='4'/>
      <topology sockets='${compute.cpu.topology.sockets}' dies='1' cores='${compute.cpu.topology.cores}' threads='${compute.cpu.topology.threads}'/>
${features(compute.cpu, '      ')}
      <pages unit='KiB' size='4'/>
      <pages unit='KiB' size='2048'/>
    </cpu>
    <power_management/>
    <iommu support='no'/>
    <migration_features>
      <live/>
      <uri_transports>
        <uri_transport>tcp</uri_transport>
        <uri_transport>rdma</uri_transport>
      </uri_transports>
    </migration_features>
    <topology>
      <cells num='1'>
        <cell id='0'>
          <memory unit='KiB'>${compute.memory * 1024}</memory>
        </cell>
      </cells>
    </topology>
    <secmodel>
      <model>none</model>
      <doi>0</doi>
    </secmodel>
  </host>

  <guest>
    <os_type>hvm</os_type>
    <arch name='x86_64'>
      <wordsize>64</wordsize>
      <emulator>/usr/bin/qemu-system-x86_64</emulator>
      <machine maxCpus='255'>pc-i440fx-7.2</machine>
      <machine canonical='pc-i440fx-7.2' maxCpus='255'>pc</machine>
      <machine maxCpus='288'>pc-q35-7.2</machine>
      <domain type='qemu'/>
      <domain type='kvm'/>
    </arch>
  </guest>

</capabilities>
`

const features = (cpu: Cpu, indent: string) => cpu.features.map((name) => `${indent}<feature name='${name}'/>`).join('\n')

export const domainCapabilities = (compute: Compute): string => `<domainCapabilities>
  <path>/usr/bin/qemu-system-x86_64</path>
  <domain>kvm</domain>
  <machine>pc-i440fx-7.2</machine>
  <arch>${compute.cpu.arch}</arch>
  <vcpu max='255'/>
  <cpu>
    <mode name='host-passthrough' supported='yes'>
      <enum name='hostPassthroughMigratable'>
        <value>on</value>
        <value>off</value>
      </enum>
    </mode>
    <mode name='host-model' supported='yes'>
      <model fallback='forbid'>${compute.cpu.model}</model>
      <vendor>${compute.cpu.vendor}</vendor>
${compute.cpu.features.map((name) => `      <feature policy='require' name='${name}'/>`).join('\n')}
    </mode>
    <mode name='custom' supported='yes'>
      <model usable='yes' vendor='${compute.cpu.vendor}'>${compute.cpu.model}</model>
      <model usable='yes' vendor='unknown'>qemu64</model>
    </mode>
  </cpu>
</domainCapabilities>
`

/** @param id the domain's number while it runs */
export const domainXml = (
  server: Server,
  compute: Compute,
  id: number | undefined,
): string => `<domain type='kvm'${id === undefined ? '' : ` id='${id}'`}>
  <name>${instanceName(server)}</name>
  <uuid>${server.id}</uuid>
  <metadata>
    <nova:instance xmlns:nova="http://openstack.org/xmlns/libvirt/nova/1.1">
      <nova:package version="26.2.2"/>
      <nova:name>${server.name}</nova:name>
      <nova:creationTime>${stampZ(server.createdAt).replace('T', ' ').replace('Z', '')}</nova:creationTime>
      <nova:flavor name="${server.flavor.name}">
        <nova:memory>${server.flavor.ram}</nova:memory>
        <nova:disk>${server.flavor.disk}</nova:disk>
        <nova:swap>${server.flavor.swap}</nova:swap>
        <nova:ephemeral>${server.flavor.ephemeral}</nova:ephemeral>
        <nova:vcpus>${server.flavor.vcpus}</nova:vcpus>
      </nova:flavor>
    </nova:instance>
  </metadata>
  <memory unit='KiB'>${server.flavor.ram * 1024}</memory>
  <currentMemory unit='KiB'>${server.flavor.ram * 1024}</currentMemory>
  <vcpu placement='static'>${server.flavor.vcpus}</vcpu>
  <os>
    <type arch='${compute.cpu.arch}' machine='pc-i440fx-7.2'>hvm</type>
    <boot dev='hd'/>
  </os>
  <cpu mode='custom' match='exact' check='full'>
    <model fallback='forbid'>${compute.cpu.model}</model>
    <vendor>${compute.cpu.vendor}</vendor>
${compute.cpu.features.map((name) => `    <feature policy='require' name='${name}'/>`).join('\n')}
  </cpu>
  <devices>
    <emulator>/usr/bin/qemu-system-x86_64</emulator>
    <disk type='file' device='disk'>
      <driver name='qemu' type='qcow2' cache='none'/>
      <source file='/var/lib/nova/instances/${server.id}/disk' index='1'/>
      <target dev='vda' bus='virtio'/>
    </disk>
    <serial type='pty'>
      <log file='/var/lib/nova/instances/${server.id}/console.log' append='off'/>
      <target type='isa-serial' port='0'/>
    </serial>
  </devices>
</domain>
`

export type Comparison = 'identical' | 'superset' | 'incompatible'

/** How a host's CPU stands to the one that an XML text describes; undefined when it describes none. */
export function compareCpu(host: Cpu, xml: string): Comparison | undefined {
  const block = /<cpu[\s>][\s\S]*?<\/cpu>/.exec(xml)?.[0]
  if (block === undefined) return undefined
  const wanted = [...block.matchAll(/<feature\b[^>]*>/g)]
    .map(([tag]) => tag)
    .filter((tag) => !/policy='(?:disable|forbid|optional)'/.test(tag))
  const names = wanted.flatMap((tag) => /name=['"]([^'"]+)['"]/.exec(tag)?.[1] ?? [])
  const vendor = /<vendor>([^<]+)<\/vendor>/.exec(block)?.[1]
  const model = /<model[^>]*>([^<]+)<\/model>/.exec(block)?.[1]
  if ((vendor !== undefined && vendor !== host.vendor) || names.some((name) => !host.features.includes(name)))
    return 'incompatible'
  return model === host.model && names.length === host.features.length ? 'identical' : 'superset'
}
