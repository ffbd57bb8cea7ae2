/** What counts as passed, failed or flaky in `npm test`. */
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { retryArguments, toRetry, verdict, type VitestReport } from './verdict.ts'

type Results = Readonly<Record<string, Readonly<Record<string, 'passed' | 'failed' | 'skipped'>>>>

/** A report of vitest's, from the status of each test by file and name. */
function report(files: Results): VitestReport {
  const all = Object.values(files).flatMap((tests) => Object.values(tests))
  const count = (status: string) => all.filter((one) => one === status).length
  return {
    numPassedTests: count('passed'),
    numFailedTests: count('failed'),
    numPendingTests: count('skipped'),
    testResults: Object.entries(files).map(([file, tests]) => ({
      name: join(process.cwd(), file),
      status: Object.values(tests).includes('failed') ? 'failed' : 'passed',
      message: '',
      assertionResults: Object.entries(tests).map(([fullName, status]) => ({
        fullName,
        status,
        failureMessages: status === 'failed' ? [`why of ${fullName}`] : [],
      })),
    })),
  }
}
const first = report({
  'a.ts': { one: 'passed', two: 'failed' },
  'b.ts': { two: 'passed', 'd (1) > x?': 'failed', four: 'skipped' },
})

describe('what is tried again', () => {
  test('the failed tests, by file and whole name', () => {
    const again = toRetry(first)
    expect(again.map(({ file, test }) => [file, test])).toEqual([
      ['a.ts', 'two'],
      ['b.ts', 'd (1) > x?'],
    ])
    const [a, b, flag, pattern = ''] = retryArguments(again)
    expect([a, b, flag]).toEqual(['a.ts', 'b.ts', '--testNamePattern'])
    expect(['two', 'd (1) > x?', 'one two', 'two more', 'd 1 > '].filter((name) => new RegExp(pattern).test(name))).toEqual([
      'two',
      'd (1) > x?',
    ])
  })

  test('none where three have failed, or a file itself', () => {
    expect(toRetry(report({ 'a.ts': { one: 'failed', two: 'failed', three: 'failed' } }))).toEqual([])
    const broken = {
      ...report({}),
      testResults: [{ name: 'c.ts', status: 'failed', message: 'no such module', assertionResults: [] }],
    }
    expect(toRetry(broken)).toEqual([])
    expect(toRetry(report({ 'a.ts': { one: 'passed' } }))).toEqual([])
  })
})

describe('the verdict', () => {
  test('without a second try is the report', () => {
    expect(verdict(first, 1)).toEqual({
      passed: 2,
      failed: 2,
      skipped: 1,
      failures: ['a.ts > two\nwhy of two', 'b.ts > d (1) > x?\nwhy of d (1) > x?'],
      flaky: [],
    })
  })

  test('a test that passes then counts as passed and is flaky; one that fails again has failed', () => {
    const second = report({ 'a.ts': { one: 'skipped', two: 'passed' }, 'b.ts': { 'd (1) > x?': 'failed' } })
    expect(verdict(first, 1, second)).toMatchObject({
      passed: 3,
      failed: 1,
      flaky: ['a.ts > two\nwhy of two'],
      failures: ['b.ts > d (1) > x?\nwhy of d (1) > x?'],
    })
  })

  test('a test of the same name in another file proves nothing, nor does one that was not run', () => {
    const second = report({ 'b.ts': { two: 'passed', 'd (1) > x?': 'skipped' } })
    expect(verdict(first, 1, second)).toMatchObject({ passed: 2, failed: 2, flaky: [] })
  })

  test('an error outside of any test fails the tier', () => {
    expect(verdict(report({ 'a.ts': { one: 'passed' } }), 1)).toMatchObject({ passed: 1, failed: 1 })
  })
})
