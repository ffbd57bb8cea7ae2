import type { StepRef } from '../events/events.ts'
import { stepKey } from '../events/step-address.ts'
import type { Task } from '../language/playbook/types.ts'
import { render } from '../language/template/template.ts'
import { type Scope, Unknown } from '../language/value.ts'
import type { Context } from './task-context.ts'
import type { HostState, Run } from './run-state.ts'
import { fingerprintOf, type StepItem } from './fingerprint.ts'

export interface StepOf {
  readonly run: Run
  readonly task: Task
  readonly context: Context
  readonly state: HostState
  /** The loop's item. */
  readonly item?: StepItem
  /** The count of a handler's runs on this host, from 1. */
  readonly round?: number
}

export function stepRef({ run, task, context, state, item, round = 1 }: StepOf, scope: Scope): StepRef {
  return {
    key: stepKey(task.id, state.name, { item: item?.index, round }),
    task: task.id,
    host: state.name,
    name: context.noLog && item !== undefined ? withoutTemplates(task.name.value) : textOf(task.name, scope),
    module: task.module,
    ...(item === undefined ? {} : { item: item.label }),
    same: fingerprintOf(run.secrets, task, context, item),
    place: task.place,
  }
}

/** A name without the parts that differ from item to item. */
export const withoutTemplates = (name: string): string => name.replaceAll(/\{\{.*?\}\}/g, '…')

/** Renders a name for people. If that fails, or the value is not known yet, the name stays as it is written. */
export function textOf(node: Task['name'], scope: Scope): string {
  try {
    const value = render(node, scope)
    return value instanceof Unknown ? node.value : String(value)
  } catch {
    return node.value
  }
}
