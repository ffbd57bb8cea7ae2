/** Shell words: split, quoted, compared with a real shell and with Python. */
import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Dialect, quoteWord, shellFeature, showWords, splitWords } from '../../../runner/source/shell-words.ts'

const textsOf = (line: string, dialect?: Dialect) => splitWords(line, dialect).words.map(({ text }) => text)

describe('words', () => {
  test.each([
    ['a b  c', ['a', 'b', 'c']],
    [' a=1\tb="x y" ', ['a=1', 'b=x y']],
    [`'it''s'  "a\\"b" 'a\\b' "a\\nb"`, ['its', 'a"b', 'a\\b', 'a\\nb']],
    [String.raw`\$HOME "\$HOME" a\ b\ `, ['$HOME', '$HOME', 'a b ']],
    ['"" \'\'', ['', '']],
    ['a\\\nb \\\n c\r\n', ['ab', 'c']],
    [`'two\nlines'`, ['two\nlines']],
    ['C:\\', ['C:\\']],
    ['全角　空格\u00a0x', ['全角　空格\u00a0x']],
    ['a b#c', ['a', 'b#c']],
    ['', []],
  ])('%j', (line, expected) => expect(textsOf(line)).toEqual(expected))

  test('a quote that is not closed', () => {
    expect(splitWords('a "b')).toMatchObject({ open: '"', words: [{ text: 'a' }] })
    expect(splitWords("a 'b").open).toBe("'")
    expect(splitWords('a "b\\"').open).toBe('"')
  })

  test.each([
    ['a b#c d', ['a', 'b']],
    ['a "b#c" # it\'s', ['a', 'b#c']],
    [String.raw`a="\$x \"y"`, [String.raw`a=\$x "y`]],
  ])('of an inventory: %j', (line, expected) => {
    expect(textsOf(line, 'inventory')).toEqual(expected)
    expect(splitWords(line, 'inventory').open).toBeUndefined()
  })
})

/** Text without NUL, which no argument can hold, and without halves of a character, which no file can. */
const word = fc
  .string({ unit: 'binary', maxLength: 12 })
  .filter((text) => !text.includes('\0') && Buffer.from(text).toString() === text)

test('what was quoted is split into the same words, and the places are those of the words', () => {
  fc.assert(
    fc.property(fc.array(word), (list) => {
      const line = list.map(quoteWord).join(' ')
      const { words } = splitWords(line)
      expect(words.map(({ text }) => text)).toEqual(list)
      expect(words.map(({ start, end }) => line.slice(start, end))).toEqual(list.map(quoteWord))
      expect(textsOf(showWords(list))).toEqual(list)
      expect(shellFeature(showWords(list))).toBeUndefined()
    }),
  )
})

/** The words that a shell makes of each line, all in one process. */
function askShell(shell: string, lines: readonly string[]): string[][] {
  const script = `f() { printf '%s\\0' $# "$@"; }\n${lines.map((line) => `f ${line}\n`).join('')}`
  const out = execFileSync(shell, ['-f', '-c', script], {
    encoding: 'utf8',
    // Otherwise bash 5.2 expands the tilde of an argument such as a=~, which no other sh does.
    env: { LC_ALL: 'C.UTF-8', POSIXLY_CORRECT: '1' },
    stdio: ['ignore', 'pipe', 'inherit'],
  }).split('\0')
  return lines.map(() => out.splice(0, Number(out.shift())))
}

describe.each(['/bin/sh', '/bin/dash', '/bin/bash'].filter(existsSync))('%s agrees', (shell) => {
  const pieces = [
    'a',
    'é',
    ' ',
    '  ',
    '\t',
    "'",
    "''",
    '"',
    '""',
    '\\',
    '\\\\',
    '\\\n',
    '=',
    '-',
    '{',
    '!',
    '#',
    '~',
    '$',
    '`',
    '|',
    '*',
    '\n',
  ]

  test('on lines of every kind, where it does no more than to split them', () => {
    const lines: string[] = []
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...pieces), { maxLength: 14 }), (parts) => {
        const line = parts.join('').trim()
        if (splitWords(line).open === undefined && shellFeature(line) === undefined) lines.push(line)
      }),
      { numRuns: 3000 },
    )
    expect(lines.length).toBeGreaterThan(300)
    expect(askShell(shell, lines)).toEqual(lines.map((line) => textsOf(line)))
  })

  test('on words that are shown', () => {
    const lists = fc.sample(fc.array(word), 200)
    expect(askShell(shell, lists.map(showWords))).toEqual(lists)
  })
})

describe('what a shell does more with', () => {
  test.each([
    ['a | b', '|'],
    ['a > b', '>'],
    ['a; b', ';'],
    ['a "$HOME"', '$'],
    ['a "`b`"', '`'],
    ['rm *.log', '*'],
    ['ls ~', '~'],
    ['a # b', '#'],
    ['a\nb', '\n'],
    ['a \\', '\\'],
    [' a#b a~b "\\$" \'*\' \\| \\\\ \n', undefined],
  ])('%j', (line, feature) => expect(shellFeature(line)).toBe(feature))

  test('is found before whatever a real shell would make of it', () => {
    // Each of these characters means something to a shell somewhere; where we find nothing, none of it may.
    const parts = fc.array(fc.constantFrom('a', ' ', '"', "'", '\\', ...'|&;<>()*?[`$#~\n'), { maxLength: 8 })
    const lines = fc
      .sample(parts, 3000)
      .map((list) => list.join('').trim())
      .filter((line) => splitWords(line).open === undefined && shellFeature(line) === undefined)
    expect(lines.length).toBeGreaterThan(100)
    expect(askShell('/bin/sh', lines)).toEqual(lines.map((line) => textsOf(line)))
  })
})
