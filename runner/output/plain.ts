/** One line an event, for pipes and logs. Called by view.ts; the other views share its texts. */
import type { Event, Interrupted, PlayStopped, StepFinished } from '../events/events.ts'
import type { Progress } from '../module.ts'
import { count, duration } from '../base/format.ts'
import { oneLine } from '../base/screen.ts'
import { indent } from './style.ts'
import { notStartedText } from './loop.ts'

/** Renders an event as one line; undefined for events without a place in a log. */
export function plainLine(event: Event): string | undefined {
  const line = (word: string, text: string) => `${clock(event.at)} ${word.padEnd(11)} ${text}`
  switch (event.type) {
    case 'run-started':
      return line('start', `${oneLine(event.name)} run=${event.run} hosts=${event.hosts.length}`)
    case 'play-started': {
      const batch = event.batch === undefined ? '' : `, batch ${event.batch.number} of ${event.batch.of}`
      return line('play', `${oneLine(event.name)} (${count(event.hosts.length, 'host')}${batch})`)
    }
    case 'step-finished':
      return stepLines(event, line)
    case 'task-finished': {
      const lines = (event.notStarted ?? []).map((one) => {
        const text = notStartedText(one)
        return line('not started', one.items === undefined ? text : `${oneLine(one.host)}  ${text}`)
      })
      return lines.length === 0 ? undefined : lines.join('\n')
    }
    case 'rescued':
      return line('rescued', oneLine(event.host))
    case 'play-stopped':
      return line('stopped', stopText(event))
    case 'handlers-pending':
      return line('pending', oneLine(`${event.host}  ${event.handlers.join(', ')}`))
    case 'lock-awaited':
      return line('waiting', event.reasons.map(oneLine).join('\n'.padEnd(14)))
    case 'interrupted':
      return line('interrupted', interruptedLines(event).join('\n             '))
    case 'run-finished': {
      const { ok, changed, planned, unknown, failed, unreachable, skipped } = event.counts
      const plan = planned + unknown > 0 ? ` planned=${planned} unknown=${unknown}` : ''
      const calm = changed + planned + unknown + failed + unreachable === 0 && !event.interrupted ? 'nothing to do  ' : ''
      return line(
        'done',
        `${calm}ok=${ok} changed=${changed}${plan} failed=${failed} unreachable=${unreachable} skipped=${skipped} seconds=${event.seconds.toFixed(1)} exit=${event.exitCode}`,
      )
    }
    default:
      return undefined
  }
}

function stepLines(event: StepFinished, line: (word: string, text: string) => string): string {
  const { step, outcome, ignored, failure, warnings, message, reason, seconds } = event
  const name = titleOf(event)
  const detail =
    outcome === 'changed'
      ? ` (${duration(seconds)})`
      : reason === undefined
        ? ''
        : ` (${outcome === 'unknown' ? 'known after: ' : ''}${oneLine(reason)})`
  return [
    line(ignored ? 'ignored' : outcome, `${oneLine(step.host)}  ${name}${detail}`),
    ...(failure === undefined ? [] : [indent(failure.what, '             ')]),
    ...warnings.map((warning) => indent(`warning: ${warning}`, '             ')),
    ...(message === undefined ? [] : [indent(message, '             ')]),
  ].join('\n')
}

/** The step's name, with its item if the name does not hold it. */
export const titleOf = ({ step }: Pick<StepFinished, 'step'>): string =>
  oneLine(step.item === undefined || step.name.includes(step.item) ? step.name : `${step.name} [${step.item}]`)

/** Describes the effect of a first or a second Ctrl-C, then the steps in flight, one a line. */
export function interruptedLines({ times, inFlight }: Interrupted): string[] {
  const head =
    inFlight.length === 0
      ? 'Stopping: nothing is in flight.'
      : times === 1
        ? `Stopping when ${count(inFlight.length, 'step')} in flight ${inFlight.length === 1 ? 'has' : 'have'} ended; Ctrl-C again aborts at once.`
        : 'Aborting; these were in flight:'
  return [head, ...inFlight.map(({ step, progress }) => oneLine(`${step.host}  ${titleOf({ step })}${underWay(progress)}`))]
}

/** Names the reason of a stop, and the hosts that stop because of others. */
export const stopText = ({ reason, hosts }: PlayStopped): string =>
  oneLine(hosts.length === 0 ? reason : `${reason}: nothing more is done on ${hosts.join(', ')}`)

const underWay = (progress: Progress | undefined): string => {
  if (progress === undefined) return ''
  const share =
    progress.total > 0 ? `${Math.floor((100 * Math.min(progress.done, progress.total)) / progress.total)} %` : undefined
  return ` (${[share, progress.note].filter((part) => part !== undefined).join(', ')})`
}

const clock = (at: number): string => {
  const date = new Date(at)
  return [date.getHours(), date.getMinutes(), date.getSeconds()].map((part) => String(part).padStart(2, '0')).join(':')
}
