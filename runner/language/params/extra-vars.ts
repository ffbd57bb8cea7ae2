/** Reads `-e`: name=value, JSON, YAML, @file. Called by params.ts. */
import { Document, Pair, parseDocument, Scalar, YAMLMap } from 'yaml'
import type { World } from '../../world.ts'
import type { Diagnostic } from '../../source/diagnostic.ts'
import { entries, placeAt, placeOfNode, rootOf, sourceOf } from '../../source/yaml.ts'
import type { Vars } from '../playbook/types.ts'
import { readSource } from '../../source/read-file.ts'
import { checkVariableName, isMapping } from '../playbook/field-readers.ts'
import { commandLine } from '../../source/render.ts'
import type { Source } from '../../source/source.ts'
import { splitWords } from '../../source/shell-words.ts'

/**
 * Reads the variables of `-e`: `name=value` (text, as in Ansible; several in one argument), a mapping as JSON
 * or YAML, or `@file`. A later argument wins.
 */
export const loadExtraVars = async (
  texts: readonly string[],
  world: Pick<World, 'files' | 'cwd'>,
): Promise<{ vars: Vars; sources: Source[]; diagnostics: Diagnostic[] }> => {
  const read = await Promise.all(
    texts.map((text, index) =>
      text.startsWith('@') ? fromFile(text.slice(1), world) : fromArgument(text, `${commandLine}: -e ${index + 1}`),
    ),
  )
  const sources = read.flatMap(({ source }) => source ?? [])
  const diagnostics = read.flatMap((one) => one.diagnostics)
  const roots = sources.map(rootOf)
  for (const root of roots) {
    if (!isMapping(root) && root.value !== undefined && root.value !== null) {
      diagnostics.push({
        severity: 'error',
        summary: 'extra variables must be a mapping of names to values',
        place: placeOfNode(root),
        label: "write -e name=value, or -e '{name: value}'",
      })
    }
  }
  const given = roots.filter(isMapping).flatMap(entries)
  for (const [name, node] of given) checkVariableName({ report: (wrong) => diagnostics.push(wrong) }, name, node, 'key')
  return { vars: Object.fromEntries(given), sources, diagnostics }
}

interface Extra {
  readonly source?: Source
  readonly diagnostics: Diagnostic[]
}

const fromFile = async (file: string, { files }: Pick<World, 'files'>): Promise<Extra> => {
  const { source, exists, diagnostics } = await readSource(file, files, 'playbook')
  if (!exists) return { diagnostics: [{ severity: 'error', summary: `file \`${file}\` not found (-e)` }] }
  return source === undefined ? { diagnostics } : { source, diagnostics }
}

const fromArgument = (text: string, file: string): Extra => {
  const shown = `-e ${text}`
  if (/^\s*[[{]/.test(text)) {
    const document = parseDocument(`   ${text}`, { stringKeys: true, prettyErrors: false, logLevel: 'silent' })
    const [error] = document.errors
    if (error === undefined) return { source: sourceOf(file, shown, document), diagnostics: [] }
    const source = { file, text: shown }
    return {
      source,
      diagnostics: [
        { severity: 'error', summary: 'this is neither JSON nor YAML', place: placeAt(source, error.pos[0], error.pos[1]) },
      ],
    }
  }
  const { words, open } = splitWords(text)
  const source = { file, text: shown }
  const odd = open === undefined ? words.find(({ text: word }) => !/^[^=]+=/.test(word)) : undefined
  if (open !== undefined || odd !== undefined) {
    const place = placeAt(source, (odd?.start ?? 0) + 3, (odd?.end ?? text.length) + 3)
    return {
      source,
      diagnostics: [
        {
          severity: 'error',
          summary: 'extra variables are written name=value',
          place,
          ...(open !== undefined ? { label: 'a quote is not closed' } : {}),
        },
      ],
    }
  }
  const map = new YAMLMap()
  for (const { text: word, start, end } of words) {
    const split = word.indexOf('=')
    map.items.push(
      new Pair(
        ranged(word.slice(0, split), start + 3, start + 3 + split),
        ranged(word.slice(split + 1), start + 4 + split, end + 3),
      ),
    )
  }
  map.range = [3, shown.length, shown.length]
  const document = new Document()
  document.contents = map as never
  return { source: sourceOf(file, shown, document), diagnostics: [] }
}

const ranged = (value: unknown, start: number, end: number): Scalar => {
  const scalar = new Scalar(value)
  scalar.range = [start, end, end]
  return scalar
}
