import { randomBytes } from 'node:crypto'
import { setMaxListeners } from 'node:events'
import { unasked } from '../plan/confirm.ts'
import { abortedByOperator, actedOn, execute } from '../engine/execute.ts'
import type { History } from '../record/history.ts'
import { type Journal, openJournal } from '../record/journal.ts'
import { lockHosts, openLocks } from '../locks/locks.ts'
import type { Control, Resumed, Run } from '../state/run-state.ts'
import { openSession } from '../state/session.ts'
import type { Event, RunFinished, RunStarted } from '../events/events.ts'
import { EXIT, exitCode } from '../events/exit.ts'
import { Failure } from '../base/failure.ts'
import type { Diagnostic } from '../source/diagnostic.ts'
import { renderDiagnostics, summaryLine } from '../source/render.ts'
import type { Source } from '../source/source.ts'
import { hasErrors, type Inputs, isSecret, loadInputs } from './inputs.ts'
import { markRunning } from '../record/liveness.ts'
import { maskEvent } from '../events/mask-event.ts'
import type { AnyModule } from '../module.ts'
import { createReport, failureKinds, type Report, type ReportFold } from '../output/report.ts'
import { openView, type RunView, styleOf } from '../output/view.ts'
import { createSecrets, maskSensitive, type Secrets, SHORTEST } from '../events/secrets.ts'
import type { Request } from '../events/request.ts'
import { keepInputs } from '../record/runs.ts'
import type { World } from '../world.ts'

/** A run that was begun before and goes on. */
export interface Past {
  readonly run: string
  readonly history: History
  readonly how: Resumed
}

export interface How {
  readonly past?: Past
  readonly agreed?: Run['agreed']
  /** Called once the run has its id and before anything is done. */
  readonly begin?: (run: string) => Promise<void>
  /** Called with what was found, after a plan. */
  readonly keep?: (inputs: Inputs, sources: readonly Source[], report: Report) => Promise<void>
  /** What is done with the hosts; tells those that it did not come to the end of. Default: the playbook is executed. */
  readonly work?: (run: Run, plays: Inputs['plays']) => Promise<readonly string[] | void>
}

/** load → validate → resolve → plan or execute → report. Returns the exit code; the only place where a run's output begins and ends. */
export async function run(
  request: Request,
  world: World,
  modules: ReadonlyMap<string, AnyModule>,
  { past, work = execute, agreed, begin, keep }: How = {},
): Promise<number> {
  const { inputs, sources, diagnostics } = await loadInputs(request, world, modules)
  showDiagnostics(diagnostics, sources, world)
  if (inputs === undefined) return EXIT.input
  const nobody = request.goal === 'apply' && !request.how.yes && agreed === undefined && !world.interactive
  const questions = nobody ? unasked(inputs.plays, request.which) : []
  if (questions.length > 0) {
    showDiagnostics(questions, sources, world)
    return EXIT.refused
  }
  const becomePassword = request.how.askBecomePass ? await world.ask('BECOME password: ', { secret: true }) : undefined
  if (request.how.askBecomePass && becomePassword === undefined)
    throw new Failure('`--ask-become-pass` needs a terminal to ask on', {
      kind: 'input',
      todo: 'give `ansible_become_password` in the inventory, or let sudo ask for none',
    })
  const { secrets, warnings } = secretsOf(inputs, becomePassword)
  showDiagnostics(warnings, sources, world)

  const id = past?.run ?? runId(world.clock.now())
  let journal: Journal | undefined
  const start = async (control: Control) => {
    await begin?.(id)
    journal = request.goal === 'plan' ? undefined : await openJournal(world, id, () => (control.stopping = true))
    if (journal !== undefined) await markRunning(world, id)
    // Whoever accepted other inputs has them kept: what changes after that is another change.
    if (journal !== undefined && (past === undefined || past.how.changed))
      await keepInputs(world, id, secrets.mask(request), sources, agreed)
  }
  const report = createReport()
  const view = await openView({ goal: request.goal, ...request.show }, world, report, sources)
  const tell = { emit: teller(secrets, report, view, () => journal), durable: async () => journal?.durable() }
  const lost = () => journal?.lost
  // Until the end has been written down: a second hang-up, say, must not cut it off when the run itself listens no more.
  const release = world.onInterrupt(() => undefined)
  const end = await executed(
    request,
    world,
    modules,
    inputs,
    { id, secrets, becomePassword, past, start, work, agreed, lost, ask: asker(world, view) },
    report,
    tell,
  ).finally(async () => {
    await journal?.close()
    await view.close()
  })
  await keep?.(inputs, sources, report)
  view.finish(end)
  release()
  const why = lost()
  if (why !== undefined) throw why
  const changes = end.counts.planned + end.counts.unknown
  return request.goal === 'plan' && request.show.exitCode && end.exitCode === EXIT.done && changes > 0
    ? EXIT.changes
    : end.exitCode
}

/** Everything that is shown or kept goes through here: secrets are masked once, for all. */
function teller(secrets: Secrets, report: ReportFold, view: RunView, journal: () => Journal | undefined): Run['emit'] {
  return (event: Event) => {
    if (event.type === 'apply-started') {
      const { undo, ...rest } = event
      report.add(event)
      const shown = maskEvent(secrets, rest)
      journal()?.addApply({ ...shown, undo })
      view.add({ ...shown, undo: { ...undo, params: undefined, before: undefined } })
      return
    }
    if (event.type === 'step-finished' && event.left !== undefined) {
      const { left, ...rest } = event
      const shown = maskEvent(secrets, { ...rest, changes: rest.changes.map(maskSensitive) })
      report.add(shown)
      view.add(shown)
      journal()?.add({ ...shown, left })
      return
    }
    const shown = maskEvent(secrets, 'changes' in event ? { ...event, changes: event.changes.map(maskSensitive) } : event)
    report.add(shown)
    view.add(shown)
    if (shown.type === 'step-progress') journal()?.addProgress(shown)
    else journal()?.add(shown)
  }
}

interface Own {
  readonly id: string
  readonly secrets: Secrets
  readonly becomePassword: string | undefined
  readonly past: Past | undefined
  /** Called when nothing stands in the way of the run any more. */
  readonly start: (control: Control) => Promise<void>
  /** Why the journal could not be written: then nothing more was started. */
  readonly lost: () => Failure | undefined
  readonly work: NonNullable<How['work']>
  readonly agreed: Run['agreed']
  readonly ask: Run['ask']
}

/** One question at a time; the live view stands still meanwhile. */
function asker(world: World, view: RunView): Run['ask'] {
  let last: Promise<unknown> = Promise.resolve()
  return (question) => {
    const answer = last.then(async () => {
      const goOn = await view.hold()
      try {
        return await world.ask(question)
      } finally {
        goOn()
      }
    })
    last = answer.catch(() => undefined)
    return answer
  }
}

async function executed(
  request: Request,
  world: World,
  modules: ReadonlyMap<string, AnyModule>,
  inputs: Inputs,
  { id, secrets, becomePassword, past, start, work, agreed, lost, ask }: Own,
  report: ReportFold,
  tell: Pick<Run, 'emit' | 'durable'>,
): Promise<RunFinished> {
  const { clock } = world
  const history = past?.history
  const abort = new AbortController()
  setMaxListeners(0, abort.signal) // every step, command and request listens to it
  const session = openSession(world, abort.signal)
  const state: Run = {
    id,
    ...request,
    becomePassword,
    ...inputs,
    ...tell,
    modules,
    world,
    session,
    locks: openLocks(),
    touched: new Map(),
    confirmations: new Map(),
    ask,
    secrets,
    history,
    resumed: past?.how,
    agreed,
    states: new Map(),
    control: {
      stopping: false,
      interrupted: false,
      aborted: false,
      signal: abort.signal,
      started: request.which.startAtTask === undefined,
      stepAll: false,
      changes: 0,
      window: Number.POSITIVE_INFINITY,
    },
  }
  const stop = watchInterrupts(state, report, abort, request.how.detach)
  let started = clock.monotonic()
  let unfinished: readonly string[] | void
  try {
    if (request.goal !== 'plan') await lockHosts(state, actedOn(state, inputs.plays))
    await start(state.control)
    started = clock.monotonic()
    tell.emit(beginning(request, id, inputs, clock.now()))
    if (history !== undefined) {
      const inFlight = [...history.inFlight.values()]
      tell.emit({ type: 'run-resumed', at: clock.now(), run: id, done: history.finished.size, inFlight })
    }
    unfinished = await work(state, inputs.plays)
    // Tried before the end is told: where what is left cannot be written, the end says so.
    await tell.durable().catch(() => undefined)
  } finally {
    stop()
    await session.close()
  }
  const { interrupted } = state.control
  const end: RunFinished = {
    type: 'run-finished',
    at: clock.now(),
    run: id,
    seconds: (clock.monotonic() - started) / 1000,
    interrupted,
    exitCode: lost() === undefined ? exitCode(failureKinds(report), interrupted) : EXIT.refused,
    counts: report.counts(),
    ...(unfinished === undefined ? {} : { unfinished }),
  }
  tell.emit(end)
  return end
}

const beginning = (request: Request, run: string, { playbook, plays, params }: Inputs, at: number): RunStarted => ({
  type: 'run-started',
  at,
  run,
  goal: request.goal,
  playbook: request.what.playbook,
  name: request.undoes === undefined ? playbook.name : `Undo of run ${request.undoes.run}: ${playbook.name}`,
  ...(request.undoes === undefined ? {} : { undoes: request.undoes.run }),
  inventory: request.what.inventory,
  hosts: [...new Set(plays.flatMap(({ hosts }) => hosts))],
  tasks: playbook.plays.reduce((sum, play) => sum + play.tasks.length, 0),
  params,
})

/**
 * Once: start nothing new, finish what is in flight. Twice: abort. SIGTERM counts as Ctrl-C. So does SIGHUP, which comes when the terminal goes
 * away (often twice, from the kernel and the shell), but never as the second; not at all where the run was to go on without its terminal.
 */
function watchInterrupts(run: Run, report: Report, abort: AbortController, detach: boolean): () => void {
  let times = 0
  return run.world.onInterrupt((signal) => {
    if (signal === 'SIGHUP' && (detach || times > 0)) return
    times++
    run.control.stopping = true
    run.control.interrupted = true
    if (times <= 2) run.emit({ type: 'interrupted', at: run.world.clock.now(), times, inFlight: report.inFlight() })
    if (times === 2) abort.abort(abortedByOperator())
  })
}

export function showDiagnostics(diagnostics: readonly Diagnostic[], sources: readonly Source[], world: World): void {
  if (diagnostics.length === 0) return
  world.stderr.write(`${renderDiagnostics(diagnostics, sources, styleOf(world.stderr))}\n`)
  if (hasErrors(diagnostics)) world.stderr.write(`${summaryLine(diagnostics)}\n`)
}

/** What must not be seen, and what of it will be all the same. The warnings point to no place: its line can hold the value. */
function secretsOf(
  { playbook, params }: Inputs,
  becomePassword: string | undefined,
): { readonly secrets: Secrets; readonly warnings: readonly Diagnostic[] } {
  const secrets = createSecrets()
  const values = [
    ...Object.values(playbook.params)
      .filter(isSecret)
      .map(({ name }) => [`the secret parameter \`${name}\``, params[name]] as const),
    ['the BECOME password', becomePassword] as const,
  ]
  const warnings = values
    .filter(([, value]) => !secrets.add(value))
    .map(([name]) => ({
      severity: 'warning' as const,
      summary: `${name} is not masked in all its parts`,
      notes: [
        `what has fewer than ${SHORTEST} characters, or is true or false, stays readable in what is shown and in the journal`,
      ],
    }))
  return { secrets, warnings }
}

const ALPHABET = '0123456789ABCDEFGHJKMNPQRSTVWXYZ'

/** Sorts by time: seven letters of the seconds, three of chance (Crockford's base 32). */
function runId(now: number): string {
  let seconds = Math.floor(now / 1000)
  let text = ''
  for (let i = 0; i < 7; i++) {
    text = ALPHABET[seconds % 32] + text
    seconds = Math.floor(seconds / 32)
  }
  return text + [...randomBytes(3)].map((byte) => ALPHABET[byte % 32]).join('')
}
