/** Reads an inventory in Ansible's INI form. Called by inventory.ts. */
import { Document, type Node as YamlNode, YAMLMap, YAMLSeq } from 'yaml'
import type { Diagnostic } from '../source/diagnostic.ts'
import { nodeAt, placeAt, sourceOf } from '../source/yaml.ts'
import type { Vars } from '../language/playbook/types.ts'
import type { Source } from '../source/source.ts'
import { didYouMean } from '../base/suggest.ts'
import { splitWords } from '../source/shell-words.ts'
import type { Declaration } from './declaration.ts'
import { readPythonValue } from './python.ts'
import { readHostName } from './range.ts'

interface Assignment {
  readonly name: string
  readonly value: unknown
  readonly start: number
  readonly end: number
}

interface Line {
  readonly number: number
  readonly assignments: readonly Assignment[]
}

type Problem = Omit<Diagnostic, 'severity' | 'place'> & {
  readonly start: number
  readonly end: number
  readonly severity?: Diagnostic['severity']
}

/** A child of a group, with the place of its declaration. */
interface Link {
  readonly group: string
  readonly child: string
  readonly start: number
  readonly end: number
}

const sections = ['hosts', 'children', 'vars']

/**
 * Reads Ansible's INI format: hosts (with ranges and `key=value`), `[group]`, `[group:children]`,
 * `[group:vars]`. Lines before the first section are hosts without a group.
 *
 * @param known groups of earlier files, which this one may refer to
 */
export const readIni = (
  file: string,
  text: string,
  known: Iterable<string> = [],
): { source: Source; declarations: Declaration[]; diagnostics: Diagnostic[] } => {
  const problems: Problem[] = []
  const lines: Line[] = []
  const steps: ((vars: (line: Line) => Vars, source: Source) => Declaration[])[] = []
  /** Groups named as children before their own declaration: they join their parents at the declaration. */
  const pending = new Map<string, Link[]>()
  const withVars: Link[] = []
  const declared = new Set(['all', 'ungrouped', ...known])
  const link = ({ group: parent, child, start, end }: Link) =>
    steps.push((_, source) => [{ kind: 'child', group: parent, child, place: placeAt(source, start, end) }])
  let group = 'ungrouped'
  let state = 'hosts'
  let offset = 0
  for (const raw of text.replace(/^\ufeff/, ' ').split('\n')) {
    const start = offset + (raw.length - raw.trimStart().length)
    const line = raw.trim()
    const end = start + line.length
    offset += raw.length + 1
    if (line === '' || line.startsWith('#') || line.startsWith(';')) continue
    const section = /^\[([^:\]\s]+)(?::(\w+))?\]\s*(?:#.*)?$/.exec(line)
    if (section !== null) {
      group = section[1]!
      state = section[2] ?? 'hosts'
      if (!sections.includes(state)) {
        const label = didYouMean(state, sections)
        problems.push({
          start,
          end,
          summary: `unknown kind of section \`${state}\``,
          ...(label === undefined ? { notes: ['[group], [group:children] or [group:vars]'] } : { label }),
        })
        state = 'hosts'
      }
      const name = group
      steps.push(() => [{ kind: 'group', name }])
      if (state === 'vars') withVars.push({ group, child: group, start, end })
      else {
        declared.add(group)
        pending.get(group)?.forEach(link)
        pending.delete(group)
      }
    } else if (line.startsWith('[') && line.endsWith(']') && !line.includes(':')) {
      problems.push({ start, end, summary: 'this is not a section', label: 'a group name has no blanks' })
    } else if (state === 'children') {
      const child = /^([^:\]\s]+)\s*(?:#.*)?$/.exec(line)?.[1]
      if (child === undefined) problems.push({ start, end, summary: 'a line here must be the name of one group' })
      else {
        const one = { group, child, start, end: start + child.length }
        if (declared.has(child)) link(one)
        else pending.set(child, [...(pending.get(child) ?? []), one])
      }
    } else if (state === 'vars') {
      const assigned = readAssignment(line, start)
      if (assigned === undefined)
        problems.push({ start, end, summary: 'variables are written name=value', label: 'a `=` is missing' })
      else {
        const read = { number: lines.length, assignments: [assigned] }
        lines.push(read)
        const name = group
        steps.push((vars) => [{ kind: 'vars', group: name, vars: vars(read) }])
      }
    } else {
      const host = readHostLine(line, start, problems)
      if (host === undefined) continue
      const read = { number: lines.length, assignments: host.assignments }
      lines.push(read)
      const name = group
      steps.push((vars) => host.names.map((one) => ({ kind: 'host', group: name, name: one, vars: vars(read), from: file })))
    }
  }
  const undeclared = [
    ...withVars.filter(({ group: name }) => !declared.has(name) && !pending.has(name)),
    ...[...pending.values()].flat(),
  ]
  for (const { child, start, end } of undeclared) {
    problems.push({
      start,
      end,
      summary: `unknown group \`${child}\``,
      ...suggestion(child, declared, `declare the group: [${child}]`),
    })
  }

  const source = sourceOf(file, text, documentOf(lines))
  const vars = (line: Line): Vars =>
    Object.fromEntries(line.assignments.map(({ name }) => [name, nodeAt(source, [line.number, name])]))
  const diagnostics = problems.map(({ start, end, severity = 'error', ...rest }): Diagnostic => ({
    severity,
    place: placeAt(source, start, end),
    ...rest,
  }))
  return { source, declarations: steps.flatMap((step) => step(vars, source)), diagnostics }
}

const suggestion = (name: string, known: ReadonlySet<string>, note: string): Pick<Diagnostic, 'label' | 'notes'> => {
  const label = didYouMean(name, known)
  return label === undefined ? { notes: [note] } : { label }
}

/** Reads a line of `[group:vars]`: the value is everything after the first `=`. */
const readAssignment = (line: string, start: number): Assignment | undefined => {
  const split = line.indexOf('=')
  if (split === -1) return undefined
  const text = line.slice(split + 1)
  const begin = start + split + 1 + (text.length - text.trimStart().length)
  return {
    name: line.slice(0, split).trim(),
    value: readPythonValue(text.trim()),
    start: begin,
    end: start + line.trimEnd().length,
  }
}

const readHostLine = (
  line: string,
  start: number,
  problems: Problem[],
): { names: string[]; assignments: Assignment[] } | undefined => {
  const { words, open } = splitWords(line, 'inventory')
  const fail = (from: number, to: number, summary: string, label?: string): undefined => {
    problems.push({ start: start + from, end: start + to, summary, label })
    return undefined
  }
  if (open !== undefined) return fail(0, line.length, 'a quote is not closed')
  const [name, ...rest] = words
  if (name === undefined) return undefined
  const comment = line.indexOf('#', words.at(-1)!.end)
  if (comment === words.at(-1)!.end) {
    problems.push({
      severity: 'warning',
      start: start + comment,
      end: start + line.length,
      summary: 'this is taken as a comment',
      label: 'quote the value if `#` belongs to it',
    })
  }
  const host = readHostName(name.text)
  if ('wrong' in host) return fail(name.start, name.end, host.wrong)
  const assignments: Assignment[] =
    host.port === undefined
      ? []
      : [{ name: 'ansible_port', value: host.port, start: start + name.end - String(host.port).length, end: start + name.end }]
  for (const word of rest) {
    const split = word.text.indexOf('=')
    if (split === -1) fail(word.start, word.end, 'variables of a host are written name=value', 'a `=` is missing')
    else
      assignments.push({
        name: word.text.slice(0, split),
        value: readPythonValue(word.text.slice(split + 1)),
        start: start + word.start + split + 1,
        end: start + word.end,
      })
  }
  return { names: host.names, assignments }
}

/** Builds a YAML document of the variables, with the ranges of the INI text. */
const documentOf = (lines: readonly Line[]): Document => {
  const document = new Document()
  const list = new YAMLSeq()
  for (const { assignments } of lines) {
    const map = new YAMLMap()
    for (const { name, value, start, end } of assignments)
      map.set(name, ranged(document.createNode(value) as YamlNode, start, end))
    list.items.push(map)
  }
  document.contents = list as never
  return document
}

const ranged = (node: YamlNode, start: number, end: number): YamlNode => {
  node.range = [start, Math.max(end, start + 1), Math.max(end, start + 1)]
  return node
}
