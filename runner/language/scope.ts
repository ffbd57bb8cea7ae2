import { TemplateError } from './error.ts'
import { placeOfNode } from '../source/yaml.ts'
import type { Vars } from './playbook/types.ts'
import { render } from './template/template.ts'
import type { Scope } from './value.ts'

/** One source of variables. `values` are final; `vars` are rendered at the lookup, with all layers in scope. */
export interface Layer {
  /** For people: `play vars`, `group compute`, … */
  readonly name: string
  readonly values?: Readonly<Record<string, unknown>>
  readonly vars?: Vars
}

/**
 * Creates the variables of one host at one moment: a later layer wins. Each variable is rendered once, at its
 * first lookup.
 */
export const createScope = (layers: readonly Layer[]): Scope => {
  const rendered = new Map<string, unknown>()
  const chain: string[] = []
  const find = (name: string): Layer | undefined =>
    layers.findLast(
      ({ values, vars }) =>
        (values !== undefined && Object.hasOwn(values, name)) || (vars !== undefined && Object.hasOwn(vars, name)),
    )

  const scope: Scope = {
    lookup(name) {
      if (rendered.has(name)) return rendered.get(name)
      const layer = find(name)
      if (layer === undefined) return undefined
      if (layer.values !== undefined && Object.hasOwn(layer.values, name)) return layer.values[name]
      const node = layer.vars![name]!
      if (chain.includes(name)) {
        const circle = [...chain.slice(chain.indexOf(name)), name].join(' → ')
        throw new TemplateError({
          severity: 'error',
          summary: `\`${name}\` refers to itself`,
          place: placeOfNode(node),
          notes: [circle],
        })
      }
      chain.push(name)
      try {
        const value = render(node, scope)
        rendered.set(name, value)
        return value
      } finally {
        chain.pop()
      }
    },
    names: () => [...new Set(layers.flatMap(({ values, vars }) => [...Object.keys(values ?? {}), ...Object.keys(vars ?? {})]))],
  }
  return scope
}
