import { type Command, InvalidArgumentError, Option } from 'commander'
import { secondsOf } from '../base/duration.ts'
import type { Request, Show } from '../events/request.ts'

/** The options of plan and apply, as commander gives them. */
export interface RunFlags {
  readonly inventory: string[]
  readonly param: { name: string; text: string }[]
  readonly paramsFile?: string
  readonly extraVars: string[]
  readonly limit: string[]
  readonly tags: string[]
  readonly skipTags: string[]
  readonly forks: number
  readonly startAtTask?: string
  readonly step?: true
  readonly waitLock: number
  readonly detach?: true
  readonly yes?: true
  readonly ask?: true
  readonly become?: true
  readonly becomeUser?: string
  readonly askBecomePass?: true
  readonly user?: string
  readonly acceptNewHostKeys?: true
  readonly output: Show['output']
  readonly verbose: number
  readonly diff?: true
  readonly exitCode?: true
  readonly check?: true
  readonly out?: string
  readonly listHosts?: true
  readonly listTasks?: true
}

export const collect =
  <T>(parse: (text: string) => T) =>
  (text: string, so: T[]): T[] => [...so, parse(text)]
const commaList = (text: string, so: string[]): string[] => [
  ...so,
  ...text
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== ''),
]

export function withRunOptions(command: Command): Command {
  return command
    .option('-i, --inventory <path>', 'inventory file or folder, or `host1,host2,`; may be repeated', collect(String), [])
    .option('-p, --param <name=value>', 'a parameter of the playbook; may be repeated', collect(assignment), [])
    .option('--params-file <file>', 'parameters from a YAML or JSON file')
    .option(
      '-e, --extra-vars <vars>',
      'name=value, {json} or @file: variables over all others; may be repeated',
      collect(String),
      [],
    )
    .option('-l, --limit <pattern>', 'only these hosts of the playbook', commaList, [])
    .option('-t, --tags <tags>', 'only tasks with one of these tags', commaList, [])
    .option('--skip-tags <tags>', 'no task with one of these tags', commaList, [])
    .option('-f, --forks <n>', 'hosts at once', positive, 50)
    .option('--start-at-task <name>', 'pass over the tasks before the one of this name')
    .option('--step', 'ask before each task')
    .option('--wait-lock <time>', 'wait so long for what another run holds: 30s, 10m, 1h', seconds, 0)
    .option('-y, --yes', 'agree to whatever a `confirm` asks')
    .option('-b, --become', 'act as root (or --become-user) on the hosts')
    .option('--become-user <user>', 'the user to become')
    .option('-K, --ask-become-pass', 'ask for the password of sudo')
    .option('-u, --user <user>', 'log in as this user')
    .option(
      '--accept-new-host-keys',
      'accept and remember the keys of hosts never seen before; a changed key is refused all the same',
    )
    .addOption(
      new Option(
        '-o, --output <form>',
        'how to tell: a live view or plain lines, whichever fits; plain lines; one JSON event a line',
      )
        .choices(['auto', 'plain', 'json'])
        .default('auto'),
    )
    .option('-v, --verbose', 'show more; may be repeated', (_: string, so: number) => so + 1, 0)
    .option('-D, --diff', 'show the differences of what is changed')
    .option('--list-hosts', 'only list the hosts that would be acted on')
    .option('--list-tasks', 'only list the tasks')
}

/** The options that stand on the command line, as they are written there, by their names in a `Request`. */
export const givenOptions = (command: Command): ReadonlyMap<string, string> =>
  new Map(
    command.options
      .filter((option) => command.getOptionValueSource(option.attributeName()) === 'cli')
      .map((option) => [option.attributeName(), option.long ?? option.flags]),
  )

export function requestOf(goal: Request['goal'], playbook: string, flags: RunFlags): Request {
  return {
    goal: flags.check ? 'plan' : goal,
    what: {
      playbook,
      inventory: flags.inventory,
      params: flags.param,
      paramsFile: flags.paramsFile,
      extra: flags.extraVars,
    },
    which: {
      limit: flags.limit,
      tags: flags.tags,
      skipTags: flags.skipTags,
      startAtTask: flags.startAtTask,
      step: flags.step === true,
    },
    as: { user: flags.user, become: flags.become === true, becomeUser: flags.becomeUser },
    how: {
      forks: flags.forks,
      yes: flags.yes === true,
      waitLock: flags.waitLock,
      detach: flags.detach === true,
      askBecomePass: flags.askBecomePass === true,
      acceptNewHostKeys: flags.acceptNewHostKeys === true,
    },
    show: {
      output: flags.output,
      verbose: flags.verbose,
      diff: flags.diff === true,
      exitCode: flags.exitCode === true,
    },
  }
}

export function assignment(text: string): { name: string; text: string } {
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

export function positive(text: string): number {
  const value = Number(text)
  if (!Number.isInteger(value) || value < 1) throw new InvalidArgumentError('a whole number from 1')
  return value
}
