/** A playbook after validation: plays, blocks, tasks, each with its place. Read by names.ts, the engine and plans. */
import type { Schema } from '../../base/schema.ts'
import type { Node, Place, Source } from '../../source/source.ts'

/**
 * A validated playbook. A value that may hold `{{ … }}` stays a `Node`, rendered per host at its use. A
 * condition is a `Node<string>` in the expression language; several are a conjunction. Imports are resolved:
 * everything is static, so the plan is complete.
 */
export interface Playbook {
  readonly file: string
  readonly name: string
  readonly description: string | undefined
  readonly params: Readonly<Record<string, Param>>
  readonly vars: Vars
  readonly plays: readonly Play[]
  /** The playbook and every file that it imports or loads variables from, for the digest of a plan. */
  readonly sources: readonly Source[]
  /** The texts of the templates that tasks name, by the name as written; those that could not be read are left out. */
  readonly templates: ReadonlyMap<string, Node<string>>
}

export interface Param {
  readonly name: string
  /** JSON Schema (the subset), with description, default, secret. */
  readonly schema: Schema
  readonly required: boolean
  readonly node: Node
}

export type Vars = Readonly<Record<string, Node>>

/** Keywords that a play, a block and a task share; those of a block apply to all of its tasks. */
export interface Shared {
  readonly vars: Vars
  readonly environment: Node<Readonly<Record<string, unknown>>> | undefined
  readonly become: Node | undefined
  readonly becomeUser: Node | undefined
  readonly tags: readonly string[]
}

export interface Play extends Shared {
  readonly kind: 'play'
  /** Position in the playbook, from 0. With the task's own `id` it identifies a step for ever. */
  readonly index: number
  readonly name: Node<string>
  /** A pattern or a list of patterns; may hold templates of params and vars. */
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
  /** The module's parameters, before rendering: always a mapping. The free form (`command: uptime`) is refused. */
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
  /** Conditions that must hold after the step. */
  readonly verify: readonly Node<string>[]
  /** Tasks that undo the step, for a module without an undo. Their ids extend the task's: `1.tasks.3.undo.0`. */
  readonly undo: readonly Item[]
  /** A question that the operator must agree to before any change. */
  readonly confirm: Node<string> | undefined
  /** The treatment of a step that was in flight, in a resumed run. */
  readonly onResume: OnResume
  /** The module's key: errors about this task point at it. */
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
  /** The number of items that run at once. */
  readonly parallel: Node | undefined
  /** The number of items with the same rendered key that run at once; entries are independent. */
  readonly limits: readonly LoopLimit[]
  /** The failed items that end the loop: a number, or a share of all items such as `20%`. */
  readonly maxFailures: Node | undefined
  /** The number of items that must succeed before the others start. */
  readonly canary: Node | undefined
  /** The last moment to start an item: a time (ISO 8601), or a duration from the start of the run. */
  readonly deadline: Node | undefined
}

export interface LoopLimit {
  /** Rendered for each item. */
  readonly key: Node<string>
  readonly atMost: Node
}

/** The tasks of a list in order, those in blocks included. */
export const flatten = (list: readonly Item[]): Task[] =>
  list.flatMap((item) =>
    item.kind === 'task' ? [item] : item.kind === 'block' ? flatten([...item.block, ...item.rescue, ...item.always]) : [],
  )
