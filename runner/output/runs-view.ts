/** The output of `runs` and `show`. Called by their commands. */
import type { ApplyStarted, NotStarted, StepFinished } from '../events/events.ts'
import { EXIT } from '../events/exit.ts'
import type { Source } from '../source/source.ts'
import { renderFailure } from './failure.ts'
import { notStartedText } from './loop.ts'
import { titleOf } from './plain.ts'
import { renderChange } from './change.ts'
import { ago, count, duration } from '../base/format.ts'
import { oneLine, paint } from '../base/screen.ts'
import { indent, sign, type Style } from './style.ts'
import { nextCommands, notFinished } from './summary.ts'

/** The part of a journal's history that this view shows. */
export interface ShownHistory {
  readonly started: {
    readonly run: string
    readonly at: number
    readonly playbook: string
    readonly name: string
    readonly hosts: readonly string[]
    readonly undoes?: string
  }
  readonly finished: ReadonlyMap<string, StepFinished>
  readonly inFlight: ReadonlyMap<string, ApplyStarted['step']>
  /** Keys of the undone steps. */
  readonly undone: ReadonlySet<string>
  readonly ended: { readonly exitCode: number; readonly interrupted: boolean; readonly seconds: number } | undefined
  /** Hosts that did not finish their plays. */
  readonly unfinished: ReadonlySet<string>
  readonly notStarted: ReadonlyMap<string, NotStarted>
  readonly last: number
  /** The process of the run is alive. */
  readonly running?: boolean
}

/** An unreadable run, with the reason. */
export interface UnreadableRun {
  readonly run: string
  readonly why: string
}

/** Describes the end of a run in a word or two. */
export function outcomeWord({ ended, running, unfinished }: ShownHistory): string {
  if (ended === undefined) return running === true ? 'is under way' : 'was killed'
  if (ended.interrupted) return 'was interrupted'
  if (ended.exitCode === EXIT.late) return 'stopped short'
  if (ended.exitCode !== 0) return 'failed'
  return unfinished.size === 0 ? 'succeeded' : 'stopped short'
}

/** Returns true if the last attempt of the run succeeded, and no host was left behind by an earlier one. */
export const endedWell = ({ ended, unfinished }: Pick<ShownHistory, 'ended' | 'unfinished'>): boolean =>
  ended?.exitCode === 0 && unfinished.size === 0

export const lastSeen = ({ last }: ShownHistory, now: number): string => ago(Math.max(0, now - last) / 1000)

/** Counts the changes of a run, and the undone ones: `3 changes, 1 undone`. */
function changesWord({ finished, undone }: ShownHistory): string {
  const changed = [...finished.values()].filter(({ outcome }) => outcome === 'changed').length
  if (undone.size === 0) return count(changed, 'change')
  return changed === 0 ? 'undone' : `${count(changed, 'change')}, ${undone.size} undone`
}

/** Renders `runbook runs`: a line each, newest first. */
export function renderRuns(runs: readonly (ShownHistory | UnreadableRun)[], now: number): string {
  if (runs.length === 0) return 'No runs are kept in this folder.\n'
  const wide = Math.max(...runs.map((run) => ('why' in run ? 0 : changesWord(run).length)))
  return runs
    .map((history) => {
      if ('why' in history) return `${history.run}  ${'cannot be read'.padEnd(15)}  ${oneLine(history.why)}\n`
      const { started } = history
      return `${started.run}  ${outcomeWord(history).padEnd(15)}  ${changesWord(history).padEnd(wide)}  ${lastSeen(history, now).padEnd(11)}  ${started.undoes === undefined ? '' : `undo of ${started.undoes}: `}${oneLine(started.playbook)}\n`
    })
    .join('')
}

export interface ShowOptions {
  readonly diff: boolean
  readonly host: string | undefined
}

/** Renders `runbook show RUN`: the steps in order, the failures with their help, the possible next commands. */
export function renderRun(
  history: ShownHistory,
  sources: readonly Source[],
  options: ShowOptions,
  now: number,
  style: Style,
): string {
  const { started, finished, inFlight, undone, ended, unfinished, notStarted } = history
  const steps = [...finished.values()].filter(({ step }) => options.host === undefined || step.host === options.host)
  const said = steps
    .filter(({ outcome }) => outcome !== 'ok' && outcome !== 'skipped')
    .map((step) => stepLines(step, options, style))
  const quiet = steps.length - said.length
  const flying = [...inFlight.values()].filter(({ host }) => options.host === undefined || host === options.host)
  const failures = steps.filter(({ failure, ignored }) => failure !== undefined && ignored !== true)
  return `${[
    paint(style, 'bold', oneLine(`${started.name}   run ${started.run}`)),
    `${oneLine(started.playbook)} ${sign(style, 'dot')} ${count(started.hosts.length, 'host')} ${sign(style, 'dot')} ${outcomeWord(history)} ${lastSeen(history, now)}${undone.size === 0 ? '' : ` ${sign(style, 'dot')} ${changesWord(history)}`}${ended === undefined ? '' : ` ${sign(style, 'dot')} ${duration(ended.seconds)}`}`,
    '',
    ...said,
    ...(quiet > 0 ? [`  ${sign(style, 'ok')} ${count(quiet, 'step')} with nothing to change`] : []),
    ...flying.map((step) =>
      paint(style, 'yellow', `  ${sign(style, 'running')} ${oneLine(step.host)}  ${titleOf({ step })}: was in flight`),
    ),
    ...[...notStarted.values()]
      .filter(({ host }) => options.host === undefined || host === options.host)
      .map((one) =>
        paint(style, 'yellow', `  ${sign(style, 'pending')} ${oneLine(one.host)}  not started: ${notStartedText(one)}`),
      ),
    ...failures.flatMap((step) => ['', renderFailure(step, sources, style)]),
    ...(ended === undefined || unfinished.size === 0 ? [] : ['', notFinished([...unfinished])]),
    '',
    nextCommands(started.run, endedWell(history), finished.values()).join(` ${sign(style, 'dot')} `) || 'Nothing to undo.',
  ].join('\n')}\n`
}

const stepLines = (event: StepFinished, { diff }: ShowOptions, style: Style): string => {
  const { step, outcome, changes, seconds } = event
  const line = `  ${sign(style, outcome)} ${oneLine(step.host)}  ${titleOf(event)}${outcome === 'changed' ? ` (${duration(seconds)})` : `: ${outcome}`}`
  return diff ? [line, ...changes.map((change) => indent(renderChange(change, style), '      '))].join('\n') : line
}
