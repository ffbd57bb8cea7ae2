import { setMaxListeners } from 'node:events'
import type { Request } from '../events/request.ts'
import { openLocks } from '../locks/locks.ts'
import type { AnyModule } from '../module.ts'
import type { History } from '../record/history.ts'
import { runId } from '../record/run-id.ts'
import { newProgress, type Resumed, type Run } from '../state/run-state.ts'
import { openSession } from '../state/session.ts'
import type { World } from '../world.ts'
import type { Inputs } from './inputs.ts'
import type { Ready } from './prepare.ts'
import type { Recorder } from './recorder.ts'

/** The differences of a run from a first `plan` or `apply` of a playbook. */
export interface Variant {
  /** The run that is resumed. */
  readonly past?: { readonly run: string; readonly history: History; readonly how: Resumed }
  /** The steps of the saved plan, by key. */
  readonly plannedSteps?: Run['plannedSteps']
  /** Called once the locks are held, before any step. */
  readonly begin?: (run: string) => Promise<void>
  /** The work on the hosts, instead of executing the playbook. Returns the hosts that have not finished. */
  readonly work?: (run: Run, plays: Inputs['plays']) => Promise<readonly string[] | void>
}

/** Makes a run that has not done anything yet. */
export function newRun(
  request: Request,
  world: World,
  modules: ReadonlyMap<string, AnyModule>,
  { past, plannedSteps }: Variant,
  /** Ids of the runs that are kept here. */
  known: readonly string[],
  { inputs, secrets, becomePassword }: Ready,
  { emit, durable, ask }: Recorder,
  signal: AbortSignal,
): Run {
  setMaxListeners(0, signal) // every step, command and request listens to it
  return {
    id: past?.run ?? runId(world.clock.now(), known),
    startedAt: world.clock.now(),
    ...request,
    ...inputs,
    modules,
    becomePassword,
    history: past?.history,
    resumed: past?.how,
    plannedSteps,
    ...newProgress(request.which, signal),
    world,
    session: openSession(world, signal),
    locks: openLocks(),
    secrets,
    emit,
    durable,
    ask,
  }
}
