import { expressionReferences } from '../language/expression/expression.ts'
import type { Item, Task } from '../language/playbook/types.ts'
import { templateTextsOf } from '../language/playbook/template-files.ts'
import { references } from '../language/template/template.ts'
import { prepare } from './attempt.ts'
import { type Context, inside, selected } from '../state/task-context.ts'
import { expressionParams } from '../state/render-keywords.ts'
import { type HostState, isActive, mayAct, type Run } from '../state/run-state.ts'
import type { Prepared } from '../state/attempt-result.ts'
import { stepKey } from '../events/step-address.ts'
import { stepRef } from '../state/step-ref.ts'
import { type Local, scopeOf } from '../state/variables.ts'

/**
 * Within a host, the checks of the tasks that follow are started together, up to the first that depends on another's outcome, so that
 * their reads travel in one request. Once something has been applied anywhere, what was checked before is forgotten.
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
  // Looking at all later tasks for each task would take a time that grows with their square.
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

/** The check made ahead for a step, if nothing has been applied since, nor registered that it may hang on. */
export async function takeAhead(run: Run, state: HostState, key: string): Promise<Prepared | undefined> {
  const ahead = state.ahead.get(key)
  state.ahead.delete(key)
  if (ahead === undefined || ahead.changes !== run.control.changes) return undefined
  const prepared = await ahead.prepared
  return mayReferToMore(prepared) && !same(ahead.registered, state.registered) ? undefined : prepared
}

/** What a file of the controller refers to is seen only when it is rendered, and a name that is not there yet fails. */
const mayReferToMore = (prepared: Prepared): boolean =>
  prepared.kind === 'ready' ? Object.keys(prepared.record.inputs.rendered).length > 0 : prepared.attempt.kind === 'failed'

const same = (before: ReadonlyMap<string, unknown>, now: ReadonlyMap<string, unknown>): boolean =>
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

/** Nothing that makes it more than one look at the host itself. */
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

/** By task: it stands in one place, so the names it uses stay the same. */
const namesOf = new WeakMap<Task, readonly string[]>()

function namesUsed(run: Run, task: Task, context: Context): readonly string[] {
  const known = namesOf.get(task) ?? findNames(run, task, context)
  namesOf.set(task, known)
  return known
}

/** Roots of everything the task refers to, itself and through the variables of its play, blocks and task. */
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
