import { Failure } from './base/failure.ts'
import { exitCode } from './events/exit.ts'
import type { Screen } from './world.ts'

/** Prints an uncaught error as one message and returns the exit code. Called by `bin.ts` and `cli.ts`. */
export function reportFailure(error: unknown, stderr: Pick<Screen, 'write'>, stack: boolean): number {
  const failure = error instanceof Failure ? error : defect(error, stack)
  stderr.write(failureText(failure))
  return exitCode([failure.kind], failure.kind === 'interrupted')
}

/** Says whether the operator asked for the stack of a defect. */
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
    help: `please report it to the source of your runbook, with the command and ${stack ? 'the lines above' : 'its output with RUNBOOK_DEBUG=1'}`,
    cause: error,
  })
}

const failureText = ({ message, why, help }: Failure): string =>
  [`error: ${message}`, ...(why === undefined ? [] : [why]), ...(help === undefined ? [] : [`= ${help}`])]
    .map((line, index) => `${index === 0 ? '' : '  '}${line.replaceAll('\n', '\n  ')}`)
    .join('\n')
    .concat('\n')
