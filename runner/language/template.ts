import type { Node } from './source.ts'
import type { Scope } from './value.ts'
export { TemplateError } from './error.ts'

export interface Reference {
  readonly name: string
  readonly path: readonly string[]
}
export const isTemplate = (text: string): boolean => text.includes('{{')
export const render = (node: Node, scope: Scope): unknown => {
  throw new Error(`${node.path} ${scope.names()}`)
}
export const references = (node: Node): Reference[] => {
  throw new Error(`${node.path}`)
}
