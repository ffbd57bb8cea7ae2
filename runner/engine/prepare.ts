/** Makes one step ready: facts, condition, parameters, check. Called by step.ts and check-ahead.ts. */
import { racing } from './racing.ts'
import { Failure } from '../base/failure.ts'
import { evaluate, evaluateCondition } from '../language/expression/expression.ts'
import { checkParams } from '../language/playbook/load-playbook.ts'
import { templateFilesIn, templateTextsOf } from '../language/playbook/template-files.ts'
import type { Task } from '../language/playbook/types.ts'
import type { Node } from '../source/source.ts'
import { isTemplate, render, TemplateError } from '../language/template/template.ts'
import { type Scope, Unknown } from '../language/value.ts'
import type { AnyModule, Diff, Target } from '../module.ts'
import { HIDDEN } from '../base/secret-names.ts'
import type { StepRef, UndoRecord } from '../events/events.ts'
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
import { type Attempt, failed, type Prepared } from '../state/attempt-result.ts'
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
