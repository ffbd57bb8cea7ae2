import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { realWorld } from '../../runner/real-world.ts'

const folder = mkdtempSync(join(tmpdir(), 'runbook-world-'))
afterAll(() => rmSync(folder, { recursive: true }))

test('of several that create one file, one succeeds, and its content stays', async () => {
  const { files } = realWorld(process)
  const path = join(folder, 'new', 'mark')
  const made = await Promise.all([1, 2, 3].map((number) => files.create(path, `${number}`, 0o600)))
  expect(made.filter(Boolean)).toHaveLength(1)
  expect(readFileSync(path, 'utf8')).toBe(String(made.indexOf(true) + 1))
  expect(statSync(path).mode & 0o777).toBe(0o600)
  expect(statSync(join(folder, 'new')).mode & 0o777).toBe(0o700)
})

test('a file that cannot be created is an error, and not one that is there', async () => {
  const { files } = realWorld(process)
  await files.create(join(folder, 'file'), '')
  await expect(files.create(join(folder, 'file', 'below'), '')).rejects.toThrow(/ENOTDIR|EEXIST/)
})
