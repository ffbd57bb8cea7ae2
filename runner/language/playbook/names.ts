/** Finds variables and facts without a definition, before a run. Called by run/inputs.ts and run/lint.ts. */
import type { AnyModule } from '../../module.ts'
import type { Diagnostic } from '../../source/diagnostic.ts'
import { expressionReferences } from '../expression/expression.ts'
import { placeOfNode } from '../../source/yaml.ts'
import { conditionsIn } from '../params/module-params.ts'
import { flatten, type Item, type Play, type Playbook, type Shared, type Task, type Vars } from './types.ts'
import type { Node } from '../../source/source.ts'
import { didYouMean } from '../../base/suggest.ts'
import { parseTemplate, type Reference } from '../template/template-syntax.ts'
import { templates } from '../template/template.ts'
import { templateTextsOf } from './template-files.ts'

export interface KnownNames {
  /** Variables from outside the playbook: of any host in the inventory, of `-e`, and the runner's own. */
  readonly names: Iterable<string>
  /** The known facts; absent: facts are not checked. */
  readonly facts?: readonly string[]
  /** The modules, for their conditions and the keys of their results. */
  readonly modules?: ReadonlyMap<string, AnyModule>
}

/** A use of a variable, with its node. */
interface Use extends Reference {
  readonly node: Node<string>
}

/** The names that a use can refer to, in layers, so that no task copies them. */
type Names = readonly ReadonlySet<string>[]
interface Sight {
  readonly names: Names
  readonly note?: string
}
const has = (names: Names, name: string): boolean => names.some((layer) => layer.has(name))
const withKeys = (names: Names, vars: Vars): Names => {
  const keys = Object.keys(vars)
  return keys.length === 0 ? names : [...names, new Set(keys)]
}

/**
 * Reports variables and facts without a definition. A name of any host's inventory counts as known; a host
 * that lacks it fails at the use.
 */
export const checkNames = (playbook: Playbook, known: KnownNames): Diagnostic[] => {
  const diagnostics: Diagnostic[] = []
  const outside = new Set([...known.names, ...Object.keys(playbook.params), ...Object.keys(playbook.vars)])
  const registrations = registered(playbook, known.modules)
  const everywhere = new Set([...outside, ...registrations.keys(), ...playbook.plays.flatMap(namesInPlay)])
  const check = (uses: readonly Use[], sight: Sight) => {
    for (const use of uses) diagnostics.push(...complaints(use, sight, known, registrations))
  }

  // Variables are rendered at their use, so any definition may be in scope there.
  const checkVars = (vars: Vars) => Object.values(vars).forEach((node) => check(usesIn(node), { names: [everywhere] }))
  checkVars(playbook.vars)

  const done = new Set<string>()
  for (const play of playbook.plays) {
    const names = withKeys([outside], play.vars)
    check([play.name, play.hosts, play.serial, play.remoteUser, play.port].flatMap(usesIn), { names: [...names, done] })
    // A handler may run before any later step of its play.
    for (const { register } of play.handlers) if (register !== undefined) done.add(register)
    const state: Walk = { check, checkVars, known, playbook, done }
    shared(play, [...names, done], state)
    walk(play.tasks, names, state)
    for (const handler of play.handlers) taskUses(handler, [...names, done], state)
  }
  return diagnostics
}

interface Walk {
  check(uses: readonly Use[], sight: Sight): void
  checkVars(vars: Vars): void
  readonly known: KnownNames
  readonly playbook: Playbook
  /** Results registered so far. */
  readonly done: Set<string>
}

const failureNames = new Set(['ansible_failed_task', 'ansible_failed_result'])

const walk = (list: readonly Item[], names: Names, state: Walk): void => {
  for (const item of list) {
    if (item.kind === 'meta') state.check(item.when.flatMap(usesInCondition), { names: [...names, state.done] })
    else if (item.kind === 'task') taskUses(item, [...names, state.done], state)
    else {
      const inner = withKeys(names, item.vars)
      const own = [...inner, state.done]
      shared(item, own, state)
      state.check([...item.when.flatMap(usesInCondition), ...usesIn(item.name), ...usesIn(item.delegateTo)], { names: own })
      walk(item.block, inner, state)
      walk(item.rescue, [...inner, failureNames], state)
      walk(item.always, [...inner, failureNames], state)
    }
  }
}

const shared = (item: Shared, names: Names, state: Walk): void => {
  state.checkVars(item.vars)
  state.check([item.environment, item.become, item.becomeUser].flatMap(usesIn), { names })
}

const taskUses = (task: Task, outer: Names, state: Walk): void => {
  const { loopControl: control } = task
  const names = withKeys(outer, task.vars)
  const looped = task.loop === undefined ? [] : [control.loopVar, ...(control.indexVar === undefined ? [] : [control.indexVar])]
  const inLoop = looped.length === 0 ? names : [...names, new Set(looped)]
  const loopNote =
    task.loop === undefined || control.loopVar === 'item'
      ? {}
      : { note: `the item of this loop is called \`${control.loopVar}\`` }
  const module = state.known.modules?.get(task.module)
  const conditions = module === undefined ? [] : conditionsIn(module.params, task.args)

  const once = [task.loop, control.parallel, control.maxFailures, control.canary, control.deadline]
  state.check([...once, ...control.limits.map(({ atMost }) => atMost)].flatMap(usesIn), { names })
  shared(task, inLoop, state)
  const texts = [
    task.args,
    task.name,
    control.label,
    ...control.limits.map(({ key }) => key),
    task.delegateTo,
    task.retries,
    task.delay,
    task.timeout,
    task.confirm,
    ...task.notify,
    ...templateTextsOf(state.playbook, module, task),
  ]
  state.check([...texts.flatMap(usesIn), ...[...task.when, ...conditions].flatMap(usesInCondition)], {
    names: inLoop,
    ...loopNote,
  })
  const judging = [...task.until, ...(task.failedWhen ?? []), ...(task.changedWhen ?? []), ...task.verify].flatMap(
    usesInCondition,
  )
  if (task.register === undefined) state.check(judging, { names: inLoop, note: 'the result has the name given by `register`' })
  else {
    state.check(judging, { names: [...inLoop, new Set([task.register])] })
    state.done.add(task.register)
  }
  // Results registered in an `undo` end with it.
  if (task.undo.length > 0) walk(task.undo, inLoop, { ...state, done: new Set(state.done) })
}

const usesIn = (node: Node | undefined): Use[] =>
  node === undefined
    ? []
    : templates(node).flatMap((text) => parseTemplate(text.value).references.map((reference) => ({ ...reference, node: text })))

const usesInCondition = (node: Node<string>): Use[] => expressionReferences(node).map((reference) => ({ ...reference, node }))

/** The keys of each registered result, if known. */
const registered = (playbook: Playbook, modules: KnownNames['modules']): Map<string, readonly string[] | undefined> => {
  const found = new Map<string, readonly string[] | undefined>()
  const tasks = playbook.plays.flatMap((play) => [...flatten(play.tasks), ...play.handlers])
  for (const task of tasks) {
    if (task.register === undefined) continue
    const keys = task.loop === undefined ? modules?.get(task.module)?.returns : { results: '' }
    const all = keys === undefined ? undefined : [...Object.keys(keys), 'changed', 'failed', 'skipped', 'skip_reason', 'msg']
    const before = found.get(task.register)
    found.set(
      task.register,
      found.has(task.register) ? (before === undefined || all === undefined ? undefined : [...before, ...all]) : all,
    )
  }
  return found
}

const namesInPlay = (play: Play): string[] => [
  ...Object.keys(play.vars),
  ...namesInItems(play.tasks),
  ...namesInItems(play.handlers),
]

const namesInItems = (list: readonly Item[]): string[] =>
  list.flatMap((item) => {
    if (item.kind === 'meta') return []
    const own = Object.keys(item.vars)
    if (item.kind === 'block') return [...own, ...[item.block, item.rescue, item.always].flatMap(namesInItems)]
    return [...own, item.loopControl.loopVar, ...(item.loopControl.indexVar === undefined ? [] : [item.loopControl.indexVar])]
  })

const complaints = (
  use: Use,
  { names, note }: Sight,
  known: KnownNames,
  registrations: ReadonlyMap<string, readonly string[] | undefined>,
): Diagnostic[] => {
  const { name, path, node } = use
  const at = (summary: string, more: Partial<Diagnostic> = {}): Diagnostic => ({
    severity: 'error',
    summary,
    place: placeOfNode(node, 'value', use),
    ...more,
  })
  if (has(names, name)) {
    const [key] = path
    if (name === 'facts' && key !== undefined && known.facts !== undefined && !known.facts.includes(key)) {
      const label = didYouMean(key, known.facts)
      return [at(`unknown fact \`${key}\``, label === undefined ? { notes: [`facts: ${known.facts.join(', ')}`] } : { label })]
    }
    return missingKey(use, registrations.get(name)).map((label) =>
      at(`the result \`${name}\` has no \`${key}\``, { label, severity: 'warning' }),
    )
  }
  if (use.optional) return []
  if (registrations.has(name)) return [at(`\`${name}\` is registered by a later step`, { label: 'not known yet here' })]
  const fact = /^ansible_(.+)$/.exec(name)?.[1]
  if (name === 'ansible_facts' || (fact !== undefined && known.facts?.includes(fact))) {
    return [
      at(`unknown variable \`${name}\``, {
        label: `facts are \`facts.${name === 'ansible_facts' ? (path[0] ?? 'NAME') : fact}\``,
      }),
    ]
  }
  const label = didYouMean(
    name,
    names.flatMap((layer) => [...layer]),
  )
  return [
    at(`unknown variable \`${name}\``, {
      label,
      notes: note === undefined ? [] : [note],
    }),
  ]
}

/** Suggests the key for a near miss. Failures carry further keys, so only near misses are reported. */
const missingKey = ({ path, optional }: Use, keys: readonly string[] | undefined): string[] => {
  const [key] = path
  if (key === undefined || keys === undefined || optional || keys.includes(key)) return []
  const label = didYouMean(key, keys)
  return label === undefined ? [] : [label]
}
