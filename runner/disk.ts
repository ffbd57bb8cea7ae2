/** The controller's disk as `World.files`; turns every error into a `Failure`. Made by `real-world.ts`. */
import { randomUUID } from 'node:crypto'
import { type FileHandle, lstat, mkdir, open, readdir, readFile, readlink, rename, rm, stat } from 'node:fs/promises'
import { dirname, join, resolve, sep } from 'node:path'
import { fileFailure, fileTrouble, type FileTrouble } from './base/file-failure.ts'
import type { Appender, Files } from './world.ts'

const missing = (error: unknown): boolean => ['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '')

/** The value, or undefined if the file is missing. */
const ifThere = async <T>(work: Promise<T>): Promise<T | undefined> => {
  try {
    return await work
  } catch (error) {
    if (missing(error)) return undefined
    throw error
  }
}

/** The new file, or undefined if it exists already. */
const ifNew = async (work: Promise<FileHandle>): Promise<FileHandle | undefined> => {
  try {
    return await work
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return undefined
    throw error
  }
}

export function diskFiles(cwd: string): Files {
  const at = (path: string) => resolve(cwd, path)
  return {
    read: (path, from = 0) => named(path, 'read', ifThere(from === 0 ? readFile(at(path)) : readFrom(at(path), from))),
    remove: (path) => named(path, 'removed', rm(at(path), { recursive: true, force: true })),
    list: async (path) => (await named(path, 'read', ifThere(readdir(at(path)))))?.toSorted(),
    async kind(path) {
      const found = await named(path, 'read', ifThere(stat(at(path))))
      return found === undefined ? undefined : found.isDirectory() ? 'directory' : 'file'
    },
    async entry(path) {
      const found = await named(path, 'read', ifThere(lstat(at(path))))
      if (found === undefined) return undefined
      return found.isFile() ? 'file' : found.isDirectory() ? 'directory' : found.isSymbolicLink() ? 'link' : 'other'
    },
    write: (path, content, mode = 0o644) => writing(cwd, path, () => replace(at(path), content, mode)),
    create: (path, content, mode = 0o644) =>
      writing(cwd, path, async () => {
        await makeFolder(dirname(at(path)), 0o700)
        const file = await ifNew(open(at(path), 'wx', mode))
        if (file === undefined) return false
        try {
          await file.writeFile(content)
          await file.sync()
        } finally {
          await file.close()
        }
        return true
      }),
    append: (path) =>
      writing(cwd, path, async () => {
        await makeFolder(dirname(at(path)), 0o700)
        const file = await open(at(path), 'a+', 0o600)
        return appender((work) => writing(cwd, path, work), file, (await endsTorn(file)) ? '\n' : '')
      }),
  }
}

async function named<T>(path: string, done: 'read' | 'removed', work: Promise<T>): Promise<T> {
  try {
    return await work
  } catch (cause) {
    throw fileFailure(path, done, cause)
  }
}

/** Runs a write. A full disk or a missing permission becomes a `Failure` with its obstacle: it is no defect of the program. */
async function writing<T>(cwd: string, path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (cause) {
    throw fileFailure(path, 'written', cause, await obstacle(cwd, path))
  }
}

/** Describes the part of a path that blocks writing below it: a file, or a dangling link. */
async function obstacle(cwd: string, path: string): Promise<FileTrouble | undefined> {
  const parts = dirname(path).split(sep)
  for (const index of parts.keys()) {
    const part = parts.slice(0, index + 1).join(sep) || sep
    const absolute = resolve(cwd, part)
    const own = await lstat(absolute).catch(() => undefined)
    if (own === undefined) return undefined
    const target = await stat(absolute).catch((error: NodeJS.ErrnoException) => error.code)
    if (target === 'ENOENT')
      return {
        why: `${part} is a link to ${await readlink(absolute)}, which is missing`,
        help: `remove the link ${part}, or make its target folder`,
      }
    if (target === undefined || typeof target === 'string') return fileTrouble({ code: target })
    if (!target.isDirectory()) return { why: `${part} is a file, not a folder`, help: `move the file ${part} out of the way` }
  }
  return undefined
}

/** As `mkdir -p`. Unlike the recursive mkdir of Node 20 to 24, it keeps the system's error code, such as EROFS. */
async function makeFolder(path: string, mode?: number): Promise<void> {
  if (await isFolder(path)) return
  if (dirname(path) !== path) await makeFolder(dirname(path), mode)
  try {
    await mkdir(path, { mode })
  } catch (error) {
    if (!(await isFolder(path))) throw error // another process may have made the folder
  }
}

const isFolder = async (path: string): Promise<boolean> => (await stat(path).catch(() => undefined))?.isDirectory() === true

async function replace(path: string, content: string | Uint8Array, mode: number): Promise<void> {
  const folder = dirname(path)
  await makeFolder(folder)
  const temporary = join(folder, `.${randomUUID()}.tmp`)
  try {
    const file = await open(temporary, 'wx', mode)
    try {
      await file.writeFile(content)
      await file.sync()
    } finally {
      await file.close()
    }
    await rename(temporary, path)
  } finally {
    await rm(temporary, { force: true })
  }
}

async function endsTorn(file: FileHandle): Promise<boolean> {
  const { size } = await file.stat()
  if (size === 0) return false
  const { buffer } = await file.read(Buffer.alloc(1), 0, 1, size - 1)
  return buffer[0] !== 0x0a
}

async function readFrom(path: string, from: number): Promise<Uint8Array> {
  const file = await open(path)
  try {
    const { size } = await file.stat()
    const { buffer, bytesRead } = await file.read(Buffer.alloc(Math.max(0, size - from)), 0, Math.max(0, size - from), from)
    return buffer.subarray(0, bytesRead)
  } finally {
    await file.close()
  }
}

/**
 * Collects the writes that arrive during a flush and flushes them together: one fdatasync for many.
 *
 * @param first text to write before all else
 */
function appender(writing: (work: () => Promise<void>) => Promise<void>, file: FileHandle, first: string): Appender {
  let pending = first
  let running: Promise<void> | undefined
  let next: Promise<void> | undefined
  const flush = async () => {
    const text = pending
    pending = ''
    try {
      if (text !== '') await file.appendFile(text)
      await file.datasync()
    } catch (error) {
      // Part of the text may be on the disk. The line break ends that torn line, which readers skip; then all is written again.
      pending = `\n${text}${pending}`
      throw error
    }
  }
  const start = (): Promise<void> => {
    running = writing(flush).finally(() => (running = undefined))
    return running
  }
  const sync = (): Promise<void> => {
    if (running === undefined) return start()
    next ??= running
      .catch(() => undefined)
      .then(() => {
        next = undefined
        return start()
      })
    return next
  }
  return {
    write(text) {
      pending += text
    },
    sync,
    async close() {
      try {
        await sync()
      } finally {
        await file.close()
      }
    },
  }
}
