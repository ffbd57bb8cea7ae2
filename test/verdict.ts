/** What vitest's report says of a tier, and what a second try at its failed tests makes of it. Called by `tiers.ts`. */
import { relative } from 'node:path'

/** The part of vitest's JSON report that is read here. */
export interface VitestReport {
  readonly numPassedTests: number
  readonly numFailedTests: number
  readonly numPendingTests: number
  readonly testResults: readonly {
    readonly name: string
    readonly status: string
    readonly message: string
    readonly assertionResults: readonly {
      readonly fullName: string
      readonly status: string
      readonly failureMessages: readonly string[]
    }[]
  }[]
}

export interface FailedTest {
  /** Relative to the working folder. */
  readonly file: string
  /** Undefined for a file that could not be loaded, or whose tests passed but that failed itself. */
  readonly test: string | undefined
  readonly why: string
}

export interface Verdict {
  readonly passed: number
  readonly failed: number
  readonly skipped: number
  /** What failed and why, said again at the end: whoever reads only the end of a long log finds it. */
  readonly failures: readonly string[]
  /** Tests that failed and then passed: each is a fault to be found. */
  readonly flaky: readonly string[]
}

/** More than so many failed tests are no chance: none is tried again. */
const MOST_FLAKY = 2

export const failedTests = ({ testResults }: VitestReport): readonly FailedTest[] =>
  testResults.flatMap(({ name, status, message, assertionResults }): readonly FailedTest[] => {
    const file = relative(process.cwd(), name)
    const tests = assertionResults.filter((test) => test.status === 'failed')
    if (tests.length === 0) return status === 'failed' ? [{ file, test: undefined, why: message }] : []
    return tests.map(({ fullName, failureMessages }) => ({ file, test: fullName, why: failureMessages.join('\n') }))
  })

/** The tests to try once more; none where the second try could not save the run. */
export function toRetry(report: VitestReport): readonly FailedTest[] {
  const failed = failedTests(report)
  return failed.length > MOST_FLAKY || failed.some(({ test }) => test === undefined) ? [] : failed
}

/** The arguments that have vitest run just these tests. Names are matched in every file, so others may run too. */
export const retryArguments = (tests: readonly FailedTest[]): readonly string[] => [
  ...new Set(tests.map(({ file }) => file)),
  '--testNamePattern',
  `^(${tests.map(({ test = '' }) => test.replaceAll(/[\\^$.*+?()[\]{}|]/g, '\\$&')).join('|')})$`,
]

/**
 * @param status vitest's exit status: it can fail without a failed test (an unhandled error)
 * @param retried the report of the second try at `toRetry`, where there was one
 */
export function verdict(report: VitestReport, status: number | null, retried?: VitestReport): Verdict {
  const failed = failedTests(report)
  const isFlaky = (one: FailedTest) =>
    retried?.testResults.some(
      ({ name, assertionResults }) =>
        relative(process.cwd(), name) === one.file &&
        assertionResults.some(({ fullName, status }) => fullName === one.test && status === 'passed'),
    ) === true
  const flaky = retried === undefined ? [] : failed.filter(isFlaky)
  const nameless = status !== 0 && report.numFailedTests === 0 ? 1 : 0
  return {
    passed: report.numPassedTests + flaky.length,
    failed: report.numFailedTests + nameless - flaky.length,
    skipped: report.numPendingTests,
    failures: failed.filter((one) => !flaky.includes(one)).map(textOf),
    flaky: flaky.map(textOf),
  }
}

const textOf = ({ file, test, why }: FailedTest): string => `${file}${test === undefined ? '' : ` > ${test}`}\n${why}`
