/** A plan leaves no trace on a real host. */
import { appendFileSync, readdirSync } from 'node:fs'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { registry } from '../../../modules/index.ts'
import { type SimulatedCloud, startCloud } from '../../cloud/simulated/cloud.ts'
import { snapshot, type Workplace, workplace } from '../../scenes/real-run.ts'

/** Every module there is, each with something to change where it can change anything. */
const PLAYBOOK = `
name: All modules
plays:
  - hosts: computes
    tasks:
      - { name: a command, command: { cmd: touch /srv/command }, undo: [ { command: { cmd: rm /srv/command } } ] }
      - { name: a shell, shell: { cmd: 'echo x > /srv/shell' }, confirm: Writes to the host }
      - { name: a copy, copy: { dest: /etc/hosts, content: 'other', mode: '0600' }, register: copied, notify: restarted }
      - { name: a file of the controller, copy: { src: conf.hbs, dest: /srv/ } }
      - { name: a template, template: { src: conf.hbs, dest: /srv/conf } }
      - { name: a folder, file: { path: /srv/folder, state: directory } }
      - { name: in that folder, copy: { dest: /srv/folder/file, content: x } }
      - { name: gone, file: { path: /etc/default/libvirtd, state: absent } }
      - { name: a mode, file: { path: /etc/nova/nova.conf, mode: '0600' } }
      - { name: a line, lineinfile: { path: /etc/hosts, line: 127.0.0.9 other } }
      - { name: an option, ini: { path: /etc/nova/nova.conf, section: libvirt, option: live_migration_permit_post_copy, value: 'true' } }
      - { name: a kernel parameter, sysctl: { name: net.ipv4.ip_forward, value: 1 } }
      - { name: a key of libvirt, libvirtd_conf: { path: /etc/libvirt/libvirtd.conf, options: { max_clients: 100 } } }
      - { name: a service, service: { name: nova-compute, state: stopped, enabled: false } }
      - { name: a port, wait_for: { port: 16509, timeout: 5 } }
      - { name: what there is, assert: { that: inventory_hostname != '' } }
      - { name: facts, debug: { msg: '{{ facts.kernel }}' } }
      - name: it fails
        block: [ { name: no, assert: { that: inventory_hostname == '' } } ]
        rescue: [ { name: rescued, copy: { dest: /srv/rescued, content: x } } ]
    handlers:
      - { name: restarted, service: { name: libvirtd, state: restarted } }
  - hosts: localhost
    tasks:
      - { name: servers, nova_servers: { host: compute14 }, register: found }
      - { name: pre-flight, migration_preflight: { servers: [web-1], target: compute15 } }
      - { name: a move, live_migration: { server: '{{ item.id }}', target: compute15 }, loop: '{{ found.servers }}', register: moved }
      - { name: verified, migration_verify: { moves: '{{ moved.results }}' } }
      - { name: closed, nova_service: { host: compute14, state: disabled, reason: test } }
`
const HOSTS = ['compute14', 'compute15', 'controller'] as const

let cloud: SimulatedCloud
let place: Workplace
beforeAll(async () => {
  cloud = await startCloud({ startHosts: true })
  place = workplace({ 'play.yml': PLAYBOOK, 'conf.hbs': '{{ inventory_hostname }}\n' })
})
afterAll(async () => {
  place?.remove()
  await cloud?.stop()
})

/** All of a host but what is the machine's own, and what the simulation itself writes: consoles, logs, its meminfo and its mailbox. */
const filesOf = (host: string) => {
  const root = cloud.hosts[host]?.started?.root ?? ''
  const own = readdirSync(root).filter((name) => !['proc', 'sys', 'dev', 'usr'].includes(name))
  return snapshot(root, own, { exact: true, except: /^run\/sim|^var\/lib\/nova\/instances\/|^var\/log\/nova\// })
}
const nova = () => ({
  servers: [...cloud.state.servers.values()].map(({ name, host, actions }) => [name, host, actions.length]),
  migrations: cloud.state.migrations.length,
  disabled: [...cloud.state.computes.values()].map(({ disabled }) => disabled),
})

test('the playbook has every module', () => {
  const modules = [...PLAYBOOK.matchAll(/(\w+): \{/g)].map(([, name]) => name)
  expect([...registry.keys()].filter((name) => !modules.includes(name))).toEqual([])
})

test.each([
  ['plan', ['plan', 'play.yml']],
  ['apply --check', ['apply', '--check', 'play.yml']],
])('%s leaves no trace on any host, nor in the cloud', async (_name, args) => {
  const look = () => ({ hosts: HOSTS.map(filesOf), nova: nova() })
  const before = look()
  const end = await place.runbook([...args, '-i', cloud.inventoryFile, '-o', 'json'], { env: cloud.env })
  expect(look()).toEqual(before)
  expect(end.text).toContain('"outcome":"planned"')
  expect(end.text).toContain('"exitCode":0')
  expect(Object.keys(before.hosts[0] ?? {}).length).toBeGreaterThan(50)
})

test('a change of one byte, or of nothing but a time, would have been seen', async () => {
  const before = filesOf('compute14')
  appendFileSync(`${cloud.hosts['compute14']?.started?.root}/etc/hosts`, '')
  expect(filesOf('compute14')).toEqual(before)
  await cloud.hosts['compute14']?.started?.run('touch -c -r /etc/hostname /etc/hosts')
  expect(filesOf('compute14')).not.toEqual(before)
})
