import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { readJournal } from '../../runner/record/history.ts'
import { realWorld } from '../../runner/real-world.ts'
import { fakeWorld } from '../doubles/world.ts'

const folder = mkdtempSync(join(tmpdir(), 'runbook-world-'))
afterAll(() => rmSync(folder, { recursive: true }))
const { files } = realWorld(Object.assign(Object.create(process) as NodeJS.Process, { cwd: () => folder }))

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

test('what cannot be written is a failure that says what, why and what to do', async () => {
  writeFileSync(join(folder, 'plain'), '')
  const failure = {
    name: 'Failure',
    kind: 'refused',
    message: 'plain/file cannot be written',
    why: expect.stringMatching(/EEXIST|ENOTDIR/),
    todo: expect.stringContaining('make room'),
  }
  await expect(files.write('plain/file', 'x')).rejects.toMatchObject(failure)
  await expect(files.append('plain/file')).rejects.toMatchObject(failure)
  const full = await files.append('/dev/full')
  full.write('x')
  await expect(full.sync()).rejects.toMatchObject({ kind: 'refused', why: expect.stringContaining('ENOSPC') })
  await expect(full.close()).rejects.toMatchObject({ kind: 'refused' })
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
    why: expect.stringMatching(/ENOTDIR|EEXIST/),
  })
})
