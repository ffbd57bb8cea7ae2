/** Reads the templates that tasks name. Called by load-playbook.ts; their texts serve the check of names and the engine. */
import type { AnyModule } from '../../module.ts'
import type { World } from '../../world.ts'
import { placesFor } from '../../source/controller-file.ts'
import type { Diagnostic } from '../../source/diagnostic.ts'
import { readFile } from '../../source/read-file.ts'
import type { Node } from '../../source/source.ts'
import { placeOfNode } from '../../source/yaml.ts'
import { formattedIn } from '../params/module-params.ts'
import { checkTemplates, isTemplate } from '../template/template.ts'
import { flatten, type Playbook, type Task } from './types.ts'

/** The parameters of a task that name a template of the controller (`format: template-file`). */
export const templateFilesIn = (module: AnyModule | undefined, { args }: Task): Node<string>[] =>
  module === undefined ? [] : formattedIn(module.params, args, 'template-file')

/** The texts of the templates that a task names, as far as they are known before it runs. */
export const templateTextsOf = (
  { templates }: Pick<Playbook, 'templates'>,
  module: AnyModule | undefined,
  task: Task,
): Node<string>[] => templateFilesIn(module, task).flatMap(({ value }) => templates.get(value) ?? [])

/**
 * Reads every template that a playbook's tasks name, so that the names in it are known before anything runs. One that cannot be read
 * is a warning: a step may make it, and `undo` has kept what it needs.
 */
export async function readTemplateFiles(
  { file, plays }: Pick<Playbook, 'file' | 'plays'>,
  { files }: Pick<World, 'files'>,
  modules: ReadonlyMap<string, AnyModule>,
): Promise<{ templates: Map<string, Node<string>>; diagnostics: Diagnostic[] }> {
  const templates = new Map<string, Node<string>>()
  const diagnostics: Diagnostic[] = []
  const tasks = plays.flatMap((play) => withUndo([...flatten(play.tasks), ...play.handlers]))
  for (const named of tasks.flatMap((task) => templateFilesIn(modules.get(task.module), task))) {
    if (isTemplate(named.value) || templates.has(named.value)) continue
    const found = await firstOf(placesFor(file, named.value), files)
    if ('value' in found) {
      templates.set(named.value, found)
      diagnostics.push(...checkTemplates(found))
    } else diagnostics.push({ severity: 'warning', place: placeOfNode(named), ...found })
  }
  return { templates, diagnostics }
}

const withUndo = (tasks: readonly Task[]): Task[] => tasks.flatMap((task) => [task, ...withUndo(flatten(task.undo))])

async function firstOf(
  paths: readonly string[],
  files: World['files'],
): Promise<Node<string> | Pick<Diagnostic, 'summary' | 'notes'>> {
  for (const path of paths) {
    const { text, exists, diagnostics } = await readFile(path, files)
    if (text !== undefined) return { value: text, source: { file: path, text }, path: [] }
    if (exists) return { summary: diagnostics[0]!.summary, notes: diagnostics[0]!.notes }
  }
  return { summary: 'the template is missing', notes: [`looked for ${paths.join(', ')}`] }
}
