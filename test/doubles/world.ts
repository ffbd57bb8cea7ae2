/** A World in memory: clock, files, terminal and connections, for tests of whole runs. */
import { posix } from 'node:path'
import type { Connection, Endpoint, HostAccess, HostLock, LockWanted } from '../../runner/connection/connection.ts'
import { Failure } from '../../runner/base/failure.ts'
import { fileFailure } from '../../runner/base/file-failure.ts'
import { onScreen } from '../../runner/base/screen.ts'
import type { Cloud } from '../../runner/openstack/cloud.ts'
import type { Interrupt, World } from '../../runner/world.ts'
import { fakeTarget } from './target.ts'

export interface FakeWorld extends World {
  readonly written: { stdout: string; stderr: string }
  /** Files of the controller, by absolute path. */
  readonly disk: Map<string, Uint8Array>
  /** Every host that was connected to, in order. */
  readonly connected: Endpoint[]
  /** As if the operator pressed Ctrl-C, or another signal came. */
  interrupt(signal?: Interrupt): void
}

export interface FakeWorldGiven {
  readonly files?: Readonly<Record<string, string>>
  readonly env?: Readonly<Record<string, string>>
  /** What the operator answers, in order, `^C` being Ctrl-C; with none there is no terminal to ask on. */
  readonly answers?: readonly string[]
  /** Hosts that cannot be reached. */
  readonly down?: readonly string[]
  readonly cloud?: Cloud
  readonly host?: (endpoint: Endpoint) => HostAccess
  /** A real connection in place of a host made of records. */
  readonly connection?: (endpoint: Endpoint) => Promise<Connection>
  /** Takes a lock; default: nobody else has any. */
  readonly lock?: (endpoint: Endpoint, wanted: LockWanted) => Promise<HostLock | undefined>
  readonly color?: boolean
  /** Asked at each write to the controller's disk: whether it has no room. */
  readonly full?: (path: string) => boolean
}

const CWD = '/project'
const encode = (text: string): Uint8Array => new TextEncoder().encode(text)

/** A world in memory: its time passes only in `sleep`, at once. */
export function fakeWorld(given: FakeWorldGiven = {}): FakeWorld {
  const written = { stdout: '', stderr: '' }
  const at = (path: string) => posix.resolve(CWD, path)
  const disk = new Map<string, Uint8Array>(Object.entries(given.files ?? {}).map(([path, text]) => [at(path), encode(text)]))
  const connected: Endpoint[] = []
  const listeners = new Set<(signal: Interrupt) => void>()
  const answers = [...(given.answers ?? [])]
  let now = Date.UTC(2026, 0, 1, 12)
  const screen = (stream: 'stdout' | 'stderr') => ({
    write(text: string) {
      written[stream] += onScreen(text)
    },
    isTerminal: false,
    columns: 100,
    color: given.color ?? false,
    unicode: true,
  })
  const room = (path: string) => {
    if (given.full?.(path)) throw fileFailure(path, 'written', { code: 'ENOSPC' })
  }
  const isFolder = (path: string) => [...disk.keys()].some((file) => file.startsWith(`${path}/`))
  return {
    written,
    disk,
    connected,
    interrupt: (signal = 'SIGINT') => listeners.forEach((listener) => listener(signal)),
    env: given.env ?? {},
    cwd: CWD,
    operator: 'tester@controller',
    stdout: screen('stdout'),
    stderr: screen('stderr'),
    files: {
      read: async (path, from = 0) => disk.get(at(path))?.subarray(from),
      async remove(path) {
        for (const file of disk.keys()) if (file === at(path) || file.startsWith(`${at(path)}/`)) disk.delete(file)
      },
      async list(path) {
        const folder = at(path)
        const names = [...disk.keys()]
          .filter((file) => file.startsWith(`${folder}/`))
          .map((file) => file.slice(folder.length + 1).split('/')[0] as string)
        return names.length === 0 ? undefined : [...new Set(names)].toSorted()
      },
      kind: async (path) => (disk.has(at(path)) ? 'file' : isFolder(at(path)) ? 'directory' : undefined),
      entry: async (path) => (disk.has(at(path)) ? 'file' : isFolder(at(path)) ? 'directory' : undefined),
      async write(path, content) {
        room(path)
        disk.set(at(path), typeof content === 'string' ? encode(content) : content)
      },
      async create(path, content) {
        if (disk.has(at(path))) return false
        disk.set(at(path), encode(content))
        return true
      },
      async append(path) {
        const written = () => new TextDecoder().decode(disk.get(at(path)) ?? new Uint8Array())
        let pending = /[^\n]$/.test(written()) ? '\n' : ''
        const sync = async () => {
          room(path)
          disk.set(at(path), encode(written() + pending))
          pending = ''
        }
        return { write: (text) => void (pending += text), sync, close: sync }
      },
    },
    clock: {
      now: () => now,
      monotonic: () => now,
      async sleep(ms, signal) {
        if (signal?.aborted) throw signal.reason
        now += ms
        await new Promise((resolve) => setImmediate(resolve))
      },
    },
    ask: async () => {
      const answer = answers.shift()
      if (answer !== '^C') return answer
      for (const listener of listeners) listener('SIGINT')
      return undefined
    },
    interactive: given.answers !== undefined,
    async connect(endpoint) {
      connected.push(endpoint)
      if (given.down?.includes(endpoint.name))
        throw new Failure(`cannot reach ${endpoint.name}`, { kind: 'unreachable', why: 'no route to host' })
      if (given.connection !== undefined) return given.connection(endpoint)
      const access = given.host?.(endpoint) ?? fakeTarget({ host: endpoint.name })
      const connection: Connection = {
        host: endpoint.name,
        as: () => access,
        lock: async (_become, wanted) =>
          given.lock === undefined ? { stands: () => {}, release: () => {} } : given.lock(endpoint, wanted),
        peer: undefined,
        forward: async () => {
          throw new Error('this test has no network')
        },
        traffic: { requests: 0, sent: 0, received: 0 },
        close: async () => {},
      }
      return connection
    },
    async cloud() {
      if (given.cloud === undefined) throw new Failure('no cloud is configured', { kind: 'input' })
      return given.cloud
    },
    onInterrupt(callback) {
      listeners.add(callback)
      return () => listeners.delete(callback)
    },
  }
}
