/** Checks a value against the schema subset and names every problem. Called by params.ts and module-params.ts. */
import { count } from '../../base/format.ts'
import { Ajv2020, type ErrorObject, type ValidateFunction } from 'ajv/dist/2020.js'
import { compilePattern } from '../../base/pattern.ts'
import type { Schema } from '../../base/schema.ts'
import { kindOf } from '../template/helpers.ts'
import type { Path } from '../../source/source.ts'
import { didYouMean } from '../../base/suggest.ts'
import { holdsTemplate } from '../template/template.ts'

/** One error in a value, with its path. */
export interface SchemaProblem {
  readonly path: Path
  readonly which: 'key' | 'value'
  readonly summary: string
  readonly label?: string | undefined
  readonly notes?: readonly string[] | undefined
  /** The keyword of the schema and the failing value, for advice that needs the source. */
  readonly keyword: string
  readonly expected?: string
  readonly value?: unknown
  /** The value is secret: advice must not repeat it. */
  readonly secret?: true
}

/** Ajv identifies compiled expressions by their text. `code` is for schemas compiled to files; these are not. */
const regExp = Object.assign((text: string) => ({ ...compilePattern(text), toString: () => text }), { code: 'new RegExp' })

let shared: Ajv2020 | undefined
const compiled = new WeakMap<object, ValidateFunction>()

/** The one instance, shared: each instance takes some 30 ms. */
const ajv = (): Ajv2020 => {
  if (shared !== undefined) return shared
  shared = new Ajv2020({
    allErrors: true,
    strict: true,
    verbose: true,
    useDefaults: true,
    validateSchema: false,
    code: { regExp },
  })
  shared.addVocabulary(['secret'])
  shared.addFormat('expression', true)
  shared.addFormat('template-file', true)
  return shared
}

const validator = (schema: Schema): ValidateFunction => {
  const known = compiled.get(schema)
  if (known !== undefined) return known
  // At the root, the caller applies the default, and strict mode refuses one.
  const { default: _, ...rest } = schema as { readonly default?: unknown }
  const made = ajv().compile(rest)
  compiled.set(schema, made)
  return made
}

/**
 * Checks a value and fills in defaults, in a copy. A value with a template passes: its result is checked
 * after rendering.
 *
 * @param owner the value's name in "unknown parameter … of …"
 * @param literal `{{` has no special meaning in this value
 */
export const checkSchema = (
  schema: Schema,
  value: unknown,
  owner: string,
  { literal = false }: { readonly literal?: boolean } = {},
): { value: unknown; problems: SchemaProblem[] } => {
  const copy = structuredClone(value)
  const validate = validator(schema)
  if (validate(copy)) return { value: copy, problems: [] }
  const errors = validate.errors ?? []
  const own = errors.filter((error) => literal || !(typeof error.data === 'string' && holdsTemplate(error.data)))
  // A value of the wrong type fails every other keyword as well.
  const mistyped = new Set(own.filter(({ keyword }) => keyword === 'type').map(({ instancePath }) => instancePath))
  return {
    value: copy,
    problems: own
      .filter(({ keyword, instancePath }) => keyword === 'type' || !mistyped.has(instancePath))
      .map((error) => explain(error, owner)),
  }
}

/** `servers[0].id`. */
export const pathName = (path: Path): string =>
  path.reduce<string>(
    (name, step) => (typeof step === 'number' ? `${name}[${step}]` : name === '' ? step : `${name}.${step}`),
    '',
  )

/** Converts a JSON Pointer (RFC 6901) to a path; a number is a step into a list. */
const pathOf = (pointer: string): Path =>
  pointer
    .split('/')
    .slice(1)
    .map((step) => step.replaceAll('~1', '/').replaceAll('~0', '~'))
    .map((step) => (/^\d+$/.test(step) ? Number(step) : step))

/** The names of types in a sentence. */
export const typeNames: Readonly<Record<string, string>> = {
  string: 'text',
  integer: 'a whole number',
  number: 'a number',
  boolean: 'true or false',
  array: 'a list',
  object: 'a mapping',
}

const explain = ({ instancePath, keyword, params, data, parentSchema }: ErrorObject, owner: string): SchemaProblem => {
  const path = pathOf(instancePath)
  const name = path.length === 0 ? owner : `\`${pathName(path)}\`${typeof path[0] === 'number' ? ` in ${owner}` : ''}`
  const secret = (parentSchema as { secret?: boolean } | undefined)?.secret === true
  const at = { path, which: 'value' as const, keyword, ...(secret ? { secret: true as const } : {}) }
  switch (keyword) {
    case 'additionalProperties': {
      const key = String(params['additionalProperty'])
      const known = Object.keys((parentSchema as { properties?: object } | undefined)?.properties ?? {})
      const label = didYouMean(key, known)
      return {
        path: [...path, key],
        which: 'key',
        keyword,
        summary: path.length === 0 ? `unknown parameter \`${key}\` of ${owner}` : `unknown key \`${key}\` in ${name}`,
        ...(label === undefined ? { notes: [known.length === 0 ? 'none are known' : `known: ${known.join(', ')}`] } : { label }),
      }
    }
    case 'required':
      return { ...at, which: 'key', summary: `${name} needs \`${params['missingProperty']}\`` }
    case 'type': {
      const expected = String(params['type'])
      return {
        ...at,
        expected,
        value: data,
        summary: `${name} must be ${typeNames[expected] ?? expected}`,
        label: data === null ? 'the value is missing' : `this is ${kindOf(data)}`,
      }
    }
    case 'enum':
      return {
        ...at,
        value: data,
        summary: `${name} must be one of ${(params['allowedValues'] as unknown[]).map(shown).join(', ')}`,
        ...suggestion(data, params['allowedValues'] as unknown[]),
      }
    case 'pattern':
      return { ...at, value: data, summary: `${name} does not match \`${params['pattern']}\`` }
    case 'minLength':
      return {
        ...at,
        summary: params['limit'] === 1 ? `${name} must not be empty` : `${name} must have at least ${params['limit']} characters`,
      }
    case 'minItems':
      return { ...at, summary: `${name} must have at least ${count(Number(params['limit']), 'item')}` }
    case 'minimum':
      return { ...at, summary: `${name} must be at least ${params['limit']}` }
    case 'maximum':
      return { ...at, summary: `${name} must be at most ${params['limit']}` }
    default:
      return { ...at, summary: `${name} is not valid (${keyword})` }
  }
}

const shown = (value: unknown): string => (value === '' ? '""' : String(value))

const suggestion = (value: unknown, allowed: readonly unknown[]): { label?: string } => {
  if (typeof value !== 'string') return {}
  const label = didYouMean(value, allowed.map(String))
  return label === undefined ? {} : { label }
}
