/** The hosts that a play selects, in batches. Called by run/inputs.ts; engine/execute.ts walks them. */
import type { Diagnostic } from '../source/diagnostic.ts'
import { placeOf } from '../source/yaml.ts'
import type { Item, Play } from '../language/playbook/types.ts'
import type { Node } from '../source/source.ts'
import { isTemplate, render, TemplateError } from '../language/template/template.ts'
import { createScope } from '../language/scope.ts'
import { Unknown } from '../language/value.ts'
import { matchHosts } from '../inventory/pattern.ts'
import { didYouMean } from '../base/suggest.ts'
import { connectionProblems } from './connection-vars.ts'
import type { Run } from '../state/run-state.ts'

/** A play with the hosts that it selects, split into batches by `serial`. */
export interface PlayHosts {
  readonly play: Play
  readonly hosts: readonly string[]
  readonly batches: readonly (readonly string[])[]
}

type Inputs = Pick<Run, 'playbook' | 'inventory' | 'params' | 'extra'> & { readonly which: Pick<Run['which'], 'limit'> }

/** Resolves the hosts of each play, before any connection. Reports all unknown hosts and groups at once. */
export function resolveHosts(inputs: Inputs): { plays: PlayHosts[]; diagnostics: Diagnostic[] } {
  const diagnostics: Diagnostic[] = []
  const limit = inputs.which.limit.length === 0 ? undefined : matchHosts(inputs.which.limit, inputs.inventory)
  diagnostics.push(...(limit?.diagnostics ?? []), ...strayDelegates(inputs))
  const plays = inputs.playbook.plays.map((play): PlayHosts => {
    const found = selectedHosts(inputs, play)
    diagnostics.push(...found.diagnostics)
    if (found.hosts.length === 0 && found.diagnostics.length === 0)
      diagnostics.push({
        severity: 'warning',
        summary: `\`${play.name.value}\` selects no host`,
        place: placeOf(play.hosts.source, play.hosts.path),
      })
    const limited = found.hosts.filter((host) => limit === undefined || limit.hosts.includes(host))
    const hosts = ordered(limited, play.order)
    return { play, hosts, batches: batches(hosts, play.serial?.value ?? []) }
  })
  diagnostics.push(
    ...connectionProblems(
      inputs,
      plays.flatMap(({ hosts }) => hosts),
    ),
  )
  if (limit !== undefined && limit.diagnostics.length === 0 && plays.every(({ hosts }) => hosts.length === 0))
    diagnostics.push({
      severity: 'error',
      summary: `\`--limit ${inputs.which.limit.join(',')}\` excludes every host of this playbook`,
      notes: ['`--list-hosts` shows the hosts of each play'],
    })
  return { plays, diagnostics }
}

/** The diagnostic of a `delegate_to` host that the inventory lacks. */
export function noSuchHost(host: string, node: Node<string>, hosts: Iterable<string>): Diagnostic {
  const label = didYouMean(host, hosts)
  return {
    severity: 'error',
    summary: `host \`${host}\` not found in the inventory`,
    place: placeOf(node.source, node.path),
    ...(label === undefined ? { notes: ['add it to the inventory'] } : { label }),
  }
}

/** Unknown hosts of `delegate_to`, as far as they are not templates. */
function strayDelegates({ playbook, inventory }: Inputs): Diagnostic[] {
  const inItems = (items: readonly Item[]): Diagnostic[] =>
    items.flatMap((item) => {
      if (item.kind === 'meta') return []
      const { delegateTo: node } = item
      const stray = node !== undefined && !isTemplate(node.value) && !inventory.hosts.has(node.value)
      const inner = item.kind === 'block' ? [...item.block, ...item.rescue, ...item.always] : item.undo
      return [...(stray ? [noSuchHost(node.value, node, inventory.hosts.keys())] : []), ...inItems(inner)]
    })
  return playbook.plays.flatMap(({ tasks, handlers }) => inItems([...tasks, ...handlers]))
}

function selectedHosts(
  { playbook, inventory, params, extra }: Inputs,
  play: Play,
): { hosts: string[]; diagnostics: Diagnostic[] } {
  const scope = createScope([
    { name: 'playbook vars', vars: playbook.vars },
    { name: 'play vars', vars: play.vars },
    { name: '-e', vars: extra },
    { name: 'params', values: params },
  ])
  const place = placeOf(play.hosts.source, play.hosts.path)
  try {
    const rendered = render(play.hosts, scope)
    if (rendered instanceof Unknown)
      return { hosts: [], diagnostics: [{ severity: 'error', summary: '`hosts` cannot depend on a task', place }] }
    const patterns = (Array.isArray(rendered) ? rendered.flat() : [rendered]).map(String).filter((pattern) => pattern !== '')
    return patterns.length === 0 ? { hosts: [], diagnostics: [] } : matchHosts(patterns, inventory, place)
  } catch (error) {
    if (error instanceof TemplateError) return { hosts: [], diagnostics: [error.diagnostic] }
    throw error
  }
}

function ordered(hosts: readonly string[], order: Play['order']): readonly string[] {
  if (order === 'inventory') return hosts
  if (order === 'reverse_inventory') return hosts.toReversed()
  if (order === 'shuffle')
    return hosts
      .map((host) => ({ host, key: Math.random() }))
      .toSorted((a, b) => a.key - b.key)
      .map(({ host }) => host)
  const sorted = hosts.toSorted()
  return order === 'sorted' ? sorted : sorted.toReversed()
}

/**
 * Splits hosts into batches of the given sizes, repeating the last. A percentage is of all hosts of the play, at
 * least one host.
 */
export function batches(hosts: readonly string[], serial: readonly (number | string)[]): string[][] {
  const sizes = serial.map((size) =>
    typeof size === 'number' ? size : Math.floor((Number.parseFloat(size) / 100) * hosts.length) || 1,
  )
  const found: string[][] = []
  let from = 0
  for (let index = 0; from < hosts.length; index++) {
    const size = sizes[Math.min(index, sizes.length - 1)] || hosts.length
    found.push(hosts.slice(from, from + size))
    from += size
  }
  return found
}
