/** The values of a playbook's parameters: from -p, a file, a default or a question. Called by run/inputs.ts. */
import { isMap, parseDocument, type Scalar } from 'yaml'
import type { Schema } from '../../base/schema.ts'
import { HIDDEN, isSecretName } from '../../base/secret-names.ts'
import type { Diagnostic } from '../../source/diagnostic.ts'
import { checkSchema, typeNames } from './json-schema.ts'
import { entries, nodeAt, placeAt, placeOfNode, rootOf } from '../../source/yaml.ts'
import { quotingAdvice } from './module-params.ts'
import type { Param, Playbook } from '../playbook/types.ts'
import { isMapping } from '../playbook/field-readers.ts'
import { commandLine } from '../../source/render.ts'
import type { Node, Source } from '../../source/source.ts'
import { didYouMean } from '../../base/suggest.ts'

export { loadExtraVars } from './extra-vars.ts'

export interface Resolved {
  /** Values from arguments, from the file and from defaults, by name. */
  readonly values: Readonly<Record<string, unknown>>
  /** Required parameters without a value: ask for them, or report them with `missingParams`. */
  readonly missing: readonly Param[]
  readonly diagnostics: readonly Diagnostic[]
  /** The sources of the diagnostics: the arguments, and the parameter file with its secrets marked. List them last. */
  readonly sources: readonly Source[]
}

/**
 * Resolves the values of a playbook's parameters. An argument wins over the file, the file over the default.
 * The declared type decides how the text of an argument is read: `false` is a boolean only for a boolean; a
 * list is separated by commas, or written as JSON or YAML.
 */
export const resolveParams = (
  { params, file }: Pick<Playbook, 'params' | 'file'>,
  given: readonly { readonly name: string; readonly text: string }[],
  paramsFile?: Source,
): Resolved => {
  const diagnostics: Diagnostic[] = []
  const values: Record<string, unknown> = {}
  const refused = new Set<string>()
  for (const param of Object.values(params))
    if (!param.required) set(values, param.name, (param.schema as { default?: unknown }).default)

  const root = paramsFile === undefined ? undefined : rootOf(paramsFile)
  if (root !== undefined && isMapping(root)) {
    for (const [name, node] of entries(root)) {
      const param = own(params, name)
      if (param === undefined) diagnostics.push({ ...unknown(name, params, file), place: placeOfNode(node, 'key') })
      else if (accept(param, node, diagnostics)) set(values, name, node.value)
      else refused.add(name)
    }
  } else if (root !== undefined && root.value !== undefined && root.value !== null) {
    diagnostics.push({
      severity: 'error',
      summary: 'a file of parameters must be a mapping of names to values',
      place: placeOfNode(root),
    })
  }

  const source = argumentSource(params, given)
  let line = 0
  for (const { name, text } of given) {
    const start = line + '-p '.length
    line += argumentLine(params, { name, text }).length + 1
    const param = own(params, name)
    if (param === undefined) {
      diagnostics.push({ ...unknown(name, params, file), place: placeAt(source, start, start + name.length) })
      continue
    }
    const problem = read(param.schema, text, `\`${name}\``)
    if (problem.wrong === undefined) set(values, name, problem.value)
    else {
      refused.add(name)
      const end = line - 1
      diagnostics.push({ severity: 'error', place: placeAt(source, start + name.length + 1, end), ...problem.wrong })
    }
  }
  const missing = Object.values(params).filter(({ name }) => !Object.hasOwn(values, name) && !refused.has(name))
  const marked = paramsFile === undefined ? [] : [markSecrets(paramsFile, params)]
  return { values, missing, diagnostics, sources: [...marked, source] }
}

const own = <T>(record: Readonly<Record<string, T>>, name: string): T | undefined =>
  Object.hasOwn(record, name) ? record[name] : undefined

const set = (values: Record<string, unknown>, name: string, value: unknown): void => {
  Object.defineProperty(values, name, { value, enumerable: true, configurable: true, writable: true })
}

/** The errors for missing parameters that cannot be asked for. */
export const missingParams = (missing: readonly Param[]): Diagnostic[] =>
  missing.map(({ name, schema, node }) => ({
    severity: 'error',
    summary: `the parameter \`${name}\` is missing`,
    place: placeOfNode(node, 'key'),
    notes: [...(schema.description === undefined ? [] : [schema.description]), `pass it: -p ${name}=…`],
  }))

/** A secret parameter: its value is hidden everywhere. */
export const isSecret = ({ schema }: Param): boolean => 'secret' in schema && schema.secret === true

/** An unknown name may be a misspelt secret parameter. */
const mayBeSecret = (params: Playbook['params'], name: string): boolean => {
  const param = own(params, name)
  return param === undefined ? isSecretName(name) || Object.values(params).some(isSecret) : isSecret(param)
}

const unknown = (name: string, params: Playbook['params'], file: string): Diagnostic => {
  const names = Object.keys(params)
  const label = didYouMean(name, names)
  return {
    severity: 'error',
    summary: `unknown parameter \`${name}\``,
    ...(label === undefined
      ? { notes: [names.length === 0 ? `${file} has no parameters` : `parameters of ${file}: ${names.join(', ')}`] }
      : { label }),
  }
}

/** Checks a value that already has a type. */
const accept = (param: Param, node: Node, diagnostics: Diagnostic[]): boolean => {
  const { problems } = checkSchema(param.schema, node.value, `\`${param.name}\``, { literal: true })
  for (const problem of problems) {
    const at = nodeAt(node.source, [...node.path, ...problem.path])
    const advice = isSecret(param) ? {} : quotingAdvice(problem, at)
    const label = advice.label ?? problem.label
    diagnostics.push({
      severity: 'error',
      summary: problem.summary,
      place: placeOfNode(at, problem.which),
      label,
    })
  }
  return problems.length === 0
}

type Wrong = Pick<Diagnostic, 'summary' | 'label' | 'notes'>
type Read = { readonly value: unknown; readonly wrong?: undefined } | { readonly wrong: Wrong }

/** Reads a text as a value of the schema's type. */
const read = (schema: Schema, text: string, name: string): Read => {
  const parsed = byType(schema, text, name)
  if (parsed.wrong !== undefined) return parsed
  const [problem] = checkSchema(schema, parsed.value, name, { literal: true }).problems
  if (problem === undefined) return parsed
  return { wrong: { summary: problem.summary, label: problem.label } }
}

const byType = (schema: Schema, text: string, name: string): Read => {
  const wrong = (label?: string): Read => ({
    wrong: { summary: `${name} must be ${typeNames[String(schema.type)]}`, label },
  })
  switch (schema.type) {
    case 'string':
      return { value: text }
    case 'boolean':
      return text === 'true' || text === 'false' ? { value: text === 'true' } : wrong('write true or false')
    case 'integer':
      return /^[+-]?\d+$/.test(text) ? { value: Number(text) } : wrong()
    case 'number':
      return text.trim() !== '' && Number.isFinite(Number(text)) ? { value: Number(text) } : wrong()
    case 'array':
      return text.trimStart().startsWith('[') ? structured(text, wrong) : list(schema.items, text, name)
    case 'object':
      return structured(text, wrong)
    default: {
      // The written form selects among literals of several types. Any other text is text, unless it is in
      // brackets.
      const choice = schema.enum?.find((one) => String(one) === text)
      if (choice !== undefined || schema.enum !== undefined) return { value: choice ?? text }
      return /^\s*[[{]/.test(text) ? structured(text, wrong) : { value: text }
    }
  }
}

const list = (schema: Schema, text: string, name: string): Read => {
  const parts = text
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '')
  const read = parts.map((part, index) => byType(schema, part, `item ${index + 1} of ${name}`))
  return (
    read.find((one) => one.wrong !== undefined) ?? { value: read.map((one) => (one.wrong === undefined ? one.value : undefined)) }
  )
}

const structured = (text: string, wrong: (label?: string) => Read): Read => {
  const document = parseDocument(text, { stringKeys: true, prettyErrors: false, logLevel: 'silent' })
  return document.errors.length > 0 ? wrong('this is neither JSON nor YAML') : { value: document.toJS({ maxAliasCount: 100 }) }
}

/** The arguments in their written form, a line each. */
const argumentSource = (
  params: Playbook['params'],
  given: readonly { readonly name: string; readonly text: string }[],
): Source => ({
  file: commandLine,
  text: given.map((one) => argumentLine(params, one)).join('\n'),
})

const argumentLine = (params: Playbook['params'], { name, text }: { readonly name: string; readonly text: string }): string => {
  return `-p ${name}=${mayBeSecret(params, name) ? HIDDEN : text.replaceAll('\n', ' ')}`
}

/** Marks the secret parameters of a file. */
const markSecrets = (source: Source, params: Playbook['params']): Source => {
  const root = rootOf(source)
  if (!isMapping(root) || !isMap(source.document?.contents)) return source
  const secrets = source.document.contents.items.flatMap(({ key, value }) => {
    const range = (value as { range?: readonly [number, number, number] } | null)?.range
    return range == null || !mayBeSecret(params, String((key as Scalar | null)?.value))
      ? []
      : [{ start: range[0], end: range[1] }]
  })
  return { ...source, secrets }
}
