/** Starts the checks of later tasks on the same host early. Called by `execute.ts`; `step.ts` takes the results. */
import { expressionReferences } from '../language/expression/expression.ts'
import type { Item, Task } from '../language/playbook/types.ts'
import { templateTextsOf } from '../language/playbook/template-files.ts'
import { references } from '../language/template/template.ts'
import { prepare } from './prepare.ts'
import { type Context, inside, selected } from '../state/task-context.ts'
import { expressionParams } from '../state/render-keywords.ts'
import { type HostState, isActive, mayAct, type Run } from '../state/run-state.ts'
import type { Prepared } from '../state/attempt-result.ts'
import { stepKey } from '../events/step-address.ts'
import { stepRef } from '../state/step-ref.ts'
import { type Local, scopeOf } from '../state/variables.ts'

/**
 * Starts the checks of the following tasks together, host by host, up to the first task that depends on another's outcome:
 * their reads travel in one request. Once a step has been applied on any host, earlier checks are discarded.
 */
export function checkAhead(
  run: Run,
  items: readonly Item[],
  from: number,
  context: Context,
  hosts: readonly HostState[],
  local: Local,
): void {
  const { control, which } = run
  if (which.step || !control.started) return
  const next = items[from] as Task
  const due = hosts.filter((each) => isActive(each) && mayAct(run, each) && !fresh(run, each, next.id))
  // If every task looked at all later ones, the time would grow with the square of their number.
  const window = due.length === 0 ? [] : tasksAhead(run, items, from, context, control.window)
  if (window.length < 2) return
  for (const state of due) {
    const registered = new Map(state.registered)
    for (const task of window) {
      const inner = inside(context, task)
      const scope = scopeOf(run, state, inner, local)
      const step = stepRef({ run, task, context: inner, state }, scope)
      const prepared = prepare({ run, task, context: inner, state, scope, step, signal: control.signal })
      state.ahead.set(step.key, { changes: control.changes, registered, prepared })
    }
  }
}

/** Returns the check made ahead for a step, unless a step has been applied since, or a value registered that the check may use. */
export async function takeEarlyCheck(run: Run, state: HostState, key: string): Promise<Prepared | undefined> {
  const ahead = state.ahead.get(key)
  state.ahead.delete(key)
  if (ahead === undefined || ahead.changes !== run.control.changes) return undefined
  const prepared = await ahead.prepared
  return mayReferToMore(prepared) && !isSameMap(ahead.registered, state.registered) ? undefined : prepared
}

/** References in a file of the controller show only when the file is rendered; a name that is not registered yet fails there. */
const mayReferToMore = (prepared: Prepared): boolean =>
  prepared.kind === 'ready' ? Object.keys(prepared.record.inputs.rendered).length > 0 : prepared.attempt.kind === 'failed'

const isSameMap = (before: ReadonlyMap<string, unknown>, now: ReadonlyMap<string, unknown>): boolean =>
  before.size === now.size && [...now].every(([name, value]) => before.get(name) === value)

const fresh = (run: Run, state: HostState, task: string): boolean =>
  state.ahead.get(stepKey(task, state.name))?.changes === run.control.changes

function tasksAhead(run: Run, items: readonly Item[], from: number, context: Context, most: number): readonly Task[] {
  const found: Task[] = []
  const registered = new Set<string>()
  for (const item of items.slice(from)) {
    if (found.length >= most || item.kind !== 'task' || !plain(run, item, inside(context, item))) break
    if (!selected([...context.tags, ...item.tags], run.which)) continue
    if (namesUsed(run, item, context).some((name) => registered.has(name) || name === 'hostvars')) break
    found.push(item)
    if (item.register !== undefined) registered.add(item.register)
  }
  return found
}

/** A task that is one check of its own host: no loop, no retries, no delegation. */
function plain(run: Run, task: Task, context: Context): boolean {
  const module = run.modules.get(task.module)
  return (
    module !== undefined &&
    module.scope !== 'api' &&
    task.loop === undefined &&
    task.until.length === 0 &&
    task.retries === undefined &&
    task.timeout === undefined &&
    context.delegateTo === undefined &&
    !context.runOnce
  )
}

/** Cached by task: the names that a task uses do not change. */
const namesOf = new WeakMap<Task, readonly string[]>()

function namesUsed(run: Run, task: Task, context: Context): readonly string[] {
  const known = namesOf.get(task) ?? findNames(run, task, context)
  namesOf.set(task, known)
  return known
}

/** The names that a task refers to, in its own text and in the variables of its play, blocks and task. */
function findNames(run: Run, task: Task, context: Context): readonly string[] {
  const inner = inside(context, task)
  const module = run.modules.get(task.module)
  const nodes = [
    task.args,
    task.name,
    ...inner.environment,
    ...inner.vars.flatMap((vars) => Object.values(vars)),
    inner.become,
    inner.becomeUser,
    ...templateTextsOf(run.playbook, module, task),
  ]
  const inArgs = module === undefined ? [] : expressionParams(module, task)
  const conditions = [...inner.when, ...(task.failedWhen ?? []), ...(task.changedWhen ?? []), ...inArgs]
  return [
    ...nodes.flatMap((node) => (node === undefined ? [] : references(node))),
    ...conditions.flatMap((node) => expressionReferences(node)),
  ].map(({ name }) => name)
}
