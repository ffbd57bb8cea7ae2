/** A target on a scratch folder of this machine, for tests of modules that write files. */
import { createHash } from 'node:crypto'
import {
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll } from 'vitest'
import type { Connection } from '../../runner/connection/connection.ts'
import { connectLocal } from '../../runner/connection/local.ts'
import { hostJob } from '../../runner/connection/job/job.ts'
import { fakeTarget, type FakeGiven, type FakeTarget } from './target.ts'

/** A new empty folder that is removed after the tests of the file. */
export function scratchFolder(): string {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'runbook-test-')))
  afterAll(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

export type LocalTarget = Omit<FakeTarget, 'files'>

/**
 * This machine as the user who runs the tests, over the connection that playbooks use for it; opened by the first test that
 * needs it.
 */
let machine: Connection | undefined
afterAll(async () => {
  await machine?.close()
  machine = undefined
})

/** A target whose files are real ones below `folder` and whose commands really run; the rest is as in `fakeTarget`. */
export function localTarget(folder: string, given: Omit<FakeGiven, 'files' | 'commands'> = {}): LocalTarget {
  const { files: _none, ...fake } = fakeTarget(given)
  const access = (machine ??= connectLocal({ name: 'localhost', kind: 'local', address: 'localhost' }, { env: process.env })).as(
    undefined,
  )
  return {
    ...fake,
    run: (argv, options) => {
      fake.ran.push([...argv])
      return access.run(argv, options)
    },
    read: access.read,
    stat: access.stat,
    list: access.list,
    write: (path, content, options) => {
      fake.wrote.push(path)
      return access.write(path, content, options)
    },
    job: (name, work) => hostJob(async () => access, name, work, fake),
    snapshot: () => tree(folder),
  }
}

/**
 * A folder that is made anew with the same files (mode 0640) whenever the function is called, so that parameters can name a
 * path in it.
 * @param more what else there should be
 */
export const freshFolder =
  (folder: string, given: Omit<FakeGiven, 'files' | 'commands'> = {}) =>
  (files: Readonly<Record<string, string | Uint8Array>>, more: (at: (name: string) => string) => void = () => undefined) =>
  (): LocalTarget => {
    rmSync(folder, { recursive: true, force: true })
    mkdirSync(folder)
    for (const [name, content] of Object.entries(files)) writeFileSync(join(folder, name), content, { mode: 0o640 })
    more((name) => join(folder, name))
    return localTarget(folder, given)
  }

/** Everything below a folder: kind, mode, owner, and content, by path. */
function tree(folder: string): Readonly<Record<string, string>> {
  const entries = [
    folder,
    ...readdirSync(folder, { recursive: true, withFileTypes: true }).map((entry) => join(entry.parentPath, entry.name)),
  ]
  return Object.fromEntries(entries.sort().map((path) => [path, describeEntry(path)]))
}

function describeEntry(path: string): string {
  const stat = lstatSync(path)
  const who = `${(stat.mode & 0o7777).toString(8)} ${stat.uid}:${stat.gid}`
  if (stat.isSymbolicLink()) return `link ${readlinkSync(path)}`
  if (stat.isDirectory()) return `directory ${who}`
  return `file ${who} ${stat.size} ${createHash('sha256').update(readFileSync(path)).digest('hex')}`
}
