/** A real sshd for one test, with keys, users and agents. Called by the integration tests. */
import { execFileSync, spawn } from 'node:child_process'
import {
  appendFileSync,
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { connect, createServer } from 'node:net'
import { tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Endpoint } from '../../../runner/connection/connection.ts'

/** A real OpenSSH server, and the means to log in to it. */
export interface Sshd {
  readonly port: number
  /** Holds everything, private keys included; world-readable where another user has to read. */
  readonly folder: string
  /** A known_hosts file with all its keys. */
  readonly knownHosts: string
  /** Lines of its public keys, by type: `ssh-ed25519 AAAA…`. */
  readonly hostKeys: Readonly<Record<string, string>>
  /** The client's private key. */
  readonly identity: string
  /** Process id of the listener. */
  readonly pid: number
  /** Ids of all processes of the sessions that are open: sshd's own, and what runs in them. */
  sessions(): number[]
  /** Ends the listener and the sessions at once, as a crash would. Processes in the sessions are left to notice. */
  crash(): void
  log(): string
  /** An endpoint that logs in as the user who runs the tests. */
  endpoint(change?: Partial<Endpoint>): Endpoint
  /** Ends the listener and all sessions, and removes the folder. */
  stop(): Promise<void>
}

export interface SshdOptions {
  /** Further lines of sshd_config, before the defaults: the first value counts. */
  readonly config?: readonly string[]
  readonly hostKeyTypes?: readonly ('ed25519' | 'rsa' | 'ecdsa')[]
}

/** Starts a server on a free port of the loopback. As root it serves all users, otherwise only the current one. */
export async function startSshd({ config = [], hostKeyTypes = ['ed25519'] }: SshdOptions = {}): Promise<Sshd> {
  const folder = mkdtempSync(join(tmpdir(), 'runbook-sshd-'))
  chmodSync(folder, 0o755)
  const identity = makeKey(join(folder, 'id'))
  writeFileSync(join(folder, 'authorized_keys'), readFileSync(`${identity}.pub`), { mode: 0o644 })
  const keys = hostKeyTypes.map((type) => [type, makeKey(join(folder, `host_${type}`), { type })] as const)
  const hostKeys = Object.fromEntries(
    keys.map(([type, file]) => [type, readFileSync(`${file}.pub`, 'utf8').split(' ').slice(0, 2).join(' ')]),
  )
  if (process.getuid?.() === 0) mkdirSync('/run/sshd', { recursive: true, mode: 0o755 })
  const port = await freePort()
  const settings = [
    ...config,
    `Port ${port}`,
    'ListenAddress 127.0.0.1',
    ...keys.map(([, file]) => `HostKey ${file}`),
    `AuthorizedKeysFile ${join(folder, 'authorized_keys')}`,
    'PidFile none',
    'StrictModes no',
    'UsePAM no',
    'PermitRootLogin yes',
    'PasswordAuthentication no',
    'KbdInteractiveAuthentication no',
    'MaxStartups 100',
    'LogLevel VERBOSE',
    // bash run by sshd reads ~/.bashrc unless SHLVL says it is nested: the tests must not depend on the user's files.
    'SetEnv SHLVL=1',
    '',
  ]
  writeFileSync(join(folder, 'sshd_config'), settings.join('\n'))
  const child = spawn('/usr/sbin/sshd', ['-D', '-f', join(folder, 'sshd_config'), '-E', join(folder, 'log')], { stdio: 'ignore' })
  const pid = child.pid ?? 0
  const log = () => (existsSync(join(folder, 'log')) ? readFileSync(join(folder, 'log'), 'utf8') : '')
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  await listening(port, () => child.exitCode !== null, log)
  const knownHosts = join(folder, 'known_hosts')
  writeFileSync(
    knownHosts,
    Object.values(hostKeys)
      .map((key) => `[127.0.0.1]:${port} ${key}\n`)
      .join(''),
  )
  const sessions = () => descendants(pid)
  const crash = () => {
    for (const each of [...sessions().filter((session) => nameOf(session) === 'sshd'), pid]) killQuietly(each)
  }
  process.once('exit', crash)
  return {
    port,
    folder,
    knownHosts,
    hostKeys,
    identity,
    pid,
    sessions,
    crash,
    log,
    endpoint: (change = {}) => ({
      name: 'server',
      kind: 'ssh',
      address: '127.0.0.1',
      port,
      user: userInfo().username,
      identityFiles: [identity],
      knownHosts,
      ...change,
    }),
    async stop() {
      process.off('exit', crash)
      const inside = sessions().filter((session) => nameOf(session) !== 'sshd')
      crash()
      await exited
      // Shells clean up after the end of their connection; commands that a test has left running are ended.
      for (let wait = 0; wait < 100 && inside.some((each) => nameOf(each) !== undefined); wait++) {
        if (wait === 20) for (const each of inside) if (nameOf(each) === 'timeout') killGroup(each)
        await sleep(50)
      }
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

/** Makes a key pair; returns the path of the private half. */
export function makeKey(
  path: string,
  { type = 'ed25519', passphrase = '' }: { type?: string; passphrase?: string } = {},
): string {
  execFileSync(
    'ssh-keygen',
    ['-q', '-t', type, ...(type === 'rsa' ? ['-b', '2048'] : []), '-N', passphrase, '-C', 'test', '-f', path],
    { stdio: 'pipe' },
  )
  return path
}

/** A user of this machine for the time of a test. Root only. */
export interface TestUser {
  readonly name: string
  readonly home: string
  remove(): void
}

/** @param sudo the user's rights: everything with or without a password, or nothing */
export function addUser(
  options: { shell?: string; password?: string; sudo?: 'password' | 'nopasswd' | 'requiretty' } = {},
): TestUser {
  const name = `rb${Math.random().toString(36).slice(2, 10)}`
  const home = mkdtempSync(join(tmpdir(), 'runbook-home-'))
  const sudoers = `/etc/sudoers.d/${name}`
  execFileSync('useradd', ['-M', '-d', home, '-s', options.shell ?? '/bin/bash', name], { stdio: 'pipe' })
  execFileSync('chown', [`${name}:${name}`, home])
  if (options.password !== undefined) execFileSync('chpasswd', { input: `${name}:${options.password}\n` })
  // An account without a password is locked for sshd without PAM. `*` matches no password and is not locked.
  else execFileSync('usermod', ['-p', '*', name], { stdio: 'pipe' })
  if (options.sudo !== undefined) {
    const defaults = options.sudo === 'requiretty' ? `Defaults:${name} requiretty\n` : ''
    writeFileSync(sudoers, `${defaults}${name} ALL=(ALL:ALL) ${options.sudo === 'password' ? '' : 'NOPASSWD: '}ALL\n`, {
      mode: 0o440,
    })
  }
  return {
    name,
    home,
    remove() {
      rmSync(sudoers, { force: true })
      for (const pid of processesOf(name)) killQuietly(pid)
      execFileSync('userdel', ['-f', name], { stdio: 'pipe' })
      rmSync(home, { recursive: true, force: true })
    },
  }
}

/** An ssh-agent of the test's own. */
export function startAgent(folder: string): { readonly socket: string; add(key: string): void; stop(): void } {
  const socket = join(folder, `agent-${Math.random().toString(36).slice(2)}`)
  const child = spawn('ssh-agent', ['-D', '-a', socket], { stdio: 'ignore' })
  return {
    socket,
    add: (key) => void execFileSync('ssh-add', ['-q', key], { env: { ...process.env, SSH_AUTH_SOCK: socket }, stdio: 'pipe' }),
    stop: () => void child.kill(),
  }
}

export const freePort = (): Promise<number> =>
  new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number }
      server.close(() => resolve(port))
    })
  })

async function listening(port: number, over: () => boolean, log: () => string): Promise<void> {
  for (let attempt = 0; attempt < 400; attempt++) {
    if (over()) throw new Error(`sshd did not start: ${log()}`)
    const open = await new Promise<boolean>((resolve) => {
      const socket = connect(port, '127.0.0.1')
      socket.once('connect', () => resolve(true)).once('error', () => resolve(false))
      socket.once('connect', () => socket.destroy())
    })
    if (open) return
    await sleep(25)
  }
  throw new Error(`sshd does not listen: ${log()}`)
}

/** All processes below one, from /proc. */
function descendants(pid: number): number[] {
  const parents = new Map<number, number>()
  for (const entry of readdirSync('/proc')) {
    if (!/^\d+$/.test(entry)) continue
    try {
      parents.set(
        Number(entry),
        Number(
          readFileSync(`/proc/${entry}/stat`, 'utf8')
            .replace(/^.*\) . /s, '')
            .split(' ')[0],
        ),
      )
    } catch {
      // ended meanwhile
    }
  }
  const below = (id: number): number[] =>
    [...parents].filter(([, parent]) => parent === id).flatMap(([child]) => [child, ...below(child)])
  return below(pid)
}

/** The name of a process in /proc; undefined if the process has ended. */
function nameOf(pid: number): string | undefined {
  try {
    const [, name, state] = /^\d+ \((.*)\) (.)/s.exec(readFileSync(`/proc/${pid}/stat`, 'utf8')) ?? []
    return state === 'Z' || state === 'X' ? undefined : name
  } catch {
    return undefined
  }
}

function killGroup(leader: number): void {
  try {
    process.kill(-leader, 'SIGKILL')
  } catch {
    // It has ended already.
  }
}

function processesOf(user: string): number[] {
  try {
    return execFileSync('ps', ['-u', user, '-o', 'pid='], { encoding: 'utf8' }).trim().split(/\s+/).filter(Boolean).map(Number)
  } catch {
    return []
  }
}

/** Ends a process that may have ended already. */
export function killQuietly(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // It has ended already.
  }
}

/** Lets another key log in. */
export const authorize = (sshd: Sshd, publicKeyFile: string): void =>
  appendFileSync(join(sshd.folder, 'authorized_keys'), readFileSync(publicKeyFile))
