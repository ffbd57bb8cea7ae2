/** Reads, validates and resolves the playbook, the inventory and the parameters. Called by `prepare.ts` and `list.ts`. */

import { dirname } from 'node:path'
import { facts } from '../hosts/facts.ts'
import { type PlayHosts, resolveHosts } from '../hosts/play-hosts.ts'
import { magicNames } from '../language/magic.ts'
import { type Inventory, loadInventory } from '../inventory/inventory.ts'
import type { Diagnostic } from '../source/diagnostic.ts'
import { SPECIAL_TAGS } from '../state/task-context.ts'
import { readSource } from '../source/read-file.ts'
import { isSecret, loadExtraVars, missingParams, resolveParams } from '../language/params/params.ts'
import { flatten, type Item, type Param, type Playbook, type Vars } from '../language/playbook/types.ts'
import type { Source } from '../source/source.ts'
import { checkNames, loadPlaybook } from '../language/playbook/load-playbook.ts'
import type { AnyModule } from '../module.ts'
import type { Request, What, Which } from '../events/request.ts'
import { didYouMean } from '../base/suggest.ts'
import type { World } from '../world.ts'
import { hasErrors } from './diagnostics.ts'

/** The validated inputs of a run. */
export interface Inputs {
  readonly playbook: Playbook
  readonly inventory: Inventory
  readonly params: Readonly<Record<string, unknown>>
  readonly extra: Vars
  readonly plays: readonly PlayHosts[]
}
export interface Loaded {
  /** Absent if there is an error. */
  readonly inputs?: Inputs
  readonly sources: readonly Source[]
  readonly diagnostics: readonly Diagnostic[]
}

/**
 * Loads, validates and resolves the inputs, and collects all diagnostics. Touches files of the controller only. On a
 * terminal, asks for missing parameters.
 */
export async function loadInputs(
  { what, which }: Pick<Request, 'what' | 'which'>,
  world: World,
  modules: ReadonlyMap<string, AnyModule>,
): Promise<Loaded> {
  const [book, inventory, extra, file] = await Promise.all([
    loadPlaybook(what.playbook, world, modules),
    loadInventory(inventoryPaths(what, world), world, dirname(what.playbook)),
    loadExtraVars(what.extra, world),
    paramsFile(what.paramsFile, world),
  ])
  const sources = [...book.sources, ...inventory.sources, ...extra.sources, ...file.sources]
  const diagnostics = [...book.diagnostics, ...inventory.diagnostics, ...extra.diagnostics, ...file.diagnostics]
  const { playbook } = book
  if (playbook === undefined) return { sources, diagnostics }

  const params = await askForMissing(resolveParams(playbook, what.params, file.source), playbook, what, file.source, world)
  sources.push(...params.sources)
  diagnostics.push(...params.diagnostics)
  diagnostics.push(
    ...checkNames(playbook, {
      names: [...variableNames(inventory.inventory), ...Object.keys(extra.vars), ...magicNames],
      facts: Object.keys(facts),
      modules,
    }),
  )
  if (hasErrors(diagnostics)) return { sources, diagnostics }

  const partial = { playbook, inventory: inventory.inventory, params: params.values, extra: extra.vars }
  const { plays, diagnostics: unresolved } = resolveHosts({ ...partial, which })
  diagnostics.push(...unresolved, ...startOf(playbook, which.startAtTask), ...strayTags(playbook, which))
  return hasErrors(diagnostics) ? { sources, diagnostics } : { inputs: { ...partial, plays }, sources, diagnostics }
}

/** Reports a `--start-at-task` that names no task: such a run would skip all of them. */
function startOf({ plays }: Playbook, name: string | undefined): Diagnostic[] {
  const names = plays.flatMap(({ tasks }) => flatten(tasks)).map((task) => task.name.value)
  if (name === undefined || names.includes(name)) return []
  const label = didYouMean(name, names)
  const note = label ?? `its tasks: ${[...new Set(names)].join(', ')}`
  return [{ severity: 'error', summary: `unknown task \`${name}\` in \`--start-at-task\``, notes: [note] }]
}

/** Reports tags of the command line that no task has: silently, they would select nothing or skip nothing. */
function strayTags({ plays }: Playbook, { tags, skipTags }: Pick<Which, 'tags' | 'skipTags'>): Diagnostic[] {
  const known = new Set(plays.flatMap((play) => [...play.tags, ...tagsIn(play.tasks), ...tagsIn(play.handlers)]))
  const stray = (option: string, asked: readonly string[]) =>
    asked
      .filter((tag) => !known.has(tag) && !SPECIAL_TAGS.has(tag))
      .map((tag): Diagnostic => {
        const meant = didYouMean(tag, [...known, ...SPECIAL_TAGS])
        const listed = known.size === 0 ? 'its tasks have no tags' : `its tags: ${[...known].toSorted().join(', ')}`
        return {
          severity: 'error',
          summary: `unknown tag \`${tag}\` in \`${option}\``,
          notes: meant === undefined ? [listed] : [meant, listed],
        }
      })
  return [...stray('--tags', tags), ...stray('--skip-tags', skipTags)]
}

const tagsIn = (items: readonly Item[]): string[] =>
  items.flatMap((item) => [
    ...item.tags,
    ...(item.kind === 'block' ? tagsIn([...item.block, ...item.rescue, ...item.always]) : []),
    ...(item.kind === 'task' ? tagsIn(item.undo) : []),
  ])

/** The paths of `-i`, RUNBOOK_INVENTORY or ANSIBLE_INVENTORY. An empty list means localhost alone. */
export function inventoryPaths(asked: Pick<What, 'inventory'>, { env }: World): readonly string[] {
  if (asked.inventory.length > 0) return asked.inventory
  const named = env['RUNBOOK_INVENTORY'] || env['ANSIBLE_INVENTORY']
  return named === undefined || named === '' ? [] : [named]
}

async function paramsFile(
  path: string | undefined,
  world: World,
): Promise<{ source?: Source; sources: Source[]; diagnostics: Diagnostic[] }> {
  if (path === undefined) return { sources: [], diagnostics: [] }
  const { source, exists, diagnostics } = await readSource(path, world.files, 'playbook')
  if (!exists) return { sources: [], diagnostics: [{ severity: 'error', summary: `parameter file \`${path}\` not found` }] }
  return source === undefined ? { sources: [], diagnostics } : { source, sources: [source], diagnostics }
}

async function askForMissing(
  first: ReturnType<typeof resolveParams>,
  playbook: Playbook,
  asked: Pick<What, 'params'>,
  file: Source | undefined,
  world: World,
): Promise<ReturnType<typeof resolveParams>> {
  if (first.missing.length === 0) return first
  const given = [...asked.params]
  for (const param of first.missing) {
    const text = hasErrors(first.diagnostics) ? undefined : await world.ask(question(param), { secret: isSecret(param) })
    if (text === undefined || text === '')
      return { ...first, diagnostics: [...first.diagnostics, ...missingParams(first.missing)] }
    given.push({ name: param.name, text })
  }
  return resolveParams(playbook, given, file)
}

const question = ({ name, schema }: Param): string => `${schema.description ?? name}\n${name}: `

function variableNames(inventory: Inventory): string[] {
  const names = new Set<string>()
  for (const host of inventory.hosts.values()) for (const vars of host.vars) for (const name of Object.keys(vars)) names.add(name)
  return [...names]
}
