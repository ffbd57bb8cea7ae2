/** A playbook after validation: plays, blocks, tasks, each with its place. Read by names.ts, the engine and plans. */
import type { Schema } from '../../base/schema.ts'
import type { Node, Place, Source } from '../../source/source.ts'

/**
 * A validated playbook. Values that may hold `{{ … }}` stay `Node`s: they are rendered per host, late. Conditions are `Node<string>`s in
 * the expression language (several are a conjunction). Imports are resolved: everything is static, so that the plan is complete.
 */
export interface Playbook {
  readonly file: string
  readonly name: string
  readonly description: string | undefined
  readonly params: Readonly<Record<string, Param>>
  readonly vars: Vars
  readonly plays: readonly Play[]
  /** The playbook itself and every file it imports or loads variables from, for the digest of a plan. */
  readonly sources: readonly Source[]
}

export interface Param {
  readonly name: string
  /** JSON Schema (the subset), with description, default, secret. */
  readonly schema: Schema
  readonly required: boolean
  readonly node: Node
}

export type Vars = Readonly<Record<string, Node>>

/** Keywords that a play, a block and a task share; a block's apply to all of its tasks. */
export interface Shared {
  readonly vars: Vars
  readonly environment: Node<Readonly<Record<string, unknown>>> | undefined
  readonly become: Node | undefined
  readonly becomeUser: Node | undefined
  readonly tags: readonly string[]
}

export interface Play extends Shared {
  readonly kind: 'play'
  /** Position in the playbook, from 0; with the task's own `id` it names a step for ever. */
  readonly index: number
  readonly name: Node<string>
  /** A pattern or a list of them; may hold templates of params and vars. */
  readonly hosts: Node<string | readonly string[]>
  readonly remoteUser: Node | undefined
  readonly port: Node | undefined
  /** Batch sizes: numbers or percentages. */
  readonly serial: Node<readonly (number | string)[]> | undefined
  readonly maxFailPercentage: Node<number> | undefined
  readonly anyErrorsFatal: boolean
  readonly order: 'inventory' | 'reverse_inventory' | 'sorted' | 'reverse_sorted' | 'shuffle'
  readonly throttle: number | undefined
  readonly tasks: readonly Item[]
  readonly handlers: readonly Task[]
  readonly place: Place
}

export type Item = Task | Block | Meta

export interface Block extends Shared {
  readonly kind: 'block'
  readonly id: string
  readonly name: Node<string> | undefined
  readonly when: readonly Node<string>[]
  readonly delegateTo: Node<string> | undefined
  readonly runOnce: boolean
  readonly ignoreErrors: boolean
  readonly anyErrorsFatal: boolean | undefined
  readonly noLog: boolean
  readonly block: readonly Item[]
  readonly rescue: readonly Item[]
  readonly always: readonly Item[]
  readonly place: Place
}

export interface Meta {
  readonly kind: 'meta'
  readonly id: string
  readonly action: 'flush_handlers' | 'end_play' | 'end_host'
  readonly when: readonly Node<string>[]
  readonly tags: readonly string[]
  readonly place: Place
}

export interface Task extends Shared {
  readonly kind: 'task'
  /** Stable within the playbook: play index, section and position, e.g. `1.tasks.3` or `1.tasks.2.rescue.0`. */
  readonly id: string
  /** Its `name:`, or the module's name. May hold templates. */
  readonly name: Node<string>
  readonly module: string
  /** The module's parameters, not yet rendered. `command: uptime` (free form) is not accepted: parameters are a mapping. */
  readonly args: Node<Readonly<Record<string, unknown>>>
  readonly when: readonly Node<string>[]
  /** A list, or a template of one. */
  readonly loop: Node | undefined
  readonly loopControl: LoopControl
  readonly register: string | undefined
  readonly notify: readonly Node<string>[]
  readonly listen: readonly string[]
  readonly delegateTo: Node<string> | undefined
  readonly runOnce: boolean
  readonly retries: Node | undefined
  readonly until: readonly Node<string>[]
  /** Seconds. */
  readonly delay: Node | undefined
  /** Seconds. */
  readonly timeout: Node | undefined
  readonly failedWhen: readonly Node<string>[] | undefined
  readonly changedWhen: readonly Node<string>[] | undefined
  readonly ignoreErrors: boolean
  readonly anyErrorsFatal: boolean | undefined
  readonly noLog: boolean
  readonly throttle: number | undefined
  /** What must hold after the step. */
  readonly verify: readonly Node<string>[]
  /** What takes the step back, where its module cannot. Ids go on from the task's: `1.tasks.3.undo.0`. */
  readonly undo: readonly Item[]
  /** What the operator must agree to before anything is changed. */
  readonly confirm: Node<string> | undefined
  /** What a resumed run does with this step when it was in flight. */
  readonly onResume: OnResume
  /** Of the module's key: what an error about this task points at. */
  readonly place: Place
}

export const onResume = ['verify', 'rerun', 'skip', 'ask'] as const
export type OnResume = (typeof onResume)[number]

export interface LoopControl {
  readonly loopVar: string
  readonly indexVar: string | undefined
  readonly label: Node<string> | undefined
  /** Seconds between items. */
  readonly pause: number
  /** How many items run at once. */
  readonly parallel: Node | undefined
  /** How many items with the same rendered key run at once; each entry counts for itself. */
  readonly limits: readonly LoopLimit[]
  /** How many failed items end the loop: a number, or a share of all items such as `20%`. */
  readonly maxFailures: Node | undefined
  /** How many items must have ended well before the others start. */
  readonly canary: Node | undefined
  /** No item is started after it: a time (ISO 8601), or a duration from the start of the run. */
  readonly deadline: Node | undefined
}

export interface LoopLimit {
  /** Rendered for each item. */
  readonly key: Node<string>
  readonly atMost: Node
}

/** The tasks of a list, those in blocks included, in order. */
export const flatten = (list: readonly Item[]): Task[] =>
  list.flatMap((item) =>
    item.kind === 'task' ? [item] : item.kind === 'block' ? flatten([...item.block, ...item.rescue, ...item.always]) : [],
  )
