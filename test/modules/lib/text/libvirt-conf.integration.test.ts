/** libvirt's configuration files as Debian ships them, edited beside augeas and libvirt's own parser. */
import fc from 'fast-check'
import { beforeAll, describe, expect, test } from 'vitest'
import { FILES, type Key, neededInstead } from '../../../../modules/lib/libvirt/keys.ts'
import { readConf, setKey, type Value } from '../../../../modules/lib/text/libvirt-conf.ts'
import { Failure } from '../../../../runner/base/failure.ts'
import { scratchFolder } from '../../../doubles/local-target.ts'
import { augtoolReads, libvirtAccepts, libvirtReads, type Reading, shipped, unpack } from '../libvirt/oracle.ts'

/** What we read, in the form of libvirt's answer. */
function ourReading(text: string): Reading {
  try {
    return { entries: readConf(text, 'it').map(({ key, value }) => [key, value] as const) }
  } catch (error) {
    if (error instanceof Failure)
      return { error: error.message.replace('libvirt cannot read it: line ', 'configuration file syntax error: memory conf:') }
    throw error
  }
}

/** Of a text that is not closed we tell the line where it begins, libvirt for one in three quotes the last line of the file. */
const told = ({ error, ...reading }: Reading): Reading =>
  error === undefined ? reading : { error: error.replace(/\d+(?=: unterminated string)/, '') }

const token = fc.constantFrom(
  'a',
  'b',
  '_',
  ' = ',
  '=',
  '1',
  '-1',
  '+2',
  '-',
  '"x"',
  "'y'",
  '"',
  "'",
  '"""',
  '[',
  ']',
  ',',
  ';',
  '#',
  '\n',
  '\r\n',
  '\r',
  '\t',
  ' ',
  'é',
  '.',
)
const statement = fc.constantFrom(
  'a = 1',
  'a = "x" # c',
  "b = 'q\"'",
  'c = ["x",\n "y"]',
  '#a = 1',
  '#c = [\n#]',
  '# a == 1',
  '',
  ' a = 2',
  'b = """\n#a = 1\n"""',
  'c=[]',
  'b = -1;',
  'a = 1; b = 2',
  'a = 1; c = ["z"]; a = 3 # d',
)
const end = fc.constantFrom('\n', '\n', '\r\n', '\r')
const tidy = fc.array(fc.tuple(statement, end), { maxLength: 8 }).map((lines) => lines.map((one) => one.join('')).join(''))
const file = fc.oneof(
  tidy,
  fc.tuple(tidy, fc.array(token, { maxLength: 12 })).map(([text, more]) => text + more.join('')),
)
const text = fc
  .string({ unit: fc.constantFrom('a', '"', "'", ' ', '#', ';', 'é', '\\'), maxLength: 6 })
  .filter((one) => !one.includes('"""') && !(one.endsWith('"') && one.includes("'")))
const value = fc.oneof(fc.integer({ min: -5, max: 4294967295 }), text, fc.array(text, { maxLength: 3 }), fc.constant(undefined))

describe("texts as libvirt's own parser reads them", () => {
  test('every text is read alike, or refused with the same words at the same line', () => {
    const texts = fc.sample(file, 5000)
    const readings = libvirtReads(texts)
    expect(readings.filter(({ entries }) => (entries?.length ?? 0) > 0).length).toBeGreaterThan(500)
    expect(readings.filter(({ error }) => error !== undefined).length).toBeGreaterThan(500)
    for (const [at, reading] of readings.entries())
      expect({ text: texts[at], ...told(ourReading(texts[at] ?? '')) }).toEqual({ text: texts[at], ...told(reading) })
  })

  test('what is set is read back, once, and all others are as before', () => {
    const edits = fc
      .sample(fc.record({ text: file, key: fc.constantFrom('a', 'b', 'c', 'fresh'), wanted: value }), 5000)
      .filter((edit) => ourReading(edit.text).error === undefined)
    expect(edits.length).toBeGreaterThan(1000)
    const readings = libvirtReads(edits.map(({ text, key, wanted }) => setKey(text, 'it', key, wanted)))
    for (const [at, edit] of edits.entries()) {
      const others = (ourReading(edit.text).entries ?? []).filter(([key]) => key !== edit.key)
      const { entries = [], error } = readings[at] ?? {}
      expect({ edit, error }).toEqual({ edit, error: undefined })
      expect({ edit, others: entries.filter(([key]) => key !== edit.key) }).toEqual({ edit, others })
      const own = edit.wanted === undefined ? [] : [[edit.key, edit.wanted]]
      expect({ edit, own: entries.filter(([key]) => key === edit.key) }).toEqual({ edit, own })
    }
  })
})

const PARTS = {
  host_uuid: fc
    .array(fc.constantFrom('11', '1f', 'A0', '-', '4dea22b3', '1'), { minLength: 4, maxLength: 20 })
    .map((parts) => parts.join(''))
    .chain((one) =>
      fc.constantFrom(
        one,
        '1'.repeat(32),
        '4dea22b3-1d52-d8f3-2516-782e98ab3fa0',
        one.repeat(8).replaceAll('-', '').slice(0, 32),
      ),
    ),
  log_filters: fc
    .array(fc.constantFrom('1:qemu', '4:+util', '5:a', '0:a', ':a', '2:', 'x', ' ', '3:a:b'), { maxLength: 3 })
    .map((parts) => parts.join(' ')),
  log_outputs: fc
    .array(
      fc.constantFrom(
        '1:stderr',
        '3:syslog:libvirtd',
        '2:file:/dev/null',
        '1:file',
        '4:journald',
        '1:journald:x',
        '9:stderr',
        '1:foo',
        '1:syslog:',
        '1:syslog:a:b',
      ),
      { maxLength: 3 },
    )
    .map((parts) => parts.join(' ')),
}

describe("values as libvirt's own checks accept them", () => {
  test.each(['host_uuid', 'log_filters', 'log_outputs'] as const)('%s', (name) => {
    const spec = FILES.get('libvirtd')?.keys[name] as Key
    const texts = fc.sample(PARTS[name], 1000)
    const accepted = libvirtAccepts(name, texts)
    expect(new Set(accepted).size).toBe(2)
    for (const [at, text] of texts.entries())
      expect({ text, accepted: neededInstead(spec, text) === undefined }).toEqual({ text, accepted: accepted[at] })
  })
})

const good: Readonly<Record<Key['type'], fc.Arbitrary<Value>>> = {
  bool: fc.constantFrom(0, 1),
  number: fc.integer({ min: 0, max: 4294967295 }),
  text: fc.string({ unit: fc.constantFrom('a', '/', ' ', '#', '='), maxLength: 6 }),
  texts: fc.array(fc.string({ unit: fc.constantFrom('a', ',', ' ', '#'), minLength: 1, maxLength: 4 }), { maxLength: 3 }),
  limit: fc.constantFrom<Value>('unlimited', 7),
}

const nodesOf = (key: string, value: Value): readonly (readonly [string, string])[] =>
  Array.isArray(value)
    ? [[key, ''], ...value.map((item, at) => [`${key}/${at + 1}`, String(item)] as const)]
    : [[key, String(value)]]

describe.each([
  ['libvirtd', 'Libvirtd'],
  ['qemu', 'Libvirtd_qemu'],
])("edits of Debian's %s.conf as augtool reads them", (name, lens) => {
  const folder = scratchFolder()
  const { keys = {} } = FILES.get(name) ?? {}
  let conf = ''

  beforeAll(() => {
    unpack(folder, 'libvirt-daemon', 'libvirt-daemon-system', 'libvirt-daemon-driver-qemu')
    conf = shipped(folder, `etc/libvirt/${name}.conf`)
  })

  test('every key that the file describes is in the table', () => {
    const described = [...conf.matchAll(/^#([a-z]\w*) *=(?!=)/gm)].map(([, key]) => key)
    expect(described.length).toBeGreaterThan(40)
    expect(described.filter((key) => !Object.hasOwn(keys, key ?? ''))).toEqual(
      name === 'libvirtd' ? ['keepalive_required', 'admin_keepalive_required'] : [],
    )
  })

  test('what is set is read back, and all else is as it was', () => {
    // The lens has no `key_files`, which came later, and of what is a text or a list only the text.
    const old = Object.entries(keys).filter(([, { since }]) => since !== '11.10.0')
    const one = fc
      .constantFrom(...old)
      .chain(([key, { type, orText }]) =>
        fc.tuple(fc.constant(key), fc.option(good[orText === true ? 'text' : type], { nil: undefined })),
      )
    const rounds = fc.sample(fc.array(one, { minLength: 1, maxLength: 8 }), 150)
    const edited = rounds.map((edits) => edits.reduce((now, [key, wanted]) => setKey(now, 'it', key, wanted), conf))
    const [before = [], ...after] = augtoolReads(folder, lens, [conf, ...edited])
    expect(before.length).toBeGreaterThan(300)
    for (const [at, edits] of rounds.entries()) {
      const wanted = new Map(edits.filter(([key], at) => edits.findLastIndex(([other]) => other === key) === at))
      const isOwn = ([node]: readonly [string, string]) => wanted.has(node.replace(/\/\d+$/, ''))
      const seen = after[at] ?? []
      expect({ edits, others: seen.filter((node) => !isOwn(node)) }).toEqual({ edits, others: before })
      for (const [key, value] of wanted) {
        const own = seen.filter(([node]) => node.replace(/\/\d+$/, '') === key)
        expect({ edits, own }).toEqual({ edits, own: value === undefined ? [] : nodesOf(key, value) })
      }
      // A key stands below its commented default, and every other byte is as it was.
      const added = new Set(wanted.keys())
      const left = (edited[at] ?? '').split('\n').filter((line) => !added.has(/^(\w+) = /.exec(line)?.[1] ?? ''))
      expect(left.join('\n')).toBe(conf)
    }
  })
})
