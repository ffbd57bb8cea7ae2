/** Parses YAML into nodes with places. Called by every reader of files. */
import {
  type Document,
  type Node as YamlNode,
  type Pair,
  type Scalar,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  parseDocument,
} from 'yaml'
import type { Diagnostic } from './diagnostic.ts'
import { scalarOffsets } from './scalar-text.ts'
import type { Node, Path, Place, Source } from './source.ts'
import { isTooDeep } from './yaml-depth.ts'
import { type YamlDialect, dialects, yamlProblems } from './yaml-problems.ts'

/** Enough for any real file; a "billion laughs" file exceeds it at once. */
const maxAliasCount = 1000

/** The plain data of each source, and the starts of its lines. Both are derived from the text alone. */
const values = new WeakMap<Source, unknown>()
const lineStarts = new WeakMap<Source, readonly number[]>()

/**
 * Reads one YAML document. If the file is not YAML, its root value is undefined, with diagnostics. Errors
 * that leave the structure clear (duplicate keys, unknown tags) are reported beside the value, so that the
 * rest can be checked.
 *
 * @param dialect `playbook` is YAML 1.2; `ansible` reads scalars as Ansible's loader (YAML 1.1): `yes` is
 * true, `0644` is octal
 */
export const parseSource = (
  file: string,
  text: string,
  dialect: YamlDialect = 'playbook',
): { source: Source; diagnostics: Diagnostic[] } => {
  const unreadable = (diagnostics: Diagnostic[]) => ({ source: { file, text }, diagnostics })
  if (isTooDeep(text)) {
    return unreadable([{ severity: 'error', summary: 'the file is nested too deeply to be read', place: at(file, text, 0, 1) }])
  }
  const document = parseDocument(text, { ...dialects[dialect], stringKeys: true, uniqueKeys: true, prettyErrors: false })
  const source = { file, text, document }
  const { diagnostics, readable } = yamlProblems(document, text, (start, end) => placeAt(source, start, end))
  if (!readable) return { source, diagnostics }
  try {
    values.set(source, document.toJS({ maxAliasCount }))
  } catch (error) {
    if (!(error instanceof ReferenceError)) throw error
    const notes = ['aliases that multiply one another can exhaust the memory; write the values out']
    diagnostics.push({
      severity: 'error',
      summary: 'the aliases of this file expand to too many values',
      place: placeAt(source, 0, 1),
      notes,
    })
  }
  return { source, diagnostics }
}

/** Returns a source with the document of another reader (INI, arguments): its nodes carry ranges in `text`. */
export const sourceOf = (file: string, text: string, document: Document): Source => {
  const source = { file, text, document }
  values.set(source, document.toJS())
  return source
}

/** The top of a source. Its value is undefined for an unreadable source, null for an empty one. */
export const rootOf = (source: Source): Node => ({ value: values.get(source), source, path: [] })

/** A member of a mapping or a list; its value is undefined if the member is missing. */
export const child = (node: Node, key: string | number): Node => {
  const { value } = node
  const found = typeof value === 'object' && value !== null && Object.hasOwn(value, key)
  return {
    value: found ? (value as Record<string | number, unknown>)[key] : undefined,
    source: node.source,
    path: [...node.path, key],
  }
}

export const nodeAt = (source: Source, path: Path): Node => path.reduce<Node>(child, rootOf(source))

/** The members of a list. */
export const items = (node: Node<readonly unknown[]>): Node[] => node.value.map((_, index) => child(node, index))

/** The key of a member of a mapping, as a text node. */
export const keyOf = (member: Node): Node<string> => ({ ...member, value: String(member.path.at(-1)), isKey: true })

/** The members of a mapping, in the order of the file. */
export const entries = (node: Node<Readonly<Record<string, unknown>>>): [string, Node][] =>
  Object.keys(node.value).map((key) => [key, child(node, key)])

/**
 * Returns the place of a value, or of its key. If the path is missing, returns the nearest place around it.
 * `offset` counts the characters of a text's value, also in quoted, folded and literal scalars. A source that is
 * not YAML is one text.
 */
export const placeOf = (
  source: Source,
  path: Path,
  which: 'key' | 'value' = 'value',
  offset?: { readonly start: number; readonly length: number },
): Place => {
  const found = locate(source, path)
  if (found === undefined) return placeAt(source, offset?.start ?? 0, offset === undefined ? 1 : offset.start + offset.length)
  const { key, value } = found
  const text = which === 'key' ? key : value
  if (offset !== undefined && isScalar(text) && typeof text.value === 'string' && text.range != null) {
    const inner = scalarOffsets(text as Scalar<string>, source.text, offset.start, offset.length)
    if (inner !== undefined) return placeAt(source, ...inner)
  }
  if (which === 'key' && key?.range != null) return placeAt(source, key.range[0], key.range[1])
  if (value?.range != null && value.range[1] > value.range[0]) return placeAt(source, value.range[0], value.range[1])
  if (key?.range != null) return placeAt(source, key.range[0], key.range[1])
  return placeAt(source, value?.range?.[0] ?? 0, value?.range?.[1] ?? 1)
}

/** The place of a node; see `placeOf`. */
export const placeOfNode = (
  node: Node,
  which?: 'key' | 'value',
  offset?: { readonly start: number; readonly length: number },
): Place => placeOf(node.source, node.path, node.isKey === true ? 'key' : which, offset)

/** The written form of a scalar, for advice about quoting: `0644`, not 644. Undefined for other values. */
export const writtenAs = (node: Node): { readonly text: string; readonly quoted: boolean } | undefined => {
  const value = locate(node.source, node.path)?.value
  if (!isScalar(value) || value.range == null) return undefined
  return { text: node.source.text.slice(value.range[0], value.range[1]), quoted: value.type !== 'PLAIN' }
}

interface Located {
  readonly key: YamlNode | undefined
  readonly value: YamlNode | undefined
}

/** Follows a path to its last existing member. */
const locate = (source: Source, path: Path): Located | undefined => {
  const { document } = source
  if (document === undefined) return undefined
  let found: Located = { key: undefined, value: (document.contents as YamlNode | null) ?? undefined }
  for (const step of path) {
    const next = descend(document, found.value, step)
    if (next === undefined) break
    found = next
  }
  return found
}

const descend = (document: Document, node: YamlNode | undefined, step: string | number): Located | undefined => {
  const target = isAlias(node) ? node.resolve(document) : node
  if (isSeq(target)) {
    const item = target.items[Number(step)] as YamlNode | undefined
    return item === undefined ? undefined : { key: undefined, value: item }
  }
  if (!isMap(target)) return undefined
  const pairs = target.items as Pair<YamlNode, YamlNode | null>[]
  const pair = pairs.findLast(({ key }) => String(isScalar(key) ? key.value : key) === String(step))
  if (pair !== undefined) return { key: pair.key, value: pair.value ?? undefined }
  for (const { key, value } of pairs) {
    if (!isScalar(key) || key.source !== '<<') continue
    const merged = isAlias(value) ? value.resolve(document) : (value ?? undefined)
    const sources = isSeq(merged) ? (merged.items as YamlNode[]) : [merged]
    for (const one of sources) {
      const inside = descend(document, one, step)
      if (inside !== undefined) return inside
    }
  }
  return undefined
}

/** The place of a range of a source's text, cut at the end of its first line. */
export const placeAt = (source: Source, start: number, end: number): Place => {
  let starts = lineStarts.get(source)
  if (starts === undefined) lineStarts.set(source, (starts = startsOf(source.text)))
  return at(source.file, source.text, start, end, starts)
}

const startsOf = (text: string): number[] => [0, ...Array.from(text.matchAll(/\n/g), (match) => match.index + 1)]

const at = (file: string, text: string, start: number, end: number, starts: readonly number[] = startsOf(text)): Place => {
  const from = Math.min(Math.max(start, 0), text.length)
  let low = 0
  let high = starts.length - 1
  while (low < high) {
    const middle = (low + high + 1) >> 1
    if (starts[middle]! <= from) low = middle
    else high = middle - 1
  }
  const lineEnd = (starts[low + 1] ?? text.length + 1) - 1
  const marked = text.slice(from, Math.min(end, lineEnd)).trimEnd()
  return { file, line: low + 1, column: from - starts[low]! + 1, length: Math.max(1, marked.length) }
}
