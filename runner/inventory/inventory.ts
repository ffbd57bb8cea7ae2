/** Finds, reads and merges the files of an inventory. Called by run/inputs.ts and `who`. */
import { basename, dirname, join, resolve } from 'node:path'
import type { Diagnostic } from '../source/diagnostic.ts'
import { parseSource, rootOf } from '../source/yaml.ts'
import type { Vars } from '../language/playbook/types.ts'
import { readFile } from '../source/read-file.ts'
import { isMapping } from '../language/playbook/field-readers.ts'
import { commandLine } from '../source/render.ts'
import type { Node, Source } from '../source/source.ts'
import { didYouMean } from '../base/suggest.ts'
import type { Files, World } from '../world.ts'
import { type Built, buildInventory, hostsIn, sortGroups } from './build.ts'
import type { Declaration } from './declaration.ts'
import { readIni } from './ini.ts'
import { readHostName } from './range.ts'
import { type VarsFiles, readVarsFiles } from './vars-files.ts'
import { readYamlInventory } from './yaml.ts'

export interface InventoryHost {
  readonly name: string
  /**
   * Every group of the host: `all` first, parents before children (by depth, then `ansible_group_priority`,
   * then name).
   */
  readonly groups: readonly string[]
  /** True for `localhost` if no inventory names it: local connection, not part of `all`. */
  readonly implicit: boolean
  /** Layers of variables, lowest precedence first. */
  readonly vars: readonly Vars[]
}
export interface Group {
  readonly name: string
  /** Hosts of the group and of its children, in the order of the inventory. */
  readonly hosts: readonly string[]
  /** Direct children. */
  readonly children: readonly string[]
}
export interface Inventory {
  /** Hosts in the order of the inventory, `localhost` always included; see `InventoryHost.implicit`. */
  readonly hosts: ReadonlyMap<string, InventoryHost>
  readonly groups: ReadonlyMap<string, Group>
  readonly sources: readonly Source[]
}

interface Read {
  readonly declarations: readonly Declaration[]
  readonly sources: readonly Source[]
  readonly diagnostics: readonly Diagnostic[]
}

/**
 * Reads inventories as Ansible does: files in INI or YAML, folders of them, lists of hosts (`web-1,web-2,`),
 * with the variables of `group_vars/` and `host_vars/` beside them and beside the playbook. Several are
 * merged in the order given.
 *
 * @param paths as on the command line; empty means localhost alone
 * @param playbookFolder the folder of the playbook
 */
export const loadInventory = async (
  paths: readonly string[],
  world: Pick<World, 'files' | 'cwd'>,
  playbookFolder?: string,
): Promise<{ inventory: Inventory; sources: Source[]; diagnostics: Diagnostic[] }> => {
  const reads: Read[] = []
  for (const [index, path] of paths.entries()) {
    const known = reads.flatMap(({ declarations }) => declarations).flatMap((one) => (one.kind === 'group' ? [one.name] : []))
    reads.push(await readPath(path, index, world, known))
  }
  const built = buildInventory(reads.flatMap(({ declarations }) => declarations))
  const sources = reads.flatMap((read) => read.sources)
  const diagnostics = [...reads.flatMap((read) => read.diagnostics), ...built.diagnostics]
  if (paths.length > 0 && built.hosts.size === 0 && !diagnostics.some(({ severity }) => severity === 'error')) {
    diagnostics.push({
      severity: 'error',
      summary: `the inventory ${paths.map((path) => `\`${path}\``).join(' and ')} has no hosts`,
      notes: ['an inventory lists hosts, one a line, under [group] headings; or as YAML: all: { hosts: { compute14: } }'],
    })
  }

  const beside = await besideInventories(paths, world)
  const at = async (folders: readonly string[], kind: 'group_vars' | 'host_vars', names: Iterable<string>) =>
    Promise.all(folders.map((folder) => readVarsFiles(join(folder, kind), names, world.files)))
  const known = new Set(beside.map((folder) => resolve(world.cwd, folder)))
  const besidePlaybook = playbookFolder === undefined || known.has(resolve(world.cwd, playbookFolder)) ? [] : [playbookFolder]
  const groupNames = [...built.groups.keys()]
  const hostNames = [...new Set([...built.hosts.keys(), 'localhost'])]
  const files: Beside = {
    inventoryGroups: await at(beside, 'group_vars', groupNames),
    playbookGroups: await at(besidePlaybook, 'group_vars', groupNames),
    inventoryHosts: await at(beside, 'host_vars', hostNames),
    playbookHosts: await at(besidePlaybook, 'host_vars', hostNames),
  }
  const read = Object.values(files).flat()
  sources.push(...read.flatMap((one) => one.sources))
  diagnostics.push(...read.flatMap((one) => one.diagnostics))
  return { inventory: assemble(built, files, sources, world.cwd), sources, diagnostics }
}

interface Beside {
  readonly inventoryGroups: readonly VarsFiles[]
  readonly playbookGroups: readonly VarsFiles[]
  readonly inventoryHosts: readonly VarsFiles[]
  readonly playbookHosts: readonly VarsFiles[]
}

/**
 * Builds the layers of variables. Their order is that of
 * https://docs.ansible.com/ansible/latest/playbook_guide/playbooks_variables.html#understanding-variable-precedence,
 * items 3 to 10: groups in inventory files, then group_vars/all, then group_vars/ of the other groups; then
 * the same for the host.
 */
const assemble = (built: Built, files: Beside, sources: readonly Source[], cwd: string): Inventory => {
  const groups = [...built.groups.values()].map(({ name, children }): [string, Group] => [
    name,
    { name, hosts: hostsIn(built.groups, name), children: [...children] },
  ])
  const layersOf = (name: string, own: readonly string[], inline: Vars): Vars[] => {
    const from = (all: readonly VarsFiles[], names: readonly string[]) =>
      all.flatMap(({ vars }) => names.map((one): Vars => vars.get(one) ?? {}))
    const inFiles = (names: readonly string[]) => names.map((one) => built.groups.get(one)!.vars)
    return [
      ...inFiles(['all', ...own]),
      ...from(files.inventoryGroups, ['all']),
      ...from(files.playbookGroups, ['all']),
      ...from(files.inventoryGroups, own),
      ...from(files.playbookGroups, own),
      inline,
      ...from(files.inventoryHosts, [name]),
      ...from(files.playbookHosts, [name]),
    ].filter((vars) => Object.keys(vars).length > 0)
  }
  const membership = new Map<string, string[]>([...built.hosts.keys()].map((name) => [name, []]))
  for (const group of sortGroups([...built.groups.values()])) {
    if (group.name !== 'all') for (const host of hostsIn(built.groups, group.name)) membership.get(host)!.push(group.name)
  }
  const hosts = [...built.hosts.values()].map(({ name, vars, from }): [string, InventoryHost] => {
    const own = membership.get(name)!
    return [
      name,
      { name, groups: ['all', ...own], implicit: false, vars: layersOf(name, own, { ...origin(from, cwd), ...vars }) },
    ]
  })
  const local = ['localhost', '127.0.0.1', '::1'].find((name) => built.hosts.has(name))
  const implicit: InventoryHost = {
    name: 'localhost',
    groups: [],
    implicit: true,
    vars: layersOf('localhost', [], { ansible_connection: made('local') }),
  }
  return {
    hosts: new Map([...hosts, ...(local === 'localhost' ? [] : [['localhost', implicit] as const])]),
    groups: new Map(groups),
    sources,
  }
}

/** Ansible's own variables: the file and the folder of a host's declaration. */
const origin = (file: string, cwd: string): Vars =>
  file.startsWith(commandLine)
    ? {}
    : { inventory_file: made(resolve(cwd, file)), inventory_dir: made(dirname(resolve(cwd, file))) }

/** A value without a file. */
const made = (value: unknown): Node => ({ value, source: { file: 'built-in', text: '' }, path: [] })

/** The folders of group_vars/ and host_vars/: an inventory's own, or the folder that holds it. */
const besideInventories = async (paths: readonly string[], { files, cwd }: Pick<World, 'files' | 'cwd'>): Promise<string[]> => {
  const folders = new Map<string, string>()
  for (const path of paths) {
    const kind = await files.kind(path)
    if (kind === undefined) continue
    const folder = kind === 'directory' ? path : dirname(path)
    folders.set(resolve(cwd, folder), folder)
  }
  return [...folders.values()]
}

const readPath = async (
  path: string,
  index: number,
  world: Pick<World, 'files' | 'cwd'>,
  known: readonly string[],
): Promise<Read> => {
  const kind = await world.files.kind(path)
  if (kind === 'directory') return readFolder(path, world.files, known)
  if (kind === 'file') return readInventoryFile(path, world.files, known)
  return path.includes(',')
    ? readList(path, `${commandLine}: -i ${index + 1}`)
    : { declarations: [], sources: [], diagnostics: [await noSuchInventory(path, world.files)] }
}

const noSuchInventory = async (path: string, files: Files): Promise<Diagnostic> => {
  const siblings = (await files.list(dirname(path)).catch(() => undefined)) ?? []
  const meant = didYouMean(basename(path), siblings)
  return {
    severity: 'error',
    summary: `inventory \`${path}\` not found`,
    notes: meant !== undefined ? [meant] : /^[\w.-]+$/.test(path) ? [`to name a host, add a comma: -i ${path},`] : [],
  }
}

/** Reads a list of hosts: `web-1,web-2:2222,`. */
const readList = (path: string, file: string): Read => {
  const text = `-i ${path}`
  const source = { file, text }
  const declarations: Declaration[] = []
  const diagnostics: Diagnostic[] = []
  let start = 3
  for (const part of path.split(',')) {
    const name = part.trim()
    const host = name === '' ? undefined : readHostName(name)
    if (host !== undefined && 'wrong' in host)
      diagnostics.push({
        severity: 'error',
        summary: host.wrong,
        place: { file, line: 1, column: start + 1, length: Math.max(1, part.length) },
      })
    else if (host !== undefined) {
      const vars: Vars = host.port === undefined ? {} : { ansible_port: made(host.port) }
      declarations.push(
        ...host.names.map((one): Declaration => ({ kind: 'host', group: 'ungrouped', name: one, vars, from: file })),
      )
    }
    start += part.length + 1
  }
  return { declarations, sources: [source], diagnostics }
}

/** Names that Ansible ignores in a folder of inventories: its own folders, hidden files, and these extensions. */
const ignored = /^\.|^(?:host_vars|group_vars|vars_plugins)$|(?:~|\.(?:pyc|pyo|swp|bak|rpm|md|txt|rst|orig|cfg|retry))$/

const readFolder = async (folder: string, files: Files, known: readonly string[]): Promise<Read> => {
  const reads: Read[] = []
  for (const name of ((await files.list(folder)) ?? []).toSorted()) {
    if (ignored.test(name)) continue
    const path = join(folder, name)
    if (name.endsWith('.ini')) {
      const notes = ['Ansible ignores .ini files in a folder: pass the file itself with -i, or remove its extension']
      reads.push({
        declarations: [],
        sources: [],
        diagnostics: [{ severity: 'warning', summary: `\`${path}\` is not read`, notes }],
      })
      continue
    }
    const before = [
      ...known,
      ...reads.flatMap(({ declarations }) => declarations).flatMap((one) => (one.kind === 'group' ? [one.name] : [])),
    ]
    reads.push(
      (await files.kind(path)) === 'directory'
        ? await readFolder(path, files, before)
        : await readInventoryFile(path, files, before),
    )
  }
  return {
    declarations: reads.flatMap(({ declarations }) => declarations),
    sources: reads.flatMap(({ sources }) => sources),
    diagnostics: reads.flatMap(({ diagnostics }) => diagnostics),
  }
}

const readInventoryFile = async (file: string, files: Files, known: readonly string[]): Promise<Read> => {
  const { text, diagnostics } = await readFile(file, files)
  if (text === undefined) return { declarations: [], sources: [], diagnostics }
  const refused = refusal(file, text)
  if (refused !== undefined) return { declarations: [], sources: [{ file, text }], diagnostics: [refused] }
  const named = /\.(?:yml|yaml|json)$/.test(file)
  if (named || looksLikeYaml(text)) {
    const parsed = parseSource(file, text, 'ansible')
    if (named || isMapping(rootOf(parsed.source)) || /^(?:---|[\w.-]+:\s*$)/m.test(text)) {
      const read = readYamlInventory(parsed.source)
      return {
        declarations: read.declarations,
        sources: [parsed.source],
        diagnostics: [...parsed.diagnostics, ...read.diagnostics],
      }
    }
  }
  const read = readIni(file, text, known)
  return { declarations: read.declarations, sources: [read.source], diagnostics: read.diagnostics }
}

/** Recognises YAML without its extension, by the first line with content. */
const looksLikeYaml = (text: string): boolean => {
  const first = text.split('\n').find((line) => line.trim() !== '' && !/^\s*[#;]/.test(line)) ?? ''
  return /^(?:---|%YAML|\{|[^[\s=]+:\s*(?:#.*)?$|[\w.-]+:\s)/.test(first)
}

const refusal = (file: string, text: string): Diagnostic | undefined => {
  const place = { file, line: 1, column: 1, length: text.split('\n', 1)[0]!.length || 1 }
  const notes = [`write its hosts to a file: ansible-inventory -i ${file} --list --yaml > hosts.yml`]
  if (text.startsWith('#!'))
    return { severity: 'error', summary: 'this inventory is a program, which is not supported', place, notes }
  if (file.endsWith('.toml')) return { severity: 'error', summary: 'inventories in TOML are not supported', place, notes }
  return undefined
}
