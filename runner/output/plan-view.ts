/** The page of `plan`. Called by view.ts. */
import type { LoopStarted, RescuePlanned, StepFinished } from '../events/events.ts'
import { renderChange } from './change.ts'
import { titleOf } from './plain.ts'
import { loopTerms } from './loop.ts'
import type { Report } from './report.ts'
import { count, duration } from '../base/format.ts'
import { oneLine, paint, wrap } from '../base/screen.ts'
import { cut, indent, sign, spread, type Style } from './style.ts'

/**
 * Renders the plan as a page: changes first, host by host. Hosts with equal plans share a block; hosts
 * without changes are summed up.
 */
export function renderPlan(report: Report, style: Style, options: { readonly verbose: boolean }): string {
  const { started } = report
  const byHost = groupBy(report.finished, (step) => step.step.host)
  const blocks = groupBy(byHost, ([host, steps]) => {
    const loops = new Map(report.loops.filter((loop) => loop.host === host).map((loop) => [loop.task, loop]))
    const texts = steps.flatMap((step) => {
      const text = stepLines(step, style, options.verbose, started?.undoes !== undefined)
      if (text === '') return []
      const loop = loops.get(step.step.task)
      loops.delete(step.step.task)
      return [...(loop === undefined ? [] : loopLines(loop, style)), text]
    })
    const rescues = texts.length === 0 ? [] : report.rescues.filter((rescue) => rescue.host === host)
    return [...texts, ...rescues.map((rescue) => rescueLines(rescue, style))].join('\n')
  })
  const quiet = blocks.get('') ?? []
  const body = [...blocks]
    .filter(([text]) => text !== '')
    .map(
      ([text, hosts]) =>
        `${paint(
          style,
          'bold',
          hostNames(
            hosts.map(([host]) => host),
            style,
          ),
        )}\n${text}`,
    )
  const calm =
    quiet.length === 0
      ? []
      : [
          `${paint(
            style,
            'bold',
            hostNames(
              quiet.map(([host]) => host),
              style,
            ),
          )}\n${spread(style, `  ${sign(style, 'ok')} nothing to change`, count(quiet.length, 'host'))}`,
        ]
  return [
    paint(style, 'bold', oneLine(started?.name ?? '')),
    paint(
      style,
      'dim',
      `${[...(started?.inventory ?? []).map(oneLine), count(started?.hosts.length ?? 0, 'host')].join(` ${sign(style, 'dot')} `)} ${sign(style, 'dot')} nothing is being changed`,
    ),
    '',
    ...body.flatMap((block) => [block, '']),
    ...calm.flatMap((block) => [block, '']),
    planSummary(report, style),
  ].join('\n')
}

/** Groups items by a key (`Map.groupBy` is missing in Node 20). */
function groupBy<T, K>(items: Iterable<T>, keyOf: (item: T) => K): Map<K, T[]> {
  const groups = new Map<K, T[]>()
  for (const item of items) {
    const key = keyOf(item)
    const group = groups.get(key)
    if (group === undefined) groups.set(key, [item])
    else group.push(item)
  }
  return groups
}

const hostNames = (hosts: readonly string[], style: Style): string =>
  oneLine(hosts.length <= 3 ? hosts.join(', ') : `${hosts[0]} ${sign(style, 'ellipsis')} ${hosts.at(-1)} (${hosts.length})`)

/** @param undo the plan is that of an undo, which cannot be undone itself */
function stepLines(step: StepFinished, style: Style, verbose: boolean, undo: boolean): string {
  const title = titleOf(step)
  const right = step.step.module
  switch (step.outcome) {
    case 'planned':
      return [
        paint(
          style,
          'yellow',
          spread(style, `  ${sign(style, 'planned')} ${title}`, step.reversible || undo ? right : `${right}, cannot be undone`),
        ),
        ...step.changes.map((change) => indent(renderChange(change, style), '      ')),
        ...(step.confirm === undefined ? [] : [indent(`asks first: ${step.confirm}`, '      ')]),
        ...(step.estimate === undefined
          ? []
          : [`      likely takes ${duration(step.estimate.seconds)} (${oneLine(step.estimate.basis)})`]),
        ...step.warnings.map((warning) => indent(`warning: ${warning}`, '      ')),
        ...(step.message === undefined ? [] : [indent(step.message, '      ')]),
      ].join('\n')
    case 'unknown':
      return [
        paint(
          style,
          'cyan',
          spread(
            style,
            `  ${sign(style, 'unknown')} ${title}`,
            cut(style, `known after: ${step.reason ?? ''}`, Math.floor(style.columns / 2)),
          ),
        ),
        ...(step.reversible || undo ? [] : [`      ${right}, cannot be undone`]),
        ...(step.confirm === undefined ? [] : [indent(`asks first: ${step.confirm}`, '      ')]),
      ].join('\n')
    case 'failed':
    case 'unreachable':
      return (
        paint(style, 'red', spread(style, `  ${sign(style, 'failed')} ${title}`, right)) +
        `\n${indent(step.failure?.what ?? '', '      ')}`
      )
    default: {
      const told = [
        ...step.warnings.map((warning) => indent(`warning: ${warning}`, '      ')),
        ...(step.message === undefined ? [] : [indent(step.message, '      ')]),
      ]
      if (!verbose && told.length === 0) return ''
      const note = step.outcome === 'skipped' ? `skipped: ${step.reason ?? ''}` : 'ok'
      return [
        spread(style, `  ${sign(style, step.outcome)} ${title}`, cut(style, note, Math.floor(style.columns / 2))),
        ...told,
      ].join('\n')
    }
  }
}

/** Renders the terms of a loop, above its items. */
function loopLines(loop: LoopStarted, style: Style): string[] {
  const terms = loopTerms(loop)
  const items = loop.items === undefined ? 'loop' : count(loop.items, 'item')
  return terms.length === 0
    ? []
    : [spread(style, `  ${oneLine(loop.name)}`, items), ...terms.map((term) => paint(style, 'dim', `      ${term}`))]
}

/** Renders the tasks of a rescue, which run only after a failure; a saved plan covers them too. */
const rescueLines = ({ name, tasks }: RescuePlanned, style: Style): string =>
  [
    `  only if ${oneLine(name ?? 'its block')} fails: ${count(tasks.length, 'task')} of its rescue`,
    ...tasks.flatMap((task) => [
      spread(style, `      ${task.name}`, task.reversible ? task.module : `${task.module}, cannot be undone`),
      ...(task.confirm === undefined ? [] : [indent(`asks first: ${task.confirm}`, '          ')]),
    ]),
  ].join('\n')

function planSummary(report: Report, style: Style): string {
  const { planned, unknown, failed, unreachable } = report.counts()
  const dot = ` ${sign(style, 'dot')} `
  const changing = new Set(report.finished.filter((step) => step.outcome === 'planned').map((step) => step.step.host)).size
  const irreversible = report.finished.filter(
    ({ outcome, reversible }) => (outcome === 'planned' || outcome === 'unknown') && !reversible,
  ).length
  const asking = report.finished.filter(({ confirm }) => confirm !== undefined).length
  const seconds = report.finished.reduce((sum, { estimate }) => sum + (estimate?.seconds ?? 0), 0)
  if (failed + unreachable > 0) return `${count(failed + unreachable, 'step')} cannot be planned${dot}apply would stop there`
  if (planned + unknown === 0) return 'Nothing to do.'
  const said = [
    `${count(planned, 'change')} on ${count(changing, 'host')}`,
    ...(unknown > 0 ? [`${count(unknown, 'step')} known only after others have run`] : []),
    ...(asking > 0 ? [`${count(asking, 'step')} asked about first`] : []),
    ...(seconds > 0 ? [`likely ${duration(seconds)} one after another`] : []),
    ...(report.started?.undoes === undefined
      ? [irreversible === 0 ? 'all can be undone' : `${irreversible} cannot be undone`]
      : []),
  ].join(dot)
  return wrap(said, style.columns).join('\n')
}
