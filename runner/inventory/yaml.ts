/** Reads an inventory in Ansible's YAML form. Called by inventory.ts. */
import type { Diagnostic } from '../source/diagnostic.ts'
import { kindOf } from '../language/template/helpers.ts'
import { child, entries, placeOfNode, rootOf } from '../source/yaml.ts'
import type { Vars } from '../language/playbook/types.ts'
import { type Mapping, isMapping, isText } from '../language/playbook/field-readers.ts'
import type { Node, Source } from '../source/source.ts'
import { didYouMean } from '../base/suggest.ts'
import type { Declaration } from './declaration.ts'
import { readHostName } from './range.ts'

/** Reads Ansible's YAML format: groups at the top, each with `hosts`, `vars` and `children`. */
export const readYamlInventory = (source: Source): { declarations: Declaration[]; diagnostics: Diagnostic[] } => {
  const diagnostics: Diagnostic[] = []
  const declarations: Declaration[] = []
  const root = rootOf(source)
  if (root.value === undefined || root.value === null) return { declarations, diagnostics }
  const report = (node: Node, summary: string, more: Partial<Diagnostic> & { readonly which?: 'key' | 'value' } = {}): void => {
    const { which, ...rest } = more
    diagnostics.push({ severity: 'error', summary, place: placeOfNode(node, which), ...rest })
  }

  const readGroup = (name: string, node: Node): void => {
    declarations.push({ kind: 'group', name })
    if (node.value === null) return
    if (!isMapping(node))
      return report(node, `the group \`${name}\` must be a mapping`, { which: 'key', label: 'with hosts, vars or children' })
    for (const [key, value] of entries(node)) {
      if (key === 'hosts') members(value, 'hosts', (one, vars) => readHosts(name, one, vars))
      else if (key === 'children') {
        members(value, 'children', (one, inner) => {
          readGroup(one, inner)
          declarations.push({ kind: 'child', group: name, child: one, place: placeOfNode(inner, 'key') })
        })
      } else if (key === 'vars')
        members(value, 'vars', (one, inner) => declarations.push({ kind: 'vars', group: name, vars: { [one]: inner } }))
      else {
        const label = didYouMean(key, ['hosts', 'children', 'vars'])
        report(value, `unknown key \`${key}\` in the group \`${name}\``, {
          which: 'key',
          severity: 'warning',
          ...(label === undefined ? { notes: ['a group has hosts, vars and children'] } : { label }),
        })
      }
    }
  }

  const readHosts = (group: string, pattern: string, node: Node): void => {
    const host = readHostName(pattern)
    if ('wrong' in host) return report(node, host.wrong, { which: 'key' })
    if (node.value !== null && !isMapping(node))
      return report(node, `the variables of \`${pattern}\` must be a mapping`, { label: `this is ${kindOf(node.value)}` })
    const own: Vars = node.value === null ? {} : Object.fromEntries(entries(node as Mapping))
    const vars = host.port === undefined ? own : { ansible_port: { ...node, value: host.port }, ...own }
    for (const name of host.names) declarations.push({ kind: 'host', group, name, vars, from: source.file })
  }

  /** Visits the members of a section, which is a mapping or a single name. */
  const members = (node: Node, section: string, each: (name: string, node: Node) => void): void => {
    if (node.value === null) return
    if (isText(node)) return each(node.value, { ...node, value: null })
    if (!isMapping(node)) {
      const first = Array.isArray(node.value) ? String(node.value[0]) : 'name'
      return report(node, `\`${section}\` must be a mapping`, {
        which: 'key',
        label:
          Array.isArray(node.value) && section !== 'vars'
            ? `write ${first}: instead of - ${first}`
            : `this is ${kindOf(node.value)}`,
      })
    }
    for (const [name, value] of entries(node)) each(name, value)
  }

  if (!isMapping(root)) {
    report(root, `an inventory is a mapping of groups, this is ${kindOf(root.value)}`, {
      notes: ['for example: all: { hosts: { compute14: } }'],
    })
  } else if ('plugin' in root.value) {
    report(child(root, 'plugin'), 'this configures a plugin of Ansible, which is not supported', {
      which: 'key',
      notes: [`write its hosts to a file: ansible-inventory -i ${source.file} --list --yaml > hosts.yml`],
    })
  } else for (const [name, node] of entries(root)) readGroup(name, node)
  return { declarations, diagnostics }
}
