import { createHash } from 'node:crypto'
import type { Task } from '../language/playbook/types.ts'
import type { Secrets } from '../base/secret-values.ts'
import { HIDDEN_BEFORE } from '../base/secret-names.ts'
import type { Context } from './task-context.ts'

const LENGTH = 12
const BETWEEN = '-'

export interface StepItem {
  readonly index: number
  readonly value: unknown
  /** What to call it. */
  readonly label: string
}

/**
 * A short digest of what a step does, as it is written, and of its loop item: it stays with the step when that moves within the playbook.
 * Secrets are masked before (as older journals did it), so that none can be guessed from it; with `no_log` the item's digest is a keyed one.
 */
export function sameOf(secrets: Secrets, task: Task, context: Context, item?: StepItem): string {
  const own = sameTask(secrets, task, context)
  if (item === undefined) return own
  return (
    own + BETWEEN + (context.noLog ? secrets.seal(item.value).slice(0, LENGTH) : digest(secrets.mask(item.value, HIDDEN_BEFORE)))
  )
}

/** The part of it that is the task's. */
export const taskPart = (same: string): string => same.slice(0, LENGTH)

interface Known {
  readonly secrets: number
  readonly same: string
}
/** A task is digested once, not for each host; anew where more secrets have become known. */
const known = new WeakMap<Task, Known>()

export function sameTask(secrets: Secrets, task: Task, context: Context): string {
  const before = known.get(task)
  if (before?.secrets === secrets.size) return before.same
  const same = digest(secrets.mask<unknown>(JSON.parse(JSON.stringify(textOf(task, context), withoutPlaces)), HIDDEN_BEFORE))
  known.set(task, { secrets: secrets.size, same })
  return same
}

/**
 * What is done, where, and on what conditions, with what the blocks around add to it. A loop counts by its items. How the runner goes about it (`on_resume`, `retries`,
 * `timeout`, `tags`) may be changed without making it another step, and so may what follows from it (`register`, `notify`, `undo`).
 */
const textOf = (task: Task, { play, vars, when, environment, become, becomeUser, delegateTo }: Context): object => ({
  name: task.name,
  module: task.module,
  args: task.args,
  until: task.until,
  failedWhen: task.failedWhen,
  changedWhen: task.changedWhen,
  verify: task.verify,
  vars: vars.filter((some) => some !== play.vars),
  environment: environment.filter((some) => some !== play.environment),
  when,
  become,
  becomeUser,
  delegateTo,
})

/** A `Node` is its value alone. */
const withoutPlaces = (_key: string, value: unknown): unknown =>
  typeof value === 'object' && value !== null && 'source' in value && 'path' in value && 'value' in value ? value.value : value

const digest = (value: unknown): string =>
  createHash('sha256')
    .update(JSON.stringify(value) ?? '')
    .digest('hex')
    .slice(0, LENGTH)
