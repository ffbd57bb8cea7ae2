import { join } from 'node:path'
import type { Diagnostic } from '../source/diagnostic.ts'
import { kindOf } from '../language/template/helpers.ts'
import { entries, placeOfNode, rootOf } from '../source/yaml.ts'
import type { Vars } from '../language/playbook/types.ts'
import { readSource } from '../source/read-file.ts'
import { isMapping } from '../language/playbook/field-readers.ts'
import type { Source } from '../source/source.ts'
import type { Files } from '../world.ts'

/** Variables of groups or hosts from files beside the inventory or the playbook, by name. */
export interface VarsFiles {
  readonly vars: ReadonlyMap<string, Vars>
  readonly sources: readonly Source[]
  readonly diagnostics: readonly Diagnostic[]
}

const extensions = ['', '.yml', '.yaml', '.json']

/**
 * Reads `group_vars/` or `host_vars/` of a folder for the given names: the first existing file of `web`,
 * `web.yml`, `web.yaml` and `web.json`. A folder of that name is read file by file, in order.
 */
export const readVarsFiles = async (folder: string, names: Iterable<string>, files: Files): Promise<VarsFiles> => {
  const listed = new Set((await files.kind(folder)) === 'directory' ? await files.list(folder) : [])
  const vars = new Map<string, Vars>()
  const sources: Source[] = []
  const diagnostics: Diagnostic[] = []
  if (listed.size === 0) return { vars, sources, diagnostics }
  for (const name of names) {
    const extension = extensions.find((one) => listed.has(name + one))
    if (extension === undefined) continue
    const path = join(folder, name + extension)
    const found = (await files.kind(path)) === 'directory' ? await filesIn(path, files) : [path]
    let own: Vars = {}
    for (const file of found) {
      const { source, diagnostics: problems } = await readSource(file, files, 'ansible')
      diagnostics.push(...problems)
      if (source === undefined) continue
      sources.push(source)
      const root = rootOf(source)
      if (isMapping(root)) own = { ...own, ...Object.fromEntries(entries(root)) }
      else if (root.value !== undefined && root.value !== null) {
        diagnostics.push({
          severity: 'error',
          summary: `variables are a mapping of names to values, this is ${kindOf(root.value)}`,
          place: placeOfNode(root),
        })
      }
    }
    vars.set(name, own)
  }
  return { vars, sources, diagnostics }
}

/** Lists the files of a folder, without hidden files, backups and files with other extensions. */
const filesIn = async (folder: string, files: Files): Promise<string[]> => {
  const found: string[] = []
  for (const name of ((await files.list(folder)) ?? []).toSorted()) {
    if (name.startsWith('.') || name.endsWith('~')) continue
    const path = join(folder, name)
    const extension = /.\.[^.]*$/.exec(name)?.[0].slice(1) ?? ''
    if ((await files.kind(path)) === 'directory') {
      if (extension === '') found.push(...(await filesIn(path, files)))
    } else if (extensions.includes(extension)) found.push(path)
  }
  return found
}
