/** Files on a real disk: failing writes, and what survives a write (ACLs, attributes, links). */
import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import copy from '../../../../modules/copy.ts'
import file from '../../../../modules/file.ts'
import ini from '../../../../modules/ini.ts'
import lineinfile from '../../../../modules/lineinfile.ts'
import type { AnyModule } from '../../../../runner/module.ts'
import { localTarget, scratchFolder } from '../../../doubles/local-target.ts'

// Needs root (it mounts small file systems) and Debian's acl and attr.
const root = scratchFolder()
const mounted: string[] = []
afterAll(() => mounted.forEach((folder) => execFileSync('umount', [folder])))

function fileSystem(name: string, options: string): { at: (file: string) => string; remount: (options: string) => void } {
  const folder = join(root, name)
  mkdirSync(folder)
  execFileSync('mount', ['-t', 'tmpfs', '-o', options, 'tmpfs', folder])
  mounted.push(folder)
  return { at: (file) => join(folder, file), remount: (more) => void execFileSync('mount', ['-o', `remount,${more}`, folder]) }
}

const apply = async (module: AnyModule, params: object, controller: Readonly<Record<string, Uint8Array>> = {}) => {
  const target = localTarget(root, { controller })
  const diff = await module.check(params as never, target)
  await module.apply?.(params as never, diff, target)
  return { target, diff, undo: () => module.undo!(params as never, JSON.parse(JSON.stringify(diff.before)), target) }
}

const edits = { state: 'present', firstmatch: false, backrefs: false, create: false }

describe('where a file cannot be written', () => {
  test.each([
    ['copy', copy, (path: string) => ({ dest: path, content: 'x'.repeat(900_000), force: true })],
    [
      'ini',
      ini,
      (path: string) => ({ path, section: 'new', option: 'a', value: 'x'.repeat(900_000), state: 'present', create: false }),
    ],
    ['lineinfile', lineinfile, (path: string) => ({ ...edits, path, line: 'x'.repeat(900_000) })],
  ] as const)('%s on a full disk is an error, and nothing is lost', async (name, module, params) => {
    const { at } = fileSystem(`full-${name}`, 'size=1m')
    writeFileSync(at('conf'), '[old]\na = 1\n')
    writeFileSync(at('ballast'), Buffer.alloc(400_000))
    await expect(apply(module as AnyModule, params(at('conf')))).rejects.toMatchObject({
      name: 'Failure',
      why: expect.stringMatching(/no space/i),
    })
    expect(readFileSync(at('conf'), 'utf8')).toBe('[old]\na = 1\n')
    expect(readdirSync(at('.'))).toEqual(['ballast', 'conf'])
  })

  test.each([
    ['copy', copy, (path: string) => ({ dest: path, content: 'new', force: true })],
    ['lineinfile', lineinfile, (path: string) => ({ ...edits, path, line: 'new' })],
    ['file', file, (path: string) => ({ path, state: 'absent', recurse: false, force: false })],
    ['mode', file, (path: string) => ({ path, state: 'file', mode: '0600', recurse: false, force: false })],
  ] as const)('%s on a read-only file system is an error', async (name, module, params) => {
    const { at, remount } = fileSystem(`read-only-${name}`, 'size=1m')
    writeFileSync(at('conf'), 'old\n')
    remount('ro')
    await expect(apply(module as AnyModule, params(at('conf')))).rejects.toMatchObject({
      name: 'Failure',
      why: expect.stringMatching(/read-only/i),
    })
    expect(readFileSync(at('conf'), 'utf8')).toBe('old\n')
  })
})

describe('what comes through unharmed', () => {
  const { at } = fileSystem('roomy', 'size=400m')

  test('50 MB of any bytes, there and back', async () => {
    const [old, fresh] = [randomBytes(50_000_000), randomBytes(50_000_000)]
    writeFileSync(at('big'), old)
    const { undo } = await apply(copy as AnyModule, { dest: at('big'), src: 'big', force: true }, { big: fresh })
    expect(readFileSync(at('big')).equals(fresh)).toBe(true)
    await undo()
    expect(readFileSync(at('big')).equals(old)).toBe(true)
  })

  test('ACL and extended attributes, through an edit and its undo', async () => {
    writeFileSync(at('conf'), '[s]\na = 1\n', { mode: 0o640 })
    execFileSync('chown', ['daemon:2', at('conf')])
    execFileSync('setfacl', ['-m', 'u:nobody:rw,g:3:r', at('conf')])
    execFileSync('setfattr', ['-n', 'trusted.note', '-v', 'kept', at('conf')])
    const seen = () => ({
      acl: execFileSync('getfacl', ['-cpn', at('conf')], { encoding: 'utf8' }),
      attr: execFileSync('getfattr', ['-d', '-m', 'trusted', '--absolute-names', at('conf')], { encoding: 'utf8' }),
      owner: [statSync(at('conf')).uid, statSync(at('conf')).gid, statSync(at('conf')).mode],
    })
    const before = seen()
    expect(before.attr).toContain('kept')
    const { undo } = await apply(ini as AnyModule, {
      path: at('conf'),
      section: 's',
      option: 'a',
      value: '2',
      state: 'present',
      create: false,
    })
    expect(readFileSync(at('conf'), 'utf8')).toBe('[s]\na = 2\n')
    expect(seen()).toEqual(before)
    await undo()
    expect(readFileSync(at('conf'), 'utf8')).toBe('[s]\na = 1\n')
    expect(seen()).toEqual(before)
  })
})
