import type { RunFinished, StepFinished } from '../events/events.ts'
import { EXIT } from '../events/exit.ts'
import type { Source } from '../source/source.ts'
import { notStartedCounts } from './loop.ts'
import { renderFailure } from './failure.ts'
import type { Report } from './report.ts'
import { count, duration } from '../base/format.ts'
import { oneLine, paint } from '../base/screen.ts'
import { sign, type Style } from './style.ts'

/** Renders the end of an apply: every failure with its place and help, then a summary in one line. */
export function renderSummary(report: Report, end: RunFinished, sources: readonly Source[], style: Style): string {
  const failures = report.failures().map((step) => renderFailure(step, sources, style))
  const pending = [...report.pendingHandlers].map(([host, handlers]) =>
    oneLine(`${host}: handlers that did not run: ${handlers.join(', ')}`),
  )
  const left = end.unfinished ?? []
  const next =
    report.started?.goal === 'apply' ? nextCommands(end.run, end.exitCode === 0 && left.length === 0, report.finished) : []
  return [
    ...failures.flatMap((text) => [text, '']),
    ...pending,
    ...(left.length > 0 && end.exitCode === 0 ? [notFinished(left)] : []),
    lastLine(report, end, style),
    ...(next.length > 0 ? [paint(style, 'dim', next.join(` ${sign(style, 'dot')} `))] : []),
  ].join('\n')
}

/** Names the hosts that a resume would act on: many are counted, a few are named. */
export const notFinished = (hosts: readonly string[]): string =>
  oneLine(`not finished on ${hosts.length > 5 ? count(hosts.length, 'host') : hosts.join(', ')}`)

/** Lists the possible next commands: resume if the run did not end well, undo if a change is reversible. */
export function nextCommands(run: string, endedWell: boolean, finished: Iterable<StepFinished>): string[] {
  const undone = [...finished].some(({ outcome, reversible }) => outcome === 'changed' && reversible)
  return [...(endedWell ? [] : [`runbook resume ${run}`]), ...(undone ? [`runbook undo ${run} --plan`] : [])]
}

function lastLine(report: Report, end: RunFinished, style: Style): string {
  const { changed, failed, unreachable, ignored, rescued, skipped, ok } = end.counts
  const dot = ` ${sign(style, 'dot')} `
  const parts = [
    ...(changed > 0 ? [`${changed} changed and verified`] : []),
    ...(failed > 0 ? [`${failed} failed`] : []),
    ...(unreachable > 0 ? [`${count(unreachable, 'host')} unreachable`] : []),
    ...(ignored > 0 ? [`${ignored} failed and ignored`] : []),
    ...(rescued > 0 ? [`${rescued} failed and rescued`] : []),
    ...notStartedCounts(report.notStarted),
    ...(end.interrupted ? ['interrupted: not everything was started'] : []),
  ]
  const ended = duration(end.seconds)
  if (parts.length === 0)
    return paint(
      style,
      'green',
      `Nothing to do: ${count(ok, 'check')} fine${skipped > 0 ? `, ${skipped} skipped` : ''}${dot}${ended}`,
    )
  const color = end.exitCode === 0 ? 'green' : end.interrupted || end.exitCode === EXIT.late ? 'yellow' : 'red'
  return paint(style, color, [...parts, ended, ...(end.exitCode === 0 ? [] : [`exit ${end.exitCode}`])].join(dot))
}
