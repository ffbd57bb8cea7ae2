/** Names, addresses and paths of the real cloud. */
import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The first three numbers of every address; the hosts and the machine's own leg are in this /24 and nothing else is. */
export const prefix = '10.78.0'

export const machineAddress = `${prefix}.1`
export const controller = 'controller'
export const computes = ['compute14', 'compute15'] as const
export const hosts = [controller, ...computes] as const
export type Host = (typeof hosts)[number]
export type Role = 'controller' | 'compute'

export const addresses: Readonly<Record<Host, string>> = {
  controller: `${prefix}.11`,
  compute14: `${prefix}.14`,
  compute15: `${prefix}.15`,
}

export const roleOf = (host: Host): Role => (host === controller ? 'controller' : 'compute')

export const isHost = (name: string): name is Host => (hosts as readonly string[]).includes(name)

/** The interface on the machine that leads into the cloud's own network. */
export const machineInterface = 'runbook0'

/** The control group of a host, below the root of every hierarchy. Clouds of other cache folders have other groups. */
export const groupOf = ({ root }: Layout, host: Host): string =>
  `runbook-${createHash('sha256').update(root).digest('hex').slice(0, 6)}-${host}`

/** Passwords of a cloud that listens in its own namespaces only. */
export const password = 'runbook'

/** The ways in which one cloud can differ from another; both off is the plain one. */
export interface Variant {
  /** One instances folder for both computes. */
  readonly shared: boolean
  /** The real network service with agents on the computes, instead of the stand-in for servers without NICs. */
  readonly neutron: boolean
}

export const plain: Variant = { shared: false, neutron: false }

export const sameVariant = (a: Variant, b: Variant): boolean => a.shared === b.shared && a.neutron === b.neutron

export const variantName = ({ shared, neutron }: Variant): string =>
  [...(shared ? ['shared'] : []), ...(neutron ? ['neutron'] : [])].join('+') || 'plain'

/** Where things are kept. All of them are below `root`, outside the checkout. */
export interface Layout {
  readonly root: string
  /** Downloaded packages. */
  readonly packages: string
  /** Read-only file trees, one folder for each digest. */
  readonly layers: string
  /** What the first start left on every host, one folder for each digest; and what `snapshot` kept. */
  readonly seeds: string
  readonly snapshots: string
  readonly keys: string
  readonly images: string
  readonly logs: string
  /** What exists only while the cloud is up. */
  readonly run: string
  readonly cloudsFile: string
  readonly inventoryFile: string
  readonly knownHosts: string
  /** The operator's private key: root on every host. */
  readonly key: string
}

/** RUNBOOK_CACHE, or the cache folder of the user, or that of the machine; all below it are of this cloud. */
export const layoutOf = (env: Readonly<Record<string, string | undefined>>): Layout => {
  const cache = env.RUNBOOK_CACHE || (env.XDG_CACHE_HOME ? join(env.XDG_CACHE_HOME, 'runbook') : '/var/cache/runbook')
  const root = join(cache, 'real-cloud')
  const at = (...parts: readonly string[]) => join(root, ...parts)
  return {
    root,
    packages: at('packages'),
    layers: at('layers'),
    seeds: at('seeds'),
    snapshots: at('snapshots'),
    keys: at('keys'),
    images: at('images'),
    logs: at('logs'),
    run: at('run'),
    cloudsFile: at('clouds.yaml'),
    inventoryFile: at('inventory.yml'),
    knownHosts: at('known_hosts'),
    key: at('keys', 'operator'),
  }
}

const packageRoot = (folder: string): string => (existsSync(join(folder, 'package.json')) ? folder : packageRoot(dirname(folder)))

/** This folder in the source tree, where the configuration, the scripts and the guest's source are, also when run from `dist`. */
export const sources = join(packageRoot(dirname(fileURLToPath(import.meta.url))), 'test', 'cloud', 'real')
