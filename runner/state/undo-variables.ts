import { expressionReferences } from '../language/expression/expression.ts'
import { magicNames } from '../language/magic.ts'
import { isWithin } from '../events/step-address.ts'
import { flatten, type Item, type Play, type Task } from '../language/playbook/types.ts'
import { references } from '../language/template/template.ts'
import { type Scope, Unknown } from '../language/value.ts'
import { type Context, inside, playContext } from './task-context.ts'

/**
 * The variables that the tasks of an `undo:` refer to, with their values before the step acts: the undo sees these values
 * even if they change later. The runner's own variables (`inventory_hostname`, facts) are left out: undo has them anyway.
 */
export function variablesOfUndo(task: Task, scope: Scope): Record<string, unknown> {
  const values: Record<string, unknown> = {}
  for (const name of referred(task)) {
    try {
      const value = scope.lookup(name)
      if (value !== undefined && !(value instanceof Unknown)) values[name] = value
    } catch {
      // A variable that cannot be rendered now fails in the undo, if the undo needs it.
    }
  }
  return values
}

function referred({ undo, register }: Task): Set<string> {
  const tasks = flatten(undo)
  const own = new Set<string>([
    ...magicNames,
    ...[register, ...tasks.map((task) => task.register)].filter((name) => name !== undefined),
  ])
  const nodes = tasks.flatMap((task) => [
    task.args,
    task.name,
    task.loop,
    task.delegateTo,
    task.environment,
    ...Object.values(task.vars),
  ])
  const conditions = tasks.flatMap((task) => [
    ...task.when,
    ...task.until,
    ...task.verify,
    ...(task.failedWhen ?? []),
    ...(task.changedWhen ?? []),
  ])
  const names = [
    ...nodes.flatMap((node) => (node === undefined ? [] : references(node))),
    ...conditions.flatMap((node) => expressionReferences(node)),
  ].map(({ name }) => name)
  return new Set(names.filter((name) => !own.has(name)))
}

export interface TaskWithContext {
  readonly task: Task
  readonly context: Context
}

/** Finds a task by its id, with the context for the tasks of its `undo:`: all but the conditions, which were met. */
export function taskWithContext(plays: readonly Play[], id: string): TaskWithContext | undefined {
  const find = (items: readonly Item[], outer: Context): TaskWithContext | undefined => {
    for (const item of items) {
      if (item.kind === 'task' && item.id === id)
        return { task: item, context: { ...inside(outer, item), when: [], ignoreErrors: false } }
      if (item.kind !== 'block' || !isWithin(id, item.id)) continue
      const found = find([...item.block, ...item.rescue, ...item.always], inside(outer, item))
      if (found !== undefined) return found
    }
    return undefined
  }
  for (const play of plays) {
    const found = find([...play.tasks, ...play.handlers], playContext(play))
    if (found !== undefined) return found
  }
  return undefined
}
