/** The real cloud as a test sees it: servers, consoles, counters, and ways to break things. */
import { ApiError, login, type Api, type UserName } from './client.ts'
import { countersIn, type Counters, type ImageName } from './guest.ts'
import { cloudName, handOut } from './handout.ts'
import { exec, leaderOf } from './hosts.ts'
import { makeKeys } from './keys.ts'
import { buildLayers } from './layers.ts'
import {
  addresses,
  hosts,
  isHost,
  layoutOf,
  plain,
  sameVariant,
  variantName,
  type Host,
  type Layout,
  type Variant,
} from './layout.ts'
import { alone } from './lock.ts'
import { installNeeded, thisMachine, whyNot } from './machine.ts'
import { cut, mend, unplugHost } from './network.ts'
import { fakes } from './services.ts'
import { progressOn, type Progress } from './progress.ts'
import { until, type Finished, type ProgramOptions } from './program.ts'
import { bringUp, takeDown, whatRuns, type Running } from './state.ts'

export interface UpOptions {
  readonly variant?: Variant
  /** A snapshot to go on from, instead of a fresh cloud. */
  readonly from?: string
  /** False forbids to install Debian packages on this machine. */
  readonly install?: boolean
  readonly progress?: Progress
}

/** Why the real cloud cannot run on this machine; undefined where it can. */
export const unavailable = async (): Promise<string | undefined> => whyNot(await thisMachine())

const progressOnStderr = (): Progress => progressOn(process.stderr)

/** Brings the cloud up, building and starting what is missing. Does nothing when it is up as asked. */
export const up = async (options: UpOptions = {}, layout = layoutOf(process.env)): Promise<RealCloud> => {
  const { variant = plain, from, install = true, progress = progressOnStderr() } = options
  const reason = await unavailable()
  if (reason) throw new Error(`the real cloud cannot run here: ${reason}`)
  await alone(
    layout,
    () => progress.say('waiting for another command on this cloud'),
    async () => {
      const running = await whatRuns(layout)
      if (running) {
        if (!sameVariant(running.variant, variant))
          throw new Error(
            `the cloud is up as ${variantName(running.variant)}; take it down first to have it as ${variantName(variant)}`,
          )
        if (from !== undefined && from !== running.from)
          throw new Error('the cloud is up already; take it down first to go on from a snapshot')
        return
      }
      await installNeeded(install, progress)
      await makeKeys(layout)
      await buildLayers(layout, variant, progress)
      await bringUp(layout, variant, from, progress)
      await handOut(layout)
    },
  )
  return realCloud(layout)
}

/** Takes the cloud down; nothing stays but the cache. What it needs on disk to start again quickly is kept there. */
export const down = async (progress = progressOnStderr(), layout = layoutOf(process.env)): Promise<void> =>
  alone(
    layout,
    () => progress.say('waiting for another command on this cloud'),
    () => progress.step('taking the cloud down', () => takeDown(layout)),
  )

export interface Server {
  readonly id: string
  readonly name: string
  readonly status: string
  readonly taskState: string | undefined
  readonly host: string | undefined
  /** What libvirt calls it. */
  readonly domain: string | undefined
  readonly fault: string | undefined
}

export interface BootOptions {
  readonly name: string
  /** By name: `tiny` (the default), `big`, or one that the test has made. */
  readonly flavor?: string
  readonly image?: ImageName
  /** The compute host; the scheduler chooses where none is given. */
  readonly host?: string
  /** The availability zone, which pins the server to it. */
  readonly zone?: string
  /** With a NIC on the network `guests`; the cloud must be up with Neutron. */
  readonly nic?: boolean
  /** Whose it is. */
  readonly user?: UserName
}

/** The running cloud, for tests. `exec`, `cut` and `unplugHost` are there to break it; `mend` and systemctl put it right again. */
export interface RealCloud {
  readonly layout: Layout
  readonly running: Running
  readonly addresses: Readonly<Record<Host, string>>
  /** clouds.yaml, for OS_CLIENT_CONFIG_FILE. */
  readonly cloudsFile: string
  /** The names in it: the administrator's, and that of a user who is only a member of a project. */
  readonly clouds: Readonly<Record<UserName, string>>
  readonly inventoryFile: string
  readonly knownHosts: string
  /** Private key of root on every host. */
  readonly key: string
  /** Runs a command on a host as root, without ssh. A bad exit is a result. */
  exec(host: string, argv: readonly string[], options?: ProgramOptions): Promise<Finished>
  /** The cloud's own API. */
  api(user?: UserName): Promise<Api>
  /** Starts a server and waits until it is ACTIVE and its guest counts. Throws with Nova's words when it fails. */
  boot(options: BootOptions): Promise<Server>
  server(id: string): Promise<Server | undefined>
  /** Waits for a server to be as asked, with no task left; throws when it comes to ERROR instead. */
  waitFor(id: string, what: { readonly status?: string; readonly host?: string }, seconds?: number): Promise<Server>
  remove(id: string): Promise<void>
  /** Removes every server of every project. */
  removeAll(): Promise<void>
  /** The last lines that the guest wrote. */
  console(id: string, lines?: number): Promise<string>
  /** The last count of the guest; waits for one that is newer than `after` seconds up. */
  counters(id: string, after?: number): Promise<Counters>
  /** Limits the migration of a server to so many MiB/s, also one that runs. With few a `dirty` guest does not converge. */
  limitSpeed(id: string, mebibytes: number): Promise<void>
  /** Has that many compute hosts with Nova's fake driver; 0 takes them away. */
  fakes(count: number): Promise<void>
  cut(a: Host, b: Host): Promise<void>
  unplugHost(host: Host): Promise<void>
  mend(): Promise<void>
}

const asServer = (raw: any): Server => ({
  id: raw.id,
  name: raw.name,
  status: raw.status,
  taskState: raw['OS-EXT-STS:task_state'] ?? undefined,
  host: raw['OS-EXT-SRV-ATTR:host'] ?? undefined,
  domain: raw['OS-EXT-SRV-ATTR:instance_name'] ?? undefined,
  fault: raw.fault?.message,
})

const hostNamed = (name: string): Host => {
  if (!isHost(name)) throw new Error(`no host of the cloud is called ${name}; there are ${hosts.join(', ')}`)
  return name
}

/** The cloud that is up. Throws when it is not. */
export const realCloud = async (layout = layoutOf(process.env)): Promise<RealCloud> => {
  const running = await whatRuns(layout)
  if (!running) {
    const alive = (await Promise.all(hosts.map((host) => leaderOf(layout, host)))).filter(Boolean).length
    throw new Error(
      `the real cloud is not up${alive ? ` (${alive} of ${hosts.length} hosts run)` : ''}; start it with: npm run cloud:real up`,
    )
  }
  const apis = new Map<UserName, Promise<Api>>()
  const api = (user: UserName = 'admin') => {
    const known = apis.get(user) ?? login(user)
    apis.set(user, known)
    return known
  }
  const onHost = (host: string, argv: readonly string[], options?: ProgramOptions) => exec(layout, hostNamed(host), argv, options)
  const idOf = async (
    service: 'compute' | 'image' | 'network',
    path: string,
    collection: string,
    name: string,
  ): Promise<string> => {
    const found = (await (await api()).get(service, path))[collection].find((one: { name: string }) => one.name === name)
    if (!found) throw new Error(`the cloud has no ${name} among its ${collection}`)
    return found.id
  }
  const server = async (id: string) => {
    const found = await (await api()).get('compute', `/servers/${id}`).catch((error: unknown) => {
      if (error instanceof ApiError && error.status === 404) return undefined
      throw error
    })
    return found && asServer(found.server)
  }
  const waitFor: RealCloud['waitFor'] = (id, { status, host }, seconds = 120) =>
    until(
      `server ${id} is ${[status, host && `on ${host}`].filter(Boolean).join(' ')}`,
      seconds,
      async () => {
        const now = await server(id)
        if (now?.status === 'ERROR' && status !== 'ERROR') throw new Error(`server ${now.name} is in ERROR: ${now.fault}`)
        return now &&
          (status === undefined || now.status === status) &&
          (host === undefined || now.host === host) &&
          !now.taskState
          ? now
          : undefined
      },
      300,
    )
  const consoleOf = async (id: string, lines = 5): Promise<string> =>
    (await (await api()).post('compute', `/servers/${id}/action`, { 'os-getConsoleOutput': { length: lines } })).output
  const counters = (id: string, after = 0) =>
    until(
      `the guest of ${id} counts`,
      60,
      async () => {
        const now = countersIn(await consoleOf(id).catch(() => ''))
        return now && now.up > after ? now : undefined
      },
      300,
    )
  const remove = async (id: string) => {
    await (await api()).remove('compute', `/servers/${id}`).catch(() => {})
    await until(`server ${id} is gone`, 60, async () => (await server(id)) === undefined, 300)
  }

  return {
    layout,
    running,
    addresses,
    cloudsFile: layout.cloudsFile,
    clouds: { admin: cloudName('admin'), demo: cloudName('demo') },
    inventoryFile: layout.inventoryFile,
    knownHosts: layout.knownHosts,
    key: layout.key,
    exec: onHost,
    api,
    boot: async ({ name, flavor = 'tiny', image = 'tick', host, zone, nic = false, user = 'admin' }) => {
      const [flavorRef, imageRef] = await Promise.all([
        idOf('compute', '/flavors', 'flavors', flavor),
        idOf('image', '/v2/images', 'images', image),
      ])
      const networks = nic ? [{ uuid: await idOf('network', '/v2.0/networks', 'networks', 'guests') }] : 'none'
      const body = {
        name,
        flavorRef,
        imageRef,
        networks,
        ...(host ? { host } : {}),
        ...(zone ? { availability_zone: zone } : {}),
      }
      const { id } = (await (await api(user)).post('compute', '/servers', { server: body })).server
      const booted = await waitFor(id, { status: 'ACTIVE' })
      await counters(id)
      return booted
    },
    server,
    waitFor,
    remove,
    removeAll: async () => {
      const { servers } = await (await api()).get('compute', '/servers?all_tenants=1')
      await Promise.all(servers.map(({ id }: { id: string }) => remove(id)))
    },
    console: consoleOf,
    counters,
    limitSpeed: async (id, mebibytes) => {
      const { host = '', domain = '' } = (await server(id)) ?? {}
      const { code, stderr } = await onHost(host, ['virsh', 'migrate-setspeed', domain, String(mebibytes)])
      if (code !== 0) throw new Error(`virsh migrate-setspeed ${domain} on ${host}: ${stderr}`)
    },
    fakes: (count) => fakes(layout, count),
    cut: (a, b) => cut(layout, a, b),
    unplugHost: async (host) => void (await unplugHost(layout, host)),
    mend: () => mend(layout),
  }
}
