/** The grammar of libvirt's configuration files, and edits that leave every other byte alone. */
import { describe, expect, test } from 'vitest'
import { readConf, setKey, type Value, written } from '../../../../modules/lib/text/libvirt-conf.ts'

const set = (text: string, key: string, wanted: Value | undefined) => setKey(text, 'x.conf', key, wanted)
const read = (text: string) => readConf(text, 'x.conf').map(({ key, value }) => [key, value])

describe('reading', () => {
  test.each<[string, unknown]>([
    ['a = 1\n', [['a', 1]]],
    ['a=-1', [['a', -1]]],
    [
      `a = 'x"y' # why\n#b = 1\n\n b = "it's"`,
      [
        ['a', 'x"y'],
        ['b', "it's"],
      ],
    ],
    ['a = """x\n"y"\n"""\n', [['a', 'x\n"y"\n']]],
    [
      'a = 1; b = 2\n',
      [
        ['a', 1],
        ['b', 2],
      ],
    ],
    [
      'a = [ "x",\n  "y"\n , 3, ]\nb = []\n',
      [
        ['a', ['x', 'y', 3]],
        ['b', []],
      ],
    ],
    ['', []],
    ['# only a comment', []],
  ])('%j', (text, entries) => {
    expect(read(text)).toEqual(entries)
  })

  // The words are those that libvirt 9.0.0 and 11.3.0 put into the journal.
  test.each([
    ['a = 1\nlisten_tcp = yes\n', 'line 2: expecting a value'],
    ['listen_tcp 1\n', 'line 1: expecting an assignment'],
    ['auth_tcp = "none\n', 'line 1: unterminated string'],
    ['auth_unix_rw = "none"  x\n', 'line 1: expecting a separator'],
    ['keepalive_interval = 1.5\n', 'line 1: expecting a separator'],
    ['[section]\n', 'line 1: expecting a name'],
    ['\na = [ "x"\n', 'line 3: list is not closed with ]'],
    ['a = [ "x" "y" ]\n', 'line 1: expecting a separator in list'],
    ['a = -\n', 'line 1: unterminated number'],
    ['\n\n', 'line 3: expecting a name'],
  ])('%j is refused as the daemon does it', (text, message) => {
    expect(() => read(text)).toThrow(message)
  })
})

describe('editing', () => {
  test.each<[string, string, Value | undefined, string]>([
    ['# text\n#a = 1\n\n#b = 2\n', 'a', 0, '# text\n#a = 1\na = 0\n\n#b = 2\n'],
    ['# a == 1: prose\n#a = 1\n', 'a', 0, '# a == 1: prose\n#a = 1\na = 0\n'],
    ['#a = [\n#  "x",\n#]\n#b = 1\n', 'a', ['y'], '#a = [\n#  "x",\n#]\na = ["y"]\n#b = 1\n'],
    ['#a = [\nb = 1\n', 'a', [], '#a = [\na = []\nb = 1\n'],
    ['b = [ "x",\n#a = 1\n', 'b', undefined, 'line 2: expecting a value'],
    ['b = """\n#a = 1\n"""\n', 'a', 2, 'b = """\n#a = 1\n"""\na = 2\n'],
    ['a = 1\n', 'b', 'x', 'a = 1\nb = "x"\n'],
    ['a = 1', 'b', 'x', 'a = 1\nb = "x"'],
    ['#a = 1\r\n', 'a', 2, '#a = 1\r\na = 2\r\n'],
    ['', 'a', 2, 'a = 2\n'],
    ['a = "sasl" # why\nb = 1\n  a = "x"\n', 'a', 'none', 'a = "none" # why\nb = 1\n'],
    ["a   =   'none'\n", 'a', 'none', "a   =   'none'\n"],
    ['a = [ "x",\n  "y" ]\nb = 1\n', 'a', ['z'], 'a = ["z"]\nb = 1\n'],
    ['a = [ "x",\n  "y" ]\nb = 1\n', 'a', undefined, 'b = 1\n'],
    ['a = 1; b = 2; a = 3\n', 'a', undefined, 'b = 2\n'],
    ['b = 2; a = 3 # c\nc = 1\n', 'a', undefined, 'b = 2\nc = 1\n'],
    ['a = 1;\nb = 2\n', 'a', undefined, 'b = 2\n'],
    ['\n\na = 1\n\n', 'a', undefined, ''],
    ['b = 1\n', 'a', undefined, 'b = 1\n'],
  ])('%j with %s = %j', (text, key, wanted, after) => {
    if (after.startsWith('line')) expect(() => set(text, key, wanted)).toThrow(after)
    else expect(set(text, key, wanted)).toBe(after)
  })

  test.each<[Value, string]>([
    [1, '1'],
    ['a b', '"a b"'],
    ['say "x"', `'say "x"'`],
    [`it's "x" `, `"""it's "x" """`],
    [[], '[]'],
    [['a', 'b'], '["a", "b"]'],
  ])('%j is written as %s', (value, text) => {
    expect(written(value)).toBe(text)
    expect(read(`a = ${text}\n`)).toEqual([['a', value]])
  })

  test.each(['a\nb', 'a\0', `'"`, `'"""'`])('%j cannot be written', (text) => {
    expect(() => written(text)).toThrow('cannot be written')
  })
})
