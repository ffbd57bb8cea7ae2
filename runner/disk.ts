import { randomUUID } from 'node:crypto'
import { type FileHandle, lstat, mkdir, open, readdir, readFile, readlink, rename, rm, stat } from 'node:fs/promises'
import { dirname, join, resolve, sep } from 'node:path'
import { fileFailure, fileTrouble, type FileTrouble } from './base/file-failure.ts'
import type { Appender, Files } from './world.ts'

/** The controller's disk as `World.files`, for the real world; every error of it becomes a `Failure` here. */
const missing = (error: unknown): boolean => ['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '')

/** The value, or undefined where there is no such file. */
const ifThere = async <T>(work: Promise<T>): Promise<T | undefined> => {
  try {
    return await work
  } catch (error) {
    if (missing(error)) return undefined
    throw error
  }
}

/** The file just made, or undefined where there is one already. */
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
    read: (path, from = 0) => told(path, 'read', ifThere(from === 0 ? readFile(at(path)) : readFrom(at(path), from))),
    remove: (path) => told(path, 'removed', rm(at(path), { recursive: true, force: true })),
    list: async (path) => (await told(path, 'read', ifThere(readdir(at(path)))))?.toSorted(),
    async kind(path) {
      const found = await told(path, 'read', ifThere(stat(at(path))))
      return found === undefined ? undefined : found.isDirectory() ? 'directory' : 'file'
    },
    async entry(path) {
      const found = await told(path, 'read', ifThere(lstat(at(path))))
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

async function told<T>(path: string, done: 'read' | 'removed', work: Promise<T>): Promise<T> {
  try {
    return await work
  } catch (cause) {
    throw fileFailure(path, done, cause)
  }
}

/** A disk that is full, or not ours to write to, is no defect of the program. */
async function writing<T>(cwd: string, path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (cause) {
    throw fileFailure(path, 'written', cause, await obstacle(cwd, path))
  }
}

/** The part of a path that lets nothing be written below it, in words: a file, or a link that leads nowhere. */
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
        todo: `remove the link ${part}, or make the folder that it names`,
      }
    if (target === undefined || typeof target === 'string') return fileTrouble({ code: target })
    if (!target.isDirectory()) return { why: `${part} is a file, not a folder`, todo: `move the file ${part} out of the way` }
  }
  return undefined
}

/** As `mkdir -p`; unlike Node's own (20 to 24), with the system's word for what went wrong, such as a read-only disk. */
async function makeFolder(path: string, mode?: number): Promise<void> {
  if (await isFolder(path)) return
  if (dirname(path) !== path) await makeFolder(dirname(path), mode)
  try {
    await mkdir(path, { mode })
  } catch (error) {
    if (!(await isFolder(path))) throw error // another may have made it meanwhile
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
 * Writes and flushes together whatever came while the last flush was under way: one fdatasync for many.
 *
 * @param first what comes before all that is written
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
      // Part of it may be on the disk: the line break closes the torn line, which a reader passes over, and the whole is written again.
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
