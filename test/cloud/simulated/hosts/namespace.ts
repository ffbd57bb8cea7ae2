/**
 * Private roots by Linux namespaces: each simulated host has its own /etc, /var, /run, /tmp, host name and process ids, while
 * programs come read-only from the machine's /usr. All of it lives in a tmpfs of the host's own mount namespace, so that nothing
 * is left when its first process ends, however this process ends.
 */
import { spawn } from 'node:child_process'
import type { ChildProcess, ChildProcessWithoutNullStreams } from 'node:child_process'
import { readFileSync, readlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { Failure } from '../../../../runner/base/failure.ts'
import { assets } from './assets.ts'

/** One user namespace for all hosts of a cloud; `pid` undefined: none is allowed, but this process is root and needs none. */
export interface UserNamespace {
  readonly pid: number | undefined
  /** Whether every owner (nova, libvirt-qemu …) exists there; else root is the only one, and chown to another fails. */
  readonly allOwners: boolean
  stop(): Promise<void>
}

export interface Root {
  /** Its first process, as this machine numbers it. */
  readonly pid: number
  /** Its `/` as a path on this machine. */
  readonly path: string
  /** Starts a program inside, in a session of its own. */
  spawn(argv: readonly string[], env: Readonly<Record<string, string>>): ChildProcessWithoutNullStreams
  /** Ends all of its processes, and with them its mounts. */
  stop(): Promise<void>
}

const path = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'

/** @throws Failure where the system forbids namespaces */
export async function openUserNamespace(): Promise<UserNamespace> {
  const isRoot = process.getuid?.() === 0
  const holder = spawn('unshare', ['--user', ...(isRoot ? [] : ['--map-root-user']), 'cat'], {
    stdio: ['pipe', 'ignore', 'pipe'],
    detached: true,
  })
  const trouble = collect(holder)
  const own = readlinkSync('/proc/self/ns/user')
  const entered = await until(() => namespaceOf(holder.pid) !== own && mapped(holder.pid, isRoot), holder)
  if (entered && holder.pid !== undefined) return { pid: holder.pid, allOwners: isRoot, stop: () => ended(holder) }
  holder.stdin?.end()
  if (isRoot) return { pid: undefined, allOwners: true, stop: async () => undefined }
  throw forbidden(trouble())
}

const namespaceOf = (pid: number | undefined): string | undefined => {
  try {
    return pid === undefined ? undefined : readlinkSync(`/proc/${pid}/ns/user`)
  } catch {
    return undefined
  }
}

/** Root gives the namespace all owners; for others `unshare` has mapped the caller alone. */
function mapped(pid: number | undefined, isRoot: boolean): boolean {
  if (namespaceOf(pid) === undefined) return false
  if (readFileSync(`/proc/${pid}/uid_map`, 'utf8').trim() !== '') return true
  if (isRoot) for (const map of ['gid_map', 'uid_map']) writeFileSync(`/proc/${pid}/${map}`, '0 0 4294967295')
  return isRoot
}

const forbidden = (why: string) =>
  new Failure('The hosts of the simulated cloud cannot be started: this system forbids namespaces', {
    why: why.trim().slice(-400) || 'unshare failed',
    help: [
      'allow them: on Ubuntu `sudo sysctl kernel.apparmor_restrict_unprivileged_userns=0`,',
      'on an older Debian `sudo sysctl kernel.unprivileged_userns_clone=1`;',
      'in a container start it with `--privileged` or `--security-opt seccomp=unconfined`; or run this as root',
    ].join(' '),
  })

export interface RootOptions {
  readonly hostname: string
  /** GiB that its disk for instances has. */
  readonly disk: number
  /** A folder of this machine to mount at /var/lib/nova/instances instead, when it is shared. */
  readonly shared?: string
  /** Called with each line that a program inside writes to /run/sim/bus. */
  readonly onRequest: (line: string) => void
}

/** @throws Failure */
export async function startRoot(namespace: UserNamespace, options: RootOptions): Promise<Root> {
  const enter =
    namespace.pid === undefined ? [] : ['nsenter', '--preserve-credentials', '--user', '--target', String(namespace.pid)]
  const script = join(assets, 'make-root.sh')
  const argv = [
    ...enter,
    'unshare',
    '--mount',
    '--uts',
    '--pid',
    '--ipc',
    '--fork',
    'sh',
    script,
    options.hostname,
    String(options.disk),
    options.shared ?? '',
  ]
  const outer = spawn(argv[0] ?? '', argv.slice(1), { stdio: ['pipe', 'pipe', 'pipe'], detached: true, env: { PATH: path } })
  const trouble = collect(outer)
  let ready = false
  createInterface(outer.stdout).on('line', (line) => {
    if (ready) options.onRequest(line)
    else ready = line === 'ready'
  })
  const started = await until(() => ready, outer)
  const pid = started ? firstChild(outer.pid) : undefined
  if (pid === undefined) {
    outer.stdin.end()
    throw forbidden(trouble())
  }
  const inside = [
    '--preserve-credentials',
    '--target',
    String(pid),
    ...(namespace.pid === undefined ? [] : ['--user']),
    '--mount',
    '--uts',
    '--pid',
    '--ipc',
    '--',
  ]
  return {
    pid,
    path: `/proc/${pid}/root`,
    spawn: (command, env) =>
      spawn('nsenter', [...inside, ...command], { detached: true, stdio: 'pipe', env: { PATH: path, ...env } }),
    stop: () => ended(outer),
  }
}

/** Ends a program that reads its standard input, and waits until it has. */
const ended = (child: ChildProcess): Promise<void> =>
  new Promise((resolve) => {
    if (child.exitCode !== null || child.signalCode !== null) return resolve()
    child.once('exit', () => resolve())
    child.stdin?.end()
  })

const firstChild = (pid: number | undefined): number | undefined => {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ')
  return children[0] === '' ? undefined : Number(children[0])
}

/** What a program says on standard error, and why it could not be started. */
function collect(child: ChildProcess): () => string {
  let text = ''
  child.stderr?.on('data', (chunk: Buffer) => (text += chunk.toString()))
  child.on('error', (error) => (text += error.message))
  child.stdin?.on('error', () => undefined)
  return () => text
}

/** Waits until something holds; false when the program ends before that. */
async function until(holds: () => boolean, child: ChildProcess): Promise<boolean> {
  const deadline = performance.now() + 20_000
  while (child.exitCode === null && child.signalCode === null && child.pid !== undefined && performance.now() < deadline) {
    if (holds()) return true
    await new Promise((resolve) => setTimeout(resolve, 2))
  }
  return false
}
