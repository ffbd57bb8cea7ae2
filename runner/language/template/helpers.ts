/**
 * The helpers of templates: a closed list, since a playbook cannot bring its own. Called by
 * template-syntax.ts and template.ts.
 */

/** One helper of templates. */
export interface Helper {
  /** For the documentation and for errors: `join LIST [SEPARATOR]`. */
  readonly usage: string
  readonly min: number
  readonly max: number
  /** The first argument may be undefined. */
  readonly lenient?: true
  /** Throws `HelperError` for arguments of the wrong type. */
  call(...values: readonly unknown[]): unknown
}

/** A wrong argument: its index, and the expected value. */
export class HelperError extends Error {
  override readonly name = 'HelperError'
  readonly argument: number
  constructor(message: string, argument = 0) {
    super(message)
    this.argument = argument
  }
}

/** Names the type of a value in a sentence. */
export const kindOf = (value: unknown): string => {
  if (value === null) return 'null'
  if (Array.isArray(value)) return 'a list'
  if (typeof value === 'object') return 'a mapping'
  if (typeof value === 'string') return 'text'
  if (typeof value === 'boolean') return `\`${value}\``
  return 'a number'
}

const text = (value: unknown, argument = 0): string => {
  if (typeof value === 'string') return value
  if (typeof value === 'number' || typeof value === 'boolean') return String(value)
  throw new HelperError(`expects text here, this is ${kindOf(value)}`, argument)
}

const list = (value: unknown): readonly unknown[] => {
  if (Array.isArray(value)) return value
  throw new HelperError(`expects a list here, this is ${kindOf(value)}`)
}

const spaces = (value: unknown, argument: number): number => {
  if (typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= 100) return value
  throw new HelperError('expects a number from 0 to 100 here', argument)
}

export const helpers: ReadonlyMap<string, Helper> = new Map<string, Helper>(
  Object.entries({
    default: {
      usage: 'default VALUE FALLBACK',
      min: 2,
      max: 2,
      lenient: true,
      call: (value, fallback) => value ?? fallback,
    },
    lookup: {
      usage: 'lookup VALUE KEY…',
      min: 2,
      max: 10,
      call: (value, ...keys) =>
        keys.reduce((inner: unknown, key, index) => {
          const name = text(key, index + 1)
          if (typeof inner !== 'object' || inner === null)
            throw new HelperError(`expects a list or a mapping here, this is ${kindOf(inner)}`, index)
          if (!Object.hasOwn(inner, name)) throw new HelperError('unknown key', index + 1)
          return (inner as Record<string, unknown>)[name]
        }, value),
    },
    first: {
      usage: 'first LIST',
      min: 1,
      max: 1,
      call: (value) => {
        if (list(value).length === 0) throw new HelperError('the list is empty')
        return list(value)[0]
      },
    },
    length: {
      usage: 'length VALUE',
      min: 1,
      max: 1,
      call: (value) => {
        if (typeof value === 'string') return [...value].length
        if (typeof value === 'object' && value !== null) return Object.keys(value).length
        throw new HelperError(`expects a list, a mapping or text here, this is ${kindOf(value)}`)
      },
    },
    join: {
      usage: 'join LIST [SEPARATOR]',
      min: 1,
      max: 2,
      call: (value, separator = ',') =>
        list(value)
          .map((item) => text(item))
          .join(text(separator, 1)),
    },
    lower: { usage: 'lower TEXT', min: 1, max: 1, call: (value) => text(value).toLowerCase() },
    upper: { usage: 'upper TEXT', min: 1, max: 1, call: (value) => text(value).toUpperCase() },
    json: {
      usage: 'json VALUE [SPACES]',
      min: 1,
      max: 2,
      call: (value, indent = 0) => JSON.stringify(value, undefined, spaces(indent, 1)),
    },
    indent: {
      usage: 'indent TEXT SPACES',
      min: 2,
      max: 2,
      call: (value, by) => text(value).replace(/\n(?=[^\n])/g, `\n${' '.repeat(spaces(by, 1))}`),
    },
  } satisfies Record<string, Helper>),
)

export const blockHelpers = ['if', 'unless', 'each', 'with'] as const
