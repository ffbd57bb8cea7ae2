/** Fingerprints of tasks and steps, by which a resumed run finds their records. Called by `step-ref.ts` and `match-record.ts`. */
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
  /** The display name. */
  readonly label: string
}

/**
 * A short digest of a step's text and of its loop item. The digest stays the same when the step moves within the playbook.
 * Secrets are masked first, so that none can be guessed from the digest (the mask is the one of older journals). With
 * `no_log` the digest of the item is keyed.
 */
export function fingerprintOf(secrets: Secrets, task: Task, context: Context, item?: StepItem): string {
  const own = taskFingerprint(secrets, task, context)
  if (item === undefined) return own
  return (
    own + BETWEEN + (context.noLog ? secrets.seal(item.value).slice(0, LENGTH) : digest(secrets.mask(item.value, HIDDEN_BEFORE)))
  )
}

/** The task's part of a step's fingerprint. */
export const taskPart = (fingerprint: string): string => fingerprint.slice(0, LENGTH)

interface Cached {
  readonly secrets: number
  readonly fingerprint: string
}
/** A task is digested once, not for each host; again if more secrets have become known. */
const cache = new WeakMap<Task, Cached>()

export function taskFingerprint(secrets: Secrets, task: Task, context: Context): string {
  const cached = cache.get(task)
  if (cached?.secrets === secrets.size) return cached.fingerprint
  const text = JSON.parse(JSON.stringify(textOf(task, context), withoutPlaces)) as unknown
  const fingerprint = digest(secrets.mask(text, HIDDEN_BEFORE))
  cache.set(task, { secrets: secrets.size, fingerprint })
  return fingerprint
}

/**
 * The act, its host and its conditions, with the keywords of the blocks around. A loop counts by its items. Keywords that
 * steer the runner (`on_resume`, `retries`, `timeout`, `tags`) or name consequences (`register`, `notify`, `undo`) may change
 * without making another step.
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

/** Replaces a `Node` by its value. */
const withoutPlaces = (_key: string, value: unknown): unknown =>
  typeof value === 'object' && value !== null && 'source' in value && 'path' in value && 'value' in value ? value.value : value

const digest = (value: unknown): string =>
  createHash('sha256')
    .update(JSON.stringify(value) ?? '')
    .digest('hex')
    .slice(0, LENGTH)
