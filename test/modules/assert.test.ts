import { describe, expect, test } from 'vitest'
import assert from '../../modules/assert.ts'
import { Failure } from '../../runner/module.ts'
import { fakeTarget } from '../doubles/target.ts'
import { behavesLikeAModule } from '../contracts/module.ts'

const defaults = { quiet: false }
const holds = (condition: string): boolean => condition === 'yes'
const failureOf = (that: readonly string[], fail_msg?: string): Promise<unknown> =>
  assert.check({ ...defaults, that, fail_msg }, fakeTarget({ conditions: holds })).catch((error: unknown) => error)

behavesLikeAModule(assert, { params: { ...defaults, that: ['yes'] }, target: () => fakeTarget({ conditions: holds }) })

describe('assert', () => {
  test('passes with its message', async () => {
    const diff = await assert.check({ ...defaults, that: ['yes', 'yes'], success_msg: 'fine' }, fakeTarget({ conditions: holds }))
    expect(diff).toEqual({ changes: [], before: undefined, result: { msg: 'fine' }, message: 'fine' })
  })

  test.each([{ quiet: true, success_msg: 'fine' }, { quiet: false }])('says nothing with %j', async (given) => {
    const diff = await assert.check({ ...given, that: ['yes'] }, fakeTarget({ conditions: holds }))
    expect(diff).toEqual({ changes: [], before: undefined, result: {} })
  })

  test('names the condition that does not hold', async () => {
    const failure = await failureOf(['yes', 'no'])
    expect(failure).toBeInstanceOf(Failure)
    expect(failure).toMatchObject({
      kind: 'failed',
      message: 'the condition `no` does not hold',
      why: undefined,
      data: { assertion: 'no', evaluated_to: false },
    })
  })

  test('puts the own message first and keeps the condition as the reason', async () => {
    expect(await failureOf(['no'], 'Too few servers')).toMatchObject({
      message: 'Too few servers',
      why: 'the condition `no` does not hold',
      data: { assertion: 'no', msg: 'Too few servers' },
    })
  })

  test('looks at nothing after the first condition that does not hold', async () => {
    const seen: string[] = []
    const conditions = (condition: string) => {
      seen.push(condition)
      return condition === 'a'
    }
    await assert.check({ ...defaults, that: ['a', 'b', 'c'] }, fakeTarget({ conditions })).catch(() => undefined)
    expect(seen).toEqual(['a', 'b'])
  })

  test('leaves an error inside a condition as it is', async () => {
    const conditions = () => {
      throw new Failure('unknown variable `x`', { kind: 'input' })
    }
    await expect(assert.check({ ...defaults, that: ['x'] }, fakeTarget({ conditions }))).rejects.toThrow('unknown variable `x`')
  })
})
