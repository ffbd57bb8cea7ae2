import { expect, test } from 'vitest'
import { nearest } from '../../../runner/openstack/nearest.ts'

test.each([
  ['usernam', ['user_id', 'username'], 'username'],
  ['pasword', ['password'], 'password'],
  ['LAB', ['prod', 'lab'], 'lab'],
  ['Suoth', ['North', 'South'], 'South'],
  ['x', ['y'], 'y'],
  ['protocol', ['project_name', 'password'], undefined],
  ['lab', [], undefined],
])('%s among %j', (word, known, expected) => {
  expect(nearest(word, known)).toBe(expected)
})
