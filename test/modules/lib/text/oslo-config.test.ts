import { describe, expect, test } from 'vitest'
import { osloConfig } from '../../../../modules/lib/text/oslo-config.ts'

const DEFAULTS = { state_path: '/var/lib/nova', instances_path: '$state_path/instances' }

describe('what a service reads', () => {
  test('a later file wins, as nova-compute.conf over nova.conf on Debian', () => {
    const conf = osloConfig(['[libvirt]\nvirt_type = qemu\nimages_type = rbd\n', '[libvirt]\nvirt_type=kvm\n'])
    expect(conf.get('libvirt', 'virt_type')).toBe('kvm')
    expect(conf.get('libvirt', 'images_type')).toBe('rbd')
  })

  test.each([
    ['a reference', 'my_ip = 10.0.0.5\n[libvirt]\nlive_migration_inbound_addr = $my_ip', '10.0.0.5'],
    [
      'one in braces, with a section',
      'x = 1\n[vnc]\nhost = 10.1.1.1\n[libvirt]\nlive_migration_inbound_addr = ${vnc.host}',
      '10.1.1.1',
    ],
    ['one to what no file sets', '[libvirt]\nlive_migration_inbound_addr = $my_ip', '$my_ip'],
    ['one to itself', 'my_ip = $my_ip\n[libvirt]\nlive_migration_inbound_addr = $my_ip', '$my_ip'],
    ['a dollar that is meant', '[libvirt]\nlive_migration_inbound_addr = a$$b', 'a$b'],
    ['quotes', '[libvirt]\nlive_migration_inbound_addr = "10.0.0.5"', '10.0.0.5'],
    ['a section in other case', '[LibVirt]\nlive_migration_inbound_addr = 10.0.0.5', '10.0.0.5'],
    ['a comment', '[libvirt]\n#live_migration_inbound_addr = 10.0.0.5', undefined],
    ['another section', '[DEFAULT]\nlive_migration_inbound_addr = 10.0.0.5', undefined],
  ])('%s', (_, text, value) => {
    expect(osloConfig([`[DEFAULT]\n${text}\n`]).get('libvirt', 'live_migration_inbound_addr')).toBe(value)
  })

  test('a default of the service may refer to what the file sets', () => {
    expect(osloConfig([], DEFAULTS).get('DEFAULT', 'instances_path')).toBe('/var/lib/nova/instances')
    expect(osloConfig(['[DEFAULT]\nstate_path = /srv/nova\n'], DEFAULTS).get('DEFAULT', 'instances_path')).toBe(
      '/srv/nova/instances',
    )
  })

  test.each([
    ['True', true],
    ['on', true],
    ['1', true],
    ['no', false],
    ['rubbish', false],
    ['', true],
  ])('the flag %j', (text, value) => {
    expect(osloConfig([`[libvirt]\nx = ${text}\n`]).flag('libvirt', 'x', true)).toBe(value)
  })

  test('a number, and what is none', () => {
    const conf = osloConfig(['[DEFAULT]\nreserved_host_disk_mb = 512\nother = many\n'])
    expect(conf.number('DEFAULT', 'reserved_host_disk_mb', 0)).toBe(512)
    expect(conf.number('DEFAULT', 'other', 7)).toBe(7)
    expect(conf.number('DEFAULT', 'absent', 7)).toBe(7)
  })
})
