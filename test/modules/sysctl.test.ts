/** `sysctl`: the contract, the file and the kernel, what it refuses. */
import { describe, expect, test } from 'vitest'
import sysctl from '../../modules/sysctl.ts'
import { behavesLikeAModule, schemaErrors, sensiblyChecked } from '../contracts/module.ts'
import { onFile, onParameter } from '../doubles/address.ts'
import { localTarget, scratchFolder } from '../doubles/local-target.ts'
import { type FakeGiven, fakeTarget } from '../doubles/target.ts'

const FILE = '/etc/sysctl.d/99-runbook.conf'
const defaults = { name: 'vm.swappiness', state: 'present', sysctl_file: FILE, reload: true, sysctl_set: false } as const
const RMEM = 'net.ipv4.tcp_rmem'

type Given = Partial<Parameters<typeof sysctl.check>[0]>

/** A host with these parameters in its kernel, and with this file if it is not undefined. */
const machine =
  (content?: string, given: FakeGiven = {}) =>
  () =>
    fakeTarget({
      kernel: { 'vm.swappiness': '60', 'vm.overcommit_memory': '0', [RMEM]: '4096\t131072\t6291456' },
      files: content === undefined ? {} : { [FILE]: content },
      ...given,
    })

const SECRET = 'net.ipv6.conf.all.stable_secret'

behavesLikeAModule(
  sysctl,
  { name: 'a new file', params: { ...defaults, value: 10 }, target: machine() },
  {
    name: 'a line replaced',
    params: { ...defaults, value: '10' },
    target: machine('# Swap\nvm.swappiness=60\nvm.dirty_ratio = 5'),
  },
  { name: 'only the kernel differs', params: { ...defaults, value: 10 }, target: machine('vm.swappiness = 10\n') },
  { name: 'only the file differs', params: { ...defaults, value: 60 }, target: machine('vm.swappiness = 10\n') },
  { name: 'only the file is wanted', params: { ...defaults, value: 10, reload: false }, target: machine() },
  { name: 'a list', params: { ...defaults, name: RMEM, value: '4096 131072 16777216' }, target: machine() },
  {
    name: 'a secret',
    params: { ...defaults, name: SECRET, value: '::1' },
    target: machine(`${SECRET} = ::2\n`, { kernel: { [SECRET]: '::3' } }),
  },
  { name: 'removed', params: { ...defaults, state: 'absent' }, target: machine('a = 1\nvm.swappiness = 10\nvm/swappiness=20\n') },
)

const check = (given: Given, target = machine()()) => sensiblyChecked(sysctl, { ...defaults, ...given }, target)

async function applied(given: Given, target = machine()()) {
  const params = { ...defaults, ...given }
  const diff = await sysctl.check(params, target)
  const result = await sysctl.apply?.(params, diff, target)
  return { target, result, content: new TextDecoder().decode(target.files.get(FILE)?.content) }
}

describe('sysctl', () => {
  test('shows the kernel and the file', async () => {
    expect((await check({ value: 10 }, machine('vm.swappiness = 30\n')())).changes).toEqual([
      { ...onParameter('vm.swappiness'), before: '60', after: '10' },
      { ...onFile(FILE, 'vm.swappiness'), before: '30', after: '10' },
    ])
  })

  test.each<[string, Given, string]>([
    ['other blanks', { name: RMEM, value: '4096\t131072  6291456' }, `${RMEM}=4096 131072\t6291456\n`],
    ['slashes', { name: 'vm/swappiness', value: 60 }, 'vm.swappiness=60\n'],
    ['slashes in the file', { value: 60 }, '-vm/swappiness = 60\n'],
    ['an earlier line', { value: 60 }, 'vm.swappiness = 1\nvm.swappiness = 60\n'],
    ['no line to remove', { state: 'absent' }, '# vm.swappiness = 1\n'],
    ['no file to remove it from', { state: 'absent' }, ''],
  ])('%s: nothing to change', async (_name, given, content) => {
    expect((await check(given, machine(content === '' ? undefined : content)())).changes).toEqual([])
  })

  test.each<[Given, string, string]>([
    [{ value: 10 }, '; vm.swappiness = 5\n', '; vm.swappiness = 5\nvm.swappiness = 10\n'],
    [{ value: 10 }, 'vm.swappiness = 1\n -vm/swappiness=2\r\n', 'vm.swappiness = 1\n-vm.swappiness = 10\n'],
    [{ name: 'vm.overcommit_memory', value: true }, '', 'vm.overcommit_memory = 1\n'],
    [{ name: RMEM, value: ' 4096\t1 2 ' }, '', `${RMEM} = 4096 1 2\n`],
  ])('%j in %j', async (given, before, after) => {
    expect((await applied(given, machine(before)())).content).toBe(after)
  })

  test('sets the kernel, and returns what it holds', async () => {
    const { target, result } = await applied({ value: 10 })
    expect(target.kernel.get('vm.swappiness')).toBe('10')
    expect(result).toEqual({ name: 'vm.swappiness', value: '10' })
  })

  test.each<[Given, string]>([
    [{ reload: false }, '60'],
    [{ reload: false, sysctl_set: true }, '10'],
  ])('%j leaves %s in the kernel', async (given, value) => {
    expect((await applied({ value: 10, ...given })).target.kernel.get('vm.swappiness')).toBe(value)
  })

  test('an interface with a dot in its name', async () => {
    const read: string[] = []
    const target = machine()()
    const watched = { ...target, read: async (path: string) => (read.push(path), new TextEncoder().encode('0\n')) }
    for (const name of ['net/ipv4/conf/eth0.5/rp_filter', 'net.ipv4.conf.eth0/5.rp_filter'])
      expect((await check({ name, value: 0 }, watched)).result).toMatchObject({ name: 'net.ipv4.conf.eth0/5.rp_filter' })
    expect(new Set(read)).toContain('/proc/sys/net/ipv4/conf/eth0.5/rp_filter')
  })

  test('a secret is shown nowhere', async () => {
    const { changes, snapshot, result } = await check(
      { name: SECRET, value: '::1' },
      machine(`${SECRET} = ::2\n`, { kernel: { [SECRET]: '::3' } })(),
    )
    expect(changes.map(({ sensitive }) => sensitive)).toEqual([true, true])
    expect(JSON.stringify([snapshot, result])).not.toMatch(/::[123]/)
    // Without a snapshot of the step, later steps of the host would not be compared with a saved plan.
    expect(snapshot).toMatchObject([{ ...onParameter(SECRET), properties: {} }, onFile(FILE)])
  })
})

describe('sysctl refuses', () => {
  test.each([
    ['vm.swapiness', '; did you mean `vm.swappiness`?'],
    ['nett.ipv4.tcp_rmem', '; did you mean `net.ipv4.tcp_rmem`?'],
    ['vm.nothing_like_it', ''],
    ['vm.swappiness.more', ''],
  ])('an unknown parameter: %s', async (name, hint) => {
    await expect(check({ name, value: 1 })).rejects.toMatchObject({
      kind: 'input',
      message: `unknown kernel parameter \`${name}\` on host1${hint}`,
      help: expect.stringContaining('modprobe'),
    })
  })

  test('an unknown parameter of this machine', async () => {
    await expect(sysctl.check({ ...defaults, name: 'kernel.ostyp', value: 1 }, localTarget(scratchFolder()))).rejects.toThrow(
      'did you mean `kernel.ostype`?',
    )
  })

  test('a value that the kernel refuses, before it writes the file', async () => {
    const stderr = 'sysctl: setting key "vm.swappiness": Invalid argument\n'
    const target = machine(undefined, { commands: { 'sysctl -w vm.swappiness=999': { code: 255, stderr } } })()
    await expect(applied({ value: 999 }, target)).rejects.toMatchObject({
      message: 'cannot set vm.swappiness to `999` on host1',
      why: stderr.trim(),
      help: expect.stringContaining('accepts'),
    })
    expect(target.wrote).toEqual([])
  })

  test('a value that the kernel makes another of', async () => {
    const target = machine(undefined, { commands: { 'sysctl -w vm.swappiness=010': {} }, kernel: { 'vm.swappiness': '8' } })()
    await expect(applied({ value: '010' }, target)).rejects.toMatchObject({ why: 'the kernel made `8` of `010`' })
    expect(target.wrote).toEqual([])
  })

  test.each<[Given, string]>([
    [{}, 'no value for vm.swappiness'],
    [{ value: [1] }, 'the value of vm.swappiness cannot be'],
    [{ value: ' ' }, 'the value of vm.swappiness cannot be'],
    [{ value: '1\n2' }, 'the value of vm.swappiness cannot be'],
    [{ value: 2 ** 64 }, 'the value of vm.swappiness cannot be'],
    [{ state: 'absent', value: 1 }, '`state: absent` removes the parameter whatever its value is'],
    [{ state: 'absent', sysctl_set: true }, '`sysctl_set` has no value to set'],
  ])('%j', async (given, message) => {
    await expect(check(given)).rejects.toMatchObject({ kind: 'input', message: expect.stringContaining(message) })
  })

  test.each(['swappiness', 'vm..swappiness', 'net/../../x', '-vm.swappiness', 'vm.*', 'vm.a = 1', '/proc/sys/vm'])(
    'the name %s',
    (name) => expect(schemaErrors(sysctl.params, { name, value: 1 })).not.toEqual([]),
  )

  test('a file that is not read at boot', () => {
    expect(schemaErrors(sysctl.params, { name: 'vm.swappiness', value: 1, sysctl_file: '/etc/sysctl.d/10-vm' })).not.toEqual([])
  })
})
