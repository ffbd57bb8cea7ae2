/**
 * The subset of JSON Schema 2020-12 for modules and playbook `params`, and the types of its values. Used by
 * every module.
 */

/**
 * A schema of a module or of a playbook's `params`. The subset is small on purpose: all of it can be typed,
 * documented, explained in an error and offered by an editor.
 */
export type Schema =
  StringSchema | NumberSchema | BooleanSchema | ArraySchema | ObjectSchema | MapSchema | ChoiceSchema | AnySchema

interface Described {
  readonly description: string
  readonly default?: unknown
  /** The value never reaches a terminal, a journal or a report. */
  readonly secret?: true
}
export interface StringSchema extends Described {
  readonly type: 'string'
  readonly enum?: readonly string[]
  readonly pattern?: string
  readonly minLength?: number
  /**
   * `expression`: a condition in the expression language: checked at load, never rendered, evaluated by
   * `target.evaluate`. `template-file`: the path of a template of the controller: read at load, its names checked,
   * its facts gathered.
   */
  readonly format?: 'expression' | 'template-file'
}
export interface NumberSchema extends Described {
  readonly type: 'integer' | 'number'
  readonly minimum?: number
  readonly maximum?: number
}
export interface BooleanSchema extends Described {
  readonly type: 'boolean'
}
export interface ArraySchema extends Described {
  readonly type: 'array'
  readonly items: Schema
  readonly minItems?: number
}
/** An object with named keys; unknown keys are refused. */
export interface ObjectSchema {
  readonly type: 'object'
  readonly description?: string
  readonly additionalProperties: false
  readonly required?: readonly string[]
  readonly properties: Readonly<Record<string, Schema>>
}
/** An object with free keys, each value of one schema. */
export interface MapSchema extends Described {
  readonly type: 'object'
  readonly additionalProperties: Schema
}
/** One of several literal values of different types, e.g. `auto`, true, false. */
export interface ChoiceSchema extends Described {
  readonly enum: readonly (string | number | boolean)[]
  readonly type?: never
}
/** Any value, such as the result of another module. */
export interface AnySchema extends Described {
  readonly type?: never
  readonly enum?: never
}

/**
 * The TypeScript type of the values that a schema accepts, after defaults. An unspecific `Schema` is tested
 * first: it can hold itself, and its type would be infinite.
 */
export type TypeOf<S> = [Schema] extends [S] ? unknown : Known<S>

type Known<S> = S extends { readonly enum: readonly (infer E)[] }
  ? E
  : S extends { readonly type: 'string' }
    ? string
    : S extends { readonly type: 'integer' | 'number' }
      ? number
      : S extends { readonly type: 'boolean' }
        ? boolean
        : S extends { readonly type: 'array'; readonly items: infer I }
          ? readonly TypeOf<I>[]
          : S extends { readonly type: 'object'; readonly properties: infer P }
            ? { readonly [K in keyof P as K extends Given<S, P> ? K : never]: TypeOf<P[K]> } & {
                readonly [K in keyof P as K extends Given<S, P> ? never : K]?: TypeOf<P[K]> | undefined
              }
            : S extends { readonly type: 'object'; readonly additionalProperties: infer V }
              ? Readonly<Record<string, TypeOf<V>>>
              : unknown

type Given<S, P> =
  | (S extends { readonly required: readonly (infer R)[] } ? R : never)
  | { [K in keyof P]: P[K] extends { readonly default: unknown } ? K : never }[keyof P]
