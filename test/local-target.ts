import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { chmodSync, chownSync, lstatSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, realpathSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll } from 'vitest'
import { Failure, type HostAccess, type Output, type Stat } from '../runner/module.ts'
import { fakeTarget, type FakeGiven, type FakeTarget } from './fake-target.ts'

/** A new empty folder that is removed after the tests of the file. */
export function scratchFolder(): string {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'runbook-test-')))
  afterAll(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

export type LocalTarget = Omit<FakeTarget, 'files'>

/** A target whose files are real ones below `folder` and whose commands really run; the rest is as in `fakeTarget`. */
export function localTarget(folder: string, given: Omit<FakeGiven, 'files' | 'commands'> = {}): LocalTarget {
  const { files: _none, ...fake } = fakeTarget(given)
  const target = { ...fake, ...localAccess(), snapshot: () => tree(folder) }
  const { run, write } = target
  target.run = (argv, options) => {
    target.ran.push([...argv])
    return run(argv, options)
  }
  target.write = (path, content, options) => {
    target.wrote.push(path)
    return write(path, content, options)
  }
  return target
}

/**
 * A folder that is made anew with the same files (mode 0640) whenever the function is called, so that parameters can name a path in it.
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

/** This machine as the user who runs the tests. */
function localAccess(): HostAccess {
  const missing = (error: unknown): undefined => {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT' || (error as NodeJS.ErrnoException).code === 'ENOTDIR') return undefined
    throw new Failure((error as Error).message)
  }
  const tryTo = <T>(act: () => T): T | undefined => {
    try {
      return act()
    } catch (error) {
      return missing(error)
    }
  }
  const access: HostAccess = {
    run: (argv, { stdin, env, cwd, timeout } = {}) =>
      new Promise<Output>((resolve, reject) => {
        const child = spawn('sh', ['-c', 'exec "$@"', 'sh', ...argv], {
          cwd,
          env: { ...process.env, ...env, LC_ALL: 'C' },
          ...(timeout === undefined ? {} : { timeout: timeout * 1000 }),
        })
        const out: Buffer[] = []
        const err: Buffer[] = []
        child.stdout.on('data', (chunk: Buffer) => out.push(chunk))
        child.stderr.on('data', (chunk: Buffer) => err.push(chunk))
        child.on('error', (error) => reject(new Failure(`cannot run ${argv[0] ?? ''}: ${error.message}`)))
        child.on('close', (code, signal) => {
          const bytes = Buffer.concat(out)
          const killed = signal === null ? 1 : 128 + 9
          resolve({ code: code ?? killed, stdout: bytes.toString(), stderr: Buffer.concat(err).toString(), bytes: new Uint8Array(bytes) })
        })
        child.stdin.on('error', () => undefined)
        child.stdin.end(stdin)
      }),
    read: async (path) => tryTo(() => new Uint8Array(readFileSync(path))),
    list: async (path) => tryTo(() => readdirSync(path).sort()),
    stat: async (path): Promise<Stat | undefined> => {
      const found = tryTo(() => lstatSync(path))
      if (found === undefined) return undefined
      const names = await access.run(['stat', '-c', '%U %G', '--', path])
      const [owner = '', group = ''] = names.stdout.trim().split(' ')
      return {
        kind: found.isFile() ? 'file' : found.isDirectory() ? 'directory' : found.isSymbolicLink() ? 'link' : 'other',
        size: found.size,
        mode: (found.mode & 0o7777).toString(8).padStart(4, '0'),
        uid: found.uid,
        gid: found.gid,
        owner,
        group,
        mtime: Math.floor(found.mtimeMs / 1000),
        ...(found.isSymbolicLink() ? { target: readlinkSync(path) } : {}),
      }
    },
    write: async (path, content, { owner, group, mode } = {}) => {
      const real = tryTo(() => realpathSync(path)) ?? path
      const old = tryTo(() => lstatSync(real))
      const temporary = `${real}.runbook-test`
      try {
        writeFileSync(temporary, content)
        chmodSync(temporary, mode === undefined ? ((old?.mode ?? 0o644) & 0o7777) : parseInt(mode, 8))
        if (old) chownSync(temporary, old.uid, old.gid)
        renameSync(temporary, real)
      } catch (error) {
        throw new Failure(`cannot write ${path}: ${(error as Error).message}`)
      }
      if (owner !== undefined || group !== undefined) {
        const changed = await access.run(['chown', `${owner ?? ''}${group === undefined ? '' : `:${group}`}`, '--', real])
        if (changed.code !== 0) throw new Failure(`cannot give ${path} to ${owner ?? group ?? ''}`, { why: changed.stderr.trim() })
        if (mode !== undefined) chmodSync(real, parseInt(mode, 8))
      }
    },
  }
  return access
}

/** Everything below a folder: kind, mode, owner, and content, by path. */
function tree(folder: string): Readonly<Record<string, string>> {
  const entries = [folder, ...readdirSync(folder, { recursive: true, withFileTypes: true }).map((entry) => join(entry.parentPath, entry.name))]
  return Object.fromEntries(entries.sort().map((path) => [path, describeEntry(path)]))
}

function describeEntry(path: string): string {
  const stat = lstatSync(path)
  const who = `${(stat.mode & 0o7777).toString(8)} ${stat.uid}:${stat.gid}`
  if (stat.isSymbolicLink()) return `link ${readlinkSync(path)}`
  if (stat.isDirectory()) return `directory ${who}`
  return `file ${who} ${stat.size} ${createHash('sha256').update(readFileSync(path)).digest('hex')}`
}
