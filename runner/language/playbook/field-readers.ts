/**
 * Readers of the parts of a playbook: each returns the valid value and reports the rest. Called by plays.ts,
 * tasks.ts and the inventory.
 */
import { magicNames } from '../magic.ts'
import type { AnyModule } from '../../module.ts'
import type { Diagnostic } from '../../source/diagnostic.ts'
import { checkExpression } from '../expression/expression.ts'
import { kindOf } from '../template/helpers.ts'
import { type Kind, kindNames, keywords, keywordsOf, refusalOf } from './keywords.ts'
import { child, entries, items, placeOfNode, writtenAs } from '../../source/yaml.ts'
import type { Vars } from './types.ts'
import type { Node, Source } from '../../source/source.ts'
import { didYouMean, nearest } from '../../base/suggest.ts'
import { checkTemplates, isTemplate } from '../template/template.ts'

/** The context of the readers. */
export interface Reading {
  report(diagnostic: Diagnostic): void
  readonly modules: ReadonlyMap<string, AnyModule>
  /** A file named in a source, read before; undefined if it is missing. */
  file(from: Source, name: string): Source | undefined
}

interface More {
  readonly label?: string | undefined
  readonly notes?: readonly string[] | undefined
  readonly which?: 'key' | 'value'
  readonly severity?: Diagnostic['severity']
}

export const complain = (
  r: Pick<Reading, 'report'>,
  node: Node,
  summary: string,
  { label, notes, which, severity = 'error' }: More = {},
): undefined => {
  r.report({
    severity,
    summary,
    place: placeOfNode(node, which),
    label,
    ...(notes === undefined || notes.length === 0 ? {} : { notes }),
  })
  return undefined
}

export type Mapping = Node<Readonly<Record<string, unknown>>>
export type List = Node<readonly unknown[]>

export const isMapping = (node: Node): node is Mapping =>
  typeof node.value === 'object' && node.value !== null && !Array.isArray(node.value)
export const isList = (node: Node): node is List => Array.isArray(node.value)
export const isText = (node: Node): node is Node<string> => typeof node.value === 'string'

/** The member of a mapping; undefined if the key is missing. */
export const given = (node: Mapping, key: string): Node | undefined =>
  Object.hasOwn(node.value, key) ? child(node, key) : undefined

/** The key of a node in its mapping, for sentences. */
const named = (node: Node): string => {
  const key = node.path.findLast((step) => typeof step === 'string')
  return key === undefined ? 'this' : `\`${key}\``
}

const wrongType = (r: Reading, node: Node, wanted: string, label?: string): undefined =>
  complain(r, node, `${named(node)} must be ${wanted}`, {
    label: label ?? (node.value === null ? 'the value is missing' : `this is ${kindOf(node.value)}`),
  })

/** Reads text and checks its templates. */
export const readText = (r: Reading, node: Node | undefined): Node<string> | undefined => {
  if (node === undefined) return undefined
  if (!isText(node)) {
    const written = typeof node.value === 'number' || typeof node.value === 'boolean' ? writtenAs(node) : undefined
    return wrongType(r, node, 'text', written === undefined ? undefined : `quote it: "${written.text}"`)
  }
  checkTemplates(node).forEach(r.report)
  return node
}

/** Reads a name: text that is not empty and has no templates. */
export const readName = (r: Reading, node: Node | undefined): string | undefined => {
  const text = readText(r, node)
  if (text === undefined) return undefined
  if (isTemplate(text.value)) return complain(r, text, `${named(text)} cannot hold a template`)
  if (text.value.trim() === '') return complain(r, text, `${named(text)} is empty`)
  return text.value
}

/** Reads the name of a variable, which must be usable in expressions. */
export const readVariableName = (r: Reading, node: Node | undefined): string | undefined => {
  const name = readName(r, node)
  return name === undefined || !checkVariableName(r, name, node!) ? undefined : name
}

/** CEL's reserved words (https://github.com/google/cel-spec/blob/master/doc/langdef.md#syntax) and built-in names. */
const reserved = new Set(
  'as break const continue else for function if import let loop package namespace return var void while true false null in __proto__ prototype cel google int uint double string bool bytes list map type dyn'.split(
    ' ',
  ),
)
const taken: ReadonlySet<string> = new Set(magicNames)

export const checkVariableName = (
  r: Pick<Reading, 'report'>,
  name: string,
  node: Node,
  which: 'key' | 'value' = 'value',
): boolean => {
  const wrong = (summary: string, label?: string) => {
    complain(r, node, summary, { label, which })
    return false
  }
  if (name === '') return wrong('a variable needs a name')
  if (!/^[A-Za-z_]\w*$/.test(name)) {
    const better = name.replace(/\W+/g, '_').replace(/^(?=\d)/, '_')
    return wrong(
      `\`${name}\` cannot be the name of a variable`,
      /^_+$/.test(better) ? 'letters, digits and _' : `write \`${better}\``,
    )
  }
  if (reserved.has(name)) return wrong(`\`${name}\` is a reserved word of the expression language`, 'choose another name')
  if (taken.has(name)) return wrong(`\`${name}\` is a variable of the runner itself`, 'choose another name')
  return true
}

/** Reads a literal `true` or `false`. */
export const readFlag = (r: Reading, node: Node | undefined): boolean | undefined => {
  const read = readFlagOrTemplate(r, node)
  if (read === undefined) return undefined
  if (typeof read.value === 'string')
    return complain(r, read, `${named(read)} must be true or false`, { label: 'a template is not allowed here' })
  return read.value as boolean
}

export const readFlagOrTemplate = (r: Reading, node: Node | undefined): Node | undefined => {
  if (node === undefined || typeof node.value === 'boolean') return node
  if (isText(node) && isTemplate(node.value)) return readText(r, node)
  const yes = typeof node.value === 'string' && /^(?:yes|on|true)$/i.test(node.value)
  const no = typeof node.value === 'string' && /^(?:no|off|false)$/i.test(node.value)
  return wrongType(r, node, 'true or false', yes ? 'write `true`' : no ? 'write `false`' : undefined)
}

interface Limits {
  readonly min: number
  readonly max?: number
  readonly whole?: boolean
}

/** Reads a number, or a template of one. */
export const readNumberOrTemplate = (r: Reading, node: Node | undefined, limits: Limits): Node | undefined => {
  if (node === undefined) return undefined
  if (isText(node) && isTemplate(node.value)) return readText(r, node)
  return readNumber(r, node, limits) === undefined ? undefined : node
}

export const readNumber = (r: Reading, node: Node | undefined, { min, max, whole }: Limits): number | undefined => {
  if (node === undefined) return undefined
  const wanted = whole ? 'a whole number' : 'a number'
  if (typeof node.value !== 'number') {
    const digits = typeof node.value === 'string' && /^\d+$/.test(node.value)
    return wrongType(r, node, wanted, digits ? `without quotes: ${node.value}` : undefined)
  }
  if (whole && !Number.isInteger(node.value)) return wrongType(r, node, wanted)
  if (node.value < min) return complain(r, node, `${named(node)} must be at least ${min}`)
  if (max !== undefined && node.value > max) return complain(r, node, `${named(node)} must be at most ${max}`)
  return node.value
}

/** Reads one of a few words. */
export const readChoice = <T extends string>(r: Reading, node: Node | undefined, choices: readonly T[]): T | undefined => {
  if (node === undefined) return undefined
  const found = choices.find((choice) => choice === node.value)
  if (found !== undefined) return found
  const label = isText(node) ? didYouMean(node.value, choices) : undefined
  return complain(r, node, `${named(node)} must be one of ${choices.join(', ')}`, { label })
}

/** Reads one condition or a list of them; `true` and `false` are conditions too. */
export const readConditions = (r: Reading, node: Node | undefined): Node<string>[] => {
  if (node === undefined) return []
  if (isList(node)) return items(node).flatMap((item) => readConditions(r, item))
  if (typeof node.value === 'boolean') return [{ ...node, value: String(node.value) }]
  if (!isText(node)) {
    wrongType(r, node, 'a condition')
    return []
  }
  checkExpression(node).forEach(r.report)
  return [node]
}

/** Reads one text or a list of texts. */
export const readTexts = (r: Reading, node: Node | undefined): Node<string>[] => {
  if (node === undefined) return []
  const all = isList(node) ? items(node) : [node]
  return all.flatMap((item) => readText(r, item) ?? [])
}

/** Reads names, in a list or separated by commas. */
export const readNames = (r: Reading, node: Node | undefined): string[] =>
  (node === undefined ? [] : isList(node) ? items(node) : [node])
    .flatMap((item) => readName(r, item)?.split(',') ?? [])
    .map((name) => name.trim())
    .filter((name) => name !== '')

/** Reads variables: names are checked, values may hold templates. */
export const readVars = (r: Reading, node: Node | undefined): Vars => {
  if (node === undefined || node.value === null) return {}
  if (!isMapping(node)) {
    wrongType(r, node, 'a mapping of names to values')
    return {}
  }
  return Object.fromEntries(
    entries(node).filter(([name, value]) => {
      checkTemplates(value).forEach(r.report)
      checkPlainBooleans(r, value)
      return checkVariableName(r, name, value, 'key')
    }),
  )
}

/** Warns about `yes`, `no`, `on` and `off`: booleans to Ansible, text to YAML 1.2. */
const checkPlainBooleans = (r: Reading, node: Node): void => {
  if (isList(node)) items(node).forEach((item) => checkPlainBooleans(r, item))
  else if (isMapping(node)) entries(node).forEach(([, value]) => checkPlainBooleans(r, value))
  else if (isText(node) && /^(?:yes|no|on|off)$/i.test(node.value) && writtenAs(node)?.quoted === false) {
    const boolean = /^(?:yes|on)$/i.test(node.value)
    complain(r, node, `\`${node.value}\` is text here, not ${boolean}`, {
      label: `write \`${boolean}\`, or quote it if text is meant`,
      severity: 'warning',
    })
  }
}

/** Reports every unknown key of a mapping, with the likely intended one. */
export const checkKeys = (r: Reading, node: Mapping, kind: Kind): void => {
  for (const [key, value] of entries(node)) {
    if (!keywordsOf(kind).includes(key)) complainAboutKey(r, key, value, kind)
  }
}

export const complainAboutKey = (r: Reading, key: string, node: Node, kind: Kind, others: Iterable<string> = []): void => {
  const refusal = refusalOf(key)
  if (refusal !== undefined && !isKeyword(key)) {
    complain(r, node, refusal.summary, { which: 'key', notes: [refusal.note] })
  } else if (isKeyword(key)) {
    const homes = keywords[key]!.on.filter((home) => home !== 'handler' || !keywords[key]!.on.includes('task')).map(
      (home) => kindNames[home],
    )
    complain(r, node, `\`${key}\` has no meaning in ${kindNames[kind]}`, {
      which: 'key',
      label: `it belongs to ${homes.slice(0, 3).join(', ')}`,
    })
  } else {
    const label = didYouMean(key, [...keywordsOf(kind), ...others])
    const notes = label === undefined ? [`keywords of ${kindNames[kind]}: ${keywordsOf(kind).join(', ')}`] : []
    complain(r, node, `unknown keyword \`${key}\` in ${kindNames[kind]}`, { which: 'key', label, notes })
  }
}

export const isKeyword = (key: string): boolean => Object.hasOwn(keywords, key)

export const nearestKeyword = (key: string, kind: Kind): string | undefined => nearest(key, keywordsOf(kind))
