import type { Diagnostic } from './diagnostic.ts'
import type { Node } from './source.ts'
import type { Reference } from './template.ts'
import type { Scope, Unknown } from './value.ts'

export const evaluate = (node: Node<string>, scope: Scope): unknown => {
  throw new Error(`${node.path} ${scope.names()}`)
}
/** Several are a conjunction; no condition at all is true. */
export const evaluateCondition = (nodes: readonly Node<string>[], scope: Scope): boolean | Unknown => {
  throw new Error(`${nodes.length} ${scope.names()}`)
}
export const expressionReferences = (node: Node<string>): Reference[] => {
  throw new Error(`${node.path}`)
}
export const checkExpression = (node: Node<string>): Diagnostic[] => {
  throw new Error(`${node.path}`)
}
