/** One attempt at one step: prepare (render, check) and act (confirm, apply, verify). Called by `step.ts` and `check-ahead.ts`. */
import { inWords } from '../base/address.ts'
import { defined } from '../base/defined.ts'
import { Failure } from '../base/failure.ts'
import { evaluate, evaluateCondition } from '../language/expression/expression.ts'
import { checkParams } from '../language/playbook/load-playbook.ts'
import { templateFilesIn, templateTextsOf } from '../language/playbook/template-files.ts'
import type { Task } from '../language/playbook/types.ts'
import type { Node } from '../source/source.ts'
import { isTemplate, render, TemplateError } from '../language/template/template.ts'
import { type Scope, Unknown } from '../language/value.ts'
import type { AnyModule, Change, Diff, Snapshot, Target } from '../module.ts'
import { HIDDEN } from '../base/secret-names.ts'
import { changeInWords, maskChange } from '../events/mask-change.ts'
import type { StepRef, UndoRecord } from '../events/events.ts'
import { mustMatchPlan } from '../plan/guard.ts'
import { confirmed, questionOf } from '../plan/confirm.ts'
import type { Context } from '../state/task-context.ts'
import { facts as factTable } from '../hosts/facts.ts'
import {
  argument,
  environmentOf,
  expressionParams,
  findUnknown,
  isBoolean,
  isNumber,
  isString,
  NotYetKnown,
  optional,
} from '../state/render-keywords.ts'
import { claim } from '../locks/locks.ts'
import { type Attempt, failed, hideChanges, isReversible, type Prepared } from '../state/attempt-result.ts'
import type { HostState, Run } from '../state/run-state.ts'
import { noSuchHost } from '../hosts/play-hosts.ts'
import { controllerFile, createTarget, gatherFacts, type TargetOptions } from '../hosts/target.ts'
import { variablesOfUndo } from '../state/undo-variables.ts'
import { factsReferred } from '../state/variables.ts'

export interface AttemptInput {
  readonly run: Run
  readonly task: Task
  readonly context: Context
  readonly state: HostState
  readonly scope: Scope
  readonly step: StepRef
  readonly signal: AbortSignal
}

/** Evaluates the condition, renders the parameters, gathers facts and calls `check`. Never throws. */
export async function prepare(input: AttemptInput): Promise<Prepared> {
  try {
    const { run, task, state, scope } = input
    const module = run.modules.get(task.module)
    if (module === undefined) throw new Failure(`unknown module \`${task.module}\``, { kind: 'input' })
    const inputs = { rendered: {}, files: {} }
    const own = targetOptions(input, module, inputs)
    const conditions = expressionParams(module, task)
    await neededFacts(input, module, conditions, own)
    // Only now: the host that the step acts on and its environment may refer to facts.
    const options = { ...own, host: actsOn(input), environment: environmentOf(input.context, input.scope) }

    const wanted = evaluateCondition(input.context.when, scope)
    if (wanted instanceof Unknown) return settled(unknown(wanted))
    if (!wanted) return settled({ kind: 'skipped', reason: 'its condition is false' })

    const args = render(task.args, scope)
    const hidden = findUnknown(args) ?? conditions.map((node) => evaluate(node, scope)).find((value) => value instanceof Unknown)
    if (hidden instanceof Unknown) return settled(unknown(hidden))
    const { value: params, diagnostics } = checkParams(module, task.args, args)
    const [wrong] = diagnostics
    if (wrong !== undefined) throw new TemplateError(wrong)

    const target = createTarget(run, { ...options, facts: state.facts })
    return {
      kind: 'ready',
      module,
      params,
      target,
      record: {
        params,
        host: target.host,
        become: options.become,
        inputs,
        ...(task.undo.length === 0 ? {} : { variables: variablesOfUndo(task, scope) }),
      },
      diff: await checked(input, module, params, target),
      again: () => checked(input, module, params, target),
    }
  } catch (error) {
    return settled(error instanceof NotYetKnown ? { kind: 'unknown', reason: error.message } : failed(error))
  }
}
const settled = (attempt: Attempt): Prepared => ({ kind: 'settled', attempt })

/** Applies and verifies a prepared step; in plan, only reports its differences. Never throws. */
export async function attempt(input: AttemptInput, prepared: Prepared): Promise<Attempt> {
  if (prepared.kind === 'settled') return prepared.attempt
  const { run, context, step, signal } = input
  const { module, params, target, record } = prepared
  let locked: Locked
  try {
    locked = await lockedFor(input, prepared)
  } catch (error) {
    return failed(error, prepared.diff.changes)
  }
  const { diff } = locked
  const { changes } = diff
  const shown = context.noLog ? hideChanges(changes) : changes
  const inFlight = context.noLog && diff.inFlight !== undefined ? HIDDEN : diff.inFlight
  run.emit(defined({ type: 'step-checked' as const, step, changes: shown, inFlight }))
  const seen = {
    changes,
    warnings: [...(diff.warnings ?? []), ...locked.warnings],
    ...(diff.message === undefined ? {} : { message: diff.message }),
    reversible: isReversible(module, diff, input.task),
    ...(diff.snapshot === undefined ? {} : { before: diff.snapshot }),
  }
  if (changes.length === 0) run.control.window *= 2
  if (module.apply === undefined || changes.length === 0)
    return { ...seen, kind: 'done', changed: false, changes: [], result: diff.result ?? {} }
  try {
    mustMatchPlan(run, step, {
      host: record.host,
      changes: shown,
      snapshot: diff.snapshot,
      failed: input.state.registered.has('ansible_failed_task'),
    })
  } catch (error) {
    return failed(error, changes)
  }
  if (run.goal === 'plan')
    return defined({
      ...seen,
      kind: 'planned' as const,
      estimate: diff.estimate,
      confirm: input.task.confirm && questionOf(input.task.confirm, input.scope),
    })
  try {
    await confirmed(input)
    run.emit({ type: 'apply-started', step, undo: recordOf(record, diff) })
    await run.durable()
    const result = await racing(module.apply(params as never, diff, target), signal)
    const [after] = await Promise.all([observed(module, params, diff, target), verified(module, params, diff, target, input)])
    return { ...seen, ...after, kind: 'done', changed: true, result: { ...diff.result, ...result } }
  } catch (error) {
    return failed(error, changes)
  } finally {
    run.control.changes++
    run.control.window = 1
  }
}

const recordOf = (record: Omit<UndoRecord, 'before'>, { before, locks, activates }: Diff<unknown>): UndoRecord => ({
  ...record,
  before,
  ...(locks === undefined ? {} : { locks }),
  ...(activates === undefined ? {} : { activates }),
})

interface Locked {
  readonly diff: Diff<unknown>
  readonly warnings: readonly string[]
}

/**
 * Takes the locks of a step that is about to change something. If a lock was taken after the check, the step is checked
 * again: the last holder may have changed the host.
 */
async function lockedFor(
  { run, context, scope }: AttemptInput,
  { module, diff: first, record, again }: Extract<Prepared, { kind: 'ready' }>,
): Promise<Locked> {
  const warnings = new Set<string>()
  let diff = first
  while (run.goal !== 'plan' && module.apply !== undefined && diff.changes.length > 0) {
    const own =
      module.scope === 'api'
        ? undefined
        : {
            host: record.host,
            become: record.become,
            remoteUser: optional(context.play.remoteUser, scope, isString, 'remote_user'),
            port: optional(context.play.port, scope, isNumber, 'port'),
          }
    const had = await claim(run, own, diff.locks ?? [])
    for (const warning of had.warnings) warnings.add(warning)
    if (!had.taken) break
    diff = await again()
  }
  return { diff, warnings: [...warnings] }
}

const unknown = (value: Unknown): Attempt => ({ kind: 'unknown', reason: value.until })

/**
 * Calls `check`. In plan a check may fail only because an earlier step of the host has not run (its folder is missing).
 * Such a step is unknown rather than failed.
 */
async function checked(
  { run, context, state, signal }: AttemptInput,
  module: AnyModule,
  params: unknown,
  target: Target,
): Promise<Diff<unknown>> {
  try {
    return await racing(module.check(params as never, target), signal)
  } catch (error) {
    const couldDiffer = run.goal === 'plan' && state.pending && error instanceof Failure && error.kind === 'failed'
    if (!couldDiffer) throw error
    throw new NotYetKnown(`the steps before it have run (now: ${context.noLog ? HIDDEN : error.message})`)
  }
}

async function verified(
  module: AnyModule,
  params: unknown,
  diff: Diff<unknown>,
  target: Target,
  { run, signal }: AttemptInput,
): Promise<void> {
  const remaining = await racing(
    module.verify === undefined
      ? module.check(params as never, target).then((again) => again.changes)
      : module.verify(params as never, diff, target),
    signal,
  )
  const [first] = remaining
  if (first === undefined) return
  throw new Failure(`${module.name} was applied, but ${nameOf(first)} is not as it should be`, {
    why: remaining.map((change) => changeInWords(maskChange(run.secrets, change), 'wanted')).join('\n'),
    help: 'something changes it back, or the host did not take it: look at the host, then run again',
  })
}

const nameOf = ({ resource, property }: Change): string => inWords(resource, property)

/** The state that undo compares with. If it cannot be read, undo has the module's check alone. */
async function observed(
  module: AnyModule,
  params: unknown,
  { before }: Diff<unknown>,
  target: Target,
): Promise<{ after?: Snapshot }> {
  try {
    return module.observe === undefined ? {} : { after: await module.observe(params as never, before, target) }
  } catch {
    return {}
  }
}

/** Ends the step when the signal is aborted, even if the module does not watch the signal. */
async function racing<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  if (signal.aborted) {
    work.catch(() => undefined)
    throw signal.reason
  }
  let onAbort = () => {}
  const aborted = new Promise<never>((_resolve, reject) => {
    onAbort = () => void setTimeout(() => reject(signal.reason), GRACE_MS)
    signal.addEventListener('abort', onAbort, { once: true })
  })
  aborted.catch(() => undefined)
  try {
    return await Promise.race([work, aborted])
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}
/** A module that watches the signal has this long to report what is still running, before the step ends without it. */
const GRACE_MS = 3000

/** The host that the step acts on: its own, or the one named by `delegate_to`. */
function actsOn({ run, context, scope, state }: AttemptInput): string {
  if (context.delegateTo === undefined) return state.name
  const delegated = render(context.delegateTo, scope)
  if (delegated instanceof Unknown) throw new NotYetKnown(delegated.until)
  const host = String(delegated)
  if (!run.inventory.hosts.has(host)) throw new TemplateError(noSuchHost(host, context.delegateTo, run.inventory.hosts.keys()))
  return host
}

/** The step on its own host, for its facts. */
function targetOptions(input: AttemptInput, module: AnyModule, inputs: UndoRecord['inputs']): TargetOptions {
  const { run, task, context, scope, state, step, signal } = input
  return {
    host: state.name,
    become: {
      wanted:
        module.scope === 'api' && context.become === undefined ? undefined : optional(context.become, scope, isBoolean, 'become'),
      user: optional(context.becomeUser, scope, isString, 'become_user'),
    },
    remoteUser: optional(context.play.remoteUser, scope, isString, 'remote_user'),
    port: optional(context.play.port, scope, isNumber, 'port'),
    environment: {},
    signal,
    scope,
    facts: {},
    progress: ({ note, ...progress }) =>
      run.emit({
        type: 'step-progress',
        step,
        progress: note === undefined || context.noLog ? progress : { ...progress, note },
      }),
    evaluate(condition) {
      const node = argument(task.args, condition) ?? { ...task.args, value: condition }
      const value = evaluate(node, scope)
      if (typeof value === 'boolean') return value
      throw new Failure(`\`${condition}\` is neither true nor false`, { kind: 'input', why: `it is ${JSON.stringify(value)}` })
    },
    render(text, name) {
      const read = run.playbook.templates.get(name)
      const value = render(read?.value === text ? read : { value: text, source: { file: name, text }, path: [] }, scope)
      if (value instanceof Unknown) throw new NotYetKnown(value.until)
      inputs.rendered[name] = String(value)
      return String(value)
    },
    async controllerFile(path) {
      const content = await controllerFile(run, path)
      inputs.files[path] = Buffer.from(content).toString('base64')
      return content
    },
  }
}

async function neededFacts(
  input: AttemptInput,
  module: AnyModule,
  conditions: readonly Node<string>[],
  options: TargetOptions,
): Promise<void> {
  const { run, task, context, state } = input
  const gatherFor = async (templates: readonly Node<string>[]) => {
    const referred = factsReferred(state, context, task, conditions, templates)
    const names = [...(referred === 'all' ? Object.keys(factTable) : referred), ...(module.facts ?? [])]
    if (names.length > 0) await gatherFacts(run, state, [...new Set(names)], options)
  }
  await gatherFor(templateTextsOf(run.playbook, module, task))
  const named = templateFilesIn(module, task).filter(({ value }) => isTemplate(value))
  if (named.length > 0) await gatherFor((await Promise.all(named.map((node) => templateNamedBy(node, input)))).flat())
}

/** A template whose name is itself one: known only now. What is wrong with it the module finds when it reads it. */
async function templateNamedBy(node: Node<string>, { run, scope }: AttemptInput): Promise<Node<string>[]> {
  try {
    const path = render(node, scope)
    if (path instanceof Unknown) return []
    const text = new TextDecoder().decode(await controllerFile(run, String(path)))
    return [{ value: text, source: { file: String(path), text }, path: [] }]
  } catch {
    return []
  }
}
