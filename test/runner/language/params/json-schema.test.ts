import { describe, expect, test } from 'vitest'
import { checkSchema, pathName } from '../../../../runner/language/params/json-schema.ts'
import type { Schema } from '../../../../runner/base/schema.ts'

const text: Schema = { type: 'string', description: 'Text.' }
const problems = (schema: Schema, value: unknown) =>
  checkSchema(schema, value, '`x`').problems.map(({ summary, label }) => (label === undefined ? summary : `${summary}: ${label}`))

describe('checkSchema', () => {
  test.each([
    [text, 5, ['`x` must be text: this is a number']],
    [text, null, ['`x` must be text: the value is missing']],
    [{ ...text, minLength: 3 }, 'ab', ['`x` must have at least 3 characters']],
    [{ ...text, minLength: 1 }, '', ['`x` must not be empty']],
    [{ ...text, pattern: '^a$' }, 'b', ['`x` does not match `^a$`']],
    // Not JavaScript's syntax: the engine is RE2, whose time is linear.
    [{ ...text, pattern: '(?i)^A\\z' }, 'b', ['`x` does not match `(?i)^A\\z`']],
    [{ ...text, pattern: '(?i)^A\\z' }, 'a', []],
    [{ ...text, enum: ['tcp', 'tls', ''] }, 'tpc', ['`x` must be one of tcp, tls, "": did you mean `tcp`?']],
    [{ type: 'integer', description: '' }, 1.5, ['`x` must be a whole number: this is a number']],
    [{ type: 'integer', description: '', minimum: 1, maximum: 3 }, 0, ['`x` must be at least 1']],
    [{ type: 'integer', description: '', minimum: 1, maximum: 3 }, 4, ['`x` must be at most 3']],
    [{ type: 'boolean', description: '' }, 'x', ['`x` must be true or false: this is text']],
    [{ enum: ['auto', true, 1], description: '' }, false, ['`x` must be one of auto, true, 1']],
    [{ type: 'array', items: text, minItems: 2, description: '' }, ['a'], ['`x` must have at least 2 items']],
    [{ type: 'array', items: text, description: '' }, ['a', 1], ['`[1]` in `x` must be text: this is a number']],
    [{ type: 'object', additionalProperties: text, description: '' }, { 'a/b~c': 1 }, ['`a/b~c` must be text: this is a number']],
    [{ description: 'Anything.' }, { any: ['thing'] }, []],
  ] as [Schema, unknown, string[]][])('%j and %j', (schema, value, expected) => expect(problems(schema, value)).toEqual(expected))

  test('all of them at once, and nothing twice', () => {
    const schema: Schema = {
      type: 'object',
      additionalProperties: false,
      required: ['a', 'b'],
      properties: { a: { ...text, pattern: '^x', minLength: 3 }, b: text, c: { type: 'integer', description: '' } },
    }
    expect(problems(schema, { a: 5, d: 1, c: 'x' })).toEqual([
      '`x` needs `b`',
      'unknown parameter `d` of `x`',
      '`a` must be text: this is a number',
      '`c` must be a whole number: this is text',
    ])
  })

  test('templates are taken as right, unless they are nothing but text', () => {
    const schema: Schema = { type: 'integer', description: '' }
    expect(checkSchema(schema, '{{ n }}', 'x').problems).toEqual([])
    expect(checkSchema(schema, '{{ n }}', 'x', { literal: true }).problems).toHaveLength(1)
  })

  test('defaults at every depth, never in the value that was given', () => {
    const schema: Schema = {
      type: 'object',
      additionalProperties: false,
      properties: {
        a: { ...text, default: 'x' },
        b: {
          type: 'object',
          additionalProperties: false,
          properties: { c: { type: 'array', items: text, description: '', default: ['d'] } },
        },
      },
    }
    const given = Object.freeze({ b: Object.freeze({}) })
    expect(checkSchema(schema, given, 'x').value).toEqual({ a: 'x', b: { c: ['d'] } })
    const first = checkSchema(schema, given, 'x').value as { b: { c: string[] } }
    first.b.c.push('spoilt')
    expect(checkSchema(schema, given, 'x').value).toEqual({ a: 'x', b: { c: ['d'] } })
  })
})

test('pathName', () => {
  expect(pathName(['servers', 0, 'id'])).toBe('servers[0].id')
  expect(pathName([1])).toBe('[1]')
})
