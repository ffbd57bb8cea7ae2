/** `lineinfile`: the contract, where a line goes, invalid input. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import lineinfile from '../../modules/lineinfile.ts'
import { fakeTarget } from '../doubles/target.ts'
import { freshFolder, scratchFolder } from '../doubles/local-target.ts'
import { onFile } from '../doubles/address.ts'
import { behavesLikeAModule } from '../contracts/module.ts'

const home = join(scratchFolder(), 'home')
const fresh = freshFolder(home)
const path = join(home, 'file')
const defaults = { path, state: 'present', firstmatch: false, backrefs: false, create: false } as const
const LIBVIRTD = '# Master libvirt daemon configuration\n#listen_tls = 0\n#listen_tcp = 1\n'

type Given = Partial<Parameters<typeof lineinfile.check>[0]>

behavesLikeAModule(
  lineinfile,
  {
    name: 'a line replaced',
    params: { ...defaults, regexp: '^#?listen_tcp\\s*=', line: 'listen_tcp = 1' },
    target: fresh({ file: LIBVIRTD }),
  },
  { name: 'a line added', params: { ...defaults, line: 'x', insertbefore: '^#listen' }, target: fresh({ file: LIBVIRTD }) },
  { name: 'lines removed', params: { ...defaults, regexp: '^#listen', state: 'absent' }, target: fresh({ file: LIBVIRTD }) },
  { name: 'Windows lines without an end', params: { ...defaults, line: 'x' }, target: fresh({ file: 'a\r\nb' }) },
  {
    name: 'Latin-1',
    params: { ...defaults, regexp: 'grüße', line: 'Größe' },
    target: fresh({ file: new Uint8Array(Buffer.from('a\ngrüße\n', 'latin1')) }),
  },
  { name: 'a new file', params: { ...defaults, line: 'x', create: true, mode: '0600' }, target: fresh({}) },
  { name: 'an empty file', params: { ...defaults, line: 'x' }, target: fresh({ file: '' }) },
  {
    name: 'binary bytes around the line',
    params: { ...defaults, regexp: '^b', line: 'x' },
    target: fresh({ file: new Uint8Array([0, 255, 10, 0x62, 10, 0, 254]) }),
  },
)

const changesOf = async (given: Given, content = LIBVIRTD) =>
  (await lineinfile.check({ ...defaults, ...given, path: '/f' }, fakeTarget({ files: { '/f': content } }))).changes

describe('lineinfile', () => {
  test('shows the text before and after', async () => {
    expect(await changesOf({ regexp: '^#?listen_tcp', line: 'listen_tcp = 1' })).toEqual([
      { ...onFile('/f'), before: LIBVIRTD, after: LIBVIRTD.replace('#listen_tcp', 'listen_tcp') },
    ])
  })

  test('reads patterns as Ansible users write them', async () => {
    expect(await changesOf({ regexp: '(?i)^#LISTEN_(?P<what>tcp)', line: 'listen_\\g<what> = 1', backrefs: true })).toEqual([
      { ...onFile('/f'), before: LIBVIRTD, after: LIBVIRTD.replace('#listen_tcp', 'listen_tcp') },
    ])
  })

  test('writes Latin-1 into a Latin-1 file', async () => {
    const target = fresh({ file: new Uint8Array(Buffer.from('grüße\n', 'latin1')) })()
    const params = { ...defaults, line: 'Größe' }
    await lineinfile.apply?.(params, await lineinfile.check(params, target), target)
    expect(readFileSync(path, 'latin1')).toBe('grüße\nGröße\n')
  })

  test('a file that is missing is named, unless there is nothing to remove or it may be made', async () => {
    const on = (given: Given) =>
      lineinfile.check({ ...defaults, line: 'x', ...given, path: '/f' }, fakeTarget({ host: 'compute1' }))
    await expect(on({})).rejects.toMatchObject({
      kind: 'failed',
      message: '/f does not exist on compute1',
      help: expect.stringContaining('create'),
    })
    expect((await on({ state: 'absent' })).changes).toEqual([])
    expect((await on({ create: true })).changes).toEqual([
      { ...onFile('/f', undefined, 'compute1'), before: undefined, after: 'x\n' },
    ])
  })

  test.each<[Given, string]>([
    [{}, '`line` is missing'],
    [{ state: 'absent' }, 'the lines to remove are missing'],
    [{ line: 'a', regexp: 'a', search_string: 'a' }, '`regexp` and `search_string` exclude each other'],
    [{ line: 'a', insertafter: 'a', insertbefore: 'b' }, '`insertafter` and `insertbefore` exclude each other'],
    [{ line: 'a', backrefs: true }, '`backrefs` needs `regexp`'],
    [{ line: 'a', regexp: '(' }, '`regexp` is not a regular expression: `(`'],
    [{ line: 'a', insertafter: '(' }, '`insertafter` is not a regular expression: `(`'],
    [{ line: '\\2', regexp: '^#(listen)_tls', backrefs: true }, 'the pattern has no group \\2'],
    [{ line: '\\g<0> more', regexp: '^#listen_tcp.*', backrefs: true }, 'the edit would change /f again on every run'],
    [{ line: 'other', regexp: '^#listen' }, 'the edit would change /f again on every run'],
  ])('%j is refused', async (given, message) => {
    await expect(changesOf(given)).rejects.toMatchObject({ kind: 'input', message })
  })
})
