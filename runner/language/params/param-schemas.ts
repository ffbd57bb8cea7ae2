/** Reads the `params` of a playbook, each a schema. Called by plays.ts. */
import { compilePattern, PatternError } from '../../base/pattern.ts'
import type { Schema } from '../../base/schema.ts'
import { kindOf } from '../template/helpers.ts'
import { checkSchema, pathName, typeNames } from './json-schema.ts'
import { child, entries, items, nodeAt, placeOfNode } from '../../source/yaml.ts'
import { quotingAdvice } from './module-params.ts'
import type { Param } from '../playbook/types.ts'
import {
  type Mapping,
  type Reading,
  checkVariableName,
  complain,
  given,
  isList,
  isMapping,
  isText,
  readFlag,
  readNumber,
} from '../playbook/field-readers.ts'
import type { Node } from '../../source/source.ts'
import { didYouMean, nearest } from '../../base/suggest.ts'
import { holdsTemplate } from '../template/template.ts'

/**
 * Reads the `params` of a playbook: each a schema of the subset in `schema.ts`, with a default that is valid
 * under it.
 */
export const readParams = (r: Reading, node: Node | undefined): Record<string, Param> => {
  if (node === undefined || node.value === null) return {}
  if (!isMapping(node)) {
    complain(r, node, '`params` must be a mapping of names to descriptions', {
      which: 'key',
      label: 'for example: source: { type: string }',
    })
    return {}
  }
  return Object.fromEntries(
    entries(node).flatMap(([name, schema]) => {
      const named = checkVariableName(r, name, schema, 'key')
      const param = readParam(r, name, schema)
      return named && param !== undefined ? [[name, param]] : []
    }),
  )
}

const readParam = (r: Reading, name: string, node: Node): Param | undefined => {
  if (!isMapping(node)) {
    const written =
      node.value === null ? 'string' : typeof node.value === 'string' && types.includes(node.value) ? node.value : undefined
    return complain(r, node, `\`${name}\` must be described by a mapping`, {
      which: 'key',
      label:
        written === undefined
          ? `this is ${kindOf(node.value)}; a default is written \`default: …\``
          : `for example: ${name}: { type: ${written} }`,
    })
  }
  if (!readSchema(r, node, 'parameter')) return undefined
  const schema = node.value as unknown as Schema
  if ('default' in node.value) checkDefault(r, name, node, schema)
  return { name, schema, required: !('default' in node.value), node }
}

const checkDefault = (r: Reading, name: string, node: Mapping, schema: Schema): void => {
  const value = child(node, 'default')
  // `.inf` is reported as a number already.
  if (typeof value.value === 'number' && !Number.isFinite(value.value)) return
  if (holdsTemplate(value.value)) {
    complain(r, value, `the default of \`${name}\` is a value, it cannot hold a template`, {
      notes: ['write a variable with the template, under `vars`'],
    })
    return
  }
  for (const problem of checkSchema(schema, value.value, `the default of \`${name}\``).problems) {
    const place = nodeAt(node.source, [...value.path, ...problem.path])
    const advice = quotingAdvice(problem, place)
    r.report({
      severity: 'error',
      summary: problem.summary,
      place: placeOfNode(place, problem.which),
      ...((advice.label ?? problem.label) === undefined ? {} : { label: advice.label ?? problem.label! }),
    })
  }
}

const types: readonly string[] = Object.keys(typeNames)

/** The names of these types in Ansible's argument specs, Python and TypeScript. */
const aliases: Readonly<Record<string, string>> = {
  str: 'string',
  text: 'string',
  path: 'string',
  int: 'integer',
  float: 'number',
  bool: 'boolean',
  list: 'array',
  dict: 'object',
  map: 'object',
  mapping: 'object',
}

/** Keywords by type. `description` and `default` are allowed everywhere, `secret` and `required` at the top. */
const allowed: Readonly<Record<string, readonly string[]>> = {
  string: ['enum', 'pattern', 'minLength'],
  integer: ['minimum', 'maximum'],
  number: ['minimum', 'maximum'],
  boolean: [],
  array: ['items', 'minItems'],
  object: ['properties', 'required', 'additionalProperties'],
}

/** Returns true if a schema is usable, and reports everything wrong with it. */
const readSchema = (r: Reading, node: Mapping, as: 'parameter' | 'property' | 'item'): boolean => {
  const type = given(node, 'type')
  const choice = given(node, 'enum')
  let sound = true
  const wrong = (at: Node, summary: string, more: Parameters<typeof complain>[3] = {}): void => {
    sound = false
    complain(r, at, summary, more)
  }
  if (type !== undefined && !types.includes(String(type.value))) {
    const meant = aliases[String(type.value)] ?? nearest(String(type.value), types)
    wrong(type, `unknown type \`${String(type.value)}\``, {
      label: meant === undefined ? undefined : `did you mean \`${meant}\`?`,
      notes: [`types: ${types.join(', ')}`],
    })
    return sound
  }
  const known = [
    'description',
    ...(as === 'item' ? [] : ['default']),
    ...(as === 'parameter' ? ['secret'] : []),
    ...(type === undefined ? ['type', 'enum'] : ['type', ...allowed[String(type.value)]!]),
  ]
  for (const [key, value] of entries(node)) {
    if (known.includes(key)) continue
    if (key === 'required' && as === 'parameter')
      wrong(value, 'a parameter without a `default` is required', { which: 'key', label: 'remove `required`' })
    else
      wrong(value, `\`${key}\` has no meaning ${type === undefined ? 'here' : `for ${typeNames[String(type.value)]}`}`, {
        which: 'key',
        label: didYouMean(key, known),
        notes: didYouMean(key, known) === undefined ? [`known: ${known.join(', ')}`] : [],
      })
  }
  const description = given(node, 'description')
  if (description !== undefined && !isText(description)) wrong(description, '`description` must be text')
  if (readFlag(r, given(node, 'secret')) === false) wrong(child(node, 'secret'), '`secret` is true or left out')
  if (
    choice !== undefined &&
    (!isList(choice) || choice.value.length === 0 || choice.value.some((one) => typeof one === 'object'))
  )
    wrong(choice, '`enum` must be a list of values')
  if (choice !== undefined && isList(choice) && type?.value === 'string') {
    items(choice)
      .filter((one) => typeof one.value !== 'string')
      .forEach((one) => wrong(one, 'the values of `enum` must be text here', { label: 'quote it' }))
  }
  checkPattern(given(node, 'pattern'), wrong)
  for (const key of ['minimum', 'maximum', 'minItems', 'minLength']) {
    const bound = given(node, key)
    if (bound !== undefined && readNumber(r, bound, { min: Number.NEGATIVE_INFINITY }) === undefined) sound = false
  }
  const inner = given(node, 'items')
  if (type?.value === 'array' && inner === undefined)
    wrong(node, 'a list needs `items`', { which: 'key', label: 'for example: items: { type: string }' })
  if (inner !== undefined) sound = readInner(r, inner, 'item') && sound
  return type?.value === 'object' ? readObject(r, node, wrong) && sound : sound
}

type Wrong = (at: Node, summary: string, more?: Parameters<typeof complain>[3]) => void

const checkPattern = (node: Node | undefined, wrong: Wrong): void => {
  if (node === undefined) return
  if (!isText(node)) return wrong(node, '`pattern` must be text')
  try {
    compilePattern(node.value)
  } catch (error) {
    if (!(error instanceof PatternError)) throw error
    wrong(node, '`pattern` is not a regular expression', { label: error.message })
  }
}

const readInner = (r: Reading, node: Node, as: 'property' | 'item'): boolean => {
  if (isMapping(node)) return readSchema(r, node, as)
  complain(r, node, `\`${pathName(node.path.slice(-1))}\` must be described by a mapping`, {
    label: 'for example: { type: string }',
  })
  return false
}

const readObject = (r: Reading, node: Mapping, wrong: Wrong): boolean => {
  const properties = given(node, 'properties')
  const rest = given(node, 'additionalProperties')
  if (properties !== undefined && isMapping(properties)) {
    if (rest === undefined || rest.value !== false)
      wrong(rest ?? node, 'a mapping with `properties` needs `additionalProperties: false`', { which: 'key' })
    const required = given(node, 'required')
    if (required !== undefined && isList(required)) {
      items(required)
        .filter((one) => !Object.hasOwn(properties.value, String(one.value)))
        .forEach((one) =>
          wrong(one, `unknown property \`${String(one.value)}\``, {
            label: didYouMean(String(one.value), Object.keys(properties.value)),
          }),
        )
    } else if (required !== undefined) wrong(required, '`required` must be a list of names')
    return entries(properties)
      .map(([, inner]) => readInner(r, inner, 'property'))
      .every(Boolean)
  }
  if (rest !== undefined && isMapping(rest)) return readSchema(r, rest, 'item')
  wrong(node, 'a mapping needs `properties`, or `additionalProperties` that describe its values', { which: 'key' })
  return false
}
