/** Options that several commands share, and the request that plan and apply make of their options. Called by the commands. */

import { Command, InvalidArgumentError, Option, type OptionValues } from '@commander-js/extra-typings'
import { secondsOf } from '../base/duration.ts'
import type { Goal } from '../events/events.ts'
import type { Request } from '../events/request.ts'
import type { OptionsOf } from './shell.ts'

export const output = () =>
  new Option(
    '-o, --output <form>',
    'auto: a live view on a terminal, else plain lines; plain: plain lines; json: one event a line',
  )
    .choices(['auto', 'plain', 'json'])
    .default('auto')

export const waitLock = () =>
  new Option('--wait-lock <time>', 'wait this long for locks that another run holds: 30s, 10m, 1h')
    .argParser(seconds)
    .default(0, '0s')

/** The parameters of a run that is resumed or undone. */
export const params = () =>
  new Option('-p, --param <name=value>', 'a parameter; secrets are not kept: give them again')
    .argParser(collect(assignment))
    .default([])

export const acceptChanges = () =>
  new Option('--accept-changes', 'continue although the playbook, the inventory or a parameter has changed').default(false)

export const yes = () => new Option('-y, --yes', 'answer yes to every `confirm`')
export const forks = () => new Option('-f, --forks <n>', 'act on this many hosts at once').argParser(positive).default(50)
export const user = () => new Option('-u, --user <user>', 'log in as this user')
export const inventory = () =>
  new Option('-i, --inventory <path>', 'inventory file or folder, or `host1,host2,`; may be repeated')
    .argParser(collect(String))
    .default([])
export const acceptNewHostKeys = () =>
  new Option('--accept-new-host-keys', 'accept and remember the keys of unknown hosts; a changed key is still refused')

/** A command that runs a playbook: the common arguments and options of plan and apply. */
export const runCommand = (name: string, usage: '<playbook>' | '<playbook-or-plan>') =>
  new Command(name)
    .argument(usage)
    .addOption(inventory())
    .option('-p, --param <name=value>', 'a parameter of the playbook; may be repeated', collect(assignment), [])
    .option('--params-file <file>', 'parameters from a YAML or JSON file')
    .option(
      '-e, --extra-vars <vars>',
      'name=value, {json} or @file: variables that override all others; may be repeated',
      collect(String),
      [],
    )
    .option('-l, --limit <pattern>', 'act only on these hosts of the playbook', commaList, [])
    .option('-t, --tags <tags>', 'run only tasks with one of these tags', commaList, [])
    .option('--skip-tags <tags>', 'skip tasks with one of these tags', commaList, [])
    .addOption(forks())
    .option('--start-at-task <name>', 'skip the tasks before the one with this name')
    .option('--step', 'ask before each task')
    .addOption(waitLock())
    .addOption(yes())
    .option('-b, --become', 'act as root (or --become-user) on the hosts')
    .option('--become-user <user>', 'the user to become')
    .option('-K, --ask-become-pass', 'ask for the sudo password')
    .addOption(user())
    .addOption(acceptNewHostKeys())
    .addOption(output())
    .option('-v, --verbose', 'show more; may be repeated', (_, so: number) => so + 1, 0)
    .option('-D, --diff', 'show the differences of changed files')
    .option('--list-hosts', 'only list the hosts that would be acted on')
    .option('--list-tasks', 'only list the tasks')

type RunOptions = OptionsOf<ReturnType<typeof runCommand>> & { readonly detach?: true; readonly exitCode?: true }

/** The request of plan or apply. */
export const requestOf = (goal: Goal, playbook: string, options: RunOptions): Request => ({
  goal,
  what: {
    playbook,
    inventory: options.inventory,
    params: options.param,
    paramsFile: options.paramsFile,
    extra: options.extraVars,
  },
  which: {
    limit: options.limit,
    tags: options.tags,
    skipTags: options.skipTags,
    startAtTask: options.startAtTask,
    step: options.step === true,
  },
  as: { user: options.user, become: options.become === true, becomeUser: options.becomeUser },
  how: {
    forks: options.forks,
    yes: options.yes === true,
    waitLock: options.waitLock,
    detach: options.detach === true,
    askBecomePass: options.askBecomePass === true,
    acceptNewHostKeys: options.acceptNewHostKeys === true,
  },
  show: {
    output: options.output,
    // The types assume that an option without an argument is true or false.
    verbose: Number(options.verbose),
    diff: options.diff === true,
    exitCode: options.exitCode === true,
  },
})

/** The options given on the command line, as they are written, by their names in a `Request`. */
export const givenOptions = <A extends unknown[], O extends OptionValues>(command: Command<A, O>): ReadonlyMap<string, string> =>
  new Map(
    command.options
      .filter((option) => command.getOptionValueSource(option.attributeName() as keyof O) === 'cli')
      .map((option) => [option.attributeName(), option.long ?? option.flags]),
  )

function collect<T>(parse: (text: string) => T) {
  return (text: string, so: readonly T[]): readonly T[] => [...so, parse(text)]
}

function commaList(text: string, so: readonly string[]): readonly string[] {
  const parts = text.split(',').map((part) => part.trim())
  return [...so, ...parts.filter((part) => part !== '')]
}

function assignment(text: string): { name: string; text: string } {
  const at = text.indexOf('=')
  if (at < 1) throw new InvalidArgumentError('write it as name=value')
  return { name: text.slice(0, at), text: text.slice(at + 1) }
}

/** `90`, `90s`, `10m`, `1h`, `30d`, in seconds. */
export function seconds(text: string): number {
  const value = secondsOf(text)
  if (value === undefined) throw new InvalidArgumentError('write it as 30s, 10m, 1h or 2d')
  return value
}

function positive(text: string): number {
  const value = Number(text)
  if (!Number.isInteger(value) || value < 1) throw new InvalidArgumentError('use a whole number from 1')
  return value
}
