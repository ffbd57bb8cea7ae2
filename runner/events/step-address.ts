/**
 * The written form of a step's address: a task's id (`1.tasks.2.rescue.0`: play, then section and position, down to the task) and a step's
 * key (`1.tasks.2.rescue.0/web-1/3`: task, host, loop item). Everybody else compares addresses, and neither builds nor parses one.
 */

export type Section = 'tasks' | 'handlers' | 'block' | 'rescue' | 'always' | 'undo'

/** A step's task and host, as in its `StepRef`. */
interface OfStep {
  readonly key: string
  readonly task: string
  readonly host: string
}

/** @param owner a play's index, or the id of a block or task */
export const listId = (owner: string | number, section: Section): string => `${owner}.${section}`
export const itemId = (list: string, index: number): string => `${list}.${index}`

/**
 * @param at.item index of the loop's item
 * @param at.round which time a handler runs on its host, from 1
 */
export const stepKey = (
  task: string,
  host: string,
  { item, round = 1 }: { item?: number | undefined; round?: number } = {},
): string => [task, host, ...(item === undefined ? [] : [item]), ...(round > 1 ? [`#${round}`] : [])].join('/')

/** The key of a step whose place is taken by the record of another: its fingerprint tells them apart. */
export const keyBeside = ({ key, same }: { readonly key: string; readonly same?: string }): string => `${key}~${same}`

/** The id of an `undo:` task for one step: the items of a loop share their tasks, and must not be taken for one another. */
export const undoTaskId = (id: string, { key, task, host }: OfStep): string => id + key.slice(stepKey(task, host).length)

/** Whether a block or task holds the task, at any depth. */
export const isWithin = (task: string, owner: string): boolean => task.startsWith(`${owner}.`)

/** Ids of the plays, blocks and tasks in whose section the task stands, outermost first. */
export function owners(task: string, section: Section): string[] {
  const parts = task.split('.')
  return parts.flatMap((part, index) => (part === section ? [parts.slice(0, index).join('.')] : []))
}

export const isIn = (task: string, section: Section): boolean => owners(task, section).length > 0
