/** Reading and setting options: every other byte stays, for any file and value. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { readIni, readOption, setOption } from '../../../../modules/lib/text/ini.ts'

const NOVA = `[DEFAULT]
# Host address
#my_ip = <host_ipv4>
debug=true
transport_url = rabbit://nova:pass@controller
enabled_apis = osapi_compute,
  metadata

[libvirt]
virt_type: kvm
# nothing else

[pci]
alias = a
alias = b
`

describe('reading', () => {
  test.each([
    ['DEFAULT', 'debug', ['true']],
    ['DEFAULT', 'transport_url', ['rabbit://nova:pass@controller']],
    ['DEFAULT', 'enabled_apis', ['osapi_compute,\nmetadata']],
    ['DEFAULT', 'my_ip', []],
    ['libvirt', 'virt_type', ['kvm']],
    ['LIBVIRT', 'virt_type', ['kvm']],
    ['default', 'debug', []],
    ['pci', 'alias', ['a', 'b']],
    ['none', 'alias', []],
  ])('[%s] %s', (section, option, values) => {
    expect(readOption(NOVA, section, option)).toEqual(values)
  })

  test.each([
    ['x = "a b "', 'a b '],
    [`x = 'a'`, 'a'],
    [`x = "a'`, `"a'`],
    ['x = "', ''],
    ['x = a # not a comment', 'a # not a comment'],
    ['x =', ''],
    ['x', undefined],
    ['= x', undefined],
    ['x = a = b : c', 'a = b : c'],
    ['x : a = b', 'a = b'],
    ['x = a\n # b', 'a\n# b'],
    ['x = a\n\n b', 'a'],
    ['x = a\n\t\n b', 'a'],
    ['x = a\r\n b\r', 'a\nb'],
    ['  x = a', 'a'],
    ['  x = a\n  y = b', 'a'],
    ['  x = a\n    b', 'a\nb'],
    ['[t\nx = a', 'a'],
    ['[]\nx = a', 'a'],
  ])('%j', (lines, value) => {
    expect(readOption(`[s]\n${lines}\n`, 's', 'x').at(-1)).toBe(value)
  })

  test('what stands before the first section belongs to none', () => {
    expect(readIni('a = 1\n[s]\nb = 2\n')).toEqual([{ section: 's', option: 'b', value: '2', start: 2, end: 3 }])
  })
})

describe('setting', () => {
  test.each([
    ['replaces a value and keeps its style', 'DEFAULT', 'debug', 'false', NOVA.replace('debug=true', 'debug=false')],
    ['replaces behind a colon', 'libvirt', 'virt_type', 'qemu', NOVA.replace('virt_type: kvm', 'virt_type: qemu')],
    [
      'replaces a value of several lines',
      'DEFAULT',
      'enabled_apis',
      'metadata',
      NOVA.replace('osapi_compute,\n  metadata', 'metadata'),
    ],
    [
      'keeps the indentation of several lines',
      'DEFAULT',
      'enabled_apis',
      'a,\nb,\nc',
      NOVA.replace('osapi_compute,\n  metadata', 'a,\n  b,\n  c'),
    ],
    [
      'adds below its commented-out example',
      'DEFAULT',
      'my_ip',
      '10.0.0.5',
      NOVA.replace('<host_ipv4>\n', '<host_ipv4>\nmy_ip = 10.0.0.5\n'),
    ],
    [
      'adds behind the last option of its section',
      'libvirt',
      'cpu_mode',
      'none',
      NOVA.replace('kvm\n', 'kvm\ncpu_mode = none\n'),
    ],
    ['finds a section whatever its case', 'LibVirt', 'cpu_mode', 'none', NOVA.replace('kvm\n', 'kvm\ncpu_mode = none\n')],
    ['adds a section at the end', 'new', 'a', 'b', `${NOVA}\n[new]\na = b\n`],
    ['sets the last of several', 'pci', 'alias', 'c', NOVA.replace('alias = b', 'alias = c')],
    ['replaces all by a list', 'pci', 'alias', ['x', 'y'], NOVA.replace('alias = a\nalias = b', 'alias = x\nalias = y')],
    ['grows a list in its place', 'pci', 'alias', ['a', 'b', 'c'], `${NOVA}alias = c\n`],
    ['shrinks a list', 'pci', 'alias', ['b'], NOVA.replace('alias = a\nalias = b', 'alias = b')],
    ['removes', 'DEFAULT', 'debug', undefined, NOVA.replace('debug=true\n', '')],
    [
      'removes every line of a value',
      'DEFAULT',
      'enabled_apis',
      undefined,
      NOVA.replace('enabled_apis = osapi_compute,\n  metadata\n', ''),
    ],
    ['removes all of several', 'pci', 'alias', [], NOVA.replace('alias = a\nalias = b\n', '')],
    ['has nothing to remove', 'none', 'a', undefined, NOVA],
    ['has nothing to change', 'DEFAULT', 'debug', 'true', NOVA],
  ])('%s', (_name, section, option, wanted, expected) => {
    expect(setOption(NOVA, section, option, wanted)).toBe(expected)
  })

  test.each([
    ['', 'a', '[s]\nx = a\n'],
    ['[s]', 'a', '[s]\nx = a'],
    ['[s]\nx = b', 'a', '[s]\nx = a'],
    ['[s]\r\nx = b\r\ny = 1\r\n', 'a\nb', '[s]\r\nx = a\r\n    b\r\ny = 1\r\n'],
    ['[t]\r\n', 'a', '[t]\r\n\r\n[s]\r\nx = a\r\n'],
    ['[t]\ny = 1', 'a', '[t]\ny = 1\n\n[s]\nx = a'],
    ['[t]\n\n', 'a', '[t]\n\n[s]\nx = a\n'],
    ['[s]\nx =\n', 'a', '[s]\nx = a\n'],
    ['[s]\nx=\n', 'a', '[s]\nx=a\n'],
    ['[s]\nx = b\n', '', '[s]\nx =\n'],
    ['[s]\ny = 1\n', '', '[s]\ny = 1\nx =\n'],
    ['[s]\nx = b\n', ' a ', '[s]\nx = " a "\n'],
    ['[s]\nx = b\n', '"a"', '[s]\nx = ""a""\n'],
    ['[s]\nx = b\n', '"', '[s]\nx = """\n'],
    ['[s]\nx = b\n', '\na', '[s]\nx =\n    a\n'],
    ['[user]\n\tx = b\n\ty = c\n', 'a', '[user]\n\tx = b\n\ty = c\n\n[s]\nx = a\n'],
    ['[s]\n\tx = b\n\ty = c\n', 'a', '[s]\n\tx = a\n\ty = c\n'],
    ['[s]\ny = 1\n# x = the old way\n[t]\n', 'a', '[s]\ny = 1\n# x = the old way\nx = a\n[t]\n'],
    ['[s]\ny = 1\n# the x = way\n[t]\n', 'a', '[s]\ny = 1\nx = a\n# the x = way\n[t]\n'],
    ['[s]\ny = 1\n\n# about t\n[t]\n', 'a', '[s]\ny = 1\nx = a\n\n# about t\n[t]\n'],
    ['[s]\ny = 1\n#x = 2\n  orphan\n', 'a', '[s]\ny = 1\nx = a\n#x = 2\n  orphan\n'],
  ])('in %j to %j', (text, value, expected) => {
    expect(setOption(text, 's', 'x', value)).toBe(expected)
  })

  test.each(['a\n\nb', 'a\n b', 'a\nb ', 'a\r', 'a\n'])('%j is refused, because it would be read otherwise', (value) => {
    expect(() => setOption('[s]\n', 's', 'x', value)).toThrow(
      expect.objectContaining({ kind: 'input', message: expect.stringContaining('`x`') }),
    )
  })
})

describe('for whatever file and value', () => {
  const word = fc.stringMatching(/^[a-z_]{1,6}$/)
  const value = fc.oneof(
    word,
    fc.string({ maxLength: 8 }).filter((text) => !/[\r\n]/.test(text)),
    fc.tuple(word, word).map((lines) => lines.join('\n')),
  )
  const line = fc.oneof(
    fc.constantFrom(
      '',
      '[s]',
      '[DEFAULT]',
      '[T]',
      '# a = b',
      '#a = b',
      '; x',
      '  more',
      'x = 1',
      'a = 2',
      'a: "q"',
      'junk',
      '=',
      ' a = 3',
    ),
    fc.string({
      unit: fc.constantFrom('a', 'x', '=', ':', ' ', '\t', '"', "'", '#', '[', ']', '\u00a0', '\x1c', '\ufeff'),
      maxLength: 6,
    }),
  )
  const file = fc
    .array(fc.tuple(line, fc.constantFrom('\n', '\n', '\r\n', '\r')), { maxLength: 12 })
    .chain((lines) =>
      fc
        .boolean()
        .map((unfinished) => lines.map(([text, end], at) => text + (unfinished && at === lines.length - 1 ? '' : end)).join('')),
    )
  const section = fc.constantFrom('s', 'DEFAULT', 't', 'u')
  const option = fc.constantFrom('a', 'x', 'new')

  test('what was set is read back, and setting twice is setting once', () => {
    fc.assert(
      fc.property(file, section, option, value, (text, where, name, wanted) => {
        const once = setOption(text, where, name, wanted)
        expect(readOption(once, where, name).at(-1)).toBe(wanted)
        expect(setOption(once, where, name, wanted)).toBe(once)
      }),
      { numRuns: 2000 },
    )
  })

  test('a list is read back whole', () => {
    fc.assert(
      fc.property(file, section, option, fc.array(value, { maxLength: 4 }), (text, where, name, wanted) => {
        const once = setOption(text, where, name, wanted)
        expect(readOption(once, where, name)).toEqual(wanted)
        expect(setOption(once, where, name, wanted)).toBe(once)
      }),
      { numRuns: 2000 },
    )
  })

  test('no other option changes', () => {
    const others = (text: string, where: string, name: string) =>
      readIni(text)
        .filter((one) => one.option !== name || one.section.toLowerCase() !== where.toLowerCase())
        .map(({ section: of, option: other, value: its }) => [of, other, its])
    fc.assert(
      fc.property(file, section, option, fc.option(value, { nil: undefined }), (text, where, name, wanted) => {
        expect(others(setOption(text, where, name, wanted), where, name)).toEqual(others(text, where, name))
      }),
      { numRuns: 2000 },
    )
  })

  test('adding and removing again leaves the file as it was, but for a new section', () => {
    fc.assert(
      fc.property(file, value, (text, wanted) => {
        const start = `[u]\nold = 1\n${text}`
        expect(setOption(setOption(start, 'u', 'unheard_of', wanted), 'u', 'unheard_of', undefined)).toBe(start)
      }),
      { numRuns: 1000 },
    )
  })
})
