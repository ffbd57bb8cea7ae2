import type { Block, Item, Play, Task, Vars } from '../language/playbook/types.ts'
import type { Which } from '../events/request.ts'
import type { Node } from '../source/source.ts'

/** The keywords that a task inherits from its play and blocks. */
export interface Context {
  readonly play: Play
  /** Outermost first. */
  readonly vars: readonly Vars[]
  readonly when: readonly Node<string>[]
  readonly environment: readonly Node<Readonly<Record<string, unknown>>>[]
  readonly become: Node | undefined
  readonly becomeUser: Node | undefined
  readonly delegateTo: Node<string> | undefined
  readonly runOnce: boolean
  readonly ignoreErrors: boolean
  readonly anyErrorsFatal: boolean
  readonly noLog: boolean
  readonly throttle: number | undefined
  readonly tags: readonly string[]
}

export const playContext = (play: Play): Context => ({
  play,
  vars: [play.vars],
  when: [],
  environment: play.environment === undefined ? [] : [play.environment],
  become: play.become,
  becomeUser: play.becomeUser,
  delegateTo: undefined,
  runOnce: false,
  ignoreErrors: false,
  anyErrorsFatal: play.anyErrorsFatal,
  noLog: false,
  throttle: play.throttle,
  tags: play.tags,
})

/** The context inside a block, or of a task: the nearer keyword wins; conditions, variables, environment and tags add up. */
export const inside = (outer: Context, inner: Block | Task): Context => ({
  ...outer,
  vars: [...outer.vars, inner.vars],
  when: [...outer.when, ...inner.when],
  environment: inner.environment === undefined ? outer.environment : [...outer.environment, inner.environment],
  become: inner.become ?? outer.become,
  becomeUser: inner.becomeUser ?? outer.becomeUser,
  delegateTo: inner.delegateTo ?? outer.delegateTo,
  runOnce: outer.runOnce || inner.runOnce,
  ignoreErrors: outer.ignoreErrors || inner.ignoreErrors,
  anyErrorsFatal: inner.anyErrorsFatal ?? outer.anyErrorsFatal,
  noLog: outer.noLog || inner.noLog,
  throttle: (inner.kind === 'task' ? inner.throttle : undefined) ?? outer.throttle,
  tags: [...outer.tags, ...inner.tags],
})

export type TagSelection = Pick<Which, 'tags' | 'skipTags'>

/** The tasks of a list that are selected by their own tags and those of the blocks around. */
export const selectedTasks = (items: readonly Item[], outer: readonly string[], selection: TagSelection): Task[] =>
  items.flatMap((item) => {
    const tags = [...outer, ...item.tags]
    if (item.kind === 'block') return selectedTasks([...item.block, ...item.rescue, ...item.always], tags, selection)
    return item.kind === 'task' && selected(tags, selection) ? [item] : []
  })

/** Tags with a meaning of their own, rather than a name in the playbook. */
export const SPECIAL_TAGS: ReadonlySet<string> = new Set(['all', 'tagged', 'untagged', 'always', 'never'])

/** Applies Ansible's rules: `always` runs unless skipped, `never` only if one of the task's tags is given; `tagged`, `untagged`, `all`. */
export function selected(own: readonly string[], { tags, skipTags }: TagSelection): boolean {
  const has = (tag: string) =>
    own.includes(tag) ||
    (tag === 'tagged' && own.length > 0) ||
    (tag === 'untagged' && own.length === 0) ||
    (tag === 'all' && !own.includes('never'))
  if (skipTags.some((tag) => has(tag) && !(tag === 'all' && own.includes('always')))) return false
  if (own.includes('always')) return true
  if (tags.length === 0) return !own.includes('never')
  return tags.some(has)
}
