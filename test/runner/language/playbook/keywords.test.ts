import { expect, test } from 'vitest'
import { keywords, keywordsOf, refusalOf } from '../../../../runner/language/playbook/keywords.ts'

test('a keyword is either known or refused', () => {
  for (const name of Object.keys(keywords)) expect(refusalOf(name)).toBeUndefined()
})

test('every kind has its keywords', () => {
  expect(keywordsOf('meta')).toEqual(
    ['name', 'meta', 'tags', 'when'].toSorted((a, b) => Object.keys(keywords).indexOf(a) - Object.keys(keywords).indexOf(b)),
  )
  expect(keywordsOf('loop_control')).toEqual([
    'loop_var',
    'index_var',
    'label',
    'pause',
    'parallel',
    'limits',
    'max_failures',
    'canary',
    'deadline',
  ])
  expect(keywordsOf('handler')).toContain('listen')
  expect(keywordsOf('task')).not.toContain('listen')
})

test('refusals say what to write', () => {
  expect(refusalOf('roles')!.summary).toBe('`roles` is not supported')
  expect(refusalOf('with_items')!.note).toContain('loop')
  expect(refusalOf('with_nested')!.note).toContain('loop')
  expect(refusalOf('constructor')).toBeUndefined()
  expect(refusalOf('nonsense')).toBeUndefined()
})
