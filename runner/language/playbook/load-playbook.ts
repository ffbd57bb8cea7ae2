import { basename, dirname, isAbsolute, join } from 'node:path'
import type { AnyModule } from '../../module.ts'
import type { World } from '../../world.ts'
import type { Diagnostic } from '../../source/diagnostic.ts'
import type { Playbook } from './types.ts'
import { readTemplateFiles } from './template-files.ts'
import { filesNamedIn, readPlaybook } from './plays.ts'
import { readSource } from '../../source/read-file.ts'
import { inOrder } from '../../source/render.ts'
import type { Source } from '../../source/source.ts'
import { didYouMean } from '../../base/suggest.ts'

export { checkNames } from './names.ts'
export { checkParams } from '../params/module-params.ts'

/**
 * Reads and checks a playbook and every file that it names. If the diagnostics hold an error, the playbook
 * may still be there, as far as it is readable, so that later stages can add their errors; it must not run.
 */
export const loadPlaybook = async (
  file: string,
  world: Pick<World, 'files' | 'cwd'>,
  modules: ReadonlyMap<string, AnyModule>,
): Promise<{ playbook?: Playbook; sources: Source[]; diagnostics: Diagnostic[] }> => {
  const read = new Map<string, Source>()
  const diagnostics: Diagnostic[] = []
  const queue = [file]
  for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
    if (read.has(next)) continue
    const { source, exists, diagnostics: own } = await readSource(next, world.files, 'playbook')
    diagnostics.push(...own)
    if (!exists && next === file) return { sources: [], diagnostics: [await noSuchFile(file, world)] }
    if (source === undefined) {
      // The file exists but is unreadable, which is reported already: its importers find it empty.
      if (exists) read.set(next, { file: next, text: '' })
      continue
    }
    read.set(next, source)
    queue.push(...filesNamedIn(source).map((name) => beside(source.file, name)))
  }
  const source = read.get(file)
  if (source === undefined) return { sources: [], diagnostics }
  const sources = [...read.values()].filter(({ document }) => document !== undefined)
  const reading = {
    report: (diagnostic: Diagnostic) => void diagnostics.push(diagnostic),
    modules,
    file: (from: Source, name: string) => read.get(beside(from.file, name)),
  }
  const playbook = readPlaybook(reading, source, sources)
  if (playbook === undefined) return { sources, diagnostics: inOrder(diagnostics, sources) }
  const { templates, diagnostics: inTemplates } = await readTemplateFiles(playbook, world, modules)
  sources.push(...[...templates.values()].map((template) => template.source))
  return { playbook: { ...playbook, templates }, sources, diagnostics: inOrder([...diagnostics, ...inTemplates], sources) }
}

/** A path in a file is relative to the folder of the file. */
const beside = (from: string, name: string): string => (isAbsolute(name) ? name : join(dirname(from), name))

const noSuchFile = async (file: string, { files }: Pick<World, 'files'>): Promise<Diagnostic> => {
  const names = (await files.list(dirname(file)).catch(() => undefined)) ?? []
  const meant = didYouMean(basename(file), names)
  return { severity: 'error', summary: `playbook \`${file}\` not found`, notes: meant === undefined ? [] : [meant] }
}
