/** One simulated host: its SSH server at once, its root when first needed, and on a compute host libvirtd, nova-compute and the servers' files. */
import { appendFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import type { Server as TcpServer, Socket } from 'node:net'
import { join } from 'node:path'
import { agentStarted, agentStopped } from '../nova/power.ts'
import type { Compute, Server } from '../state.ts'
import { answerCalls } from './calls.ts'
import type { Answer, Command } from './command.ts'
import { failed } from './command.ts'
import { fillRoot } from './fill.ts'
import { createInstanceFolder, meminfo } from './instance-files.ts'
import type { InstanceFolder } from './instance-files.ts'
import { libvirtdStart } from './libvirtd.ts'
import { startRoot } from './namespace.ts'
import type { Root } from './namespace.ts'
import type { HostOptions } from './host-options.ts'
import { generateKey } from './keys.ts'
import type { KeyPair } from './keys.ts'
import { startSshd } from './sshd.ts'
import type { Sshd } from './sshd.ts'
import { systemctl } from './systemctl.ts'
import { qemuImg, ss } from './tools.ts'
import { createUnits } from './units.ts'
import type { Units } from './units.ts'
import { virsh } from './virsh.ts'

export interface Host {
  readonly name: string
  readonly address: string
  readonly port: number
  readonly hostKey: KeyPair
  /** Connections that its SSH server has accepted. */
  readonly connections: number
  /** Makes its root when there is none yet. @throws Failure where namespaces are forbidden */
  start(): Promise<StartedHost>
  /** undefined before it was started. */
  readonly started: StartedHost | undefined
  /** Its SSH server is gone: connections are cut, new ones refused. */
  goDown(): Promise<void>
  /** It accepts connections and never answers; open ones fall silent. */
  hang(): void
  /** It comes back after `goDown` or `hang`, with another host key when that is asked for. */
  comeBack(options?: { readonly newKey?: boolean }): Promise<void>
  stop(): Promise<void>
}

export interface StartedHost {
  /** Its `/` as a path on this machine. */
  readonly root: string
  readonly instances: InstanceFolder
  readonly units: Units
  /** Runs a command there, without SSH. */
  run(script: string): Promise<Answer>
  /** What Nova or a guest changed becomes visible in its files. */
  refresh(): void
}

const controllerUnits = [
  'ssh.service',
  'mariadb.service',
  'rabbitmq-server.service',
  'nova-api.service',
  'nova-conductor.service',
  'nova-scheduler.service',
]
const sockets = ['libvirtd.socket', 'libvirtd-ro.socket', 'libvirtd-admin.socket', 'libvirtd-tcp.socket', 'libvirtd-tls.socket']
const computeUnits = ['ssh.service', 'virtlogd.service', 'libvirtd.service', ...sockets, 'nova-compute.service']

/** Where libvirt listens for migrations. */
export const migrationPort = 16509

export async function createHost(options: HostOptions): Promise<Host> {
  let hostKey = generateKey(`root@${options.name}`)
  let starting: Promise<{ host: StartedHost; root: Root }> | undefined
  let started: { host: StartedHost; root: Root } | undefined
  const libvirtd = options.compute === undefined ? undefined : await listenAsLibvirtd(options.address)
  const start = async () => {
    starting ??= makeHost(options, libvirtd)
    started = await starting
    return started
  }
  const sshd = (port: number): Promise<Sshd> =>
    startSshd({
      address: options.address,
      port,
      hostKey,
      authorizedKey: options.authorizedKey,
      spawn: async (argv, env) => (await start()).root.spawn(argv, env),
    })
  let server = await sshd(options.sshPort)
  const port = server.port
  return {
    name: options.name,
    address: options.address,
    port,
    get hostKey() {
      return hostKey
    },
    get connections() {
      return server.accepted
    },
    start: async () => (await start()).host,
    get started() {
      return started?.host
    },
    goDown: () => server.stop(),
    hang: () => server.hang(),
    async comeBack({ newKey = false } = {}) {
      await server.stop()
      if (newKey) hostKey = generateKey(`root@${options.name}`)
      server = await sshd(port)
    },
    async stop() {
      await server.stop()
      await libvirtd?.stop()
      if (starting !== undefined) await (await starting.catch(() => undefined))?.root.stop()
    },
  }
}

interface LibvirtdPort {
  open(): Promise<void>
  close(): Promise<void>
  stop(): Promise<void>
}

/** A real listening socket, so that a real probe finds it or does not. */
async function listenAsLibvirtd(address: string): Promise<LibvirtdPort> {
  const clients = new Set<Socket>()
  let server: TcpServer | undefined
  const close = () =>
    new Promise<void>((resolve) => {
      if (server === undefined) return resolve()
      server.close(() => resolve())
      server = undefined
      for (const client of clients) client.destroy()
    })
  const open = async () => {
    if (server !== undefined) return
    const opened = createServer((client) => {
      clients.add(client)
      client.on('error', () => undefined)
      client.on('close', () => clients.delete(client))
    })
    await new Promise<void>((resolve, reject) => {
      opened.once('error', reject)
      opened.listen({ host: address, port: migrationPort, exclusive: true }, resolve)
    })
    server = opened
  }
  await open()
  return { open, close, stop: close }
}

async function makeHost(options: HostOptions, libvirtd: LibvirtdPort | undefined): Promise<{ host: StartedHost; root: Root }> {
  const { engine, compute, name } = options
  const namespace = await options.namespace()
  let answer: (command: Command) => Promise<Answer> = async () => failed(1, 'the simulated host is not ready\n')
  let path = ''
  const root = await startRoot(namespace, {
    hostname: name,
    disk: compute?.disk ?? 20,
    ...(options.shared === undefined || compute === undefined ? {} : { shared: options.shared }),
    onRequest: (line) => void answerCalls(path, line, (command) => answer(command)),
  })
  path = root.path
  fillRoot(options, path, namespace.allOwners)
  const instances = createInstanceFolder(path, namespace.allOwners)
  const units: Units = createUnits(path, compute === undefined ? controllerUnits : computeUnits, initiallyRunning(compute), {
    starting: async (unit) => {
      if (compute === undefined) return undefined
      if (unit === 'nova-compute.service') agentStarted(engine, name)
      if (unit.endsWith('.socket') && units.find('libvirtd')?.active === 'active')
        return `${unit}: Socket service libvirtd.service already active, refusing.`
      if (unit !== 'libvirtd.service') return undefined
      return libvirtdStart(path, compute, units, libvirtd)
    },
    stopped: async (unit) => {
      if (compute === undefined) return
      if (unit === 'nova-compute.service') agentStopped(engine, name)
      if (unit !== 'libvirtd.service') return
      Object.assign(compute, { libvirtRuns: false, libvirtListens: false })
      await libvirtd?.close()
    },
  })
  if (compute !== undefined) maskSockets(units)
  const here = (): Server[] =>
    compute === undefined ? [] : [...compute.domains.keys()].flatMap((id) => engine.state.servers.get(id) ?? [])
  answer = async (command) => {
    if (command.name === 'systemctl') return systemctl(units, command)
    if (command.name === 'ss') return ss(listeners(options, units), command)
    if (command.name === 'qemu-img') return qemuImg(path, command)
    if (compute !== undefined && command.name === 'virsh') return virsh({ engine, compute, root: path }, command)
    return failed(127, `${command.name}: not found\n`)
  }
  let free = NaN
  const refresh = () => {
    if (compute === undefined) return
    instances.flushConsoles(here(), engine.clock.now())
    writeFileSync(join(path, 'run/sim/meminfo'), meminfo(compute, here()))
    if (free === freeDisk(compute, here()) || options.shared !== undefined) return
    free = freeDisk(compute, here())
    engine.clock.spawn(() => shrinkDisk(root, free))
  }
  for (const server of here()) if (!instances.exists(server.id)) instances.prepare(server)
  for (const line of options.earlierLog.splice(0)) appendLog(path, line)
  refresh()
  return { root, host: { root: path, instances, units, refresh, run: (script) => runThere(root, script) } }
}

const initiallyRunning = (compute: Compute | undefined): string[] => {
  if (compute === undefined) return controllerUnits
  return [
    'ssh.service',
    'virtlogd.service',
    ...(compute.libvirtRuns ? ['libvirtd.service'] : []),
    ...(compute.silentSince === undefined ? ['nova-compute.service'] : []),
  ]
}

/** The traditional way, as libvirt calls it: no socket activation, libvirtd itself listens. */
function maskSockets(units: Units): void {
  for (const socket of sockets) {
    const unit = units.find(socket)
    if (unit !== undefined) units.mask(unit)
  }
  for (const name of ['libvirtd.service', 'nova-compute.service', 'ssh.service']) {
    const unit = units.find(name)
    if (unit !== undefined) units.enable(unit)
  }
}

const listeners = ({ address, compute }: HostOptions, units: Units) => [
  { address: '0.0.0.0', port: 22, program: 'sshd', pid: units.find('ssh')?.pid ?? 1 },
  ...(compute?.libvirtListens === true && compute.libvirtRuns
    ? [{ address, port: migrationPort, program: 'libvirtd', pid: units.find('libvirtd')?.pid ?? 1 }]
    : []),
  ...(compute === undefined
    ? []
    : [...compute.domains.values()]
        .filter((domain) => domain.state !== 'shut off')
        .map((domain, index) => ({
          address: '0.0.0.0',
          port: 5900 + index,
          program: 'qemu-system-x86',
          pid: 9000 + domain.number,
        }))),
]

/** GiB that the servers of a host, and whatever else is there, leave free for instances. */
export const freeDisk = (compute: Compute, servers: readonly Server[]): number =>
  Math.max(0, compute.disk - compute.occupiedDisk - servers.reduce((sum, server) => sum + server.guest.allocatedDisk / 1024, 0))

/** df on the host shows what the simulated disk has left: the files in it are nearly empty. */
async function shrinkDisk(root: Root, free: number): Promise<void> {
  await runThere(root, `mount -o remount,size=${Math.round(free * 1024) + 16}m /var/lib/nova/instances`)
}

export const appendLog = (root: string, line: string): void => appendFileSync(join(root, 'var/log/nova/nova-compute.log'), line)

function runThere(root: Root, script: string): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const child = root.spawn(['/bin/sh', '-c', script], { HOME: '/root', USER: 'root' })
    let [out, err] = ['', '']
    child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()))
    child.stderr.on('data', (chunk: Buffer) => (err += chunk.toString()))
    child.on('error', reject)
    child.on('close', (code) => resolve({ status: code ?? 255, out, err }))
    child.stdin.end()
  })
}
