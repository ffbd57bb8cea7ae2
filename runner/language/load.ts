import type { Diagnostic } from './diagnostic.ts'
import type { Node, Path, Place, Source } from './source.ts'

export const parseSource = (file: string, text: string, options: { yaml11?: boolean } = {}): { source: Source; diagnostics: Diagnostic[] } => {
  throw new Error(`${file} ${text} ${options}`)
}
export const placeOf = (
  source: Source,
  path: Path,
  which: 'key' | 'value' = 'value',
  offset?: { readonly start: number; readonly length: number },
): Place => {
  throw new Error(`${source.file} ${path} ${which} ${offset}`)
}
/** The top of a source as a node. */
export const rootOf = (source: Source): Node => {
  throw new Error(source.file)
}
export const child = (node: Node, key: string | number): Node => ({
  value: (node.value as Record<string | number, unknown>)[key],
  source: node.source,
  path: [...node.path, key],
})
export const nodeAt = (source: Source, path: Path): Node => path.reduce<Node>(child, rootOf(source))
