/** `copy`: the contract, sources, owners and modes, invalid input. */
import {
  appendFileSync,
  chmodSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import copy from '../../modules/copy.ts'
import { fakeTarget } from '../doubles/target.ts'
import { freshFolder, scratchFolder, type LocalTarget } from '../doubles/local-target.ts'
import { behavesLikeAModule, sensiblyChecked } from '../contracts/module.ts'
import { onFile } from '../doubles/address.ts'

const root = scratchFolder()
const BINARY = new Uint8Array([0, 255, 10, 13, 0xe9, 0])
const isRoot = process.getuid?.() === 0

type Params = Parameters<typeof copy.check>[0]

const big = (fill: string): Uint8Array => new Uint8Array(Buffer.alloc(1024 * 1024, fill))
const controller = { 'files.bin': BINARY, 'sub/conf': 'from src\n', big: big('b') }

/** A folder of its own with the files of a test in it. */
function folderWith(files: Readonly<Record<string, string | Uint8Array>>, more?: (at: (name: string) => string) => void) {
  const folder = join(root, String(readdirSync(root).length))
  return { at: (name: string): string => join(folder, name), target: freshFolder(folder, { controller })(files, more)() }
}

const run = async (params: Params, target: LocalTarget) => {
  const diff = await copy.check(params, target)
  return { diff, result: diff.changes.length === 0 ? undefined : await copy.apply?.(params, diff, target) }
}

const home = join(root, 'contract')
const fresh = freshFolder(home, { controller })
const dest = join(home, 'file')
const link = (at: (name: string) => string) => symlinkSync('real', at('file'))

behavesLikeAModule(
  copy,
  { name: 'a new file', params: { dest, content: 'new\n', force: true }, target: fresh({}) },
  { name: 'a new file with a mode', params: { dest, content: '', force: true, mode: '600' }, target: fresh({}) },
  { name: 'another content', params: { dest, content: 'new', force: true }, target: fresh({ file: 'old\r\n' }) },
  {
    name: 'binary over Latin-1',
    params: { dest, src: 'files.bin', force: true },
    target: fresh({ file: new Uint8Array([0xe9, 10]) }),
  },
  { name: 'a file emptied', params: { dest, content: '', force: true }, target: fresh({ file: BINARY }) },
  { name: 'only the mode', params: { dest, content: 'same', force: true, mode: '0600' }, target: fresh({ file: 'same' }) },
  { name: 'a megabyte', params: { dest, src: 'big', force: true }, target: fresh({ file: big('a') }) },
  {
    name: 'only the mode of a megabyte',
    params: { dest, src: 'big', force: true, mode: '0444' },
    target: fresh({ file: big('b') }),
  },
  { name: 'through a link', params: { dest, content: 'new', force: true, mode: '0600' }, target: fresh({ real: 'old' }, link) },
)

behavesLikeAModule(copy, {
  name: 'into a folder',
  params: { dest: `${home}/`, src: 'files.bin', force: true },
  target: fresh({}),
})

describe.runIf(isRoot)('copy as root', () => {
  behavesLikeAModule(
    copy,
    {
      name: 'owner and group',
      params: { dest, content: 'new', force: true, owner: 'daemon', group: '2', mode: '0640' },
      target: fresh({ file: 'old' }),
    },
    {
      name: 'only the owner of a set-user-ID program',
      params: { dest, content: 'x', force: true, owner: 'daemon' },
      target: fresh({ file: 'x' }, (at) => chmodSync(at('file'), 0o4755)),
    },
  )

  test('a change of owner keeps the set-user-ID bit', async () => {
    const { at, target } = folderWith({ file: 'x' }, (name) => chmodSync(name('file'), 0o4755))
    await run({ dest: at('file'), content: 'x', force: true, owner: 'daemon' }, target)
    expect(lstatSync(at('file')).mode & 0o7777).toBe(0o4755)
  })
})

describe('copy', () => {
  test('shows the old text and the new', async () => {
    const { at, target } = folderWith({ file: 'a\nb\n' })
    const { changes } = await copy.check({ dest: at('file'), content: 'a\nc\n', force: true, mode: '0600' }, target)
    expect(changes).toEqual([
      { ...onFile(at('file')), before: 'a\nb\n', after: 'a\nc\n' },
      { ...onFile(at('file'), 'mode'), before: '0640', after: '0600' },
    ])
  })

  test('shows no secret, but says that one changes', async () => {
    const { at, target } = folderWith({ file: 'password = old\n' })
    const { changes } = await copy.check({ dest: at('file'), content: 'password = new\n', force: true }, target)
    expect(changes).toEqual([{ ...onFile(at('file'), 'secrets'), before: 'old', after: 'new', sensitive: true }])
  })

  test('shows size and digest of what is not text', async () => {
    const { at, target } = folderWith({})
    const { changes } = await copy.check({ dest: at('file'), src: 'files.bin', force: true }, target)
    expect(changes).toEqual([{ ...onFile(at('file')), before: undefined, after: '6 B, sha256 f96fafc742d6cae2' }])
  })

  test('says so when only the encoding changes', async () => {
    const { at, target } = folderWith({ file: new Uint8Array([0xe9]) })
    const { changes } = await copy.check({ dest: at('file'), content: 'é', force: true }, target)
    expect(changes).toEqual([{ ...onFile(at('file'), 'encoding'), before: 'Latin-1', after: 'UTF-8' }])
  })

  test('changes nothing that is right', async () => {
    const { at, target } = folderWith({ file: 'x' })
    expect(await run({ dest: at('file'), content: 'x', force: true, mode: '640' }, target)).toMatchObject({
      diff: { changes: [], result: { path: at('file') } },
    })
  })

  test('a big file that is right is not read', async () => {
    const { at, target } = folderWith({ file: big('b') })
    const read: string[] = []
    const watched = { ...target, read: (path: string) => (read.push(path), target.read(path)) }
    expect((await copy.check({ dest: at('file'), src: 'big', force: true }, watched)).changes).toEqual([])
    expect(read).toEqual([])
  })

  test('a folder takes the name of the file', async () => {
    const { at, target } = folderWith({})
    mkdirSync(at('folder'))
    const { diff } = await run({ dest: at('folder'), src: 'sub/conf', force: true }, target)
    expect(diff.changes[0]?.resource.name).toBe(at('folder/conf'))
    expect(diff.result).toEqual({ path: at('folder/conf') })
    expect(readFileSync(at('folder/conf'), 'utf8')).toBe('from src\n')
  })

  test('without force only what is missing is made', async () => {
    const { at, target } = folderWith({ file: 'theirs' })
    expect((await run({ dest: at('file'), content: 'ours', force: false }, target)).diff.changes).toEqual([])
    await run({ dest: at('other'), content: 'ours', force: false }, target)
    expect([readFileSync(at('file'), 'utf8'), readFileSync(at('other'), 'utf8')]).toEqual(['theirs', 'ours'])
    await run({ dest: at('file'), content: 'ours', force: false, mode: '0600' }, target)
    expect([readFileSync(at('file'), 'utf8'), lstatSync(at('file')).mode & 0o777]).toEqual(['theirs', 0o600])
  })

  test.each([
    ['changed', (path: string) => appendFileSync(path, '!'), 'its content is different'],
    ['removed', (path: string) => rmSync(path), 'the file is gone'],
  ])('a file that somebody %s in between is left alone', async (_what, interfere, why) => {
    for (const content of ['old', big('a')]) {
      const { at, target } = folderWith({ file: content })
      const params = { dest: at('file'), content: 'new', force: true }
      const diff = await copy.check(params, target)
      interfere(at('file'))
      const now = target.snapshot()
      await expect(copy.apply?.(params, diff, target)).rejects.toMatchObject({ kind: 'refused', why })
      expect(target.snapshot()).toEqual(now)
    }
  })

  test('a file that somebody made in between is left alone', async () => {
    const { at, target } = folderWith({})
    const params = { dest: at('file'), content: 'new', force: true }
    const diff = await copy.check(params, target)
    writeFileSync(at('file'), 'theirs')
    await expect(copy.apply?.(params, diff, target)).rejects.toMatchObject({
      kind: 'refused',
      why: 'the file did not exist before',
    })
    expect(readFileSync(at('file'), 'utf8')).toBe('theirs')
  })

  test('a content that its command does not accept does not replace the file', async () => {
    const { at, target } = folderWith({ file: 'old' })
    const params = {
      dest: at('file'),
      content: 'bad\n',
      force: true,
      validate: `sh -c 'echo "$1: line 1 is bad" >&2; ! grep -q bad "$1"' sh %s`,
    }
    const before = target.snapshot()
    await expect(run(params, target)).rejects.toMatchObject({
      message: `\`${params.validate}\` does not accept the new ${at('file')}`,
      why: `${at('file')}: line 1 is bad`,
    })
    expect(target.snapshot()).toEqual(before)
    await run({ ...params, content: 'good\n' }, target)
    expect(readdirSync(at('.'))).toEqual(['file'])
    expect(readFileSync(at('file'), 'utf8')).toBe('good\n')
  })

  test('a host that cannot write says so, and keeps the old file', async () => {
    const { at, target } = folderWith({ file: 'old' })
    const broken = { ...target, write: () => Promise.reject(new Error('No space left on device')) }
    const params = { dest: at('file'), content: 'new', force: true }
    await expect(copy.apply?.(params, await copy.check(params, broken), broken)).rejects.toThrow('No space left on device')
    expect(readFileSync(at('file'), 'utf8')).toBe('old')
  })

  test.each<[Partial<Params>, string]>([
    [{}, '`src` and `content` are both missing'],
    [{ src: 'a', content: 'b' }, '`src` and `content` exclude each other'],
    [{ src: 'not-there' }, 'there is no not-there beside the playbook'],
  ])('%j is refused', async (params, message) => {
    await expect(sensiblyChecked(copy, { dest: '/x', force: true, ...params }, fakeTarget())).rejects.toMatchObject({
      kind: 'input',
      message,
    })
  })

  test('a folder is not replaced by a text', async () => {
    const { at, target } = folderWith({})
    await expect(copy.check({ dest: at('.'), content: 'x', force: true }, target)).rejects.toThrow('is a folder')
  })

  test('a pipe is not replaced', async () => {
    const { at, target } = folderWith({})
    await target.run(['mkfifo', at('pipe')])
    const unread = { ...target, read: async () => undefined }
    await expect(copy.check({ dest: at('pipe'), content: 'x', force: true }, unread)).rejects.toThrow('is not a regular file')
  })
})
