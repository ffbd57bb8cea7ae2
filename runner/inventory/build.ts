/** Merges the declarations of all inventory files: hosts, groups, variables, their order. Called by inventory.ts. */
import type { Diagnostic } from '../source/diagnostic.ts'
import type { Vars } from '../language/playbook/types.ts'
import type { Declaration } from './declaration.ts'

/** A merged group; sets keep the order of the files. */
export interface BuiltGroup {
  readonly name: string
  readonly hosts: Set<string>
  readonly children: Set<string>
  readonly vars: Vars
  readonly priority: number
  /** The length of the longest path from `all`. */
  readonly depth: number
}

export interface BuiltHost {
  readonly name: string
  readonly vars: Vars
  /** The file with its first declaration. */
  readonly from: string
}

export interface Built {
  readonly groups: ReadonlyMap<string, BuiltGroup>
  readonly hosts: ReadonlyMap<string, BuiltHost>
  readonly diagnostics: readonly Diagnostic[]
}

interface Draft {
  readonly name: string
  readonly hosts: Set<string>
  readonly children: Set<string>
  vars: Vars
  priority: number
}

/**
 * Merges declarations. A later value of a variable wins. Every group ends up under `all`, every host without
 * a group in `ungrouped`.
 */
export const buildInventory = (declarations: readonly Declaration[]): Built => {
  const groups = new Map<string, Draft>()
  const hosts = new Map<string, { name: string; vars: Vars; from: string }>()
  const diagnostics: Diagnostic[] = []
  const groupOf = (name: string): Draft => {
    const known = groups.get(name)
    if (known !== undefined) return known
    const made: Draft = { name, hosts: new Set(), children: new Set(), vars: {}, priority: 1 }
    groups.set(name, made)
    return made
  }
  groupOf('all').children.add('ungrouped')
  groupOf('ungrouped')

  for (const declaration of declarations) {
    switch (declaration.kind) {
      case 'group':
        groupOf(declaration.name)
        break
      case 'host': {
        const host = hosts.get(declaration.name) ?? { name: declaration.name, vars: {}, from: declaration.from }
        host.vars = { ...host.vars, ...declaration.vars }
        hosts.set(host.name, host)
        groupOf(declaration.group).hosts.add(host.name)
        break
      }
      case 'vars': {
        const group = groupOf(declaration.group)
        const { ansible_group_priority: priority, ...rest } = declaration.vars
        if (priority !== undefined) group.priority = Number(priority.value)
        group.vars = { ...group.vars, ...rest }
        break
      }
      case 'child': {
        const { group, child, place } = declaration
        if (group === child || reaches(groups, child, group)) {
          diagnostics.push({
            severity: 'error',
            summary: `the group \`${child}\` would contain itself`,
            place,
            label: group === child ? 'this is the group itself' : `\`${group}\` is in it already`,
          })
        } else {
          groupOf(child)
          groupOf(group).children.add(child)
        }
      }
    }
  }
  adopt(groups, hosts)
  const depths = depthsOf(groups)
  const built = [...groups.values()].map((group): [string, BuiltGroup] => [
    group.name,
    { ...group, depth: depths.get(group.name) ?? 0 },
  ])
  return { groups: new Map(built), hosts, diagnostics }
}

type Groups = ReadonlyMap<string, { readonly children: ReadonlySet<string>; readonly hosts: ReadonlySet<string> }>

/** Returns true if `to` lies below `from`. */
const reaches = (groups: Groups, from: string, to: string): boolean => {
  const children = groups.get(from)?.children
  return children !== undefined && (children.has(to) || [...children].some((child) => reaches(groups, child, to)))
}

/** Puts groups without a parent under `all`, and hosts without a group into `ungrouped`. */
const adopt = (groups: ReadonlyMap<string, Draft>, hosts: ReadonlyMap<string, unknown>): void => {
  const all = groups.get('all')!
  const ungrouped = groups.get('ungrouped')!
  const inOther = new Set([...groups.values()].flatMap((group) => (group.name === 'all' ? [] : [...group.children])))
  for (const name of groups.keys()) if (name !== 'all' && !inOther.has(name)) all.children.add(name)
  const grouped = new Set([...groups.values()].flatMap((group) => (group === all || group === ungrouped ? [] : [...group.hosts])))
  for (const name of hosts.keys()) {
    if (grouped.has(name)) ungrouped.hosts.delete(name)
    else ungrouped.hosts.add(name)
  }
}

const depthsOf = (groups: Groups): Map<string, number> => {
  const depths = new Map([['all', 0]])
  const visit = (name: string, depth: number): void => {
    for (const child of groups.get(name)?.children ?? []) {
      if ((depths.get(child) ?? -1) > depth) continue
      depths.set(child, depth + 1)
      visit(child, depth + 1)
    }
  }
  visit('all', 0)
  return depths
}

/** The hosts of a group: its own first, then those of its children, level by level. */
export const hostsIn = (groups: Groups, name: string): string[] => {
  const hosts = new Set<string>()
  const seen = new Set([name])
  for (let level = [name]; level.length > 0;) {
    for (const group of level) groups.get(group)?.hosts.forEach((host) => hosts.add(host))
    level = level
      .flatMap((group) => [...(groups.get(group)?.children ?? [])])
      .filter((child) => !seen.has(child) && seen.add(child))
  }
  return [...hosts]
}

/** Sorts groups by precedence, weakest first: by depth, then priority, then name. */
export const sortGroups = (groups: readonly BuiltGroup[]): BuiltGroup[] =>
  groups.toSorted((a, b) => a.depth - b.depth || a.priority - b.priority || (a.name < b.name ? -1 : a.name > b.name ? 1 : 0))
