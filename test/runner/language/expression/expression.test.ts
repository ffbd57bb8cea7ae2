/** Conditions: values, unknowns, references, errors with their places. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  evaluate,
  evaluateCondition,
  checkExpression,
  expressionReferences,
} from '../../../../runner/language/expression/expression.ts'
import { createScope } from '../../../../runner/language/scope.ts'
import { TemplateError } from '../../../../runner/language/template/template.ts'
import { Unknown } from '../../../../runner/language/value.ts'
import { nodeOf } from '../support.ts'

const later = new Unknown('Find the servers')
const values = {
  name: 'web-1',
  port: 22,
  load: 1.5,
  ready: true,
  nothing: null,
  found: {
    servers: [
      { id: '1', vcpus: 4 },
      { id: '2', vcpus: 2 },
    ],
    count: 2,
    constructor: 'own',
    loop: 1,
  },
  later,
}
const scope = createScope([{ name: 'test', values }])
const when = (text: string) => nodeOf<string>(`when: ${JSON.stringify(text)}`, 'when')
const value = (text: string) => evaluate(when(text), scope)
const failure = (run: () => unknown) => {
  try {
    run()
  } catch (error) {
    if (error instanceof TemplateError) return error.diagnostic
    throw error
  }
  throw new Error('nothing was wrong')
}

describe('evaluate', () => {
  test.each([
    ['name == "web-1" && port > 20', true],
    ['port / 4', 5],
    ['port * load', 33],
    ['load + port', 23.5],
    ['found.count - 3', -1],
    ['size(found.servers)', 2],
    ['found.servers.map(s, s.id)', ['1', '2']],
    ['found.servers.filter(s, s.vcpus > 2)', [{ id: '1', vcpus: 4 }]],
    ['found.servers.exists(s, s.id == "2")', true],
    ['"1" in found.servers.map(s, s.id)', true],
    ['"count" in found', true],
    ['found["servers"][0].id', '1'],
    ['{"a": port, "b": [1.5]}', { a: 22, b: [1.5] }],
    ['ready ? "yes" : "no"', 'yes'],
    ['nothing == null', true],
    ['found.constructor', 'own'],
    ['found.loop', 1],
    ['name.startsWith("web") && name.matches("-[0-9]+$")', true],
    // Not in JavaScript's syntax: the engine is RE2, whose time is linear.
    ['name.matches("(?i)^WEB-[[:digit:]]\\\\z")', true],
    ['string(port) + "/tcp"', '22/tcp'],
    ['cel.bind(n, size(name), n * 2)', 10],
    ['port == 22.0', true],
    ['timestamp("2024-01-01T00:00:00Z")', '2024-01-01T00:00:00.000Z'],
  ])('%s', (text, expected) => expect(value(text)).toEqual(expected))

  test.each([
    ['defined(name)', true],
    ['defined(nme)', false],
    ['defined(found.servers[0].id)', true],
    ['defined(found.servers[5].id)', false],
    ['defined(found.nope.deeper)', false],
    ['defined(nothing)', true],
    ['defined(nope) && nope.x == 1', false],
    ['!defined(nope) || nope > 1', true],
    ['default(nope, 5) > 4', true],
    ['default(found.nope, found.count)', 2],
    ['default(nothing, "x")', 'x'],
    ['default(ready, false)', true],
    ['has(found.count) && !has(found.nope)', true],
  ])('%s', (text, expected) => expect(value(text)).toEqual(expected))

  test.each([
    ['nme == "x"', 'unknown variable `nme`', 'did you mean `name`?'],
    ['false && nme', 'unknown variable `nme`', 'did you mean `name`?'],
    ['ready || nowhere', 'unknown variable `nowhere`', undefined],
    ['found.servrs', '`found` has no key `servrs`', 'did you mean `servers`?'],
    ['found.servers[7].id', 'index 7 is out of range: the list has 2 items, counted from 0', undefined],
    ['name > port', '`>` cannot be used between text and a number', undefined],
    ['name + port', '`+` cannot be used between text and a number', undefined],
    ['!name', '`!` cannot be used with text', undefined],
    ['ready && name', 'true or false is needed here', 'this is text'],
    ['port.exists(x, x)', 'a list is needed here', 'this is a number'],
    ['port / 0', 'division by zero', undefined],
    ['ready ? 1 : "x"', 'both results of `… ? … : …` must be of one type', undefined],
    ['type == "compute"', '`type` is a type of the expression language, not a variable', undefined],
    ['size(list) > 1', '`size` cannot be called like this', undefined],
    ['name.matches("a(?=b)")', 'this is not a regular expression', 'a lookahead, `(?=`, is not supported'],
    ['port.matches("2")', '`matches` cannot be called like this', 'given: text, on a number'],
    ['name.matches(port)', '`matches` cannot be called like this', 'given: a number, on text'],
    ['found.toString', '`found` has no key `toString`', undefined],
    ['found.__proto__', '`found` has no key `__proto__`', undefined],
    ['duration("1h")', 'the result of this expression has no JSON form', undefined],
    ['9007199254740993', 'the result of this expression has no JSON form', undefined],
  ])('%s fails', (text, summary, label) => {
    expect(failure(() => value(text))).toMatchObject({ summary, ...(label === undefined ? {} : { label }) })
  })

  test('a value never shows in an error', () => {
    const secret = createScope([{ name: 's', values: { password: 'hunter2', n: 1 } }])
    for (const text of [
      'password > n',
      'password.x',
      'password && true',
      'int(password)',
      'n.exists(x, x == password)',
      'password[0]',
    ]) {
      expect(JSON.stringify(failure(() => evaluate(when(text), secret)))).not.toContain('hunter2')
    }
  })

  test('places are exact, in folded texts too', () => {
    const node = nodeOf<string>("when: >-\n  name == 'web-1' &&\n  nme == 1\n", 'when')
    expect(failure(() => evaluate(node, scope)).place).toMatchObject({ line: 3, column: 3, length: 3 })
  })
})

describe('what is not known yet', () => {
  test.each([
    ['later', later],
    ['later.x == 1', later],
    ['!later', later],
    ['later && false', false],
    ['false && later.x', false],
    ['later.x == 1 || ready', true],
    ['ready && later', later],
    ['ready || later', true],
    ['(later || false) && !ready', false],
    ['ready ? 1 : later', 1],
    ['!ready ? 1 : later', later],
    ['later ? 1 : 2', later],
    ['defined(later)', true],
    ['defined(later.x)', later],
    ['defined(later) && ready', true],
    ['default(later, 1)', later],
    ['size(later) > 1', later],
    ['found.servers.exists(s, s.id == later.id)', later],
    ['later && nothing.x', later],
  ])('%s', (text, expected) => expect(value(text)).toBe(expected))

  test('errors beside it are still errors where they are sure to happen', () => {
    expect(failure(() => value('nme && later')).summary).toBe('unknown variable `nme`')
    expect(failure(() => value('found.nope && later')).summary).toBe('`found` has no key `nope`')
  })

  /** Kleene's logic must agree with the library for whatever the unknown turns out to be. */
  test('is never a guess', () => {
    const leaf = fc.constantFrom('a', 'b', 'u', 'v', 'true', 'false')
    const { tree } = fc.letrec<{ tree: string }>((tie) => ({
      tree: fc.oneof(
        { maxDepth: 4, withCrossShrink: true },
        leaf,
        fc.tuple(tie('tree'), fc.constantFrom('&&', '||', '==', '!='), tie('tree')).map(([l, op, r]) => `(${l} ${op} ${r})`),
        tie('tree').map((inner) => `!(${inner})`),
        fc.tuple(tie('tree'), tie('tree'), tie('tree')).map(([c, l, r]) => `(${c} ? ${l} : ${r})`),
      ),
    }))
    const bool = fc.boolean()
    fc.assert(
      fc.property(tree, bool, bool, bool, bool, (text, a, b, u, v) => {
        const partly = evaluate(when(text), createScope([{ name: 'p', values: { a, b, u: later, v: later } }]))
        const wholly = evaluate(when(text), createScope([{ name: 'w', values: { a, b, u, v } }]))
        if (!(partly instanceof Unknown)) expect(partly).toBe(wholly)
      }),
      { numRuns: 300 },
    )
  })
})

describe('evaluateCondition', () => {
  const holds = (...texts: string[]) => evaluateCondition(texts.map(when), scope)

  test('is a conjunction, in order', () => {
    expect(holds()).toBe(true)
    expect(holds('ready', 'port == 22')).toBe(true)
    expect(holds('!ready', 'nothing.like.this')).toBe(false)
    expect(holds('ready', 'later')).toBe(later)
    expect(holds('later', 'false')).toBe(false)
    expect(holds('later', 'nothing.x == 1')).toBe(later)
    expect(failure(() => holds('ready', 'nothing.x == 1')).summary).toBe('`nothing` has no key `x`')
  })

  test('wants true or false', () => {
    expect(failure(() => holds('port'))).toMatchObject({
      summary: 'a condition must be true or false',
      label: 'this is a number',
    })
    expect(failure(() => holds('found.servers'))).toMatchObject({
      label: 'this is a list',
      notes: ['to test for members: size(x) > 0'],
    })
    expect(failure(() => holds('name'))).toMatchObject({ label: 'this is text' })
    expect(failure(() => holds('nothing'))).toMatchObject({ label: 'this is null' })
  })
})

test('expressionReferences', () => {
  const names = (text: string) =>
    expressionReferences(when(text)).map(({ name, path, optional }) => [name, ...path].join('.') + (optional ? '?' : ''))
  expect(names('a.b["c"][0].d == x[y.z].w')).toEqual(['a.b.c.0.d', 'x', 'y.z'])
  expect(names('l.exists(i, i.x == o) && i')).toEqual(['l', 'o', 'i'])
  expect(names('l.map(i, i > m, i + n)')).toEqual(['l', 'm', 'n'])
  expect(names('defined(a.b) || default(c, d) == e')).toEqual(['a.b?', 'c?', 'd', 'e'])
  expect(names('has(a.b)')).toEqual(['a.b'])
  expect(names('cel.bind(t, a, t + b)')).toEqual(['a', 'b'])
  expect(names('[a, {"k": b}].size() > int(c) && type(d) == string')).toEqual(['a', 'b', 'c', 'd'])
  expect(names('f(a).b')).toEqual(['a'])
  expect(names('a and b')).toEqual([])
})

describe('checkExpression', () => {
  const label = (text: string) => checkExpression(when(text))[0]?.label

  test('says nothing about what can only be known later', () => {
    for (const text of ['a', 'a.b == 1', 'a > b', 'defined(x)', 'default(a, b)', 'a ? b : c', 'true'])
      expect(checkExpression(when(text))).toEqual([])
  })

  test.each([
    ['a and b', 'write `a && b`'],
    ['not a or b', 'write `!a || b`'],
    ['not (a or b)', 'write `!(a || b)`'],
    ['x is defined and x | length > 0', 'write `defined(x) && size(x) > 0`'],
    ['x is not defined', 'write `!defined(x)`'],
    ['not x is defined', 'write `!defined(x)`'],
    ['x is none', 'write `x == null`'],
    ['x is not none', 'write `x != null`'],
    ['r is failed or r is changed', 'write `r.failed || r.changed`'],
    ['r is succeeded', 'write `!r.failed`'],
    ["x | default('y') == 'and'", "write `default(x, 'y') == 'and'`"],
    ["x = 'a=b'", "write `x == 'a=b'`"],
    ['len(x) > 2', 'write `size(x) > 2`'],
    ['x === 1', 'write `x == 1`'],
    ["'a' if x else 'b'", "write `x ? 'a' : 'b'`"],
    ['a not in [1, 2]', 'write `!(a in [1, 2])`'],
    ['{{ ready }}', 'write `ready`'],
    ['{{ a }} and {{ b }}', 'write `a && b`'],
    ['"{{ a }}" == "b"', 'write `a == "b"`'],
    ['x == True', 'write `true`'],
  ])('%s', (text, cure) => expect(label(text)).toBe(cure))

  test('a cure is offered only where it is one', () => {
    expect(label('a and and b')).toBeUndefined()
    expect(label('lookup("env", "X") | bool')).toBeUndefined()
  })

  test('any text at all gets an answer and no exception', () => {
    fc.assert(fc.property(fc.string({ maxLength: 60 }), (text) => Array.isArray(checkExpression(when(text)))))
    const token = fc.constantFrom(
      'a',
      'and',
      'not',
      'is',
      'defined',
      '(',
      ')',
      '|',
      '==',
      '=',
      '{{',
      '}}',
      '"',
      "'",
      '1',
      '.',
      '[',
      ']',
      '?',
      ':',
      '!',
      '&&',
      'in',
      'length',
    )
    fc.assert(
      fc.property(fc.array(token, { maxLength: 12 }), (tokens) => Array.isArray(checkExpression(when(tokens.join(' '))))),
      { numRuns: 500 },
    )
  })
})
