/** The controller's disk: what cannot be read or written, in words. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { readJournal } from '../../runner/record/history.ts'
import { diskFiles } from '../../runner/disk.ts'
import { fakeWorld } from '../doubles/world.ts'

const folder = mkdtempSync(join(tmpdir(), 'runbook-world-'))
afterAll(() => rmSync(folder, { recursive: true }))
const files = diskFiles(folder)

describe('a file that is written at its end', () => {
  test.each([
    ['one\n', 'one\nmore\n'],
    ['one\ntor', 'one\ntor\nmore\n'],
    ['', 'more\n'],
    [undefined, 'more\n'],
  ])('that holds %j', async (before, after) => {
    const path = join(folder, 'lines')
    const fake = fakeWorld({ files: before === undefined ? {} : { lines: before } })
    rmSync(path, { force: true })
    if (before !== undefined) writeFileSync(path, before)
    for (const each of [files, fake.files]) {
      const file = await each.append('lines')
      file.write('more\n')
      await file.close()
      expect(Buffer.from((await each.read('lines')) ?? []).toString()).toBe(after)
    }
    expect(readFileSync(path, 'utf8')).toBe(after)
  })

  test('a mark behind the torn line of a killed run is read', async () => {
    const place = { file: 'p.yml', line: 1, column: 1, length: 1 }
    const step = { key: '0/a', task: '0', host: 'a', name: 'one', module: 'set', place }
    const lines = [
      { type: 'journal', version: 1 },
      { type: 'run-started', at: 1, run: 'R', playbook: 'p.yml', hosts: ['a'] },
      { type: 'apply-started', at: 2, step, blob: 'b' },
    ]
    writeFileSync(join(folder, 'journal'), `${lines.map((line) => `${JSON.stringify(line)}\n`).join('')}{"type":"step-fin`)
    const marks = await files.append('journal')
    marks.write(`${JSON.stringify({ type: 'step-undone', at: 3, step, blob: 'b' })}\n`)
    await marks.close()
    expect([...readJournal(readFileSync(join(folder, 'journal')), 'journal').undone]).toEqual(['0/a'])
  })
})

describe('what stands in the way is named', () => {
  mkdirSync(join(folder, 'here'))
  writeFileSync(join(folder, 'here/plain'), '')
  symlinkSync('nowhere', join(folder, 'here/dangling'))
  symlinkSync('ring', join(folder, 'here/ring'))
  const RING = ['its path is a loop of symbolic links', 'ls -l']
  const PLAIN = ['here/plain is a file, not a folder', 'move the file here/plain']

  test.each([
    ['here/plain/x', ...PLAIN],
    ['here/plain/deeper/x', ...PLAIN],
    ['here/dangling/x', 'here/dangling is a link to nowhere, which is missing', 'remove the link here/dangling'],
    ['here/dangling/deeper/x', 'here/dangling is a link to nowhere, which is missing', 'remove the link here/dangling'],
    ['here/ring/x', ...RING],
    ['here', 'it is a folder', 'name a file'],
    [`here/${'x'.repeat(300)}`, 'its name is too long', 'shorten'],
  ])('%s cannot be written', async (path, why = '', help = '') => {
    const failure = {
      name: 'Failure',
      kind: 'refused',
      message: `${path} cannot be written`,
      why,
      help: expect.stringContaining(help),
    }
    const create = () => files.create(path, 'x')
    for (const write of [() => files.write(path, 'x'), () => files.append(path), ...(path === 'here' ? [] : [create])])
      await expect(write()).rejects.toMatchObject(failure)
  })

  test.each(['read', 'list', 'kind'] as const)('%s of a ring of links', async (look) => {
    const [why = '', help = ''] = RING
    const failure = {
      name: 'Failure',
      kind: 'input',
      message: 'here/ring cannot be read',
      why,
      help: expect.stringContaining(help),
    }
    await expect(files[look]('here/ring')).rejects.toMatchObject(failure)
  })

  test('a file below a file is not there, and no error', async () => {
    expect([await files.read('here/plain/x'), await files.kind('here/plain/x')]).toEqual([undefined, undefined])
  })

  test('a full disk', async () => {
    const full = await files.append('/dev/full')
    full.write('x')
    await expect(full.sync()).rejects.toMatchObject({ kind: 'refused', why: 'no space is left on the disk' })
    await expect(full.close()).rejects.toMatchObject({ kind: 'refused' })
  })
})

test('of several that create one file, one succeeds, and its content stays', async () => {
  const path = join(folder, 'new', 'mark')
  const made = await Promise.all([1, 2, 3].map((number) => files.create(path, `${number}`, 0o600)))
  expect(made.filter(Boolean)).toHaveLength(1)
  expect(readFileSync(path, 'utf8')).toBe(String(made.indexOf(true) + 1))
  expect(statSync(path).mode & 0o777).toBe(0o600)
  expect(statSync(join(folder, 'new')).mode & 0o777).toBe(0o700)
})

test('a file that cannot be created is an error, and not one that is there', async () => {
  await files.create(join(folder, 'file'), '')
  await expect(files.create(join(folder, 'file', 'below'), '')).rejects.toMatchObject({
    kind: 'refused',
    why: expect.stringContaining('is a file, not a folder'),
  })
})

test('what stands at a path is told without following a link', async () => {
  writeFileSync(join(folder, 'plain'), '')
  symlinkSync('plain', join(folder, 'to-plain'))
  const entries = await Promise.all(['plain', '.', 'to-plain', '/dev/full', 'nothing', 'plain/below'].map(files.entry))
  expect(entries).toEqual(['file', 'directory', 'link', 'other', undefined, undefined])
})
