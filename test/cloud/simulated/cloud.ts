/** The simulated cloud: Keystone, Nova and Placement over HTTP, hosts over SSH, all on loopback and in this process. */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { serve } from './api/http.ts'
import { createKeystone } from './api/keystone.ts'
import { createNova } from './api/nova/router.ts'
import { createPlacement } from './api/placement.ts'
import { startClock } from './clock.ts'
import type { Clock } from './clock.ts'
import { createFaults } from './faults.ts'
import type { Faults } from './faults.ts'
import { cloudNames, writeAccessFiles } from './files.ts'
import type { AccessFiles } from './files.ts'
import { addCompute, addServer, defaultServers } from './fixture.ts'
import type { ComputeOptions, ServerOptions } from './fixture.ts'
import { createHost } from './hosts/host.ts'
import type { Host } from './hosts/host.ts'
import { hostFiles } from './hosts/host-files.ts'
import { openUserNamespace } from './hosts/namespace.ts'
import type { UserNamespace } from './hosts/namespace.ts'
import { generateKey } from './hosts/keys.ts'
import { claimNetwork, maxComputes } from './network.ts'
import { createEngine, linkOf } from './nova/engine.ts'
import type { NovaSettings } from './nova/engine.ts'
import { agentStarted, agentStopped } from './nova/power.ts'
import { computeOf, emptyState, findServer, serviceDownTime } from './state.ts'
import type { Compute, Migration, Server, State } from './state.ts'

export type { ComputeOptions, ServerOptions } from './fixture.ts'
export type { Faults, LiveMigrationFault } from './faults.ts'
export type { Host } from './hosts/host.ts'

export interface CloudOptions {
  /** Simulated seconds in a real one; default 20. */
  readonly speed?: number
  /** How many compute hosts: compute14, compute15 …; default 2, at most 240. */
  readonly computes?: number
  /** What differs on one of them, by name. */
  readonly hosts?: Readonly<Record<string, ComputeOptions>>
  /** Default: web-1, web-2 and db-1 on compute14; batch-1 and old-1 (shut off) on compute15. */
  readonly servers?: readonly ServerOptions[]
  readonly nova?: Partial<NovaSettings>
  /** Nova's highest microversion; default `2.96`. */
  readonly maxVersion?: string
  /** Real seconds that a token is valid; default 3600. */
  readonly tokenLifetime?: number
  /** Make all hosts' roots at once; else each when it is first logged in to. */
  readonly startHosts?: boolean
  /** Always the same addresses, the usual ports, and this folder for keys and clouds.yaml; else free ones and a temporary folder. */
  readonly fixed?: { readonly folder: string }
}

export interface SimulatedCloud extends AccessFiles {
  /** Private folder of the files. */
  readonly folder: string
  /** Makes runbook and openstacksdk find this cloud. */
  readonly env: { readonly OS_CLIENT_CONFIG_FILE: string; readonly OS_CLOUD: string }
  readonly urls: { readonly keystone: string; readonly nova: string; readonly placement: string }
  readonly hosts: Readonly<Record<string, Host>>
  readonly faults: Faults
  readonly clock: Clock
  /** The records themselves, to look at and to bend. */
  readonly state: State
  /** By name or ID. @throws Error */
  server(nameOrId: string): Server
  /** @throws Error */
  compute(name: string): Compute
  /** Of one server, oldest first. */
  migrations(nameOrId: string): readonly Migration[]
  addServer(options: ServerOptions): Server
  /** nova-compute on that host reports no more and counts as down at once; `up` ends it. */
  serviceDown(host: string): { up(): void }
  /** The two hosts no longer reach each other; `mend` ends it. */
  cutNetwork(a: string, b: string): { mend(): void }
  /** Every token given out so far is refused from now on. */
  revokeTokens(): void
  /** Ends everything. Throws when the simulation itself went wrong meanwhile. */
  stop(): Promise<void>
}

const defaultNova: NovaSettings = {
  bandwidth: 400,
  maxConcurrentLiveMigrations: 1,
  statsInterval: 5,
  completionTimeout: 800,
  timeoutAction: 'abort',
  permitPostCopy: false,
  abortedStatus: 'cancelled',
  sharedStorage: false,
}

const fixedPorts = { keystone: 5000, nova: 8774, placement: 8778, ssh: 2222 }

/** @throws Error when an address or port is taken; Failure when hosts were to be started and namespaces are forbidden */
export async function startCloud(options: CloudOptions = {}): Promise<SimulatedCloud> {
  const count = options.computes ?? 2
  if (count < 1 || count > maxComputes) throw new Error(`a simulated cloud has 1 to ${maxComputes} compute hosts, not ${count}`)
  const cleanups: (() => Promise<void> | void)[] = []
  const stop = async () => {
    for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
  }
  try {
    return await build(options, count, cleanups, stop)
  } catch (error) {
    await stop()
    throw error
  }
}

async function build(
  options: CloudOptions,
  count: number,
  cleanups: (() => Promise<void> | void)[],
  stop: () => Promise<void>,
): Promise<SimulatedCloud> {
  const network = await claimNetwork(options.fixed === undefined ? undefined : 0)
  cleanups.push(() => network.release())
  const folder = options.fixed?.folder ?? mkdtempSync(join(tmpdir(), 'runbook-cloud-'))
  cleanups.push(() => rmSync(folder, { recursive: true, force: true }))
  const ports = options.fixed === undefined ? { keystone: 0, nova: 0, placement: 0, ssh: 0 } : fixedPorts

  const clock = startClock(options.speed ?? 20)
  const faults = createFaults()
  const state = emptyState()
  const names = Array.from({ length: count }, (_, index) => `compute${14 + index}`)
  names.forEach((name, index) => addCompute(state, name, network.compute(index), options.hosts?.[name]))
  for (const server of options.servers ?? defaultServers) addServer(state, server, clock.now())

  const hosts = new Map<string, Host>()
  const settings = { ...defaultNova, ...options.nova }
  const files = hostFiles(hosts, state)
  const engine = createEngine({ state, clock, faults, settings, files })

  let namespace: Promise<UserNamespace> | undefined
  cleanups.push(async () => await (await namespace?.catch(() => undefined))?.stop())
  const addresses = [
    { name: 'controller', address: network.controller },
    ...names.map((name) => ({ name, address: computeOf(state, name).address })),
  ]
  const key = generateKey('runbook-demo')
  const shared = settings.sharedStorage ? join(folder, 'instances') : undefined
  if (shared !== undefined) mkdirSync(shared, { recursive: true })
  for (const { name, address } of addresses) {
    const host = await createHost({
      name,
      address,
      sshPort: ports.ssh,
      authorizedKey: key.public,
      hosts: addresses,
      engine,
      compute: state.computes.get(name),
      namespace: () => (namespace ??= openUserNamespace()),
      shared,
      earlierLog: files.earlierLog(name),
    })
    hosts.set(name, host)
    cleanups.push(() => host.stop())
  }

  const urls = { keystone: '', nova: '', placement: '' }
  const keystone = createKeystone(options.tokenLifetime ?? 3600, () => ({
    identity: `${urls.keystone}/v3`,
    compute: `${urls.nova}/v2.1`,
    placement: urls.placement,
  }))
  const nova = createNova({
    engine,
    session: keystone.session,
    keystoneUrl: () => urls.keystone,
    maxVersion: options.maxVersion ?? '2.96',
  })
  const services = {
    keystone: (request: Parameters<typeof nova>[0]) => keystone.handle(request),
    nova,
    placement: createPlacement(engine, keystone.session, () => urls.keystone),
  }
  for (const name of ['keystone', 'nova', 'placement'] as const) {
    const service = await serve(name, network.controller, ports[name], faults, services[name])
    urls[name] = service.url
    cleanups.push(() => service.stop())
  }
  const access = writeAccessFiles(folder, key, `${urls.keystone}/v3`, [...hosts.values()])
  const refreshing = setInterval(() => files.refresh(), 500)
  cleanups.push(() => clearInterval(refreshing))
  cleanups.push(() => clock.stop())
  if (options.startHosts === true) await Promise.all([...hosts.values()].map((host) => host.start()))

  const server = (nameOrId: string) => {
    const found = findServer(state, nameOrId)
    if (found === undefined) throw new Error(`the simulated cloud has no server ${nameOrId}`)
    return found
  }
  return {
    ...access,
    folder,
    env: { OS_CLIENT_CONFIG_FILE: access.cloudsFile, OS_CLOUD: cloudNames.admin },
    urls,
    hosts: Object.fromEntries(hosts),
    faults,
    clock,
    state,
    server,
    compute: (name) => computeOf(state, name),
    migrations: (nameOrId) => state.migrations.filter((migration) => migration.serverId === server(nameOrId).id),
    addServer(wanted) {
      const added = addServer(state, wanted, clock.now())
      hosts.get(added.host)?.started?.instances.prepare(added)
      return added
    },
    serviceDown(host) {
      agentStopped(engine, host)
      computeOf(state, host).silentSince = clock.now() - serviceDownTime
      return { up: () => agentStarted(engine, host) }
    },
    cutNetwork(a, b) {
      engine.cut.add(linkOf(a, b))
      return { mend: () => void engine.cut.delete(linkOf(a, b)) }
    },
    revokeTokens: () => keystone.revokeAll(),
    async stop() {
      await stop()
      if (clock.errors.length > 0) throw new AggregateError(clock.errors, 'the simulated cloud went wrong')
    },
  }
}
