/** A target in memory: files, commands and their answers, for tests of modules. */
import { Failure, type Cloud, type Progress, type RunOptions, type Stat, type Target } from '../../runner/module.ts'
import { hostJob } from '../../runner/connection/job/job.ts'
import { type Answer, answerOf, type FakeFile, idOf, kernelPath, type Machine, nameOf } from './commands.ts'
import { type FakeUnit, fakeUnits, type UnitBehaviour } from './units.ts'

export type { Answer } from './commands.ts'

export type Canned = Answer | ((options: RunOptions, now: number) => Answer)

export interface FakeGiven {
  readonly host?: string
  readonly files?: Readonly<Record<string, string | Uint8Array | (Partial<FakeFile> & { readonly content: Uint8Array })>>
  /**
   * Answers by the words of the command joined with blanks, or a function of the command. What neither answers is done to the files, units and
   * kernel of this host (`commands.ts`, `units.ts`); a command that these do not know either is an error.
   */
  readonly commands?:
    Readonly<Record<string, Canned>> | ((argv: readonly string[], options: RunOptions, now: number) => Answer | undefined)
  /** Kernel parameters, by name: `{ 'vm.swappiness': '60' }`. */
  readonly kernel?: Readonly<Record<string, string>>
  /** Units of systemd; `UnitBehaviour` says what becomes of them. */
  readonly units?: Readonly<Record<string, Partial<FakeUnit>>>
  readonly behaviour?: UnitBehaviour
  readonly facts?: Readonly<Record<string, unknown>>
  /** Other hosts that `on` reaches. */
  readonly others?: Readonly<Record<string, Target>>
  readonly cloud?: Cloud
  /** Conditions by their text, or a function of the text. */
  readonly conditions?: Readonly<Record<string, boolean>> | ((condition: string) => boolean)
  /** Files of the controller, by path. */
  readonly controller?: Readonly<Record<string, string | Uint8Array>>
  readonly render?: (text: string, file: string) => string
  /** Called whenever time passes, with the seconds since the start: the place to let the world change while a module waits. */
  readonly onSleep?: (now: number, target: FakeTarget) => void
  readonly signal?: AbortSignal
}

export interface FakeTarget extends Target {
  readonly files: Map<string, FakeFile>
  readonly kernel: Map<string, string>
  readonly units: Map<string, FakeUnit>
  /** Every command that ran, in order. */
  readonly ran: (readonly string[])[]
  /** Every path that was written, in order. */
  readonly wrote: string[]
  readonly progressed: Progress[]
  /** All that can be changed through this target, for comparing before and after. */
  snapshot(): unknown
}

const bytes = (content: string | Uint8Array): Uint8Array =>
  typeof content === 'string' ? new TextEncoder().encode(content) : content

const fakeFile = (given: string | Uint8Array | (Partial<FakeFile> & { readonly content: Uint8Array })): FakeFile => ({
  mode: '0644',
  owner: 'root',
  group: 'root',
  ...(typeof given === 'string' || given instanceof Uint8Array ? { content: bytes(given) } : given),
})

const kernelFile = ({ kernel }: Machine, path: string): Uint8Array | undefined => {
  const [, value] = [...kernel].find(([name]) => kernelPath(name) === path) ?? []
  return value === undefined ? undefined : bytes(`${value}\n`)
}

/** The paths of all that is on the host. */
const pathsOf = ({ files, folders, kernel }: Machine): readonly string[] => [
  ...files.keys(),
  ...folders.keys(),
  ...[...kernel.keys()].map(kernelPath),
]

const isFolder = (machine: Machine, path: string): boolean =>
  machine.folders.has(path) || pathsOf(machine).some((name) => name.startsWith(`${path}/`))

/**
 * A host in memory: files with owners, folders, units, kernel parameters, and a table of canned command answers. Time passes only in `sleep`, at
 * once. A command that nobody foresaw is a failure, so that a test notices it. Real files and real commands: `local-target.ts`.
 */
export function fakeTarget(given: FakeGiven = {}): FakeTarget {
  const host = given.host ?? 'host1'
  const files = new Map(Object.entries(given.files ?? {}).map(([path, file]) => [path, fakeFile(file)]))
  const machine: Machine = { files, folders: new Map(), kernel: new Map(Object.entries(given.kernel ?? {})) }
  const systemd = fakeUnits(given.units ?? {}, given.behaviour)
  const signal = given.signal ?? new AbortController().signal
  let now = 0

  const answerTo = (argv: readonly string[], options: RunOptions): Answer | undefined => {
    if (typeof given.commands === 'function') return given.commands(argv, options, now)
    const canned = given.commands?.[argv.join(' ')]
    return typeof canned === 'function' ? canned(options, now) : canned
  }

  const target: FakeTarget = {
    host,
    facts: given.facts ?? {},
    signal,
    hosts: [host, ...Object.keys(given.others ?? {})],
    files,
    kernel: machine.kernel,
    units: systemd.units,
    ran: [],
    wrote: [],
    progressed: [],
    snapshot: () => ({
      files: structuredClone(Object.fromEntries(files)),
      folders: structuredClone(Object.fromEntries(machine.folders)),
      kernel: Object.fromEntries(machine.kernel),
      units: systemd.snapshot(),
    }),

    run: async (argv, options = {}) => {
      target.ran.push([...argv])
      const answer = answerTo(argv, options) ?? answerOf(machine, argv) ?? (given.units && systemd.answer(argv))
      if (answer === undefined) throw new Error(`unexpected command on ${host}: ${argv.join(' ')}`)
      const stdout = answer.stdout ?? ''
      return { code: 0, stdout, stderr: '', bytes: bytes(stdout), ...answer }
    },
    read: async (path) => files.get(path)?.content ?? kernelFile(machine, path),
    list: async (path) => {
      if (!isFolder(machine, path)) return undefined
      const below = pathsOf(machine).filter((name) => name.startsWith(`${path}/`))
      return [...new Set(below.map((name) => name.slice(path.length + 1).split('/')[0] ?? ''))].sort()
    },
    stat: async (path): Promise<Stat | undefined> => {
      const parameter = kernelFile(machine, path)
      const file = files.get(path) ?? (parameter && fakeFile(parameter))
      const folder = machine.folders.get(path) ?? (isFolder(machine, path) ? fakeFile('') : undefined)
      const entry = file ?? folder
      if (entry === undefined) return undefined
      const { mode, owner, group } = entry
      const ids = { uid: idOf(owner), gid: idOf(group), mtime: 0 }
      return { kind: file === undefined ? 'directory' : 'file', size: file?.content.length ?? 4096, mode, owner, group, ...ids }
    },
    write: async (path, content, options = {}) => {
      target.wrote.push(path)
      const { owner, group, mode } = { ...fakeFile(''), ...files.get(path), ...options }
      files.set(path, { mode, owner: nameOf(owner), group: nameOf(group), content: bytes(content) })
    },

    on: async (name) => {
      const other = name === host ? target : given.others?.[name]
      if (other === undefined) throw new Failure(`${name} is not in the inventory`, { kind: 'input' })
      return other
    },
    job: (name, work) => hostJob(async () => target, name, work, target),
    stream: () => {
      throw new Error('this test has no second host to send to')
    },
    database: async () => {
      throw new Error('this test has no database')
    },
    cloud: async () => {
      if (given.cloud === undefined) throw new Error('this test has no cloud')
      return given.cloud
    },
    evaluate: (condition) => {
      const value = typeof given.conditions === 'function' ? given.conditions(condition) : given.conditions?.[condition]
      if (value === undefined) throw new Error(`unexpected condition: ${condition}`)
      return value
    },
    controllerFile: async (path) => {
      const content = given.controller?.[path]
      if (content === undefined) throw new Failure(`there is no ${path} beside the playbook`, { kind: 'input' })
      return bytes(content)
    },
    render: given.render ?? ((text) => text),
    progress: (progress) => void target.progressed.push(progress),
    sleep: async (seconds) => {
      signal.throwIfAborted()
      now += seconds
      given.onSleep?.(now, target)
      given.behaviour?.onSleep?.(now, systemd.units)
    },
    now: () => now,
  }
  return target
}
