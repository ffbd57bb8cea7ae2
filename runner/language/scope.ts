import type { Vars } from './playbook.ts'
import type { Scope } from './value.ts'

/** One source of variables. `values` are final; `vars` are rendered when they are looked up, with all the layers in sight. */
export interface Layer {
  /** For people: `play vars`, `group compute`, … */
  readonly name: string
  readonly values?: Readonly<Record<string, unknown>>
  readonly vars?: Vars
}
/** A later layer wins. */
export const createScope = (layers: readonly Layer[]): Scope => {
  throw new Error(`${layers.length}`)
}
