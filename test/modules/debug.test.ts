import { describe, expect, test } from 'vitest'
import debug from '../../modules/debug.ts'
import type { TypeOf } from '../../runner/module.ts'
import { fakeTarget } from '../doubles/target.ts'
import { behavesLikeAModule, sensiblyChecked } from '../contracts/module.ts'

const rows = [
  { name: 'web-1', status: 'ACTIVE', host: 'compute15' },
  { name: 'db-2', status: 'ERROR', host: 'compute14' },
]
const resultOf = async (params: TypeOf<typeof debug.params>) => (await sensiblyChecked(debug, params, fakeTarget())).result

behavesLikeAModule(
  debug,
  { params: { msg: 'hello' }, target: () => fakeTarget() },
  { params: { table: rows }, target: () => fakeTarget() },
)

describe('debug', () => {
  test.each([
    ['text', { msg: 'hello' }, { msg: 'hello' }],
    ['several lines', { msg: ['one', 'two'] }, { msg: 'one\ntwo' }],
    ['a message that is no text', { msg: { a: 1 } }, { msg: '{\n  "a": 1\n}' }],
    ['zero', { msg: 0 }, { msg: '0' }],
    ['a value', { value: [1, 'a'] }, { msg: '[\n  1,\n  "a"\n]', value: [1, 'a'] }],
    ['nothing as a value', { value: null }, { msg: 'null', value: null }],
    ['a value under a message', { msg: 'found', value: 3 }, { msg: 'found\n3', value: 3 }],
    ['nothing at all', {}, { msg: 'Hello world!' }],
    ['an empty list', { value: [] }, { msg: '[]', value: [] }],
  ])('shows %s', async (_name, params, expected) => {
    expect(await resultOf(params)).toEqual(expected)
  })

  test('shows a table, as text and as data', async () => {
    expect(await resultOf({ msg: 'Servers', table: rows, columns: ['name', 'host'] })).toEqual({
      msg: 'Servers\nname   host\nweb-1  compute15\ndb-2   compute14',
      table: {
        columns: ['name', 'host'],
        rows: [
          ['web-1', 'compute15'],
          ['db-2', 'compute14'],
        ],
      },
    })
  })

  test('what is shown is what is registered', async () => {
    const { message, result } = await debug.check({ msg: ['a', 'b'] }, fakeTarget())
    expect([message, result?.['msg']]).toEqual(['a\nb', 'a\nb'])
  })

  test('an empty table says so', async () => {
    expect(await resultOf({ table: [] })).toEqual({ msg: '(no rows)', table: { columns: [], rows: [] } })
  })

  test.each([
    [{ value: 1, table: rows }, '`value` and `table` exclude each other'],
    [{ msg: 'x', columns: ['a'] }, '`columns` needs `table`'],
  ])('refuses %j', async (params, message) => {
    await expect(resultOf(params)).rejects.toMatchObject({ kind: 'input', message: expect.stringContaining(message) })
  })
})
