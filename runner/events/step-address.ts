/**
 * The written form of a step's address: a task's id (`1.tasks.2.rescue.0`: play, then section and position,
 * down to the task) and a step's key (`1.tasks.2.rescue.0/web-1/3`: task, host, loop item). Only this file
 * builds and parses addresses; others compare them.
 */

export type Section = 'tasks' | 'handlers' | 'block' | 'rescue' | 'always' | 'undo'

/** A step's task and host, as in its `StepRef`. */
interface OfStep {
  readonly key: string
  readonly task: string
  readonly host: string
}

/** @param owner the index of a play, or the id of a block or task */
export const listId = (owner: string | number, section: Section): string => `${owner}.${section}`
export const itemId = (list: string, index: number): string => `${list}.${index}`

/**
 * @param at.item index of the loop's item
 * @param at.round the number of the handler's run on its host, from 1
 */
export const stepKey = (
  task: string,
  host: string,
  { item, round = 1 }: { item?: number | undefined; round?: number } = {},
): string => [task, host, ...(item === undefined ? [] : [item]), ...(round > 1 ? [`#${round}`] : [])].join('/')

/** The key of a step if the record of another step has its place: the fingerprint distinguishes them. */
export const keyBeside = ({ key, same }: { readonly key: string; readonly same?: string }): string => `${key}~${same}`

/** The id of an `undo:` task for one step: the items of a loop share their tasks, and need distinct ids. */
export const undoTaskId = (id: string, { key, task, host }: OfStep): string => id + key.slice(stepKey(task, host).length)

/** Returns true if a block or task holds the task, at any depth. */
export const isWithin = (task: string, owner: string): boolean => task.startsWith(`${owner}.`)

/** Returns the ids of the plays, blocks and tasks whose section holds the task, outermost first. */
export function owners(task: string, section: Section): string[] {
  const parts = task.split('.')
  return parts.flatMap((part, index) => (part === section ? [parts.slice(0, index).join('.')] : []))
}

export const isIn = (task: string, section: Section): boolean => owners(task, section).length > 0
