/**
 * Settings from clouds.yaml, secure.yaml and the environment, each with its place for errors. Made by clouds-file.ts
 * and environment.ts. Scalars stay text as written: a password `0123` or `yes` is not a number or a boolean.
 */
export type Tree = Text | List | Table

/**
 * A scalar. `where` is `file:line:column` or the name of an environment variable; for a value of a table, the place
 * of the key.
 */
export interface Text {
  readonly kind: 'text'
  readonly text: string
  readonly where: string
}
export interface List {
  readonly kind: 'list'
  readonly items: readonly Tree[]
  readonly where: string
}
export interface Table {
  readonly kind: 'table'
  readonly entries: ReadonlyMap<string, Tree>
  readonly where: string
}

export const table = (where: string, entries: Iterable<readonly [string, Tree]> = []): Table => ({
  kind: 'table',
  entries: new Map(entries),
  where,
})

/** Replaces `-` by `_` in keys at every depth: both spellings are in use. */
export const underscored = (tree: Tree): Tree => {
  if (tree.kind === 'text') return tree
  if (tree.kind === 'list') return { ...tree, items: tree.items.map(underscored) }
  return table(
    tree.where,
    [...tree.entries].map(([key, value]) => [key.replaceAll('-', '_'), underscored(value)]),
  )
}

/** Merges two tables, and the tables in them. For any other value `over` wins. */
export const merge = (under: Table, over: Table): Table => {
  const entries = new Map(under.entries)
  for (const [key, value] of over.entries) {
    const old = entries.get(key)
    entries.set(key, old?.kind === 'table' && value.kind === 'table' ? merge(old, value) : value)
  }
  return { kind: 'table', entries, where: under.where }
}

/** The scalar under a key; undefined if empty. */
export const textAt = (from: Table, key: string): Text | undefined => {
  const value = from.entries.get(key)
  return value?.kind === 'text' && value.text !== '' ? value : undefined
}

export const tableAt = (from: Table, key: string): Table | undefined => {
  const value = from.entries.get(key)
  return value?.kind === 'table' ? value : undefined
}
