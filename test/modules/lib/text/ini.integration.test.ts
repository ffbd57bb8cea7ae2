/** INI files as Debian ships them, read and edited beside the real oslo.config. */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { readIni, setOption, type Wanted } from '../../../../modules/lib/text/ini.ts'
import { scratchFolder } from '../../../doubles/local-target.ts'

// Reads every file named on standard input with oslo.config (Debian: python3-oslo.config) and answers one line of JSON for
// each: what its parser finds, and what a service sees of the options asked for, registered as a single option and as one that
// may be repeated.
const READER = `
import json, sys
from oslo_config import cfg
def seen(path, section, option, kind):
    conf = cfg.ConfigOpts()
    conf([], default_config_files=[path])
    group = None if section == 'DEFAULT' else section
    conf.register_opt(kind(option, **({'item_type': cfg.types.String()} if kind is cfg.MultiOpt else {})), group=group)
    place = conf if group is None else conf[group]
    return getattr(place, option)
for line in sys.stdin:
    path, wanted = json.loads(line)
    sections, normalized = {}, {}
    parser = cfg.ConfigParser(path, sections)
    parser._add_normalized(normalized)
    try:
        parser.parse()
    except cfg.ParseError as error:
        print(json.dumps({'error': str(error)}))
        continue
    print(json.dumps({'sections': normalized, 'seen': [[seen(path, section, option, kind) for kind in (cfg.Opt, cfg.MultiOpt)] for section, option in wanted]}))
`

interface Reading {
  readonly error?: string
  readonly sections?: Readonly<Record<string, Readonly<Record<string, readonly string[]>>>>
  readonly seen?: readonly (readonly [string | null, readonly string[] | null])[]
}

const folder = scratchFolder()

function osloReads(texts: readonly string[], wanted: readonly (readonly (readonly [string, string])[])[]): readonly Reading[] {
  const batch = mkdtempSync(join(folder, 'batch-'))
  const paths = texts.map((text, at) => join(batch, String(at)))
  paths.forEach((path, at) => writeFileSync(path, texts[at] ?? ''))
  const { stdout, stderr } = spawnSync('/usr/bin/python3', ['-W', 'ignore', '-c', READER], {
    input: paths.map((path, at) => JSON.stringify([path, wanted[at] ?? []])).join('\n'),
    encoding: 'utf8',
    env: { LC_ALL: 'C.UTF-8', PATH: '/usr/bin:/bin' },
    maxBuffer: 1 << 28,
  })
  const lines = stdout.trimEnd().split('\n')
  if (lines.length !== texts.length) throw new Error(`oslo.config answered ${lines.length} of ${texts.length}: ${stderr}`)
  return lines.map((line) => JSON.parse(line) as Reading)
}

const key = (name: string): string => (name === 'DEFAULT' ? name : name.toLowerCase())

/** The same shape as oslo.config's: values by section and option. A section without an option is left out. */
function ourReading(text: string): Record<string, Record<string, string[]>> {
  const sections: Record<string, Record<string, string[]>> = {}
  for (const { section, option, value } of readIni(text)) ((sections[key(section)] ??= {})[option] ??= []).push(value)
  return sections
}

const withoutEmpty = (sections: NonNullable<Reading['sections']>) =>
  Object.fromEntries(Object.entries(sections).filter(([, options]) => Object.keys(options).length > 0))

const odd = fc.string({
  unit: fc.constantFrom('a', 'b', '=', ':', ' ', '\t', '"', "'", '#', '[', ']', '\u00a0', '\u00e9', '\x1c', '\u2003'),
  maxLength: 8,
})
const line = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.constantFrom(
      '[s]',
      '[DEFAULT]',
      '[S]',
      '[t]',
      '# a = b',
      '#a = b',
      '',
      'a = 1',
      'a = 2',
      'b: "q"',
      "b = 'x",
      'c=',
      '  more',
      '\tmore = 1',
      'c = x\\',
    ),
  },
  { weight: 1, arbitrary: odd },
  { weight: 1, arbitrary: odd.map((text) => `a = ${text}`) },
)
const file = fc
  .tuple(fc.array(fc.tuple(line, fc.constantFrom('\n', '\n', '\n', '\r\n', '\r')), { maxLength: 10 }), fc.boolean())
  .map(([lines, unfinished]) => `[s]\n${lines.map(([text, end]) => text + end).join('')}${unfinished ? 'b = end' : ''}`)
const value = fc.oneof(odd, fc.constantFrom('x', '', '"', "'", '"a"', '"""', 'a\nb', 'é'))
const edit = fc.record({
  text: file,
  section: fc.constantFrom('s', 'DEFAULT', 't', 'fresh'),
  option: fc.constantFrom('a', 'b', 'c', 'unheard_of'),
  wanted: fc.oneof(value, fc.array(value, { maxLength: 3 }), fc.constant(undefined)),
})

describe("files as Debian's oslo.config reads them", () => {
  test('every file that it accepts is read alike', () => {
    const texts = fc.sample(file, 3000)
    const readings = osloReads(texts, [])
    const accepted = texts.flatMap((text, at) =>
      readings[at]?.sections === undefined ? [] : [{ text, sections: readings[at].sections }],
    )
    expect(accepted.length).toBeGreaterThan(500)
    for (const { text, sections } of accepted)
      expect({ text, sections: ourReading(text) }).toEqual({ text, sections: withoutEmpty(sections) })
  })

  test('what is set is what a service sees, and a good file stays good', () => {
    const edits = fc.sample(edit, 3000)
    const good = osloReads(
      edits.map(({ text }) => text),
      [],
    ).map(({ error }) => error === undefined)
    const done = edits.filter((_, at) => good[at])
    expect(done.length).toBeGreaterThan(500)
    const readings = osloReads(
      done.map(({ text, section, option, wanted }) => setOption(text, section, option, wanted)),
      done.map(({ section, option }) => [[section, option]]),
    )
    for (const [at, given] of done.entries()) {
      const { error, sections = {} } = readings[at] ?? {}
      const values = sections[key(given.section)]?.[given.option] ?? []
      expect({ given, error }).toEqual({ given, error: undefined })
      expect({ given, values: seenAs(given.wanted, values) }).toEqual({ given, values: given.wanted ?? [] })
      const [single, multi] = readings[at]?.seen?.[0] ?? []
      expect({ given, single, multi }).toEqual({
        given,
        single: values.at(-1) ?? null,
        multi: values.length === 0 ? null : values,
      })
    }
  })
})

/** A single value is the last one; a list is all of them. */
const seenAs = (wanted: Wanted, values: readonly string[]): Wanted => (typeof wanted === 'string' ? values.at(-1) : values)
