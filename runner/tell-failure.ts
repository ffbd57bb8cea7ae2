import { Failure } from './base/failure.ts'
import { exitCode } from './events/exit.ts'
import type { Screen } from './world.ts'

/** Writes down why the program ends, in one message, and returns its exit code. Called where nobody else has caught the error. */
export function tellFailure(error: unknown, stderr: Pick<Screen, 'write'>, stack: boolean): number {
  const failure = error instanceof Failure ? error : defect(error, stack)
  stderr.write(failureText(failure))
  return exitCode([failure.kind], failure.kind === 'interrupted')
}

/** Whether the operator asked to see where a defect is. */
export const wantsStack = (argv: readonly string[], env: Readonly<Record<string, string | undefined>>): boolean =>
  Boolean(env['RUNBOOK_DEBUG']) ||
  argv.filter((arg) => arg === '--verbose' || arg === '-v').length > 1 ||
  argv.some(isVeryVerbose)

const isVeryVerbose = (arg: string): boolean => /^-v{2,}$/.test(arg)

function defect(error: unknown, stack: boolean): Failure {
  const { message, where } =
    error instanceof Error ? { message: error.message, where: error.stack } : { message: String(error), where: undefined }
  return new Failure('this is a defect of runbook, not of your files', {
    why: stack && where !== undefined ? where : message,
    todo: `please report it where you have runbook from, with the command and ${stack ? 'the lines above' : 'what it says with RUNBOOK_DEBUG=1'}`,
    cause: error,
  })
}

const failureText = ({ message, why, todo }: Failure): string =>
  [`error: ${message}`, ...(why === undefined ? [] : [why]), ...(todo === undefined ? [] : [`= ${todo}`])]
    .map((line, index) => `${index === 0 ? '' : '  '}${line.replaceAll('\n', '\n  ')}`)
    .join('\n')
    .concat('\n')
