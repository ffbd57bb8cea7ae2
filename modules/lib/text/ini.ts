/** Reads and edits INI files and leaves every other byte alone. Called by the `ini` module and the pre-flight. */
import { Failure } from '../../../runner/module.ts'
import { insertLines, joinLines, replaceLines, splitLines, type Line } from './lines.ts'

/**
 * An assignment of an INI file, as oslo.config reads it (oslo_config/iniparser.py): an option begins in the first
 * column, `:` or `=` divides, an indented line continues the value, a blank line ends it, quotes around a value are
 * dropped, and a comment cannot follow a value. An indented line that continues nothing is read as an option, as
 * other programs write them; oslo.config refuses it.
 */
export interface Assignment {
  readonly section: string
  readonly option: string
  readonly value: string
  /** Its first line, and the line after its last. */
  readonly start: number
  readonly end: number
}

interface Block {
  readonly section: string
  /** Line of the header. */
  readonly start: number
  /** The line before the next header, or the end of the file. */
  readonly end: number
}

interface Ini {
  readonly lines: readonly Line[]
  readonly blocks: readonly Block[]
  readonly assignments: readonly Assignment[]
}

// The blanks of Python's str.strip: unlike JavaScript's they include the separators 1c-1f and 85, but not the byte
// order mark.
const BLANK = String.raw`[\t-\r\x1c-\x20\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]`
const LEADING = new RegExp(`^${BLANK}+`)
const TRAILING = new RegExp(`${BLANK}+$`)
const stripEnd = (text: string): string => text.replace(TRAILING, '')
const strip = (text: string): string => stripEnd(text).replace(LEADING, '')
const isIndented = (line: Line | undefined): boolean => line !== undefined && indent(line.text) > 0 && strip(line.text) !== ''
const indent = (text: string): number => /^[ \t]*/.exec(text)?.[0].length ?? 0

/** oslo.config ignores the case of a section name, except for DEFAULT (cfg._normalize_group_name). */
const sectionKey = (name: string): string => (name === 'DEFAULT' ? name : name.toLowerCase())

/** Position of the first `=` or `:`, between option and value; -1 if the line has neither. */
const divider = (text: string): number => text.search(/[:=]/)

const unquote = (text: string): string => (/^["']/.test(text) && text[0] === text.at(-1) ? text.slice(1, -1) : text)

function parse(text: string): Ini {
  const lines = splitLines(text, /\r\n|[\r\n]/g)
  const blocks: Block[] = []
  const assignments: Assignment[] = []
  let open: { readonly indent: number; readonly index: number } | undefined
  for (const [at, { text: raw }] of lines.entries()) {
    const line = stripEnd(raw)
    const depth = indent(line)
    if (line === '') open = undefined
    else if (open !== undefined && depth > open.indent) {
      const last = assignments[open.index]
      if (last !== undefined) assignments[open.index] = { ...last, value: `${last.value}\n${strip(line)}`, end: at + 1 }
    } else {
      open = undefined
      if (line.startsWith('[')) {
        const section = /^\[(.+)\]$/.exec(line)?.[1]
        if (section !== undefined) blocks.push({ section, start: at, end: lines.length })
      } else if (!/^[#;]/.test(line.slice(depth)) && divider(line) > depth) {
        const section = blocks.at(-1)?.section
        const found = {
          option: strip(line.slice(0, divider(line))),
          value: unquote(strip(line.slice(divider(line) + 1))),
          start: at,
          end: at + 1,
        }
        if (section !== undefined) open = { indent: depth, index: assignments.push({ section, ...found }) - 1 }
      }
    }
  }
  return { lines, blocks: blocks.map((block, at) => ({ ...block, end: blocks[at + 1]?.start ?? block.end })), assignments }
}

const of = (ini: Ini, section: string, option: string): readonly Assignment[] =>
  ini.assignments.filter((one) => one.option === option && sectionKey(one.section) === sectionKey(section))

/**
 * Returns every value of an option, in the order of the file. For an option with a single value, the last one counts.
 */
export const readOption = (text: string, section: string, option: string): readonly string[] =>
  of(parse(text), section, option).map(({ value }) => value)

/** Returns every assignment of a file. */
export const readIni = (text: string): readonly Assignment[] => parse(text).assignments

/**
 * The wanted value of an option. A text sets the last assignment, the one that counts, and keeps the others. A list
 * sets all assignments of an option that may be repeated. undefined or an empty list removes them.
 */
export type Wanted = string | readonly string[] | undefined

/** Sets one option and keeps every other byte. Throws `Failure` for a value that an INI file cannot hold. */
export function setOption(text: string, section: string, option: string, wanted: Wanted): string {
  const ini = parse(text)
  const current = of(ini, section, option)
  const values = typeof wanted === 'string' ? [...current.slice(0, -1).map(({ value }) => value), wanted] : (wanted ?? [])
  const kept = current.slice(0, values.length)
  const extra = values.slice(kept.length)
  const grown = extra.length === 0 ? ini.lines : insertLines(ini.lines, ...insertion(ini, section, option, kept, extra))
  // From the end of the file to its start, so that earlier places stay valid.
  const edited = current.toReversed().reduce<readonly Line[]>((lines, { start, end, value }, at) => {
    const goal = values[current.length - 1 - at]
    if (goal === value) return lines
    return replaceLines(lines, start, end, goal === undefined ? [] : rewritten(lines.slice(start, end), goal, option))
  }, grown)
  return joinLines(edited)
}

/** Returns the place of new assignments, and their lines. */
function insertion(
  ini: Ini,
  section: string,
  option: string,
  kept: readonly Assignment[],
  values: readonly string[],
): [number, readonly string[]] {
  const added = values.flatMap((value) => {
    const [first = '', ...more] = written(value, option)
    return [`${option} =${first === '' ? '' : ` ${first}`}`, ...more.map((line) => `    ${line}`)]
  })
  // An indented line right behind the added lines would become part of them.
  const behind = (at: number): number => (isIndented(ini.lines[at]) ? behind(at + 1) : at)
  const last = kept.at(-1)
  if (last !== undefined) return [behind(last.end), added]
  const blocks = ini.blocks.filter((block) => sectionKey(block.section) === sectionKey(section))
  const block = blocks.at(-1)
  if (block === undefined) return [ini.lines.length, [...(ini.lines.at(-1)?.text.trim() ? [''] : []), `[${section}]`, ...added]]
  const lastOfBlock = ini.assignments.findLast(({ start, end }) => start > block.start && end <= block.end)
  return [example(ini, blocks, option) ?? behind(lastOfBlock?.end ?? block.start + 1), added]
}

/**
 * Returns the line after a commented-out assignment of the option, as in sample files, unless an insertion there
 * would split an assignment.
 */
function example(ini: Ini, blocks: readonly Block[], option: string): number | undefined {
  for (const { start, end } of blocks) {
    for (let at = start + 1; at < end; at += 1) {
      const line = ini.lines[at]?.text ?? ''
      const inside = ini.assignments.some((one) => at >= one.start && at < one.end)
      if (inside || !/^[#;]/.test(line) || isIndented(ini.lines[at + 1])) continue
      const comment = line.slice(1)
      if (comment.includes('=') && strip(comment.slice(0, comment.indexOf('='))) === option) return at + 1
    }
  }
  return undefined
}

/** Returns the lines of an assignment with another value, in the style of the old lines. */
function rewritten(old: readonly Line[], value: string, option: string): readonly string[] {
  const line = old[0]?.text ?? ''
  const at = divider(line) + 1
  const blanks = /^[ \t]*/.exec(line.slice(at))?.[0] ?? ''
  const gap = stripEnd(line) === line.slice(0, at) && blanks === '' && /[ \t]$/.test(line.slice(0, at - 1)) ? ' ' : blanks
  const [first = '', ...more] = written(value, option)
  const depth = old[1] === undefined ? `${' '.repeat(indent(line))}    ` : (/^[ \t]*/.exec(old[1].text)?.[0] ?? '    ')
  return [line.slice(0, at) + (first === '' ? '' : gap + first), ...more.map((text) => depth + text)]
}

/**
 * Returns the lines of a value, in quotes if they are needed. Throws `Failure` for a value that would be read back
 * differently.
 */
function written(value: string, option: string): readonly string[] {
  const [first = '', ...more] = value.split('\n')
  const text = unquote(strip(first)) === first ? first : `"${first}"`
  if (/\r/.test(value) || more.some((line) => line === '' || strip(line) !== line)) {
    throw new Failure(`the value of \`${option}\` cannot be written to an INI file`, {
      kind: 'input',
      why: 'blank lines, blanks around a line and carriage returns are lost when the file is read',
      help: 'write the value without them',
    })
  }
  return [text, ...more]
}
