import type { Event, RunFinished } from '../events/events.ts'
import type { Source } from '../source/source.ts'
import type { Request, Show } from '../events/request.ts'
import type { Screen, World } from '../world.ts'
import { changedLines } from './change.ts'
import { jsonLine } from './json.ts'
import { plainLine } from './plain.ts'
import { renderPlan } from './plan-view.ts'
import type { Report } from './report.ts'
import type { Style } from './style.ts'
import { renderSummary } from './summary.ts'
import type { View } from './terminal.ts'

export interface RunView extends View {
  /** Writes the end: the plan, or the failures and the summary. */
  finish(end: RunFinished): void
}

export const styleOf = (screen: Screen): Style => ({
  color: screen.color,
  unicode: screen.unicode,
  columns: Math.max(60, Math.min(screen.columns, 120)),
})

/** The shown run: of this process, or of another one (attached). */
export type Shown = Pick<Request, 'goal'> & Pick<Show, 'output' | 'diff'> & { readonly attached?: true }

/** Opens the view: JSON lines, a live terminal, or plain lines. A plan is a page of its own, written at the end. */
export async function openView(
  request: Shown & Pick<Show, 'verbose'>,
  world: World,
  report: Report,
  sources: readonly Source[],
): Promise<RunView> {
  const { stdout, stderr } = world
  if (request.output === 'json') {
    return { add: (event) => stdout.write(jsonLine(event)), hold: still, close: async () => {}, finish: () => {} }
  }
  const style = styleOf(stdout)
  const live = await liveView(request, world, style)
  return {
    ...live,
    finish(end) {
      if (request.goal === 'plan') {
        stdout.write(`${renderPlan(report, style, { verbose: request.verbose > 0 })}\n`)
        if (report.failures().length > 0) stdout.write(`\n${renderSummary(report, end, sources, style)}\n`)
      } else if (end.exitCode !== 0 || stdout.isTerminal) {
        // In a pipe the `done` line holds the summary already; failures are written in full all the same.
        ;(stdout.isTerminal ? stdout : stderr).write(`\n${renderSummary(report, end, sources, style)}\n`)
      }
    },
  }
}

async function liveView(request: Shown, { stdout }: World, style: Style): Promise<View> {
  if (stdout.isTerminal && request.output === 'auto') {
    const { terminalView } = await import('./terminal.ts')
    return terminalView(style, request, (text) => stdout.write(text))
  }
  if (request.goal === 'plan') return { add: () => {}, hold: still, close: async () => {} }
  return {
    add(event: Event) {
      const line = plainLine(event)
      const diff = request.diff && event.type === 'step-finished' ? changedLines(event, style, '             ') : []
      if (line !== undefined) stdout.write(`${[line, ...diff].join('\n')}\n`)
    },
    hold: still,
    close: async () => {},
  }
}

/** Plain lines need no pause. */
const still = async () => () => {}
