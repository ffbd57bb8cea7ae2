/** The variables that a task sees on a host, and the facts that it refers to. Called by the walk. */
import { expressionReferences } from '../language/expression/expression.ts'
import { createScope } from '../language/scope.ts'
import type { magicNames } from '../language/magic.ts'
import type { Task } from '../language/playbook/types.ts'
import type { Node } from '../source/source.ts'
import { references } from '../language/template/template.ts'
import type { Inventory } from '../inventory/inventory.ts'
import type { Scope } from '../language/value.ts'
import type { Context } from './task-context.ts'
import type { HostState, Run } from './run-state.ts'

/** Values that only one item of a loop, or one `undo:`, sees. */
export type Local = Readonly<Record<string, unknown>>

/**
 * The variables of one host for one task, weakest first: playbook, inventory groups (parent, then child), inventory host,
 * play, blocks and task, registered, loop, then `-e` and the parameters, which nothing can shadow.
 */
export function scopeOf(run: Run, state: HostState, context: Context, local: Local = {}): Scope {
  return createScope([
    { name: 'playbook vars', vars: run.playbook.vars },
    ...state.host.vars.map((vars) => ({ name: 'inventory', vars })),
    ...context.vars.map((vars) => ({ name: 'play, block and task vars', vars })),
    { name: 'registered', values: Object.fromEntries(state.registered) },
    { name: 'loop', values: local },
    { name: '-e', vars: run.extra },
    { name: 'params', values: run.params },
    { name: 'magic', values: magic(run, state) },
  ])
}

/** The variables outside any task: for the connection of a host and for `hosts:` patterns. */
export function hostScope(
  run: Pick<Run, 'extra' | 'params'> & { readonly playbook: Pick<Run['playbook'], 'vars'> },
  host: HostState['host'],
): Scope {
  return createScope([
    { name: 'playbook vars', vars: run.playbook.vars },
    ...host.vars.map((vars) => ({ name: 'inventory', vars })),
    { name: '-e', vars: run.extra },
    { name: 'params', values: run.params },
    { name: 'magic', values: { inventory_hostname: host.name } },
  ])
}

function magic(run: Run, state: HostState): Record<(typeof magicNames)[number], unknown> {
  return {
    inventory_hostname: state.name,
    inventory_hostname_short: state.name.split('.')[0],
    group_names: state.host.groups.filter((group) => group !== 'all'),
    get groups() {
      return groupsOf(run.inventory)
    },
    get hostvars() {
      return hostvarsOf(run)
    },
    get play_hosts() {
      return [...run.states.values()].filter((other) => other.status === 'active').map((other) => other.name)
    },
    facts: state.facts,
  }
}

// Both are the same for every host: made for each, they would take a time that grows with the square of the hosts.
const groupsByInventory = new WeakMap<Inventory, Record<string, readonly string[]>>()
const hostvarsByStates = new WeakMap<Run['states'], Record<string, unknown>>()

function groupsOf(inventory: Inventory): Record<string, readonly string[]> {
  const groups =
    groupsByInventory.get(inventory) ?? Object.fromEntries([...inventory.groups].map(([name, group]) => [name, group.hosts]))
  groupsByInventory.set(inventory, groups)
  return groups
}

/** The variables of each host, rendered when they are asked for: what a host has registered grows. */
function hostvarsOf(run: Run): Record<string, unknown> {
  const known = hostvarsByStates.get(run.states)
  if (known !== undefined) return known
  const hostvars = {}
  for (const host of run.inventory.hosts.values())
    Object.defineProperty(hostvars, host.name, { enumerable: true, get: () => variablesOf(run, host) })
  hostvarsByStates.set(run.states, hostvars)
  return hostvars
}

/** The inventory variables of a host, rendered; those that cannot be rendered outside a play are left out. */
function variablesOf(run: Run, host: HostState['host']): Record<string, unknown> {
  const scope = hostScope(run, host)
  const values: Record<string, unknown> = {}
  for (const name of new Set(host.vars.flatMap((vars) => Object.keys(vars)))) {
    try {
      values[name] = scope.lookup(name)
    } catch {
      continue
    }
  }
  const registered = run.states.get(host.name)
  return {
    ...values,
    ...Object.fromEntries(registered?.registered ?? []),
    inventory_hostname: host.name,
    facts: registered?.facts ?? {},
  }
}

/** The facts that a task refers to, itself, in its templates or through variables; `all` when it refers to `facts` as a whole. */
export function factsReferred(
  state: HostState,
  context: Context,
  task: Task,
  expressions: readonly Node<string>[],
  templates: readonly Node<string>[],
): readonly string[] | 'all' {
  const layers = [...context.vars, ...state.host.vars]
  const found = new Set<string>()
  const seen = new Set<string>()
  const queue = [
    ...[task.args, task.name, task.loop, task.loopControl.label, task.delegateTo, ...context.environment, ...templates].flatMap(
      (node) => (node === undefined ? [] : references(node)),
    ),
    ...[...context.when, ...task.until, ...(task.failedWhen ?? []), ...(task.changedWhen ?? []), ...expressions].flatMap((node) =>
      expressionReferences(node),
    ),
  ]
  for (let next = queue.pop(); next !== undefined; next = queue.pop()) {
    const [first] = next.path
    if (next.name === 'facts') {
      if (first === undefined) return 'all'
      found.add(first)
    } else if (!seen.has(next.name)) {
      seen.add(next.name)
      for (const vars of layers) {
        const node = vars[next.name]
        if (node !== undefined) queue.push(...references(node))
      }
    }
  }
  return [...found]
}
