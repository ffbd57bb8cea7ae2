/** The live view of a run on a terminal. Called by view.ts. */
import type { Event, NotStarted, StepFinished, StepProgress, TaskStarted } from '../events/events.ts'
import { changedLines } from './change.ts'
import { countNotStarted, notStartedText } from './loop.ts'
import { interruptedLines, stopText, titleOf } from './plain.ts'
import { bytes, count } from '../base/format.ts'
import { onScreen, oneLine, pad, paint, width } from '../base/screen.ts'
import { cut, indent, sign, spread, type Style } from './style.ts'

/** A view of events. `close` resolves when everything is on the screen. */
export interface View {
  add(event: Event): void
  /** Pauses the view for a question, until the resolved function is called. */
  hold(): Promise<() => void>
  close(): Promise<void>
}

/** The most live lines: listr2 redraws every line at each change, and more than a screenful helps nobody. */
const LIVE_LINES = 12
const REDRAW_MS = 100

interface LiveTask {
  readonly started: TaskStarted
  readonly running: Map<string, { readonly label: string; progress?: StepProgress }>
  readonly finished: StepFinished[]
  notStarted: readonly NotStarted[]
  /** The task ended only for a question, and continues in another one. */
  held: boolean
  /** A notice for the operator. */
  notice?: string
  /** Redraws the task's lines. */
  redraw: () => void
  end: () => void
  readonly ended: Promise<void>
}

/**
 * Creates the live view. listr2 only draws: each task of the playbook is one listr2 task with a bounded body,
 * run one after the other, so a finished task stays on the screen as one line.
 */
export function terminalView(
  style: Style,
  { diff, attached }: { readonly diff: boolean; readonly attached?: true },
  write: (text: string) => void,
): View {
  const ctrlC = attached === true ? 'leaves it going' : 'stops safely'
  let current: LiveTask | undefined
  let shown: Promise<void> = Promise.resolve()

  const start = (from: Pick<LiveTask, 'started' | 'running' | 'finished'>) => {
    let end = () => {}
    const ended = new Promise<void>((resolve) => (end = resolve))
    const task: LiveTask = { ...from, notStarted: [], held: false, redraw: () => {}, end, ended }
    current = task
    shown = shown.then(() => show(task, style, diff, write))
  }

  return {
    add(event) {
      switch (event.type) {
        case 'run-started':
          shown = shown.then(() =>
            write(
              `${paint(style, 'bold', spread(style, event.name, `run ${event.run} ${sign(style, 'dot')} Ctrl-C ${ctrlC}`))}\n`,
            ),
          )
          break
        case 'play-started':
          shown = shown.then(() => write(playLine(event, style)))
          break
        case 'task-started':
          start({ started: event, running: new Map(), finished: [] })
          break
        case 'step-started':
          current?.running.set(event.step.key, { label: labelOf(event.step) })
          current?.redraw()
          break
        case 'step-progress': {
          const live = current?.running.get(event.step.key)
          if (live !== undefined) live.progress = event
          current?.redraw()
          break
        }
        case 'step-finished':
          current?.running.delete(event.step.key)
          current?.finished.push(event)
          current?.redraw()
          break
        case 'task-finished':
          if (current !== undefined) current.notStarted = event.notStarted ?? []
          current?.end()
          current = undefined // a question from now on holds nothing
          break
        case 'lock-awaited':
          shown = shown.then(() =>
            write(`${event.reasons.map((reason) => paint(style, 'yellow', `Waiting: ${oneLine(reason)}`)).join('\n')}\n`),
          )
          break
        case 'play-stopped': {
          const text = `Stopped: ${stopText(event)}`
          shown = shown.then(() => write(`${paint(style, 'yellow', text)}\n`))
          break
        }
        case 'interrupted': {
          // The live lines show the notice now, with the steps in flight; this line stays after them.
          if (current !== undefined) current.notice = interruptedLines(event)[0] ?? ''
          current?.redraw()
          const past =
            event.times === 1 ? 'Ctrl-C: nothing new was started; steps in flight were finished.' : 'Ctrl-C again: aborted.'
          shown = shown.then(() => write(`${paint(style, 'yellow', past)}\n`))
          break
        }
        default:
          break
      }
    },
    async hold() {
      const held = current
      if (held !== undefined) held.held = true
      held?.end()
      await shown
      return () => {
        if (held !== undefined && held === current) start(held)
      }
    },
    async close() {
      current?.end()
      await shown
    },
  }
}

const playLine = (event: Extract<Event, { type: 'play-started' }>, style: Style): string => {
  const batch = event.batch === undefined ? '' : `, batch ${event.batch.number} of ${event.batch.of}`
  return `${paint(style, 'bold', spread(style, event.name, `${count(event.hosts.length, 'host')}${batch}`))}\n`
}

const labelOf = (step: StepProgress['step']) => step.item ?? step.host

async function show(task: LiveTask, style: Style, diff: boolean, write: (text: string) => void): Promise<void> {
  const { Listr, ListrDefaultRendererLogLevels: at, Spinner } = await import('listr2')
  class PlainSpinner extends Spinner {
    protected override readonly spinner = ['-', '\\', '|', '/']
  }
  const plain = {
    icon: {
      [at.COMPLETED]: sign(style, 'ok'),
      [at.FAILED]: sign(style, 'failed'),
      [at.SKIPPED_WITH_COLLAPSE]: sign(style, 'skipped'),
      [at.SKIPPED_WITHOUT_COLLAPSE]: sign(style, 'skipped'),
      [at.OUTPUT]: '>',
      [at.OUTPUT_WITH_BOTTOMBAR]: '>',
      [at.PENDING]: '-',
      [at.WAITING]: '-',
    },
    spinner: new PlainSpinner(),
  }
  const view = new Listr(
    [
      {
        title: onScreen(titleLine(task, style)),
        task: async (_context, line) => {
          let timer: NodeJS.Timeout | undefined
          const draw = () => {
            timer = undefined
            line.title = onScreen(titleLine(task, style))
            line.output = onScreen(liveLines(task, style).join('\n'))
          }
          task.redraw = () => (timer ??= setTimeout(draw, REDRAW_MS))
          await task.ended
          clearTimeout(timer)
          task.redraw = () => {}
          line.title = onScreen(titleLine(task, style))
          line.output = ''
          if (task.held) return line.skip()
          if (task.finished.some((step) => step.failure !== undefined && step.ignored !== true)) throw new Error('failed')
          if (task.notStarted.length > 0 || task.finished.every((step) => step.outcome === 'skipped')) line.skip()
        },
        rendererOptions: { outputBar: true },
      },
    ],
    {
      exitOnError: false,
      registerSignalListeners: false,
      rendererOptions: {
        showErrorMessage: false,
        collapseSkips: true,
        showSkipMessage: false,
        formatOutput: 'truncate',
        lazy: false,
        ...(style.unicode ? {} : plain),
      },
    },
  )
  await view.run()
  if (task.held) return
  const told = task.finished.flatMap((step) => [
    ...(diff ? changedLines(step, style, '  ') : []),
    ...(step.message === undefined
      ? []
      : [indent(task.started.hosts.length > 1 ? `${step.step.host}: ${step.message}` : step.message, '  ')]),
    ...step.warnings.map((warning) => paint(style, 'yellow', indent(`${step.step.host}: warning: ${warning}`, '  '))),
  ])
  const notStarted = task.notStarted.map((one) => {
    const host = one.items !== undefined && task.started.hosts.length > 1 ? `${oneLine(one.host)}: ` : ''
    return paint(style, 'yellow', `  ${host}not started: ${notStartedText(one)}`)
  })
  const lines = [...told, ...notStarted]
  if (lines.length > 0) write(`${lines.join('\n')}\n`)
}

function titleLine({ started, finished, running, notStarted }: LiveTask, style: Style): string {
  const of = (outcome: StepFinished['outcome']) => finished.filter((step) => step.outcome === outcome).length
  const waiting = countNotStarted(notStarted)
  const total = waiting > 0 ? ` of ${finished.length + waiting}` : ''
  const counts = [
    [of('changed'), `${total} changed`],
    [of('failed') + of('unreachable'), ' failed'],
    [of('skipped'), ' skipped'],
    [waiting, ' not started'],
  ] as const
  const said = counts.filter(([number]) => number > 0).map(([number, words]) => `${number}${words}`)
  const done = finished.length
  const right =
    running.size > 0
      ? `${done} done, ${running.size} running`
      : said.length > 0
        ? said.join(', ')
        : count(started.hosts.length, 'host')
  return spread(style, started.handler ? `${started.name} (handler)` : started.name, right, style.columns - margin(style))
}
/** The columns that listr2 takes before a title (a sign and a blank) and keeps free (two). */
const margin = (style: Style): number => width(sign(style, 'ok')) + 3

/** Lists running steps, those with progress first; of finished steps only the failures stay. */
function liveLines({ running, finished, notice }: LiveTask, style: Style): string[] {
  const failed = finished
    .filter((step) => step.failure !== undefined)
    .map((step) => `${sign(style, 'failed')} ${step.step.host} ${titleOf(step)}: ${step.failure?.what}`)
  const live = [...running.values()].toSorted((a, b) => Number(b.progress !== undefined) - Number(a.progress !== undefined))
  const room = style.columns - margin(style)
  const wide = Math.min(LABEL_WIDTH, Math.max(0, ...live.map(({ label }) => width(oneLine(label)))))
  const lines = [
    ...(notice === undefined ? [] : [notice]),
    ...failed,
    ...live.map(
      ({ label, progress }) =>
        `${pad(cut(style, label, wide), wide)}  ${progress === undefined ? '' : progressText(progress, style)}`,
    ),
  ]
  const cutOff = lines.length > LIVE_LINES ? [`${sign(style, 'ellipsis')} and ${lines.length - LIVE_LINES + 1} more`] : []
  return [...lines.slice(0, LIVE_LINES - cutOff.length), ...cutOff].map((line) => cut(style, line.trimEnd(), room))
}

const BAR_WIDTH = 20
const LABEL_WIDTH = 24

export function progressText({ progress: { done, total, unit, note } }: StepProgress, style: Style): string {
  const share = total > 0 ? Math.min(1, done / total) : 0
  const full = Math.round(share * BAR_WIDTH)
  const bar = sign(style, 'full').repeat(full) + sign(style, 'empty').repeat(BAR_WIDTH - full)
  const amount = unit === 'bytes' ? `${bytes(done)} of ${bytes(total)}` : `${done} of ${total} ${unit}`
  return `${bar} ${String(Math.round(share * 100)).padStart(3)} %  ${note ?? amount}`
}
