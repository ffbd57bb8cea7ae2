/** `file`: the contract for each of its states, links, recursion, invalid input. */
import {
  chmodSync,
  chownSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readlinkSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import file from '../../modules/file.ts'
import type { FileState } from '../../modules/lib/resources/file-state.ts'
import { fakeTarget } from '../doubles/target.ts'
import { freshFolder, scratchFolder } from '../doubles/local-target.ts'
import { behavesLikeAModule, sensiblyChecked } from '../contracts/module.ts'
import { onFile } from '../doubles/address.ts'

const home = join(scratchFolder(), 'home')
const fresh = freshFolder(home)
const isRoot = process.getuid?.() === 0
const at = (name: string): string => join(home, name)
const defaults = { state: 'file', recurse: false, force: false } as const

type Params = Parameters<typeof file.check>[0]

const tree = (inside: (name: string) => string) => {
  mkdirSync(inside('dir/sub'), { recursive: true })
  writeFileSync(inside('dir/a'), new Uint8Array([0, 255, 10]), { mode: 0o600 })
  writeFileSync(inside('dir/sub/empty'), '')
  symlinkSync('../a', inside('dir/sub/link'))
  symlinkSync('/nowhere', inside('dir/dangling'))
  chmodSync(inside('dir/sub'), 0o2750)
}
const linked = (inside: (name: string) => string) => symlinkSync('old', inside('link'))

behavesLikeAModule(
  file,
  { name: 'the mode of a file', params: { ...defaults, path: at('file'), mode: '0600' }, target: fresh({ file: 'x' }) },
  {
    name: 'the mode behind a link',
    params: { ...defaults, path: at('link'), mode: '0600' },
    target: fresh({ old: 'x' }, linked),
  },
  { name: 'an empty file', params: { ...defaults, path: at('file'), state: 'touch', mode: '0600' }, target: fresh({}) },
  {
    name: 'the mode of a touched file',
    params: { ...defaults, path: at('file'), state: 'touch', mode: '0600' },
    target: fresh({ file: 'x' }),
  },
  {
    name: 'a folder and those above',
    params: { ...defaults, path: at('a/b/c'), state: 'directory', mode: '0700' },
    target: fresh({}),
  },
  {
    name: 'the mode of a folder',
    params: { ...defaults, path: at('dir'), state: 'directory', mode: '0700' },
    target: fresh({}, tree),
  },
  {
    name: 'the mode of all below',
    params: { ...defaults, path: at('dir'), state: 'directory', mode: '0640', recurse: true },
    target: fresh({}, tree),
  },
  { name: 'a new link', params: { ...defaults, path: at('link'), state: 'link', src: 'new' }, target: fresh({}) },
  {
    name: 'a link pointed elsewhere',
    params: { ...defaults, path: at('link'), state: 'link', src: 'new' },
    target: fresh({ old: '' }, linked),
  },
  {
    name: 'a link in place of a file',
    params: { ...defaults, path: at('file'), state: 'link', src: 'new', force: true },
    target: fresh({ file: 'x' }),
  },
  {
    name: 'a file removed',
    params: { ...defaults, path: at('file'), state: 'absent' },
    target: fresh({ file: new Uint8Array([0, 233]) }),
  },
  {
    name: 'a link removed, not what it leads to',
    params: { ...defaults, path: at('link'), state: 'absent' },
    target: fresh({ old: 'x' }, linked),
  },
  {
    name: 'a folder removed with all that is in it',
    params: { ...defaults, path: at('dir'), state: 'absent' },
    target: fresh({}, tree),
  },
)

describe.runIf(isRoot)('file as root', () => {
  behavesLikeAModule(
    file,
    {
      name: 'owner and group',
      params: { ...defaults, path: at('file'), owner: 'daemon', group: '2' },
      target: fresh({ file: 'x' }),
    },
    {
      name: 'the owner of all below',
      params: { ...defaults, path: at('dir'), state: 'directory', owner: 'daemon', recurse: true },
      target: fresh({}, tree),
    },
    {
      name: 'a folder of another user removed',
      params: { ...defaults, path: at('dir'), state: 'absent' },
      target: fresh({}, (inside) => {
        tree(inside)
        for (const name of ['dir', 'dir/sub', 'dir/a']) chownSync(inside(name), 2, 3)
      }),
    },
  )

  test('a change of owner keeps set-user-ID bits', async () => {
    const target = fresh({ file: 'x' }, (inside) => chmodSync(inside('file'), 0o4750))()
    const params = { ...defaults, path: at('file'), owner: 'daemon' }
    await file.apply?.(params, await file.check(params, target), target)
    expect(lstatSync(at('file')).mode & 0o7777).toBe(0o4750)
  })
})

const changesOf = async (
  given: Partial<Params>,
  target = fresh({ file: 'x', old: '' }, (inside) => (tree(inside), linked(inside)))(),
) => (await sensiblyChecked(file, { ...defaults, path: at('file'), ...given }, target)).changes

describe('file', () => {
  test.each<[Partial<Params>, string | undefined, string | undefined]>([
    [{ state: 'absent' }, 'file', undefined],
    [{ path: at('dir'), state: 'absent' }, 'directory', undefined],
    [{ path: at('link'), state: 'absent' }, 'link to old', undefined],
    [{ path: at('link'), state: 'link', src: 'new' }, 'link to old', 'link to new'],
    [{ path: at('new'), state: 'link', src: 'old' }, undefined, 'link to old'],
    [{ path: at('new'), state: 'directory' }, undefined, 'directory'],
    [{ path: at('new'), state: 'touch' }, undefined, 'empty file'],
  ])('%j', async (given, before, after) => {
    expect(await changesOf(given)).toEqual([{ ...onFile(given.path ?? at('file')), before, after }])
  })

  test.each<Partial<Params>>([
    {},
    { mode: '640' },
    { state: 'touch' },
    { path: at('dir'), state: 'directory' },
    { path: at('link'), state: 'link', src: 'old' },
    { path: at('none'), state: 'absent' },
    { path: at('link') },
  ])('%j is right already', async (given) => {
    expect(await changesOf(given)).toEqual([])
  })

  test('all below is one change', async () => {
    expect(await changesOf({ path: at('dir'), state: 'directory', mode: '0755', recurse: true })).toEqual([
      { ...onFile(at('dir'), 'all below'), before: '3 with another owner, group or mode', after: '0755' },
    ])
  })

  test('with recurse, who may read a folder may enter it', async () => {
    const target = fresh({}, tree)()
    const params = { ...defaults, path: at('dir'), state: 'directory', mode: '0640', recurse: true } as const
    await file.apply?.(params, await file.check(params, target), target)
    const mode = (name: string) => (lstatSync(at(name)).mode & 0o7777).toString(8)
    expect(['dir', 'dir/sub', 'dir/a', 'dir/sub/empty'].map(mode)).toEqual(['750', '750', '640', '640'])
  })

  test('a folder above that is there already is left alone', async () => {
    const target = fresh({}, tree)()
    const params = { ...defaults, path: at('dir/new/deep'), state: 'directory', mode: '0700' } as const
    const diff = await file.check(params, target)
    expect(Object.keys((diff.before[0]!.state as FileState).images)).toEqual([at('dir/new'), at('dir/new/deep')])
  })

  test('a folder’s path has no `..` in it: after a link that leads elsewhere', () => {
    const params = { ...defaults, path: '/a/link/../b', state: 'directory' } as const
    expect(() => file.validate?.(params)).toThrow(/must not contain `..`/)
    expect(() => file.validate?.({ ...params, path: '/a/..b' })).not.toThrow()
  })

  test('a folder whose path is not tidy is made once', async () => {
    const target = fresh({}, tree)()
    const params = { ...defaults, path: `${at('dir')}//new/./deep/`, state: 'directory' } as const
    const diff = await file.check(params, target)
    expect(Object.keys((diff.before[0]!.state as FileState).images)).toEqual([at('dir/new'), at('dir/new/deep')])
    await file.apply?.(params, diff, target)
    expect((await file.check(params, target)).changes).toEqual([])
  })

  test('undo leaves a folder that somebody has put something into', async () => {
    const target = fresh({})()
    const params = { ...defaults, path: at('a/b'), state: 'directory' } as const
    const diff = await file.check(params, target)
    await file.apply?.(params, diff, target)
    writeFileSync(at('a/b/theirs'), '')
    await expect(file.undo?.(params, diff.before, target)).rejects.toMatchObject({ stderr: expect.stringContaining('not empty') })
    expect(existsSync(at('a/b/theirs'))).toBe(true)
  })

  test('what is too big to be kept is removed only with a word about it', async () => {
    const target = fresh({ file: '' }, (inside) => truncateSync(inside('file'), 33 * 1024 * 1024))()
    const params = { ...defaults, path: at('file'), state: 'absent' } as const
    const diff = await file.check(params, target)
    expect(diff.irreversible).toBe('more than 32.0 MiB')
    await file.apply?.(params, diff, target)
    await expect(file.undo?.(params, diff.before, target)).rejects.toMatchObject({ kind: 'refused', why: 'more than 32.0 MiB' })
  })

  test('so is a folder with a pipe in it', async () => {
    const target = fresh({})()
    await target.run(['mkfifo', at('pipe')])
    const { irreversible } = await file.check({ ...defaults, path: home, state: 'absent' }, target)
    expect(irreversible).toBe(`${at('pipe')} is neither file, folder nor link`)
  })

  test('a link to something that is not there is made, with a warning', async () => {
    const target = fresh({})()
    const params = { ...defaults, path: at('link'), state: 'link', src: 'none' } as const
    const diff = await file.check(params, target)
    expect(diff.warnings).toEqual([`none, which ${at('link')} is to link to, does not exist`])
    await file.apply?.(params, diff, target)
    expect(readlinkSync(at('link'))).toBe('none')
  })

  test.each<[Partial<Params>, string, string]>([
    [{ path: at('none') }, 'failed', `${at('none')} does not exist`],
    [{ path: at('dir') }, 'failed', `${at('dir')} is a folder`],
    [{ state: 'directory' }, 'failed', `${at('file')} is a file, not a folder`],
    [{ state: 'link', src: 'x' }, 'failed', `${at('file')} is a file, not a link`],
    [
      { path: at('dir'), state: 'link', src: 'x', force: true },
      'failed',
      `${at('dir')} is a folder, which a link cannot replace`,
    ],
    [{ state: 'link' }, 'input', '`src` of the link is missing'],
    [{ state: 'link', src: 'x', mode: '0600' }, 'input', 'a link has no owner and mode of its own'],
    [{ src: 'x' }, 'input', '`src` needs `state: link`'],
    [{ recurse: true }, 'input', '`recurse` needs `state: directory`'],
  ])('%j is refused', async (given, kind, message) => {
    await expect(changesOf(given)).rejects.toMatchObject({ kind, message })
  })

  test.each(['/', '//', '/etc', '/etc/', '/var/..', '/./usr'])('%s is not removed', async (path) => {
    const everything = {
      ...fakeTarget(),
      stat: async () =>
        ({ kind: 'directory', size: 0, mode: '0755', uid: 0, gid: 0, owner: 'root', group: 'root', mtime: 0 }) as const,
    }
    await expect(file.check({ ...defaults, path, state: 'absent' }, everything)).rejects.toMatchObject({ kind: 'input' })
  })
})
