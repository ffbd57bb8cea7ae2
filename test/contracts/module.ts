/** The promises that every module keeps, called from each module's own test. */
import { Ajv2020, type ErrorObject } from 'ajv/dist/2020.js'
import { describe, expect, test } from 'vitest'
import type { Diff, Module, ObjectSchema, Schema, Target } from '../../runner/module.ts'

/** A target that can tell all that a module may have changed through it: files, or the state of a cloud. */
export interface ObservedTarget extends Target {
  snapshot(): unknown
}

export interface ContractCase<P> {
  readonly name?: string
  readonly params: P
  /** A fresh world for every test, in which the module has something to change (or, when it only reads, to find). */
  readonly target: () => ObservedTarget | Promise<ObservedTarget>
}

const Compiler = new Ajv2020({ strict: true, allErrors: true, verbose: true, useDefaults: true, allowUnionTypes: false })
Compiler.addVocabulary(['secret'])
Compiler.addFormat('expression', true)
Compiler.addFormat('template-file', true)

const isTemplate = (value: unknown): boolean => typeof value === 'string' && value.includes('{{')

/** The errors of a parameter record against its schema; a value that is a template is not known before it is rendered. */
export function schemaErrors(schema: ObjectSchema, params: Readonly<Record<string, unknown>>): readonly ErrorObject[] {
  const validate = Compiler.compile(schema)
  validate(structuredClone(params))
  return (validate.errors ?? []).filter((error) => !isTemplate(error.data))
}

const withDefaults = (schema: ObjectSchema, params: Readonly<Record<string, unknown>>): unknown => {
  const filled = structuredClone(params)
  Compiler.compile(schema)(filled)
  return filled
}

/** Every schema inside a schema, with its path: what must carry a description. */
function* schemasIn(schema: Schema, path: string): Generator<readonly [string, Schema]> {
  yield [path, schema]
  if (!('type' in schema)) return
  if (schema.type === 'array') yield* schemasIn(schema.items, `${path}[]`)
  if (schema.type !== 'object') return
  if ('properties' in schema)
    for (const [key, value] of Object.entries(schema.properties)) yield* schemasIn(value, `${path}.${key}`)
  else yield* schemasIn(schema.additionalProperties, `${path}.*`)
}

const throughJson = <T>(value: T): T => (value === undefined ? value : (JSON.parse(JSON.stringify(value)) as T))

/** As a run does it: parameters that make no sense are refused before anything is looked at. */
export async function sensiblyChecked<S extends ObjectSchema, State, P>(
  module: Module<S, State, P>,
  params: P,
  target: Target,
): Promise<Diff<State>> {
  module.validate?.(params)
  return module.check(params, target)
}

/** The promises every module keeps, tested once here and called from each module's own test. */
export function behavesLikeAModule<S extends ObjectSchema, State, P>(
  module: Module<S, State, P>,
  ...cases: readonly ContractCase<P>[]
): void {
  describe(`${module.name} keeps the module contract`, () => {
    test('it introduces itself', () => {
      expect(module.name).toMatch(/^[a-z][a-z0-9_]*$/)
      expect(module.summary).toMatch(/^[A-Z`].*\.$/)
      expect(module.summary).not.toContain('\n')
      expect(module.examples.length).toBeGreaterThan(0)
    })

    test.each([...schemasIn(module.params, module.name)].slice(1))('%s is described', (_path, schema) => {
      expect(schema.description).toMatch(/\S/)
    })

    test('required parameters exist, and defaults obey their own schema', () => {
      const { properties, required = [] } = module.params
      expect(Object.keys(properties)).toEqual(expect.arrayContaining([...required]))
      for (const [key, schema] of Object.entries(properties)) {
        if (!('default' in schema) || schema.default === undefined) continue
        const one = { type: 'object', additionalProperties: false, properties: { [key]: schema } } as const
        expect(schemaErrors(one, { [key]: schema.default })).toEqual([])
      }
    })

    test.each(module.examples)('example "$name" is valid', ({ params }) => {
      expect(schemaErrors(module.params, params)).toEqual([])
      // what a template gives is not known here
      if (!JSON.stringify(params).includes('{{')) module.validate?.(withDefaults(module.params, params) as P)
    })

    test('what only reads has nothing to undo, to verify or to observe', () => {
      if (module.apply === undefined)
        expect([module.undo, module.verify, module.observe]).toEqual([undefined, undefined, undefined])
    })

    const isReadOnly = module.apply === undefined

    describe.each(cases.map((one, index) => ({ ...one, name: one.name ?? `case ${index + 1}` })))(
      '$name',
      ({ params, target: make }) => {
        const checked = async () => {
          const target = await make()
          return { target, at: await target.snapshot(), diff: await module.check(params, target) }
        }
        const applied = async () => {
          const { target, at, diff } = await checked()
          return { target, at, diff, result: await module.apply?.(params, diff, target) }
        }

        test('the parameters are valid', () => {
          expect(schemaErrors(module.params, params as Record<string, unknown>)).toEqual([])
        })

        test('check finds what the case is about, and writes nothing', async () => {
          const { target, at, diff } = await checked()
          if (isReadOnly) expect(diff.result).toBeDefined()
          else expect(diff.changes).not.toEqual([])
          expect(await target.snapshot()).toEqual(at)
        })

        test('what it returns is JSON', async () => {
          const { diff, result } = isReadOnly ? { ...(await checked()), result: undefined } : await applied()
          for (const value of [diff.before, diff.changes, diff.result ?? {}, result ?? {}])
            expect(throughJson(value)).toEqual(value)
        })

        if (isReadOnly) return

        test('apply converges: nothing is left to change', async () => {
          const { target, diff } = await applied()
          const left = await (module.verify
            ? module.verify(params, diff, target)
            : module.check(params, target).then((again) => again.changes))
          expect(left).toEqual([])
        })

        if (module.undo === undefined) return

        test('before survives JSON, and undo restores every byte', async () => {
          const { target, at, diff } = await applied()
          expect(await target.snapshot()).not.toEqual(at)
          await module.undo?.(params, throughJson(diff.before), target)
          expect(await target.snapshot()).toEqual(at)
          // a runner that was killed before it wrote down that it was undone undoes it again
          await module.undo?.(params, throughJson(diff.before), target)
          expect(await target.snapshot()).toEqual(at)
        })

        test('the snapshot is the same while nothing changes, and survives JSON', async () => {
          const { target, diff } = await checked()
          if (module.observe !== undefined) expect(diff.snapshot).toBeDefined()
          expect((await module.check(params, target)).snapshot).toEqual(diff.snapshot)
          expect(throughJson(diff.snapshot)).toEqual(diff.snapshot)
        })

        if (module.observe === undefined) return

        test('what it left is seen again as long as nobody touches it', async () => {
          const { target, diff } = await applied()
          const left = await module.observe?.(params, throughJson(diff.before), target)
          expect(throughJson(left)).toEqual(left)
          expect(await module.observe?.(params, throughJson(diff.before), target)).toEqual(left)
          await module.undo?.(params, throughJson(diff.before), target)
          expect(await module.observe?.(params, throughJson(diff.before), target)).not.toEqual(left)
        })
      },
    )
  })
}
