/** Reads tasks, blocks, imports and meta. Called by plays.ts. */
import { itemId, listId } from '../../events/step-address.ts'
import { kindOf } from '../template/helpers.ts'
import { keywordsOf, refusalOf } from './keywords.ts'
import { child, entries, items, placeOfNode, rootOf } from '../../source/yaml.ts'
import { readModule, unknownModule } from './module-key.ts'
import { readLoop, readLoopControl } from './loops.ts'
import { type Block, flatten, type Item, type Meta, onResume, type Shared, type Task } from './types.ts'
import {
  type Mapping,
  type Reading,
  checkKeys,
  complain,
  complainAboutKey,
  given,
  isKeyword,
  isList,
  isMapping,
  isText,
  nearestKeyword,
  readChoice,
  readConditions,
  readFlag,
  readFlagOrTemplate,
  readName,
  readNames,
  readNumber,
  readNumberOrTemplate,
  readText,
  readTexts,
  readVariableName,
  readVars,
} from './field-readers.ts'
import type { Node, Source } from '../../source/source.ts'
import { checkTemplates } from '../template/template.ts'

/** The position of the reader: the imports that lead to it, and if the tasks are handlers. */
export interface Inside {
  readonly imports: readonly Source[]
  readonly handlers: boolean
}

/**
 * Reads a list of tasks, blocks, imports and meta actions.
 *
 * @param list the id of the list
 */
export const readItems = (r: Reading, node: Node | undefined, list: string, inside: Inside): Item[] => {
  if (node === undefined || node.value === null) return []
  if (!isList(node)) {
    const where = node.path.length === 0 ? 'a file of tasks' : `\`${String(node.path.at(-1))}\``
    const joined = isText(node)
      ? node.value.startsWith('-')
      : isMapping(node) && Object.keys(node.value).some((key) => key.startsWith('-'))
    const label = joined ? 'is a space missing after `-`?' : 'each task starts with `- `'
    complain(r, node, `${where} must be a list of tasks`, { label, which: node.path.length === 0 ? 'value' : 'key' })
    return []
  }
  return items(node).flatMap((item, index) => readItem(r, item, itemId(list, index), inside))
}

const readItem = (r: Reading, node: Node, id: string, inside: Inside): Item[] => {
  if (!isMapping(node)) {
    complain(r, node, `a task is a mapping, this is ${kindOf(node.value)}`, {
      label: isText(node) ? (/^[\w-]+:\S/.test(node.value) ? 'is a space missing after `:`?' : 'is a `:` missing?') : undefined,
    })
    return []
  }
  if ('block' in node.value)
    return inside.handlers
      ? (complain(r, child(node, 'block'), 'a handler cannot be a block', { which: 'key' }), [])
      : [readBlock(r, node, id, inside)]
  if ('import_tasks' in node.value) return readImport(r, node, id, inside)
  if ('meta' in node.value && !r.modules.has('meta')) return [readMeta(r, node, id)].filter((meta) => meta !== undefined)
  const stray = ['rescue', 'always'].find((key) => key in node.value)
  if (stray !== undefined) {
    complain(r, child(node, stray), `\`${stray}\` needs a \`block\` beside it`, { which: 'key' })
    return []
  }
  const task = readTask(r, node, id, inside)
  return task === undefined ? [] : [task]
}

/** Reads the keywords that plays, blocks and tasks share. */
export const readShared = (r: Reading, node: Mapping): Shared => {
  const environment = given(node, 'environment')
  if (environment !== undefined) checkEnvironment(r, environment)
  return {
    vars: readVars(r, given(node, 'vars')),
    environment: environment !== undefined && isMapping(environment) ? environment : undefined,
    become: readFlagOrTemplate(r, given(node, 'become')),
    becomeUser: readText(r, given(node, 'become_user')),
    tags: readNames(r, given(node, 'tags')),
  }
}

const checkEnvironment = (r: Reading, node: Node): void => {
  if (!isMapping(node))
    return complain(r, node, '`environment` must be a mapping of names to texts', { label: `this is ${kindOf(node.value)}` })
  checkTemplates(node).forEach(r.report)
  for (const [name, value] of entries(node)) {
    if (typeof value.value === 'object')
      complain(r, value, `the environment variable \`${name}\` must be text`, { label: `this is ${kindOf(value.value)}` })
  }
}

const readSteps = (r: Reading, node: Mapping) => ({
  when: readConditions(r, given(node, 'when')),
  delegateTo: readText(r, given(node, 'delegate_to')),
  runOnce: readFlag(r, given(node, 'run_once')) ?? false,
  ignoreErrors: readFlag(r, given(node, 'ignore_errors')) ?? false,
  anyErrorsFatal: readFlag(r, given(node, 'any_errors_fatal')),
  noLog: readFlag(r, given(node, 'no_log')) ?? false,
})

const readBlock = (r: Reading, node: Mapping, id: string, inside: Inside): Block => {
  checkKeys(r, node, 'block')
  const list = (key: 'block' | 'rescue' | 'always') => readItems(r, given(node, key), listId(id, key), inside)
  return {
    kind: 'block',
    id,
    name: readText(r, given(node, 'name')),
    ...readShared(r, node),
    ...readSteps(r, node),
    block: list('block'),
    rescue: list('rescue'),
    always: list('always'),
    place: placeOfNode(child(node, 'block'), 'key'),
  }
}

/** Reads an import as a block: the keywords beside `import_tasks` apply to each of its tasks. */
const readImport = (r: Reading, node: Mapping, id: string, inside: Inside): Item[] => {
  checkKeys(r, node, 'import')
  const key = child(node, 'import_tasks')
  const file = readName(r, key)
  if (file === undefined) return []
  const source = r.file(node.source, file)
  if (source === undefined) {
    complain(r, key, `file \`${file}\` not found`, { notes: [`the path is relative to ${node.source.file}`] })
    return []
  }
  if (inside.imports.some((open) => open.file === source.file)) {
    complain(r, key, 'this import leads back to itself', {
      notes: [[...inside.imports, source].map((one) => one.file).join(' imports ')],
    })
    return []
  }
  const root = rootOf(source)
  if (root.value === undefined) return []
  const within = { ...inside, imports: [...inside.imports, source] }
  if (inside.handlers) {
    const extra = Object.keys(node.value).filter((name) => name !== 'import_tasks' && name !== 'name')
    extra.forEach((name) =>
      complain(r, child(node, name), `\`${name}\` beside an import of handlers has no effect`, {
        which: 'key',
        label: 'write it at the handlers',
      }),
    )
    return readItems(r, root, id, within)
  }
  return [
    {
      kind: 'block',
      id,
      name: readText(r, given(node, 'name')),
      ...readShared(r, node),
      ...readSteps(r, node),
      block: readItems(r, root, listId(id, 'block'), within),
      rescue: [],
      always: [],
      place: placeOfNode(key, 'key'),
    },
  ]
}

const metaActions = ['flush_handlers', 'end_play', 'end_host'] as const

const readMeta = (r: Reading, node: Mapping, id: string): Meta | undefined => {
  checkKeys(r, node, 'meta')
  const key = child(node, 'meta')
  const action = metaActions.find((one) => one === key.value)
  const when = readConditions(r, given(node, 'when'))
  const tags = readNames(r, given(node, 'tags'))
  if (action === undefined) return complain(r, key, `\`meta\` must be one of ${metaActions.join(', ')}`)
  return { kind: 'meta', id, action, when, tags, place: placeOfNode(key, 'key') }
}

export const readTask = (r: Reading, node: Mapping, id: string, inside: Inside): Task | undefined => {
  const kind = inside.handlers ? 'handler' : 'task'
  const key = moduleKey(r, node, kind)
  const name = readText(r, given(node, 'name'))
  const loop = readLoop(r, given(node, 'loop'))
  if (loop === undefined && 'loop_control' in node.value && !('loop' in node.value)) {
    complain(r, child(node, 'loop_control'), '`loop_control` without a `loop`', { which: 'key' })
  }
  const until = readConditions(r, given(node, 'until'))
  const retries = readNumberOrTemplate(r, given(node, 'retries'), { min: 0, whole: true })
  if ('delay' in node.value && !('until' in node.value) && !('retries' in node.value)) {
    complain(r, child(node, 'delay'), '`delay` without `until` or `retries`', { which: 'key' })
  }
  const rest = {
    ...readShared(r, node),
    ...readSteps(r, node),
    loop,
    loopControl: readLoopControl(r, given(node, 'loop_control')),
    register: readVariableName(r, given(node, 'register')),
    notify: readTexts(r, given(node, 'notify')),
    listen: readNames(r, given(node, 'listen')),
    until,
    retries,
    delay: readNumberOrTemplate(r, given(node, 'delay'), { min: 0 }),
    timeout: readNumberOrTemplate(r, given(node, 'timeout'), { min: 1 }),
    failedWhen: 'failed_when' in node.value ? readConditions(r, child(node, 'failed_when')) : undefined,
    changedWhen: 'changed_when' in node.value ? readConditions(r, child(node, 'changed_when')) : undefined,
    throttle: readNumber(r, given(node, 'throttle'), { min: 1, whole: true }),
    verify: readConditions(r, given(node, 'verify')),
    undo: readUndo(r, node, key, id, inside),
    confirm: readText(r, given(node, 'confirm')),
    onResume: readChoice(r, given(node, 'on_resume'), onResume) ?? 'verify',
  }
  if (key === undefined) return undefined
  const module = readModule(r, child(node, key))
  if (module === undefined) return undefined
  return {
    kind: 'task',
    id,
    // The default name is the module's.
    name: name ?? { value: key, source: node.source, path: [...node.path, key] },
    module: key,
    args: module,
    ...rest,
    place: placeOfNode(child(node, key), 'key'),
  }
}

/** Reads the tasks of an `undo`. They cannot notify, ask, or have an `undo` of their own. */
const readUndo = (r: Reading, node: Mapping, module: string | undefined, id: string, inside: Inside): readonly Item[] => {
  const undo = given(node, 'undo')
  if (undo === undefined) return []
  const known = module === undefined ? undefined : r.modules.get(module)
  if (known?.undo !== undefined)
    complain(r, undo, `\`${known.name}\` has an undo of its own`, {
      which: 'key',
      label: 'remove it',
    })
  if (known !== undefined && known.apply === undefined)
    complain(r, undo, `\`${known.name}\` changes nothing, so there is nothing to undo`, { which: 'key' })
  const tasks = readItems(r, undo, listId(id, 'undo'), { ...inside, handlers: false })
  for (const task of flatten(tasks)) {
    const [stray] = [task.notify[0], task.confirm].filter((one) => one !== undefined)
    if (stray !== undefined) complain(r, stray, 'a task of an `undo` cannot notify or ask: `runbook undo` shows its plan first')
    if (task.undo.length > 0)
      r.report({ severity: 'error', summary: 'a task of an `undo` cannot have an `undo`', place: task.place })
  }
  return tasks
}

/** Finds the module's key in a task, and reports every other unknown key. */
const moduleKey = (r: Reading, node: Mapping, kind: 'task' | 'handler'): string | undefined => {
  const keys = entries(node).filter(([key]) => r.modules.has(key) || !keywordsOf(kind).includes(key))
  const known = keys.filter(([key]) => r.modules.has(key))
  const strange = keys.filter(([key]) => !r.modules.has(key))
  const [first, second] = known
  if (second !== undefined) {
    complain(r, second[1], `a task has one module, this one has \`${first![0]}\` and \`${second[0]}\``, {
      which: 'key',
      label: 'make it a task of its own',
    })
  }
  // If the task has a known module, other unknown keys are misspelt keywords. If not, the one that resembles
  // no keyword is the module.
  const isModule = ([key]: readonly [string, Node]) =>
    known.length === 0 && !isKeyword(key) && refusalOf(key) === undefined && nearestKeyword(key, kind) === undefined
  const meant = strange.filter(isModule)
  const [guess] = known.length === 0 && meant.length === 0 && strange.length === 1 && !isKeyword(strange[0]![0]) ? strange : meant
  for (const entry of strange) {
    if (guess !== undefined && entry[0] === guess[0] && refusalOf(entry[0]) === undefined)
      r.report(unknownModule(r, entry[0], entry[1], kind))
    else complainAboutKey(r, entry[0], entry[1], kind)
  }
  if (keys.length === 0) {
    complain(r, node, `this ${kind} has no module`, { label: 'add a module', notes: ['list the modules: runbook modules'] })
  }
  return known[0]?.[0]
}
