/**
 * The `ansible_*` variables of a host: rendered, checked before the run, searched for passwords. Called by target.ts
 * and run/.
 */
import { becomeFrom, connectionPasswords, connectionVariables, endpointFrom } from '../connection/endpoint.ts'
import { Failure } from '../base/failure.ts'
import type { InventoryHost } from '../inventory/inventory.ts'
import type { Diagnostic } from '../source/diagnostic.ts'
import { placeOfNode } from '../source/yaml.ts'
import { TemplateError } from '../language/template/template.ts'
import { Unknown } from '../language/value.ts'
import { editDistance, nearest } from '../base/suggest.ts'
import type { Run } from '../state/run-state.ts'
import { hostScope } from '../state/variables.ts'

type Inputs = Pick<Run, 'playbook' | 'inventory' | 'params' | 'extra'>

/** The `ansible_*` variables of a host, rendered. Throws `TemplateError`. */
export function connectionVars(inputs: Parameters<typeof hostScope>[0], host: InventoryHost): Record<string, unknown> {
  const scope = hostScope(inputs, host)
  return Object.fromEntries(
    scope.names().flatMap((name) => (name.startsWith('ansible_') ? [[name, scope.lookup(name)] as const] : [])),
  )
}

/** Passwords among a host's connection variables, including numbers: a password of digits alone is a number in YAML. */
export const passwordsIn = (vars: Readonly<Record<string, unknown>>): readonly unknown[] =>
  connectionPasswords.map((name) => vars[name]).filter((value) => typeof value === 'string' || typeof value === 'number')

/** Passwords of the inventory's hosts that can be rendered before any connection. */
export function knownPasswords(inputs: Inputs): readonly unknown[] {
  const hasOne = (vars: object) => connectionPasswords.some((name) => Object.hasOwn(vars, name))
  const everywhere = hasOne(inputs.extra) || hasOne(inputs.playbook.vars) || hasOne(inputs.params)
  return [...inputs.inventory.hosts.values()]
    .filter(({ vars }) => everywhere || vars.some(hasOne))
    .flatMap((host) => {
      try {
        return passwordsIn(connectionVars(inputs, host))
      } catch (error) {
        if (error instanceof TemplateError) return [] // reported by the step that connects to the host
        throw error
      }
    })
}

/**
 * Problems of the hosts' connection variables, before any connection. Reports each place once, however many hosts
 * share it.
 */
export function connectionProblems(inputs: Inputs, hosts: Iterable<string>): Diagnostic[] {
  const found = new Map<string, Diagnostic>()
  for (const name of new Set(hosts)) {
    const host = inputs.inventory.hosts.get(name)
    if (host === undefined) continue
    const problem = problemOf(inputs, host)
    for (const one of [...misspelt(host), ...(problem === undefined ? [] : [problem])])
      found.set(JSON.stringify([one.summary, one.place]), one)
  }
  return [...found.values()]
}

/** Most wrong letters of a typo. With more, the name is a variable of the user's own. */
const TYPO = 2

/** Warns of misspelt connection variables: without the warning the host would be reached at a wrong address. */
const misspelt = ({ vars }: InventoryHost): Diagnostic[] =>
  vars.flatMap((scope) =>
    Object.entries(scope).flatMap(([name, node]) => {
      if (!name.startsWith('ansible_') || connectionVariables.includes(name)) return []
      const meant = nearest(name, connectionVariables)
      if (meant === undefined || editDistance(name, meant) > TYPO) return []
      return [
        {
          severity: 'warning',
          summary: `unknown variable \`${name}\``,
          place: placeOfNode(node, 'key'),
          label: `did you mean \`${meant}\`?`,
        } as const,
      ]
    }),
  )

function problemOf(inputs: Inputs, host: InventoryHost): Diagnostic | undefined {
  try {
    const vars = connectionVars(inputs, host)
    if (Object.values(vars).some((value) => value instanceof Unknown)) return undefined
    endpointFrom(host.name, vars)
    becomeFrom(vars)
    return undefined
  } catch (error) {
    if (error instanceof TemplateError) return undefined // reported by the step that connects to the host
    if (!(error instanceof Failure)) throw error
    const { message, why, help } = error
    const culprit = /ansible_\w+/.exec([message, why, help].join(' '))?.[0]
    const node = culprit === undefined ? undefined : host.vars.findLast((vars) => Object.hasOwn(vars, culprit))?.[culprit]
    return {
      severity: 'error',
      summary: `${host.name}: ${message}`,
      place: node && placeOfNode(node),
      notes: [why, help].filter((text) => text !== undefined),
    }
  }
}
