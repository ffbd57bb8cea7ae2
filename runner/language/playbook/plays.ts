/** Reads plays. Called by load-playbook.ts. */
import type { Diagnostic } from '../../source/diagnostic.ts'
import { listId } from '../../events/step-address.ts'
import { kindOf } from '../template/helpers.ts'
import { entries, items, placeOfNode, rootOf } from '../../source/yaml.ts'
import { readParams } from '../params/param-schemas.ts'
import { flatten, type Item, type Play, type Playbook, type Task, type Vars } from './types.ts'
import {
  type Reading,
  checkKeys,
  complain,
  given,
  isList,
  isMapping,
  isText,
  nearestKeyword,
  readChoice,
  readFlag,
  readName,
  readNumber,
  readNumberOrTemplate,
  readText,
  readVars,
} from './field-readers.ts'
import type { Node, Source } from '../../source/source.ts'
import { didYouMean } from '../../base/suggest.ts'
import { checkTemplates, isTemplate } from '../template/template.ts'
import { readItems, readShared } from './tasks.ts'

/**
 * Reads a whole playbook but for the templates it names; undefined if the file is empty or is no mapping.
 *
 * @param sources every file it was read from
 */
export const readPlaybook = (r: Reading, source: Source, sources: readonly Source[]): Omit<Playbook, 'templates'> | undefined => {
  const root = rootOf(source)
  if (root.value === undefined) return undefined
  if (root.value === null)
    return complain(r, root, 'the playbook is empty', { notes: ['a playbook has `plays`, each with `hosts` and `tasks`'] })
  if (!isMapping(root)) {
    const ansible = isList(root) && items(root).some((play) => isMapping(play) && 'hosts' in play.value)
    return complain(r, root, `a playbook is a mapping with \`plays\`, this is ${kindOf(root.value)}`, {
      notes: ansible
        ? ['put `plays:` before the list and indent it by two']
        : ['a playbook has `plays`, each with `hosts` and `tasks`'],
    })
  }
  checkKeys(r, root, 'playbook')
  const name = readText(r, given(root, 'name'))
  const plays = given(root, 'plays')
  if (plays === undefined) {
    complain(r, root, 'the playbook has no `plays`', {
      label: 'tasks' in root.value || 'hosts' in root.value ? 'this is a play: put it into a list under `plays`' : undefined,
    })
  } else if (!isList(plays)) complain(r, plays, '`plays` must be a list', { which: 'key', label: 'each play starts with `- `' })
  return {
    file: source.file,
    name: name?.value ?? source.file,
    description: readText(r, given(root, 'description'))?.value,
    params: readParams(r, given(root, 'params')),
    vars: { ...readVars(r, given(root, 'vars')), ...readVarsFiles(r, given(root, 'vars_files')) },
    plays: plays !== undefined && isList(plays) ? items(plays).flatMap((play, index) => readPlay(r, play, index) ?? []) : [],
    sources,
  }
}

const orders = ['inventory', 'reverse_inventory', 'sorted', 'reverse_sorted', 'shuffle'] as const

const readPlay = (r: Reading, node: Node, index: number): Play | undefined => {
  if (!isMapping(node)) return complain(r, node, `a play is a mapping, this is ${kindOf(node.value)}`)
  checkKeys(r, node, 'play')
  const hosts = readHosts(r, given(node, 'hosts'))
  if (!('hosts' in node.value) && !Object.keys(node.value).some((key) => nearestKeyword(key, 'play') === 'hosts'))
    complain(r, node, 'this play has no `hosts`', { notes: ['for tasks without a host of the inventory: hosts: localhost'] })
  const shared = readShared(r, node)
  const tasks = readItems(r, given(node, 'tasks'), listId(index, 'tasks'), { imports: [], handlers: false })
  const handlers = readItems(r, given(node, 'handlers'), listId(index, 'handlers'), { imports: [], handlers: true }).filter(
    (item) => item.kind === 'task',
  )
  checkHandlers(r, tasks, handlers, namesWritten(given(node, 'handlers')))
  const fallback: Node<string> = {
    value: [hosts?.value ?? ''].flat().join(', '),
    source: node.source,
    path: [...node.path, 'hosts'],
  }
  const percentage = given(node, 'max_fail_percentage')
  const share = readNumber(r, percentage, { min: 0, max: 100 })
  return {
    kind: 'play',
    index,
    name: readText(r, given(node, 'name')) ?? fallback,
    hosts: hosts ?? { value: [], source: node.source, path: node.path },
    ...shared,
    vars: { ...shared.vars, ...readVarsFiles(r, given(node, 'vars_files')) },
    remoteUser: readText(r, given(node, 'remote_user')),
    port: readNumberOrTemplate(r, given(node, 'port'), { min: 1, max: 65_535, whole: true }),
    serial: readSerial(r, given(node, 'serial')),
    maxFailPercentage: share === undefined ? undefined : { ...percentage!, value: share },
    anyErrorsFatal: readFlag(r, given(node, 'any_errors_fatal')) ?? false,
    order: readChoice(r, given(node, 'order'), orders) ?? 'inventory',
    throttle: readNumber(r, given(node, 'throttle'), { min: 1, whole: true }),
    tasks,
    handlers,
    place: placeOfNode(node),
  }
}

const readHosts = (r: Reading, node: Node | undefined): Node<string | readonly string[]> | undefined => {
  if (node === undefined) return undefined
  const patterns = isList(node) ? items(node) : [node]
  const read = patterns.map((pattern) => readText(r, pattern))
  if (read.includes(undefined)) return undefined
  const empty = read.find((pattern) => pattern!.value.trim() === '')
  if (empty !== undefined || read.length === 0)
    return complain(r, empty ?? node, '`hosts` is empty', {
      notes: ['for tasks without a host of the inventory: hosts: localhost'],
    })
  return node as Node<string | readonly string[]>
}

const readSerial = (r: Reading, node: Node | undefined): Node<readonly (number | string)[]> | undefined => {
  if (node === undefined) return undefined
  const sizes = isList(node) ? items(node) : [node]
  const wrong = sizes.find(({ value }) => {
    if (typeof value === 'string' && isTemplate(value)) return false
    if (typeof value === 'string') return !/^(?:100|[1-9]\d?)(?:\.\d+)?%$/.test(value)
    return !(typeof value === 'number' && Number.isInteger(value) && value >= 1)
  })
  if (wrong !== undefined || sizes.length === 0) {
    const label = typeof wrong?.value === 'string' && /^\d+$/.test(wrong.value) ? `without quotes: ${wrong.value}` : undefined
    return complain(r, wrong ?? node, '`serial` must be a number from 1, a percentage, or a list of them', {
      label,
      notes: ['for example: serial: [1, 25%]'],
    })
  }
  checkTemplates(node).forEach(r.report)
  return { ...node, value: (isList(node) ? node.value : [node.value]) as (number | string)[] }
}

/** Reads `vars_files`: a later file wins, and every file over the `vars` beside it. */
const readVarsFiles = (r: Reading, node: Node | undefined): Vars => {
  if (node === undefined) return {}
  const names = isList(node) ? items(node) : [node]
  return Object.assign({}, ...names.map((name) => readVarsFile(r, name))) as Vars
}

const readVarsFile = (r: Reading, node: Node): Vars => {
  const name = readName(r, node)
  if (name === undefined) return {}
  const source = r.file(node.source, name)
  if (source === undefined) {
    complain(r, node, `file \`${name}\` not found`, { notes: [`the path is relative to ${node.source.file}`] })
    return {}
  }
  const root = rootOf(source)
  return root.value === undefined ? {} : readVars(r, root)
}

/** The names of handlers in a list, those of invalid handlers included. */
const namesWritten = (list: Node | undefined): string[] =>
  list !== undefined && isList(list)
    ? items(list).flatMap((task) => {
        // An import cannot be notified by its name.
        const name = isMapping(task) && !('import_tasks' in task.value || 'meta' in task.value) ? given(task, 'name') : undefined
        return name !== undefined && isText(name) ? [name.value] : []
      })
    : []

/**
 * Checks that every handler has a name of its own, and that every notified handler exists.
 *
 * @param written names of invalid handlers too: their errors are reported already
 */
const checkHandlers = (r: Reading, tasks: readonly Item[], handlers: readonly Task[], written: readonly string[]): void => {
  const names = new Map<string, Task>()
  for (const handler of handlers) {
    const unnamed = handler.name.path.at(-1) !== 'name'
    if (unnamed && handler.listen.length === 0)
      r.report({ severity: 'error', summary: 'a handler needs a `name` to be notified by', place: handler.place })
    if (unnamed) continue
    if (names.has(handler.name.value))
      r.report({
        severity: 'error',
        summary: `two handlers of this play are called \`${handler.name.value}\``,
        place: placeOfNode(handler.name),
      })
    names.set(handler.name.value, handler)
  }
  // The result of a templated name is known later.
  const dynamic = [...names.keys()].some(isTemplate)
  const known = new Set([...names.keys(), ...written, ...handlers.flatMap(({ listen }) => listen)])
  for (const notified of [...flatten(tasks), ...handlers].flatMap(({ notify }) => notify)) {
    if (dynamic || isTemplate(notified.value) || known.has(notified.value)) continue
    const label = didYouMean(notified.value, known)
    const diagnostic: Diagnostic = {
      severity: 'error',
      summary: `this play has no handler \`${notified.value}\``,
      place: placeOfNode(notified),
      ...(label === undefined
        ? {
            notes: [known.size === 0 ? 'define handlers under `handlers`' : `it has: ${[...known].join(', ')}`],
          }
        : { label }),
    }
    r.report(diagnostic)
  }
}

/** The files that a source names: imported tasks and variables. */
export const filesNamedIn = (source: Source): string[] => {
  const found: string[] = []
  const walk = (node: Node): void => {
    if (isList(node)) return items(node).forEach(walk)
    if (!isMapping(node)) return
    for (const [key, value] of entries(node)) {
      if (key === 'import_tasks' && isText(value)) found.push(value.value)
      else if (key === 'vars_files')
        [isList(value) ? items(value) : value].flat().forEach((name) => isText(name) && found.push(name.value))
      else if (['plays', 'tasks', 'handlers', 'block', 'rescue', 'always'].includes(key)) walk(value)
    }
  }
  const root = rootOf(source)
  walk(root)
  return [...new Set(found)].filter((name) => name.trim() !== '' && !isTemplate(name))
}
