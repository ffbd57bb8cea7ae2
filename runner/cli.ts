import { Command, CommanderError, Option } from 'commander'
import { EXIT, exitCode } from './events/exit.ts'
import { Failure } from './base/failure.ts'
import type { AnyModule } from './module.ts'
import type { Request, Show, What } from './events/request.ts'
import {
  assignment,
  collect,
  givenOptions,
  positive,
  requestOf,
  type RunFlags,
  seconds,
  withRunOptions,
} from './commands/options.ts'
import type { World } from './world.ts'

/** The registry is loaded when a command needs it, so that `--help` stays quick. */
type LoadModules = () => Promise<{ readonly registry: ReadonlyMap<string, AnyModule> }>

/** Arguments in, exit code out. Parses and dispatches; every command's work is elsewhere. */
export function createCli(world: World, loadModules: LoadModules): (argv: readonly string[]) => Promise<number> {
  return async (argv) => {
    let code: number = EXIT.done
    const done = (result: number) => {
      code = result
    }
    const program = build(world, loadModules, done)
    try {
      await program.parseAsync(argv, { from: 'user' })
    } catch (error) {
      if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.done : EXIT.input
      return told(error, world.stderr)
    }
    return code
  }
}

/** Tells of a failure that ended the program; everything else is a defect, and thrown on. Returns the exit code. */
export function told(error: unknown, stderr: { write(text: string): unknown }): number {
  if (!(error instanceof Failure)) throw error
  stderr.write(failureText(error))
  return exitCode([error.kind], error.kind === 'interrupted')
}

const failureText = ({ message, why, todo }: Failure): string =>
  [`error: ${message}`, ...(why === undefined ? [] : [why]), ...(todo === undefined ? [] : [`= ${todo}`])]
    .map((line, index) => `${index === 0 ? '' : '  '}${line.replaceAll('\n', '\n  ')}`)
    .join('\n')
    .concat('\n')

function build(world: World, loadModules: LoadModules, done: (code: number) => void): Command {
  const program = new Command('runbook')
    .description('Runs the runbooks by which OpenStack operators move servers between compute hosts and look after those hosts.')
    .version(VERSION, '--version')
    .exitOverride()
    .configureOutput({
      writeOut: (text) => world.stdout.write(text),
      writeErr: (text) => world.stderr.write(text),
      getOutHelpWidth: () => Math.min(world.stdout.columns, 120),
      getErrHelpWidth: () => Math.min(world.stderr.columns, 120),
      getOutHasColors: () => world.stdout.color,
      getErrHasColors: () => world.stderr.color,
    })
    .showSuggestionAfterError(true)
    .showHelpAfterError('(runbook --help lists the commands)')
    .addHelpText(
      'after',
      '\nExit codes: 0 done, 1 a step failed, 2 the input is wrong, 3 a host could not be reached, 4 locked or drifted, 6 a deadline came first, 130 interrupted.',
    )

  const runs = (command: Command, goal: Request['goal']) =>
    withRunOptions(command).action(async (playbook: string, options: RunFlags, own: Command) => {
      const { registry } = await loadModules()
      const request = requestOf(goal, playbook, options)
      const asked = { file: playbook, request, ask: options.ask === true, given: givenOptions(own) }
      const code = await (await import('./commands/saved-plan.ts')).applySaved(asked, world, registry)
      if (code !== undefined) return done(code)
      if (options.listHosts || options.listTasks)
        return done(await (await import('./commands/list.ts')).list(request, options, world, registry))
      if (options.ask && request.goal === 'apply')
        return done(await (await import('./commands/saved-plan.ts')).askedApply(request, world, registry))
      if (options.out !== undefined)
        return done(await (await import('./commands/saved-plan.ts')).planTo(options.out, request, world, registry))
      done(await (await import('./run/run.ts')).run(request, world, registry))
    })
  runs(program.command('plan <playbook>').description('show what would change, changing nothing'), 'plan')
    .option('--out <file>', 'keep the plan (-: standard output): apply FILE does exactly that, once')
    .option('--exit-code', 'exit 5 where there are changes')
  runs(program.command('apply <playbook-or-plan>').description('do it: check each step, change what differs, verify it'), 'apply')
    .option('-C, --check', 'change nothing: the same as plan')
    .option('--ask', 'show the plan first, and ask')
    .option('--detach', 'go on when the terminal goes away: runbook attach shows it again')

  historyCommands(program, world, loadModules, done)
  program
    .command('who [hosts...]')
    .description('who works on the hosts of an inventory: what is locked, by whom, since when')
    .option('-i, --inventory <path>', 'as for apply', collect(String), [])
    .option('-u, --user <user>', 'log in as this user')
    .option('--accept-new-host-keys', 'as for apply')
    .option('-f, --forks <n>', 'hosts at once', positive, 50)
    .addOption(new Option('-o, --output <form>', 'a table, or one JSON record a line').choices(['auto', 'json']).default('auto'))
    .action(async (hosts: string[], flags: Pick<RunFlags, 'inventory' | 'user' | 'acceptNewHostKeys' | 'forks' | 'output'>) => {
      const acceptNewHostKeys = flags.acceptNewHostKeys === true
      const { inventory, user, forks } = flags
      const asked = { hosts, inventory, user, forks, acceptNewHostKeys, json: flags.output === 'json' }
      done(await (await import('./commands/who.ts')).who(asked, world))
    })
  program
    .command('lint <playbook...>')
    .description('check playbooks without connecting to anything')
    .action(async (playbooks: string[]) => {
      const { registry } = await loadModules()
      done(await (await import('./commands/lint.ts')).lint(playbooks, world, registry))
    })
  program
    .command('modules')
    .description('list the modules')
    .action(async () => {
      const { registry } = await loadModules()
      world.stdout.write((await import('./commands/docs.ts')).moduleList([...registry.values()]))
    })
  program
    .command('docs <module>')
    .description('show the page of a module: parameters, results, examples')
    .action(async (name: string) => {
      const { registry } = await loadModules()
      done((await import('./commands/docs.ts')).showDocs(name, registry, world))
    })
  program
    .command('schema')
    .description('print the JSON Schema of playbooks, for editors')
    .action(async () => {
      const { registry } = await loadModules()
      world.stdout.write((await import('./commands/schema.ts')).schemaText([...registry.values()]))
    })
  return program
}

/** Commands about runs that were. */
function historyCommands(program: Command, world: World, loadModules: LoadModules, done: (code: number) => void): void {
  const output = () => new Option('-o, --output <form>', 'as for apply').choices(['auto', 'plain', 'json']).default('auto')
  const waitLock = () =>
    new Option('--wait-lock <time>', 'wait so long for what another run holds: 30s, 10m, 1h').argParser(seconds).default(0, '0s')
  const params = () =>
    new Option('-p, --param <name=value>', 'a parameter; secrets are not kept and must be given again')
      .argParser(collect(assignment))
      .default([])
  const acceptChanges = () =>
    new Option('--accept-changes', 'go on although the playbook, the inventory or a parameter has changed').default(false)
  program
    .command('resume [run]')
    .description('go on with a run where it stood; default: the newest that did not end well')
    .option('--failed', 'only the hosts that failed; the others, finished or not, stay as they are')
    .option('-y, --yes', 'agree to whatever a `confirm` asks')
    .option('--detach', 'as for apply')
    .addOption(acceptChanges())
    .addOption(params())
    .addOption(waitLock())
    .addOption(output())
    .action(
      async (
        run: string | undefined,
        flags: {
          failed?: true
          yes?: true
          detach?: true
          acceptChanges: boolean
          param: What['params']
          waitLock: number
          output: Show['output']
        },
      ) => {
        const { registry } = await loadModules()
        const asked = {
          run,
          failed: flags.failed === true,
          yes: flags.yes === true,
          acceptChanges: flags.acceptChanges,
          detach: flags.detach === true,
          params: flags.param,
          waitLock: flags.waitLock,
          output: flags.output,
        }
        done(await (await import('./commands/resume.ts')).resume(asked, world, registry))
      },
    )
  program
    .command('undo [run]')
    .description('take a run back, newest step first')
    .option('--plan', 'only show what would be undone')
    .option('--to <step>', 'undo back to this step, that one included')
    .option('--host <host>', 'only on this host')
    .addOption(acceptChanges())
    .addOption(params())
    .addOption(waitLock())
    .addOption(output())
    .action(
      async (
        run: string | undefined,
        flags: {
          plan?: true
          to?: string
          host?: string
          acceptChanges: boolean
          param: What['params']
          waitLock: number
          output: Show['output']
        },
      ) => {
        const { registry } = await loadModules()
        const asked = {
          run,
          to: flags.to,
          host: flags.host,
          plan: flags.plan === true,
          acceptChanges: flags.acceptChanges,
          params: flags.param,
          waitLock: flags.waitLock,
          output: flags.output,
        }
        done(await (await import('./commands/undo.ts')).takeBack(asked, world, registry))
      },
    )
  program
    .command('runs')
    .description('list the runs kept in this folder')
    .option('--prune <age>', 'remove those that have been still for so long: 30d', seconds)
    .action(async ({ prune }: { prune?: number }) => {
      const commands = await import('./commands/history.ts')
      done(await (prune === undefined ? commands.runs(world) : commands.prune(prune, world)))
    })
  program
    .command('attach [run]')
    .description('show a run that is under way, until it ends; Ctrl-C leaves it going. Default: the newest')
    .addOption(output())
    .action(async (run: string | undefined, flags: Pick<RunFlags, 'output'>) =>
      done(await (await import('./commands/attach.ts')).attach(run, flags.output, world)),
    )
  program
    .command('show [run]')
    .description('what a run did, and what can be done now')
    .option('-D, --diff', 'show the differences')
    .option('--host <host>', 'only this host')
    .action(async (run: string | undefined, flags: { diff?: true; host?: string }) =>
      done(await (await import('./commands/history.ts')).show(run, { diff: flags.diff === true, host: flags.host }, world)),
    )
  program
    .command('logs [run]')
    .description('the lines of a run')
    .option('-f, --follow', 'go on until it ends')
    .action(async (run: string | undefined, flags: { follow?: true }) =>
      done(await (await import('./commands/history.ts')).logs(run, flags.follow === true, world)),
    )
}

const VERSION = '0.1.0'
