import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { isIn, isWithin, keyBeside, owners, stepKey, undoTaskId } from '../../../runner/events/step-address.ts'

const NESTED = '1.tasks.2.rescue.0.block.3'

describe('a task', () => {
  test('names what it stands in, by section', () => {
    expect(owners(NESTED, 'rescue')).toEqual(['1.tasks.2'])
    expect(owners(NESTED, 'block')).toEqual(['1.tasks.2.rescue.0'])
    expect(owners('0.tasks.1.rescue.0.rescue.4', 'rescue')).toEqual(['0.tasks.1', '0.tasks.1.rescue.0'])
    expect(owners(NESTED, 'always')).toEqual([])
    expect(isIn('0.handlers.1', 'handlers')).toBe(true)
    expect(isIn(NESTED, 'handlers')).toBe(false)
  })

  test('is within its own blocks alone', () => {
    expect(isWithin(NESTED, '1.tasks.2')).toBe(true)
    expect(isWithin('1.tasks.21.block.0', '1.tasks.2')).toBe(false)
    expect(isWithin('1.tasks.2', '1.tasks.2')).toBe(false)
  })
})

describe('a key', () => {
  test('tells hosts, items and rounds apart', () => {
    expect(stepKey('0.tasks.1', 'a')).toBe('0.tasks.1/a')
    expect(stepKey('0.tasks.1', 'a', { item: 0 })).toBe('0.tasks.1/a/0')
    expect(stepKey('0.handlers.1', 'a', { item: 2, round: 3 })).toBe('0.handlers.1/a/2/#3')
    expect(keyBeside({ key: '0.tasks.1/a', same: 'f00' })).toBe('0.tasks.1/a~f00')
  })

  test('gives the tasks of an undo an id for each step', () => {
    const step = { task: '0.tasks.1', host: 'a' }
    expect(undoTaskId('0.tasks.1.undo.0', { ...step, key: stepKey('0.tasks.1', 'a') })).toBe('0.tasks.1.undo.0')
    expect(undoTaskId('0.tasks.1.undo.0', { ...step, key: stepKey('0.tasks.1', 'a', { item: 4 }) })).toBe('0.tasks.1.undo.0/4')
  })
})

const SECTION = '(tasks|handlers|block|rescue|always|undo)'
const TAKES_APART = '(split|slice|substring|startsWith|endsWith|includes|indexOf|lastIndexOf|match|replace|replaceAll)'
const ADDRESSED = [
  new RegExp(`\\\\?\\.${SECTION}\\\\?\\.['"\`/]`), // '.rescue.'
  new RegExp(`\\}\\.${SECTION}\\b`), // `${id}.block`
  new RegExp(`\\b(step|record|event|item|block|task)\\.(key|task|id|block)\\.${TAKES_APART}\\(`),
  new RegExp(`\\btask\\.${TAKES_APART}\\(`),
  new RegExp(`\\$\\{[\\w.]*(task|id)\\}/\\$\\{[\\w.]*(host|name)\\}`), // `${task}/${host}`
]

test.each([
  `task.includes('.rescue.')`,
  '/^\\d+\\.handlers\\./.test(step.task)',
  'readItems(r, root, `${id}.block`, within)',
  'step.key.slice(3)',
  "task.split('.')",
  '`${task.id}/${state.name}`',
])('%s takes an address apart', (code) => {
  expect(ADDRESSED.some((pattern) => pattern.test(code))).toBe(true)
})

test('no other file builds or parses an address', () => {
  const files = readdirSync('runner', { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.ts'))
  const found = files
    .filter((name) => !name.endsWith('events/step-address.ts'))
    .flatMap((name) =>
      readFileSync(`runner/${name}`, 'utf8')
        .split('\n')
        .filter((line) => !/^\s*(\*|\/)/.test(line) && ADDRESSED.some((pattern) => pattern.test(line)))
        .map((line) => `${name}: ${line.trim()}`),
    )
  expect(found).toEqual([])
})
