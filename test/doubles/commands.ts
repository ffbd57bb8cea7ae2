/** What coreutils and sysctl do to the files and the kernel of the double in `target.ts`, as far as modules use them. */
import { createHash } from 'node:crypto'
import { posix } from 'node:path'
import type { Output } from '../../runner/module.ts'

export interface FakeFile {
  readonly content: Uint8Array
  readonly mode: string
  readonly owner: string
  readonly group: string
}

/** What a canned command answers; exit status 0 and no output where nothing is said. */
export type Answer = Partial<Output>

/** What a fake host is made of. */
export interface Machine {
  readonly files: Map<string, FakeFile>
  /** Folders that were made, also those with nothing in them. */
  readonly folders: Map<string, Omit<FakeFile, 'content'>>
  /** Kernel parameters, by their name with dots. They are files below `/proc/sys` too. */
  readonly kernel: Map<string, string>
}

/** Users and groups of the fake host. */
const IDS: Readonly<Record<string, number>> = { root: 0, daemon: 1, nova: 64_060, libvirt: 64_055 }

export const idOf = (name: string): number => IDS[name] ?? Number(name)

/** As `stat` shows an id: by its name if it has one. */
export const nameOf = (id: string): string => Object.entries(IDS).find(([, number]) => String(number) === id)?.[0] ?? id

export const kernelPath = (name: string): string => `/proc/sys/${name.replaceAll('.', '/')}`

const failure = (stderr: string): Answer => ({ code: 1, stderr: `${stderr}\n` })

/** Undefined: the program is not known here. */
export function answerOf(machine: Machine, argv: readonly string[]): Answer | undefined {
  const [program = '', ...rest] = argv
  const options = rest.filter((word) => word.startsWith('-') && word !== '--')
  const words = rest.filter((word) => !word.startsWith('-'))
  return COMMANDS[program]?.(machine, words, options)
}

const COMMANDS: Readonly<Record<string, (machine: Machine, words: readonly string[], options: readonly string[]) => Answer>> = {
  chown: ({ files, folders }, [whose = '', ...paths]) => {
    const [owner, group] = whose.split(':')
    return each(paths, (path) => {
      const entry = files.get(path) ?? folders.get(path)
      return entry === undefined
        ? `chown: cannot access '${path}': No such file or directory`
        : void Object.assign(entry, owner && { owner: nameOf(owner) }, group && { group: nameOf(group) })
    })
  },
  chmod: ({ files, folders }, [mode = '', ...paths]) =>
    each(paths, (path) => {
      const entry = files.get(path) ?? folders.get(path)
      return entry === undefined
        ? `chmod: cannot access '${path}': No such file or directory`
        : void Object.assign(entry, { mode: mode.slice(-4).padStart(4, '0') })
    }),
  mkdir: ({ folders }, paths) =>
    each(paths, (path) =>
      folders.has(path)
        ? `mkdir: cannot create directory ‘${path}’: File exists`
        : void folders.set(path, { mode: '0755', owner: 'root', group: 'root' }),
    ),
  rmdir: ({ files, folders }, paths) =>
    each(paths, (path) =>
      [...files.keys(), ...folders.keys()].some((name) => name.startsWith(`${path}/`))
        ? `rmdir: failed to remove '${path}': Directory not empty`
        : void folders.delete(path),
    ),
  rm: ({ files, folders }, paths) =>
    each(paths, (path) => {
      for (const entries of [files, folders])
        for (const name of entries.keys()) if (name === path || name.startsWith(`${path}/`)) entries.delete(name)
    }),
  mktemp: ({ files }, [folder = '/tmp', pattern = 'tmp.XXXXXX']) => {
    const path = posix.join(folder, pattern.replace(/X+$/, String(files.size)))
    files.set(path, { content: new Uint8Array(), mode: '0600', owner: 'root', group: 'root' })
    return { stdout: `${path}\n` }
  },
  sha256sum: ({ files }, [path = '']) => {
    const file = files.get(path)
    if (file === undefined) return failure(`sha256sum: ${path}: No such file or directory`)
    return { stdout: `${createHash('sha256').update(file.content).digest('hex')}  ${path}\n` }
  },
  sysctl: (machine, words, options) => {
    const { files, kernel } = machine
    const set = (text: string): string | undefined => {
      const [name = '', value = ''] = text.split('=').map((part) => part.trim())
      if (!kernel.has(name)) return `sysctl: cannot stat ${kernelPath(name)}: No such file or directory`
      kernel.set(name, value)
      return undefined
    }
    if (options.some((option) => /^-\w*w/.test(option))) return each(words, set)
    if (options.some((option) => /^-\w*p/.test(option))) {
      const lines = new TextDecoder().decode(files.get(words[0] ?? '/etc/sysctl.conf')?.content).split('\n')
      return each(
        lines.filter((line) => /^\s*[^#;\s]/.test(line)),
        set,
      )
    }
    const value = kernel.get(words[0] ?? '')
    if (value === undefined) return failure(`sysctl: cannot stat ${kernelPath(words[0] ?? '')}: No such file or directory`)
    return { stdout: options.includes('-n') ? `${value}\n` : `${words[0]} = ${value}\n` }
  },
}

function each(items: readonly string[], act: (item: string) => string | undefined | void): Answer {
  const errors = items.flatMap((item) => act(item) ?? [])
  return errors.length === 0 ? {} : failure(errors.join('\n'))
}
