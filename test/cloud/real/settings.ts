/** Values of the hosts' configuration files, filled into the templates of conf/. */
import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { chmod, chown, copyFile, mkdir, readFile, readdir, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import {
  addresses,
  controller,
  hosts,
  machineAddress,
  password,
  roleOf,
  sources,
  type Host,
  type Layout,
  type Variant,
} from './layout.ts'
import { knownHosts } from './keys.ts'

export const region = 'regionOne'

/** Where each service of the catalogue answers, by address: the machine resolves no name of the cloud. */
export const endpoints = {
  identity: `http://${addresses.controller}:5000/v3`,
  compute: `http://${addresses.controller}:8774/v2.1`,
  placement: `http://${addresses.controller}:8778`,
  image: `http://${addresses.controller}:9292`,
  network: `http://${addresses.controller}:9696`,
} as const

/** The folders of `conf/` that are laid over a host's root at its first start, in this order. */
export const partsOf = (host: Host, { neutron }: Variant): readonly string[] => [
  'host',
  roleOf(host),
  ...(host === controller ? [neutron ? 'controller-neutron' : 'controller-plain'] : neutron ? ['compute-neutron'] : []),
]

/** Those laid over at every start, as they do not touch what the first start makes. */
export const startPartsOf = (host: Host, { shared }: Variant): readonly string[] =>
  shared && host !== controller ? ['compute-shared'] : []

/** Fills `{{name}}`; a name without a value is an error, not an empty text. */
export const fill = (template: string, values: Readonly<Record<string, string>>, where: string): string =>
  template.replace(/\{\{(\w+)\}\}/g, (_, name: string) => {
    const value = values[name]
    if (value === undefined) throw new Error(`${where}: {{${name}}} has no value`)
    return value
  })

const valuesOf = async (layout: Layout, host: Host): Promise<Readonly<Record<string, string>>> => ({
  host,
  address: addresses[host],
  machineAddress,
  hostsTable: hosts.map((name) => `${addresses[name]} ${name}`).join('\n'),
  // libvirt takes its host UUID from it: always the same for one host, never the same for two
  machineId: createHash('sha256').update(host).digest('hex').slice(0, 32),
  knownHosts: await knownHosts(layout),
  password,
  region,
  identity: endpoints.identity,
})

/** Every file below a folder, relative to it, sorted. */
export const filesBelow = async (folder: string): Promise<readonly string[]> => {
  const entries = await readdir(folder, { withFileTypes: true, recursive: true })
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))
    .sort()
}

const put = async (path: string, content: string): Promise<void> => {
  await mkdir(dirname(path), { recursive: true })
  await writeFile(path, content)
}

/**
 * Writes what is to be laid over a host's root: `files` replace, `append` adds to the end, `units` are systemctl's verbs.
 * `X.append` in `conf/` is added to the file X that its package ships.
 */
export const stage = async (layout: Layout, host: Host, parts: readonly string[], folder: string): Promise<void> => {
  await rm(folder, { recursive: true, force: true })
  await Promise.all(['files', 'append'].map((name) => mkdir(join(folder, name), { recursive: true })))
  const values = await valuesOf(layout, host)
  const units: string[] = []
  for (const part of parts) {
    const from = join(sources, 'conf', part)
    for (const file of await filesBelow(from)) {
      const text = fill(await readFile(join(from, file), 'utf8'), values, `${part}/${file}`)
      if (file === 'units') units.push(text)
      else if (file.endsWith('.append')) await put(join(folder, 'append', file.slice(0, -'.append'.length)), text)
      else await put(join(folder, 'files', file), text)
    }
  }
  await writeFile(join(folder, 'units'), units.join(''))
}

interface KeyFile {
  readonly from: string
  readonly to: string
  readonly mode: number
  readonly uid: number
}

/** Debian gives the user nova this number everywhere, so that hosts can share files. */
export const novaUid = 64060

const keyFiles = (host: Host): readonly KeyFile[] => {
  const pair = (from: string, to: string, uid: number): KeyFile[] => [
    { from, to, mode: 0o600, uid },
    { from: `${from}.pub`, to: `${to}.pub`, mode: 0o644, uid },
  ]
  const authorized = (from: string, to: string, uid: number): KeyFile => ({ from: `${from}.pub`, to, mode: 0o600, uid })
  return [
    ...pair(`${host}-ed25519`, 'etc/ssh/ssh_host_ed25519_key', 0),
    ...pair(`${host}-rsa`, 'etc/ssh/ssh_host_rsa_key', 0),
    ...pair('root', 'root/.ssh/id_ed25519', 0),
    authorized('operator', 'home/ops/.ssh/authorized_keys', 1000),
    ...(host === controller
      ? []
      : [
          ...pair('nova', 'var/lib/nova/.ssh/id_ed25519', novaUid),
          authorized('nova', 'var/lib/nova/.ssh/authorized_keys', novaUid),
        ]),
  ]
}

/** The keys of a host: its own, and those by which the operator, root and nova log in. */
export const stageKeys = async (layout: Layout, host: Host, folder: string): Promise<void> => {
  const root = join(folder, 'private')
  await rm(root, { recursive: true, force: true })
  for (const { from, to, mode, uid } of keyFiles(host)) {
    const path = join(root, to)
    const home = dirname(path)
    if (!existsSync(home)) {
      await mkdir(home, { recursive: true })
      if (home.endsWith('.ssh')) await Promise.all([chmod(home, 0o700), chown(home, uid, uid)])
    }
    await copyFile(join(layout.keys, from), path)
    await Promise.all([chmod(path, mode), chown(path, uid, uid)])
  }
  const both = await Promise.all(['operator', 'root'].map((name) => readFile(join(layout.keys, `${name}.pub`), 'utf8')))
  await writeFile(join(root, 'root/.ssh/authorized_keys'), both.join(''), { mode: 0o600 })
}
