/** `ini`: the contract, options, secrets, invalid input. */
import { lstatSync, readFileSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import ini from '../../modules/ini.ts'
import { fakeTarget } from '../doubles/target.ts'
import { freshFolder, scratchFolder } from '../doubles/local-target.ts'
import { behavesLikeAModule } from '../contracts/module.ts'
import { onFile } from '../doubles/address.ts'

const NOVA = '[DEFAULT]\n# keep me\nmy_ip = 10.0.0.1\ntransport_url = rabbit://nova:old@mq\n\n[libvirt]\nvirt_type = kvm\n'
const home = join(scratchFolder(), 'home')
const fresh = freshFolder(home)
const path = join(home, 'nova.conf')
const defaults = { path, state: 'present', create: false } as const
const one = { ...defaults, section: 'DEFAULT', option: 'my_ip', value: '10.0.0.2' }

type Given = Partial<Parameters<typeof ini.check>[0]>

behavesLikeAModule(
  ini,
  { name: 'one option', params: one, target: fresh({ 'nova.conf': NOVA }) },
  {
    name: 'several options',
    params: {
      ...defaults,
      options: { DEFAULT: { my_ip: null, debug: true }, pci: { alias: ['a', 'b'] }, libvirt: { virt_type: 'qemu', workers: 4 } },
    },
    target: fresh({ 'nova.conf': NOVA }),
  },
  { name: 'Windows lines without an end', params: one, target: fresh({ 'nova.conf': '[DEFAULT]\r\nmy_ip = 1\r\n[x]' }) },
  {
    name: 'Latin-1',
    params: { ...one, value: 'Müller' },
    target: fresh({ 'nova.conf': new Uint8Array(Buffer.from('# Grüße\n[DEFAULT]\n', 'latin1')) }),
  },
  { name: 'an empty file', params: one, target: fresh({ 'nova.conf': '' }) },
  { name: 'a new file', params: { ...one, create: true, mode: '0600' }, target: fresh({}) },
  { name: 'only the mode', params: { ...one, value: '10.0.0.1', mode: '0600' }, target: fresh({ 'nova.conf': NOVA }) },
  { name: 'through a link', params: one, target: fresh({ real: NOVA }, (at) => symlinkSync('real', at('nova.conf'))) },
)

const changesOf = async (given: Given, content = NOVA) =>
  (await ini.check({ ...defaults, ...given, path: '/nova.conf' }, fakeTarget({ files: { '/nova.conf': content } }))).changes

describe('ini', () => {
  test('plans one change with its old and new value', async () => {
    expect(await changesOf({ section: 'DEFAULT', option: 'my_ip', value: '10.0.0.2' })).toEqual([
      { ...onFile('/nova.conf', '[DEFAULT] my_ip'), before: '10.0.0.1', after: '10.0.0.2' },
    ])
  })

  test('plans a change for each option that differs', async () => {
    const options = {
      DEFAULT: { my_ip: '10.0.0.1', debug: false, log_file: null },
      libvirt: { virt_type: null },
      pci: { alias: ['a', 'b'] },
    }
    expect(await changesOf({ options })).toEqual([
      { ...onFile('/nova.conf', '[DEFAULT] debug'), before: undefined, after: 'false' },
      { ...onFile('/nova.conf', '[libvirt] virt_type'), before: 'kvm', after: undefined },
      { ...onFile('/nova.conf', '[pci] alias'), before: undefined, after: 'a\nb' },
    ])
  })

  test.each([
    ['transport_url', 'rabbit://nova:new@mq'],
    ['admin_password', 'x'],
    ['some_url', 'http://u:p@h'],
  ])('%s is not for everybody to see', async (option, value) => {
    expect(await changesOf({ section: 'DEFAULT', option, value })).toMatchObject([{ sensitive: true, after: value }])
  })

  test('a new file is shown whole', async () => {
    const { changes } = await ini.check({ ...one, create: true, path: '/etc/x' }, fakeTarget())
    expect(changes).toEqual([{ ...onFile('/etc/x'), before: undefined, after: '[DEFAULT]\nmy_ip = 10.0.0.2\n' }])
  })

  test('the last assignment of a single option is the one that counts', async () => {
    const twice = '[s]\na = 1\na = 2\n'
    expect(await changesOf({ section: 's', option: 'a', value: '2' }, twice)).toEqual([])
    expect(await changesOf({ section: 's', option: 'a', value: '1' }, twice)).toEqual([
      { ...onFile('/nova.conf', '[s] a'), before: '2', after: '1' },
    ])
    expect(await changesOf({ section: 's', option: 'a', value: ['2'] }, twice)).toEqual([
      { ...onFile('/nova.conf', '[s] a'), before: '1\n2', after: '2' },
    ])
    expect(await changesOf({ section: 's', option: 'a', value: ['1\n2'] }, twice)).toHaveLength(1)
  })

  test('removes with state absent', async () => {
    expect(await changesOf({ section: 'DEFAULT', option: 'my_ip', state: 'absent' })).toEqual([
      { ...onFile('/nova.conf', '[DEFAULT] my_ip'), before: '10.0.0.1', after: undefined },
    ])
    expect(await changesOf({ section: 'DEFAULT', option: 'not_there', state: 'absent' })).toEqual([])
  })

  test('there is nothing to remove from a file that does not exist', async () => {
    const params = { ...defaults, path: '/x', section: 's', option: 'a', state: 'absent', create: true } as const
    expect((await ini.check(params, fakeTarget())).changes).toEqual([])
    expect((await ini.check({ ...one, path: '/x', value: '', create: true }, fakeTarget())).changes).toHaveLength(1)
  })

  test('every other byte stays', async () => {
    const target = fresh({ 'nova.conf': NOVA })()
    await ini.apply?.(one, await ini.check(one, target), target)
    expect(readFileSync(path, 'utf8')).toBe(NOVA.replace('10.0.0.1', '10.0.0.2'))
  })

  test('a new value in a Latin-1 file is Latin-1 as well', async () => {
    const target = fresh({ 'nova.conf': new Uint8Array(Buffer.from('[DEFAULT]\nname = Grüße\n', 'latin1')) })()
    const params = { ...one, option: 'name', value: 'Größe' }
    await ini.apply?.(params, await ini.check(params, target), target)
    expect(readFileSync(path, 'latin1')).toBe('[DEFAULT]\nname = Größe\n')
    await expect(ini.check({ ...params, value: '5 €' }, target)).rejects.toThrow('`€` cannot be written')
  })

  test('the mode of the file stays', async () => {
    const target = fresh({ 'nova.conf': NOVA })()
    await ini.apply?.(one, await ini.check(one, target), target)
    expect(lstatSync(path).mode & 0o777).toBe(0o640)
  })

  test('says which file is missing, where, and what to do', async () => {
    await expect(ini.check({ ...one, path: '/etc/nova.conf' }, fakeTarget({ host: 'compute1' }))).rejects.toMatchObject({
      kind: 'failed',
      message: '/etc/nova.conf does not exist on compute1',
      help: expect.stringContaining('create: true'),
    })
  })

  test.each<[Given, string]>([
    [{}, 'the option is missing'],
    [{ section: 'a', value: 'x' }, 'the option is missing'],
    [{ section: 'a', option: 'b' }, 'the value of [a] b is missing'],
    [{ section: 'a', option: 'b', value: null }, 'the value of [a] b is missing'],
    [{ section: 'a', option: 'b', value: 'c', state: 'absent' }, '`state: absent` and `value` exclude each other'],
    [{ section: 'a', options: {} }, '`options` excludes `section`, `option` and `value`'],
    [{ section: 'a', option: 'b', value: { c: 1 } }, 'the value of [a] b is a mapping, which no INI file can hold'],
    [{ section: 'a', option: 'b', value: ['c', null] }, 'the value of [a] b is null, which no INI file can hold'],
    [{ section: 'a', option: 'b=c', value: 1 }, '`b=c` cannot be the name of an option'],
    [{ section: 'a', option: '#b', value: 1 }, '`#b` cannot be the name of an option'],
    [{ section: 'a', option: 'b ', value: 1 }, '`b ` cannot be the name of an option'],
    [{ options: { 'a\n': { b: 1 } } }, '`a\n` cannot be the name of a section'],
    [{ section: 'a', option: 'b', value: 'c\n\nd' }, 'the value of `b` cannot be written to an INI file'],
  ])('%j is refused', async (given, message) => {
    await expect(changesOf(given)).rejects.toMatchObject({ kind: 'input', message })
  })
})
