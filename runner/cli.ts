import { Command, CommanderError } from '@commander-js/extra-typings'
import { apply } from './commands/apply.ts'
import { attach } from './commands/attach.ts'
import { docs } from './commands/docs.ts'
import { lint } from './commands/lint.ts'
import { logs } from './commands/logs.ts'
import { modules } from './commands/modules.ts'
import { plan } from './commands/plan.ts'
import { resume } from './commands/resume.ts'
import { runs } from './commands/runs.ts'
import { schema } from './commands/schema.ts'
import type { Registry, Shell } from './commands/shell.ts'
import { show } from './commands/show.ts'
import { undo } from './commands/undo.ts'
import { who } from './commands/who.ts'
import { EXIT } from './events/exit.ts'
import { reportFailure, wantsStack } from './report-failure.ts'
import type { World } from './world.ts'

/** In the order of the help. */
const COMMANDS = [plan, apply, resume, undo, runs, attach, show, logs, who, lint, modules, docs, schema]
const VERSION = '0.1.0'

/** Makes the command line: arguments in, exit code out. Called by `bin.ts`; the work of each command is in `run/`. */
export function createCli(world: World, loadModules: () => Promise<{ readonly registry: Registry }>) {
  return async (argv: readonly string[]): Promise<number> => {
    let code: number = EXIT.done
    const shell: Shell = {
      world,
      modules: async () => (await loadModules()).registry,
      exit: (given) => void (code = given),
    }
    try {
      await programOf(shell).parseAsync(argv, { from: 'user' })
    } catch (error) {
      if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.done : EXIT.input
      return reportFailure(error, world.stderr, wantsStack(argv, world.env))
    }
    return code
  }
}

function programOf(shell: Shell): Command {
  const { stdout, stderr } = shell.world
  const program = new Command('runbook')
    .description('Moves OpenStack servers between compute hosts, and maintains those hosts, from YAML playbooks.')
    .version(VERSION, '--version')
    .exitOverride()
    .configureOutput({
      writeOut: (text) => stdout.write(text),
      writeErr: (text) => stderr.write(text),
      getOutHelpWidth: () => Math.min(stdout.columns, 120),
      getErrHelpWidth: () => Math.min(stderr.columns, 120),
      getOutHasColors: () => stdout.color,
      getErrHasColors: () => stderr.color,
    })
    .showSuggestionAfterError(true)
    .showHelpAfterError('(runbook --help lists the commands)')
    .addHelpText(
      'after',
      '\nExit codes: 0 done, 1 a step failed, 2 invalid input, 3 a host is unreachable, 4 locked or drifted, 6 a deadline passed, 130 interrupted.',
    )
  for (const command of COMMANDS) program.addCommand(command(shell).copyInheritedSettings(program))
  return program
}
