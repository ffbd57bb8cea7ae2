/** One task on one host, or one item of its loop: replayed, or attempted and judged. Called by `task.ts` and `loop.ts`. */
import type { NotStarted, Outcome, StepFinished, StepRef } from '../events/events.ts'
import { Failure } from '../base/failure.ts'
import { duration } from '../base/format.ts'
import { evaluateCondition } from '../language/expression/expression.ts'
import { placeOfNode } from '../source/yaml.ts'
import type { Task } from '../language/playbook/types.ts'
import { type Scope, Unknown } from '../language/value.ts'
import { takeEarlyCheck } from './check-ahead.ts'
import { attempt } from './attempt.ts'
import { type AttemptInput, prepare } from './prepare.ts'
import { forecast } from '../plan/confirm.ts'
import { decideInFlight } from './decide-in-flight.ts'
import { optionalNumber } from '../state/render-keywords.ts'
import {
  type Attempt,
  failed,
  failureInfo,
  shownOf,
  stepFinished,
  type Prepared,
  registeredValue,
  withLines,
} from '../state/attempt-result.ts'
import { matchRecord } from '../state/match-record.ts'
import { isActive, mayAct, type Run } from '../state/run-state.ts'
import { type StepOf, stepRef } from '../state/step-ref.ts'
import { type Local, scopeOf } from '../state/variables.ts'

export interface StepInput extends StepOf {
  readonly local: Local
  /** Says whether the step may start. Called just before the start; not called if a recorded end is replayed. */
  readonly admit?: () => Promise<boolean>
}

export interface StepEnd {
  readonly outcome: Outcome
  /** The value for `register`; `Unknown` if the step has not run (plan). */
  readonly value: unknown
  /** Failed, and `ignore_errors` does not apply. */
  readonly failed: boolean
  readonly notifies: boolean
  /** The step has no record to replay, and its host may not be acted on: the host leaves the walk. */
  readonly hostDone?: true
  /** Items of the loop that were not started. */
  readonly notStarted?: NotStarted
}

const DEFAULT_RETRIES = 3
const DEFAULT_DELAY_SECONDS = 5

/** Runs a step: attempts, `until`, `changed_when`, `failed_when`, and the events that report them. */
export async function runStep(input: StepInput): Promise<StepEnd> {
  const { run, context, state, local } = input
  const { clock } = run.world
  const scope = scopeOf(run, state, context, local)
  const inPlace = stepRef(input, scope)
  const { step, end: past, inFlight } = matchRecord(run, state, inPlace)
  if (past !== undefined) return replayed(run, step, past)
  if (!mayAct(run, state)) return HOST_DONE
  if (input.admit !== undefined && !(await input.admit())) return NOT_STARTED
  if (!isActive(state)) return HOST_DONE
  state.started++
  const started = clock.monotonic()
  run.emit({ type: 'step-started', step })

  const { attempt: last, attempts } = await attemptUntil(input, scope, step, { inFlight, checkKey: inPlace.key })
  const judged = judge(input, last)
  const outcome = outcomeOf(judged.attempt, judged.changed)
  const isFailed = outcome === 'failed' || outcome === 'unreachable'
  // A step that stops the run (unwritable journal, drift from the plan) was not done, and a resume must not skip it.
  const stopsRun = run.control.stopping && judged.attempt.kind === 'failed' && judged.attempt.failure.kind === 'refused'
  const ignored = isFailed && context.ignoreErrors && outcome !== 'unreachable' && !stopsRun
  const value =
    judged.attempt.kind === 'planned' || judged.attempt.kind === 'unknown'
      ? new Unknown(notYet(judged.attempt, step))
      : judged.value
  const changes = 'changes' in judged.attempt ? judged.attempt.changes : []
  run.emit(
    stepFinished(step, outcome, {
      seconds: (clock.monotonic() - started) / 1000,
      ...shownOf(judged.attempt, context.noLog),
      result: context.noLog || value instanceof Unknown ? undefined : (judged.value as Record<string, unknown>),
      ignored: ignored || undefined,
      ...(judged.attempt.kind === 'unknown' ? forecast(run, input.task, scope) : {}),
      attempts: attempts > 1 ? attempts : undefined,
    }),
  )
  // The end of a step that acted is on the disk before the next one starts. If it cannot be, the run stops and its end says why.
  if (changes.length > 0 || outcome === 'changed') await run.durable().catch(() => undefined)
  if (outcome === 'planned' || outcome === 'unknown') state.pending = true
  if (outcome === 'unreachable') state.status = 'unreachable'
  return { outcome, value: withLines(value), failed: isFailed && !ignored, notifies: MAY_NOTIFY.has(outcome) }
}

/** In plan a handler is due if it may run: whoever agrees to the plan must have seen it. */
const MAY_NOTIFY: ReadonlySet<Outcome> = new Set(['changed', 'planned', 'unknown'])

/** Replays the recorded outcome: registered value, handlers and failure take effect again. */
function replayed(run: Run, step: StepRef, past: StepFinished): StepEnd {
  const { outcome, ignored, result } = past
  run.emit({ type: 'step-replayed', step, outcome })
  return {
    outcome,
    value: withLines(result),
    failed: past.failure !== undefined && ignored !== true,
    notifies: outcome === 'changed',
  }
}

/** The end of a step that `admit` refused. */
export const NOT_STARTED: StepEnd = { outcome: 'skipped', value: undefined, failed: false, notifies: false }

/** The end of a step whose host leaves the walk. */
export const HOST_DONE: StepEnd = { outcome: 'skipped', value: undefined, failed: false, notifies: false, hostDone: true }

const notYet = (attempt: Attempt, step: StepRef): string => (attempt.kind === 'unknown' ? attempt.reason : step.name)

async function attemptUntil(
  input: StepInput,
  scope: Scope,
  step: StepRef,
  { inFlight, checkKey }: { readonly inFlight: boolean; readonly checkKey: string },
): Promise<{ attempt: Attempt; attempts: number }> {
  const { run, task } = input
  let undecided = inFlight
  const once = () =>
    withTimeLimit(input, scope, async (signal) => {
      const own = { ...input, scope, step, signal }
      const prepared = await preparedFor(own, checkKey)
      if (!undecided) return attempt(own, prepared)
      undecided = prepared.kind === 'settled'
      return attempt(own, await decideInFlight(own, prepared))
    })
  if (run.goal === 'plan' || (task.retries === undefined && task.until.length === 0))
    return { attempt: await once(), attempts: 1 }
  try {
    const retries = optionalNumber(task.retries, scope, 'retries') ?? DEFAULT_RETRIES
    const delay = optionalNumber(task.delay, scope, 'delay') ?? DEFAULT_DELAY_SECONDS
    for (let attempts = 1; ; attempts++) {
      const last = await once()
      if (last.kind === 'skipped' || satisfied(input, last)) return { attempt: last, attempts }
      if (attempts > retries || run.control.stopping) return { attempt: exhausted(last, attempts, task), attempts }
      await run.world.clock.sleep(delay * 1000, run.control.signal)
    }
  } catch (error) {
    return { attempt: failed(error), attempts: 1 }
  }
}

/**
 * Returns the check made ahead, or checks now. In plan a check made ahead may have failed only because an earlier step has
 * not run: the step is checked again, now that the earlier one is known to be pending.
 */
async function preparedFor(own: AttemptInput, checkKey: string): Promise<Prepared> {
  const { run, state } = own
  const ahead = await takeEarlyCheck(run, state, checkKey)
  const doubtful = run.goal === 'plan' && state.pending && ahead?.kind === 'settled' && ahead.attempt.kind === 'failed'
  return ahead === undefined || doubtful ? prepare(own) : ahead
}

/** Says whether the attempt meets `until`; without `until`, whether it did not fail. */
function satisfied(input: StepInput, last: Attempt): boolean {
  if (input.task.until.length === 0) return last.kind !== 'failed'
  const flags = { changed: last.kind === 'done' && last.changed, failed: last.kind === 'failed' }
  return evaluateCondition(input.task.until, withResult(input, registeredValue(last, flags))) === true
}

const exhausted = (last: Attempt, attempts: number, task: Task): Attempt =>
  last.kind === 'failed'
    ? last
    : failed(
        new Failure(`\`until\` did not come true in ${attempts} attempts`, {
          why: task.until.map((node) => node.value).join(' and '),
          help: 'raise `retries` or `delay`, or find out why the condition stays false',
          data: last.kind === 'done' ? last.result : {},
        }),
      )

async function withTimeLimit(input: StepInput, scope: Scope, work: (signal: AbortSignal) => Promise<Attempt>): Promise<Attempt> {
  const { signal } = input.run.control
  if (input.task.timeout === undefined) return work(signal)
  let seconds: number | undefined
  try {
    seconds = optionalNumber(input.task.timeout, scope, 'timeout')
  } catch (error) {
    return failed(error)
  }
  const limit = new AbortController()
  const timer = setTimeout(
    () =>
      limit.abort(
        new Failure(`no end after ${duration(seconds ?? 0)}, the task's \`timeout\``, {
          kind: 'timeout',
          help: 'raise `timeout`, or find out why the step takes so long',
        }),
      ),
    (seconds ?? 0) * 1000,
  )
  try {
    return await work(AbortSignal.any([signal, limit.signal]))
  } finally {
    clearTimeout(timer)
  }
}

/** Applies `changed_when` and `failed_when`, which see the result under the name given by `register`. */
function judge(input: StepInput, last: Attempt): { attempt: Attempt; changed: boolean; value: Record<string, unknown> } {
  const { task } = input
  const changed = last.kind === 'done' && last.changed
  if (last.kind === 'skipped' || last.kind === 'unknown' || last.kind === 'planned') {
    const value = registeredValue(last, { changed, failed: false })
    // `changed_when: false` marks a command that only reads; in plan that command has not run either.
    return { attempt: last, changed, value }
  }
  if (last.kind === 'failed' && last.failure.kind !== 'failed')
    return { attempt: last, changed, value: registeredValue(last, { changed, failed: true }) }
  try {
    const seen = withResult(input, registeredValue(last, { changed, failed: last.kind === 'failed' }))
    const isChanged = task.changedWhen === undefined ? changed : evaluateCondition(task.changedWhen, seen) === true
    const isFailed = task.failedWhen === undefined ? last.kind === 'failed' : evaluateCondition(task.failedWhen, seen) === true
    const attempt = verified(withVerdict(last, isFailed, task), input, seen)
    return {
      attempt,
      changed: isChanged,
      value: registeredValue(attempt, { changed: isChanged, failed: attempt.kind === 'failed' }),
    }
  } catch (error) {
    const attempt: Attempt = { kind: 'failed', failure: failureInfo(error), changes: last.changes, result: last.result }
    return { attempt, changed, value: registeredValue(attempt, { changed, failed: true }) }
  }
}

/** Turns a failure into a success or a success into a failure, if `failed_when` says so. */
function withVerdict(last: Extract<Attempt, { kind: 'done' | 'failed' }>, isFailed: boolean, task: Task): Attempt {
  if (isFailed === (last.kind === 'failed')) return last
  if (!isFailed)
    return { kind: 'done', changed: true, changes: last.changes, warnings: [], reversible: false, result: last.result }
  return {
    kind: 'failed',
    changes: last.changes,
    result: last.result,
    failure: {
      kind: 'failed',
      what: '`failed_when` says that it failed',
      why: (task.failedWhen ?? []).map((node) => node.value).join(' and '),
      ...(typeof last.result['stderr'] === 'string' && last.result['stderr'] !== '' ? { stderr: last.result['stderr'] } : {}),
      data: last.result,
    },
  }
}

/** Fails a successful step if a condition of its `verify` is false. In plan, after pending changes, `verify` is not evaluated. */
function verified(attempt: Attempt, { run, task, state }: StepInput, seen: Scope): Attempt {
  if (attempt.kind !== 'done' || task.verify.length === 0 || (run.goal === 'plan' && state.pending)) return attempt
  const broken = task.verify.filter((condition) => evaluateCondition([condition], seen) === false)
  const [first] = broken
  if (first === undefined) return attempt
  return {
    kind: 'failed',
    changes: attempt.changes,
    result: attempt.result,
    failure: {
      kind: 'failed',
      what: '`verify` does not hold after the step',
      why: broken.map((condition) => condition.value).join(' and '),
      help: 'the step itself succeeded: look at the host',
      data: attempt.result,
      place: placeOfNode(first),
    },
  }
}

const withResult = ({ run, task, context, state, local }: StepInput, value: Record<string, unknown>): Scope =>
  scopeOf(run, state, context, task.register === undefined ? local : { ...local, [task.register]: withLines(value) })

function outcomeOf(attempt: Attempt, changed: boolean): Outcome {
  if (attempt.kind === 'done') return changed ? 'changed' : 'ok'
  if (attempt.kind === 'failed') return attempt.failure.kind === 'unreachable' ? 'unreachable' : 'failed'
  return attempt.kind
}
