/** The pipeline: prepare, lock, record, work, report. Called by the commands, and by resume, undo and saved plans. */

import { HIDDEN } from '../base/secret-names.ts'
import { actedOn, execute } from '../engine/execute.ts'
import type { RunFinished, RunStarted, Unstamped } from '../events/events.ts'
import { EXIT, exitCode } from '../events/exit.ts'
import { maskThrown } from '../events/mask-event.ts'
import type { Request } from '../events/request.ts'
import { isSecret } from '../language/params/params.ts'
import type { Playbook } from '../language/playbook/types.ts'
import { lockHosts } from '../locks/locks.ts'
import type { AnyModule } from '../module.ts'
import { failureKinds, isLate, type Report } from '../output/report.ts'
import { markRunning } from '../record/liveness.ts'
import { keepInputs, listRuns } from '../record/runs.ts'
import type { Source } from '../source/source.ts'
import type { Run } from '../state/run-state.ts'
import type { World } from '../world.ts'
import type { Inputs } from './inputs.ts'
import { watchInterrupts } from './interrupts.ts'
import { newRun, type Variant } from './new-run.ts'
import { prepare, type Ready } from './prepare.ts'
import { openRecorder, type Recorder } from './recorder.ts'

/** A run that has ended. If there is no report, the run did not begin. */
export interface Ran {
  readonly code: number
  readonly report?: Report
  readonly sources?: readonly Source[]
}

/** Runs the pipeline, from the request to the exit code. Every command that plans, applies, resumes or undoes calls it. */
export async function run(
  request: Request,
  world: World,
  modules: ReadonlyMap<string, AnyModule>,
  variant?: Variant,
): Promise<number> {
  return (await runAndReport(request, world, modules, variant)).code
}

/** As `run`, for a caller that needs the report: to save a plan. */
export async function runAndReport(
  request: Request,
  world: World,
  modules: ReadonlyMap<string, AnyModule>,
  variant: Variant = {},
): Promise<Ran> {
  const ready = await prepare(request, world, modules, variant.plannedSteps !== undefined)
  if (typeof ready === 'number') return { code: ready }
  try {
    return await started(request, world, modules, variant, ready)
  } catch (error) {
    throw maskThrown(ready.secrets, error)
  }
}

async function started(
  request: Request,
  world: World,
  modules: ReadonlyMap<string, AnyModule>,
  variant: Variant,
  ready: Ready,
): Promise<Ran> {
  const recorder = await openRecorder(request, ready.secrets, ready.sources, world)
  const abort = new AbortController()
  const run = newRun(request, world, modules, variant, await listRuns(world), ready, recorder, abort.signal)
  const interrupts = watchInterrupts(run, recorder.report, abort)
  let end: Unstamped<RunFinished> | undefined
  try {
    const changes = request.goal !== 'plan'
    const unreachable = changes ? await lockHosts(run, actedOn(run, ready.inputs.plays)) : new Map()
    await variant.begin?.(run.id)
    if (changes) await keep(run, request, ready.sources, recorder)
    end = await worked({ ...run, unreachable }, request, ready.inputs, variant.work ?? execute, recorder)
  } finally {
    interrupts.rest()
    await run.session.close()
    await recorder.close(end)
    interrupts.end()
  }
  if (recorder.lost !== undefined) throw recorder.lost
  return { code: codeOf(request, end), report: recorder.report, sources: ready.sources }
}

/** From here on the run can be resumed: its journal is open, and its inputs are kept. */
async function keep(run: Run, request: Request, sources: readonly Source[], recorder: Recorder): Promise<void> {
  const { world, id, resumed, plannedSteps, control } = run
  await recorder.openJournal(id, () => (control.stopping = true))
  await markRunning(world, id)
  // Accepted inputs are kept in place of the old ones: only later changes count as changes.
  if (resumed === undefined || resumed.changed)
    await keepInputs(world, id, { request, shown: requestShown(run, request), sources, plannedSteps })
}

/** Does the work on the hosts, between the events that begin and end the run. */
async function worked(
  run: Run,
  request: Request,
  inputs: Inputs,
  work: NonNullable<Variant['work']>,
  recorder: Recorder,
): Promise<Unstamped<RunFinished>> {
  const { id, emit, history, control, world } = run
  const started = world.clock.monotonic()
  emit(beginning(run, request, inputs))
  if (history !== undefined)
    emit({ type: 'run-resumed', run: id, done: history.finished.size, inFlight: [...history.inFlight.values()] })
  const unfinished = await work(run, inputs.plays)
  // Tried before the end is reported: if the rest cannot be written, the end says so.
  await recorder.durable().catch(() => undefined)
  return {
    type: 'run-finished',
    run: id,
    seconds: (world.clock.monotonic() - started) / 1000,
    interrupted: control.interrupted,
    exitCode:
      recorder.lost === undefined
        ? exitCode(failureKinds(recorder.report), control.interrupted, isLate(recorder.report))
        : EXIT.refused,
    counts: recorder.report.counts(),
    ...(unfinished === undefined ? {} : { unfinished }),
  }
}

const beginning = (run: Run, { what, undoes }: Request, { playbook, plays, params }: Inputs): Unstamped<RunStarted> => ({
  type: 'run-started',
  run: run.id,
  goal: run.goal,
  playbook: what.playbook,
  name: undoes === undefined ? playbook.name : `Undo of run ${undoes.run}: ${playbook.name}`,
  ...(undoes === undefined ? {} : { undoes: undoes.run }),
  inventory: what.inventory,
  hosts: [...new Set(plays.flatMap(({ hosts }) => hosts))],
  tasks: playbook.plays.reduce((sum, play) => sum + play.tasks.length, 0),
  params: Object.fromEntries(Object.entries(params).map(([name, value]) => [name, hiddenIfSecret(playbook, name, value)])),
})

/** Hides the value of a secret parameter, even one too short to be masked elsewhere. */
const hiddenIfSecret = <T>({ params }: Playbook, name: string, value: T): T | typeof HIDDEN => {
  const param = Object.hasOwn(params, name) ? params[name] : undefined
  const isSet = value !== undefined && value !== null && value !== ''
  return isSet && param !== undefined && isSecret(param) ? HIDDEN : value
}

/** The request without its secrets. Resume asks for them again. */
const requestShown = ({ playbook, secrets }: Run, { what, ...rest }: Request): Request => {
  const params = what.params.map(({ name, text }) => ({ name, text: hiddenIfSecret(playbook, name, text) }))
  return secrets.mask({ ...rest, what: { ...what, params } })
}

/** The exit code. `plan --exit-code` distinguishes a plan with changes from one without. */
function codeOf({ goal, show }: Request, { exitCode, counts }: Pick<RunFinished, 'exitCode' | 'counts'>): number {
  const wanted = goal === 'plan' && show.exitCode && exitCode === EXIT.done
  return wanted && counts.planned + counts.unknown > 0 ? EXIT.changes : exitCode
}
