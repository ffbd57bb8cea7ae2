import { spawnSync } from 'node:child_process'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { showWords, splitWords } from '../../../../modules/lib/text/shell-words.ts'

describe('splitWords', () => {
  test.each([
    ['echo a  b', ['echo', 'a', 'b']],
    ['  echo\ta\n', ['echo', 'a']],
    [`echo 'a b' "c d"`, ['echo', 'a b', 'c d']],
    [`echo a'b'"c"d`, ['echo', 'abcd']],
    [`echo '' ""`, ['echo', '', '']],
    [String.raw`echo a\ b \'c`, ['echo', 'a b', "'c"]],
    [String.raw`echo "a\"b" "a\\b" "a\nb" '\n'`, ['echo', 'a"b', 'a\\b', 'a\\nb', '\\n']],
    [`echo 'a|b' "c>d" '$HOME' '*'`, ['echo', 'a|b', 'c>d', '$HOME', '*']],
    [String.raw`echo \$HOME "\$HOME"`, ['echo', '$HOME', '$HOME']],
    ['echo a\\\n b', ['echo', 'a', 'b']],
    [`echo 'two\nlines'`, ['echo', 'two\nlines']],
    ['echo a#b a~b --x=1 {a,b}', ['echo', 'a#b', 'a~b', '--x=1', '{a,b}']],
    ['', []],
  ])('%j', (line, words) => {
    expect(splitWords(line)).toEqual(words)
  })

  test.each([
    ['a | b', '`|`'],
    ['a > b', '`>`'],
    ['a < b', '`<`'],
    ['a && b', '`&`'],
    ['a; b', '`;`'],
    ['a $HOME', '`$`'],
    ['a "$HOME"', '`$`'],
    ['a `b`', '```'],
    ['a "`b`"', '```'],
    ['rm *.log', '`*`'],
    ['ls ~', '`~`'],
    ['a # b', '`#`'],
    ['(a)', '`(`'],
    ['a\nb', 'a second line'],
  ])('%j needs a shell', (line, what) => {
    expect(() => splitWords(line)).toThrow(
      expect.objectContaining({
        kind: 'input',
        message: expect.stringContaining(`holds ${what}`),
        todo: expect.stringContaining('shell'),
      }),
    )
  })

  test.each(["a 'b", 'a "b', 'a \\', 'a "b\\"'])('%j is unfinished', (line) => {
    expect(() => splitWords(line)).toThrow(expect.objectContaining({ kind: 'input' }))
  })

  test('a variable before the program is refused with a way out', () => {
    expect(() => splitWords('LANG=C virsh list')).toThrow(
      expect.objectContaining({ kind: 'input', todo: expect.stringContaining('environment') }),
    )
  })

  test('what is shown is split into the same words again', () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.string().map((word) => `a${word}`),
          { minLength: 1 },
        ),
        (argv) => {
          fc.pre(!/^\w+=/.test(argv[0] ?? ''))
          expect(splitWords(showWords(argv))).toEqual(argv)
        },
      ),
    )
  })

  test('a shell makes the same words of whatever is accepted', () => {
    const line = fc
      .array(fc.constantFrom('a', 'b', ' ', "'", '"', '\\', '\\\\', '\n', '{', '=', '-'), { maxLength: 12 })
      .map((parts) => `x${parts.join('')}`)
    const accepted: { readonly line: string; readonly words: readonly string[] }[] = []
    fc.assert(
      fc.property(line, (text) => {
        try {
          accepted.push({ line: text.trim(), words: splitWords(text) })
        } catch (error) {
          expect(error).toMatchObject({ kind: 'input' })
        }
      }),
      { numRuns: 500 },
    )
    expect(accepted.length).toBeGreaterThan(50)
    const script = accepted.map(({ line: text }) => `printf '%s\\0' ${text}\nprintf '\\0'\n`).join('')
    const { stdout } = spawnSync('sh', ['-c', script], { encoding: 'utf8' })
    expect(stdout).toBe(accepted.map(({ words }) => `${words.map((word) => `${word}\0`).join('')}\0`).join(''))
  })
})

describe('showWords', () => {
  test.each([
    [['virsh', 'list', '--all'], 'virsh list --all'],
    [['echo', 'a b', ''], "echo 'a b' ''"],
    [['echo', "it's"], String.raw`echo 'it'\''s'`],
  ])('%j', (argv, shown) => {
    expect(showWords(argv)).toBe(shown)
  })
})
