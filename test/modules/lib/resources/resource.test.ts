/** Every kind of resource, held to the contract. */
import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { attributed, folder, link, removed } from '../../../../modules/lib/resources/entry.ts'
import { editedFile, file } from '../../../../modules/lib/resources/file.ts'
import { kernelParameter } from '../../../../modules/lib/resources/kernel-parameter.ts'
import { resourceModule } from '../../../../modules/lib/resources/resource.ts'
import { serviceRecord } from '../../../../modules/lib/resources/service-record.ts'
import { unit } from '../../../../modules/lib/resources/unit.ts'
import { behavesLikeAModule } from '../../../contracts/module.ts'
import { resourceContract } from '../../../contracts/resource.ts'
import { cloudTarget } from '../../../doubles/cloud-target.ts'
import { freshFolder, scratchFolder } from '../../../doubles/local-target.ts'
import { STOPPED } from '../../../doubles/systemd.ts'
import { fakeTarget } from '../../../doubles/target.ts'

const home = join(scratchFolder(), 'home')
const fresh = freshFolder(home)
const at = (name: string): string => join(home, name)
const bytes = (text: string) => new TextEncoder().encode(text)
const host = 'host1'
const tree = (inside: (name: string) => string) => {
  mkdirSync(inside('dir/sub'), { recursive: true })
  writeFileSync(inside('dir/a'), 'x', { mode: 0o600 })
  symlinkSync('a', inside('dir/link'))
  chmodSync(inside('dir/sub'), 0o750)
}
const upper = (before: Uint8Array) => bytes(new TextDecoder().decode(before).toUpperCase())

resourceContract(
  { name: 'a new file', resource: file({ host, path: at('f'), mode: '0600', content: () => bytes('new') }), target: fresh({}) },
  {
    name: 'a file with other content',
    resource: file({ host, path: at('f'), content: () => bytes('new') }),
    target: fresh({ f: 'old' }),
  },
  {
    name: 'a file in a folder',
    resource: file({ host, path: home, nameInFolder: 'f', content: () => bytes('new') }),
    target: fresh({}),
  },
  {
    name: 'an edited file behind a link',
    resource: editedFile({ host, path: at('l'), create: false, removes: false, edit: upper }),
    target: fresh({ f: 'old\r\n' }, (inside) => symlinkSync('f', inside('l'))),
  },
  { name: 'folders', resource: folder({ host, path: at('a/b'), recurse: false }), target: fresh({}) },
  {
    name: 'modes of all below',
    resource: folder({ host, path: at('dir'), recurse: true, mode: '0640' }),
    target: fresh({}, tree),
  },
  {
    name: 'a link in place of a file',
    resource: link({ host, path: at('f'), src: 'new', force: true }),
    target: fresh({ f: 'x' }),
  },
  { name: 'an empty file', resource: attributed({ host, path: at('f'), touch: true }), target: fresh({}) },
  { name: 'a mode', resource: attributed({ host, path: at('f'), touch: false, mode: '0600' }), target: fresh({ f: 'x' }) },
  { name: 'a folder removed', resource: removed({ host, path: at('dir') }), target: fresh({}, tree) },
  {
    name: 'a unit started and enabled',
    resource: unit({ host, name: 'nova-compute', state: 'started', enabled: true, daemon_reload: false, settle: 0 }),
    target: () => fakeTarget({ units: { 'nova-compute.service': { ...STOPPED, UnitFileState: 'disabled' } } }),
  },
  {
    name: 'a kernel parameter',
    resource: kernelParameter({ host, name: 'net/ipv4/tcp_rmem', value: '4096 131072 16777216' }),
    target: () => fakeTarget({ kernel: { 'net.ipv4.tcp_rmem': '4096\t131072\t6291456' } }),
  },
  {
    name: 'a service record',
    resource: serviceRecord({ host: 'compute14', binary: 'nova-compute', state: 'disabled', reason: 'why', wait_up: 0 }),
    target: cloudTarget,
  },
)

const text = { type: 'string', description: 'Text.' } as const

/** A file and the unit that reads it, as `libvirt_listen` and the like have it. */
const configured = resourceModule({
  name: 'configured',
  summary: 'A file, and the unit that reads it.',
  params: { type: 'object', additionalProperties: false, required: ['to'], properties: { to: text } },
  examples: [{ name: 'Any', params: { to: 'new' } }],
  resources: ({ to }, host) => [
    file({ host, path: '/etc/d.conf', owner: 'root', group: 'nova', mode: '0640', content: () => bytes(to) }),
    unit({ host, name: 'd', state: 'restarted', daemon_reload: false, settle: 0 }),
  ],
})
const machine = () => fakeTarget({ files: { '/etc/d.conf': 'old' }, units: { 'd.service': {} } })

behavesLikeAModule(configured, { params: { to: 'new' }, target: machine })

describe('a module of several resources', () => {
  test('makes them in their order, and restarts once the file is restored', async () => {
    const target = machine()
    const conf = () => new TextDecoder().decode(target.files.get('/etc/d.conf')?.content)
    const seen: string[] = []
    const watched = {
      ...target,
      run: (argv: readonly string[]) => {
        if (argv[1] === 'restart') seen.push(conf())
        return target.run(argv)
      },
    }
    const diff = await configured.check({ to: 'new' }, watched)
    await configured.apply?.({ to: 'new' }, diff, watched)
    await configured.undo?.({ to: 'new' }, diff.before, watched)
    expect(seen).toEqual(['new', 'old'])
  })

  test('is undone last only if it does nothing but activate', async () => {
    expect((await configured.check({ to: 'new' }, machine())).activates).toBeUndefined()
    const target = fakeTarget({
      files: { '/etc/d.conf': { content: bytes('new'), mode: '0640', group: 'nova' } },
      units: { 'd.service': {} },
    })
    expect((await configured.check({ to: 'new' }, target)).activates).toBe(true)
  })

  test('its snapshot tells of all of them, on their host', async () => {
    const { snapshot } = await configured.check({ to: 'new' }, machine())
    expect(snapshot).toEqual([
      {
        resource: { host: 'host1', kind: 'file', name: '/etc/d.conf' },
        properties: { kind: 'file', mode: '0644', owner: '0', group: '0', content: expect.stringMatching(/^sha256 \w{16}$/) },
      },
      {
        resource: { host: 'host1', kind: 'unit', name: 'd.service' },
        properties: { running: 'yes', enabled: 'enabled', masked: 'no' },
      },
    ])
  })

  test('another state of a unit than the step left is seen, although the step asked for something else', async () => {
    const target = machine()
    const diff = await configured.check({ to: 'new' }, target)
    await configured.apply?.({ to: 'new' }, diff, target)
    const after = await configured.observe?.({ to: 'new' }, diff.before, target)
    await target.run(['systemctl', 'disable', '--quiet', '--', 'd.service'])
    expect((await configured.check({ to: 'new' }, target)).changes).toHaveLength(1)
    expect(await configured.observe?.({ to: 'new' }, diff.before, target)).not.toEqual(after)
  })
})

test('a kernel parameter of the double is seen by sysctl and as a file', async () => {
  const target = fakeTarget({ kernel: { 'vm.swappiness': '60' }, files: { '/etc/sysctl.d/1.conf': '# x\nvm.swappiness = 1\n' } })
  const now = async () => [
    (await target.run(['sysctl', '-n', 'vm.swappiness'])).stdout,
    new TextDecoder().decode(await target.read('/proc/sys/vm/swappiness')),
  ]
  expect(await now()).toEqual(['60\n', '60\n'])
  await target.run(['sysctl', '-w', 'vm.swappiness=10'])
  expect(await now()).toEqual(['10\n', '10\n'])
  await target.run(['sysctl', '-p', '/etc/sysctl.d/1.conf'])
  expect(await now()).toEqual(['1\n', '1\n'])
  expect((await target.run(['sysctl', '-w', 'vm.none=1'])).code).toBe(1)
  expect([await target.list('/proc/sys'), await target.list('/proc/sys/vm')]).toEqual([['vm'], ['swappiness']])
})
