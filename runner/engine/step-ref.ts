import type { StepRef } from '../events.ts'
import type { Task } from '../language/playbook.ts'
import { render } from '../language/template.ts'
import { type Scope, Unknown } from '../language/value.ts'
import type { HostState } from './run-state.ts'

export interface StepOf {
  readonly task: Task
  readonly state: HostState
  /** The loop item: its number and what to call it. */
  readonly item?: { readonly index: number; readonly label: string }
  /** Which time a handler runs on this host, from 1. */
  readonly round?: number
}

export function stepRef({ task, state, item, round = 1 }: StepOf, scope: Scope): StepRef {
  return {
    key: [task.id, state.name, ...(item === undefined ? [] : [item.index]), ...(round > 1 ? [`#${round}`] : [])].join('/'),
    task: task.id,
    host: state.name,
    name: textOf(task.name, scope),
    module: task.module,
    ...(item === undefined ? {} : { item: item.label }),
    place: task.place,
  }
}

/** A name is for people: where it cannot be rendered (yet), it stays as written. */
export function textOf(node: Task['name'], scope: Scope): string {
  try {
    const value = render(node, scope)
    return value instanceof Unknown ? node.value : String(value)
  } catch {
    return node.value
  }
}
