/** Hosts of the real cloud: systemd machines in containers with network namespaces of their own. */
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, open, readFile, readdir, rmdir } from 'node:fs/promises'
import { join } from 'node:path'
import { groupOf, sources, type Host, type Layout } from './layout.ts'
import { namespaceOf } from './network.ts'
import { finish, ProgramError, until, type Finished, type ProgramOptions } from './program.ts'

const lines = (text: string): string[] => text.split('\n').filter(Boolean)
const textOf = (path: string): Promise<string> => readFile(path, 'utf8').catch(() => '')

/** Where the hierarchies of control groups are mounted, from /proc/self/mountinfo. */
export const hierarchiesIn = (mountinfo: string): readonly string[] =>
  lines(mountinfo).flatMap((line) => {
    const [mount = '', kind = ''] = line.split(' - ')
    return /^cgroup2? /.test(kind) ? [mount.split(' ')[4] ?? ''] : []
  })

/** The control groups of a host, in each hierarchy; all that the host runs is in them and nothing else is. */
const groupsOf = async (layout: Layout, host: Host): Promise<readonly string[]> =>
  hierarchiesIn(await textOf('/proc/self/mountinfo'))
    .map((mount) => join(mount, groupOf(layout, host)))
    .filter((path) => existsSync(path))

const groupTree = async (group: string): Promise<readonly string[]> => {
  const below = await readdir(group, { withFileTypes: true }).catch(() => [])
  const trees = await Promise.all(below.filter((entry) => entry.isDirectory()).map((entry) => groupTree(join(group, entry.name))))
  return [...trees.flat(), group]
}

/** Every process of a host, the container's own included. */
const processesOf = async (layout: Layout, host: Host): Promise<readonly number[]> => {
  const groups = (await Promise.all((await groupsOf(layout, host)).map(groupTree))).flat()
  const found = await Promise.all(groups.map(async (group) => lines(await textOf(join(group, 'cgroup.procs'))).map(Number)))
  return [...new Set(found.flat())]
}

/** The systemd of a host as the machine numbers it; undefined where the host is not running. */
export const leaderOf = async (layout: Layout, host: Host): Promise<number | undefined> => {
  for (const pid of await processesOf(layout, host)) {
    if ((await textOf(`/proc/${pid}/comm`)).trim() !== 'systemd-nspawn') continue
    const tasks = await readdir(`/proc/${pid}/task`).catch(() => [])
    const children = (await Promise.all(tasks.map((task) => textOf(`/proc/${pid}/task/${task}/children`))))
      .join(' ')
      .split(' ')
      .filter(Boolean)
    for (const child of children) if ((await textOf(`/proc/${child}/comm`)).trim() === 'systemd') return Number(child)
  }
  return undefined
}

/** What a host is made of. */
export interface HostFiles {
  /** Read-only trees, topmost first. */
  readonly lower: readonly string[]
  /** Where it writes. */
  readonly folder: string
  /** Files to lay over its root before it starts; used up by the start. */
  readonly staging: string
  /** Further options of systemd-nspawn. */
  readonly options: readonly string[]
}

/** Starts a host in the background; it outlives this process. */
const start = async (layout: Layout, host: Host, { lower, folder, staging, options }: HostFiles): Promise<void> => {
  await mkdir(folder, { recursive: true })
  await mkdir(layout.logs, { recursive: true })
  const log = await open(join(layout.logs, `${host}.log`), 'a')
  const script = join(sources, 'steps', 'start-host.sh')
  const argv = [
    '--mount',
    '--propagation',
    'private',
    script,
    host,
    groupOf(layout, host),
    lower.join(':'),
    folder,
    namespaceOf(layout, host),
    staging,
    ...options,
  ]
  const child = spawn('unshare', argv, { detached: true, stdio: ['ignore', log.fd, log.fd] })
  const ended = new Promise<never>((_, reject) =>
    child.on('error', reject).on('exit', (code) => reject(new Error(`exit status ${code}`))),
  )
  child.unref()
  try {
    await Promise.race([ended, until(`${host} starts`, 30, () => leaderOf(layout, host), 50)])
  } catch (cause) {
    throw new Error(`${host} did not start; see ${join(layout.logs, `${host}.log`)}`, { cause })
  } finally {
    await log.close()
  }
}

const environment = [
  'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
  'HOME=/root',
  'LC_ALL=C.UTF-8',
  'TERM=dumb',
]

/** The command line by which the machine runs a command on a host, as root, without ssh. */
export const enter = (leader: number, argv: readonly string[]): readonly string[] => [
  'nsenter',
  '--target',
  String(leader),
  '--mount',
  '--uts',
  '--ipc',
  '--net',
  '--pid',
  '--cgroup',
  '--root',
  '--wd',
  'env',
  '-i',
  ...environment,
  ...argv,
]

/** Runs a command on a host as root, without ssh. Throws when the host is not running; a bad exit is a result. */
export const exec = async (layout: Layout, host: Host, argv: readonly string[], options?: ProgramOptions): Promise<Finished> => {
  const leader = await leaderOf(layout, host)
  if (leader === undefined) throw new Error(`${host} is not running`)
  return finish(enter(leader, argv), options)
}

/** The same for a command that must succeed; gives its standard output. */
export const demand = async (layout: Layout, host: Host, argv: readonly string[], options?: ProgramOptions): Promise<string> => {
  const finished = await exec(layout, host, argv, options)
  if (finished.code !== 0) throw new ProgramError([`${host}:`, ...argv], finished)
  return finished.stdout
}

/** Starts a host unless it runs, and waits until one can log in. Its other services may still be starting. */
export const boot = async (layout: Layout, host: Host, files: HostFiles): Promise<void> => {
  if ((await leaderOf(layout, host)) === undefined) await start(layout, host, files)
  await until(`${host} boots`, 180, async () => {
    const { code } = await exec(layout, host, ['systemctl', '--quiet', 'is-active', 'ssh.service'])
    return code === 0
  })
}

const signal = (pid: number, name: NodeJS.Signals | number): void => {
  try {
    process.kill(pid, name)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}

/** SIGRTMIN+4: how a systemd is told to power off. */
const powerOff = 38

/** Powers a host off, waiting up to `grace` seconds for its services; then ends what is left of it, and removes its control groups. */
export const halt = async (layout: Layout, host: Host, grace: number): Promise<void> => {
  const leader = await leaderOf(layout, host)
  const gone = async () => (await processesOf(layout, host)).length === 0
  if (leader !== undefined && grace > 0) {
    signal(leader, powerOff)
    await until(`${host} powers off`, grace, gone).catch(() => {})
  }
  if (leader !== undefined) signal(leader, 'SIGKILL')
  await until(
    `the processes of ${host} end`,
    30,
    async () => {
      for (const pid of await processesOf(layout, host)) signal(pid, 'SIGKILL')
      return gone()
    },
    100,
  )
  for (const group of (await Promise.all((await groupsOf(layout, host)).map(groupTree))).flat())
    await until(`${group} is free`, 10, () =>
      rmdir(group).then(
        () => true,
        (error: NodeJS.ErrnoException) => error.code === 'ENOENT',
      ),
    )
}

/** CPU seconds used since its start and MiB of memory in use now. */
export const usageOf = async (layout: Layout, host: Host): Promise<{ readonly cpu: number; readonly memory: number }> => {
  const groups = await groupsOf(layout, host)
  const first = async (...names: readonly string[]) =>
    (await Promise.all(names.flatMap((name) => groups.map((group) => textOf(join(group, name)))))).find(Boolean) ?? ''
  const cpu = /usage_usec (\d+)/.exec(await first('cpu.stat'))?.[1] ?? 0
  const nanoseconds = Number(await first('cpuacct.usage'))
  const memory = Number(await first('memory.current', 'memory.usage_in_bytes'))
  return {
    cpu: Math.round((nanoseconds ? nanoseconds / 1e9 : Number(cpu) / 1e6) * 10) / 10,
    memory: Math.round(memory / 2 ** 20),
  }
}
