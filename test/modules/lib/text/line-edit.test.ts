/** Editing lines as `lineinfile` does. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { compilePattern, type Pattern } from '../../../../runner/module.ts'
import { editLines, expand, type LineEdit } from '../../../../modules/lib/text/line-edit.ts'

const base: LineEdit = { state: 'present', line: 'x', matches: undefined, backrefs: false, firstmatch: false, place: 'end' }
const re = ({ raw }: TemplateStringsArray): Pattern => compilePattern(raw.join(''))
const by = (pattern: Pattern) => ({ matches: (text: string) => pattern.match(text) })

describe('editLines', () => {
  test.each<[string, string, Partial<LineEdit>, string]>([
    ['is content with a line that is there', 'a\nx\nb\n', {}, 'a\nx\nb\n'],
    ['adds at the end', 'a\n', {}, 'a\nx\n'],
    ['adds to an empty file', '', {}, 'x\n'],
    ['keeps a missing end', 'a\nb', {}, 'a\nb\nx'],
    ['keeps Windows ends', 'a\r\nb\r\n', {}, 'a\r\nb\r\nx\r\n'],
    ['does not take a part for the whole', 'xx\n', {}, 'xx\nx\n'],
    ['adds at the start', 'a\n', { place: 'start' }, 'x\na\n'],
    ['adds after the last match', 'a\nb\na\nc\n', { place: { side: 'after', of: re`a` } }, 'a\nb\na\nx\nc\n'],
    ['adds after the first match', 'a\nb\na\nc\n', { place: { side: 'after', of: re`a` }, firstmatch: true }, 'a\nx\nb\na\nc\n'],
    ['adds before the last match', 'a\nb\na\nc\n', { place: { side: 'before', of: re`a` } }, 'a\nb\nx\na\nc\n'],
    ['adds at the end without a match', 'a\n', { place: { side: 'before', of: re`q` } }, 'a\nx\n'],
    ['replaces the last match', 'y1\ny2\nz\n', by(re`^y`), 'y1\nx\nz\n'],
    ['replaces the first match', 'y1\ny2\nz\n', { ...by(re`^y`), firstmatch: true }, 'x\ny2\nz\n'],
    ['replaces a last line without an end', 'a\ny', by(re`^y`), 'a\nx'],
    ['adds where the pattern matches nothing', 'a\n', by(re`^y`), 'a\nx\n'],
    ['does not add what the pattern does not know but is there', 'x\n', by(re`^y`), 'x\n'],
    [
      'fills groups in',
      'key=old # c\n',
      { ...by(re`^(key)=(\w+)(.*)$`), backrefs: true, line: '\\1=new\\g<3>' },
      'key=new # c\n',
    ],
    ['adds nothing with groups and no match', 'a\n', { ...by(re`^y`), backrefs: true }, 'a\n'],
    ['removes every line that is equal', 'x\na\nx\n', { state: 'absent' }, 'a\n'],
    ['removes every match', 'y1\na\ny2', { state: 'absent', ...by(re`^y`) }, 'a'],
    ['removes nothing where nothing matches', 'a\n', { state: 'absent', ...by(re`^y`) }, 'a\n'],
    ['finds by text', 'a.b\naxb\n', { matches: (text) => text.includes('a.b') }, 'x\naxb\n'],
  ])('%s', (_name, text, edit, expected) => {
    expect(editLines(text, { ...base, ...edit })).toBe(expected)
  })

  const file = fc
    .tuple(
      fc.array(fc.tuple(fc.constantFrom('', 'x', 'y', 'yy', 'é'), fc.constantFrom('\n', '\r\n'))),
      fc.constantFrom('', 'x', 'end'),
    )
    .map(([lines, last]) => lines.map(([text, end]) => text + end).join('') + last)
  const edits = fc.record({
    matches: fc.constantFrom(undefined, by(re`^y`).matches, by(re`^x$`).matches),
    firstmatch: fc.boolean(),
    place: fc.constantFrom<LineEdit['place']>('start', 'end', { side: 'after', of: re`y` }, { side: 'before', of: re`y` }),
  })

  test('the line is there afterwards, and at most one line is another', () => {
    fc.assert(
      fc.property(file, edits, (text, edit) => {
        const lines = (of: string) => of.split(/\r?\n/)
        const once = editLines(text, { ...base, ...edit })
        expect(lines(once)).toContain('x')
        expect(Math.abs(lines(once).length - lines(text).length)).toBeLessThanOrEqual(1)
        if (text !== '') expect(once.endsWith('\n')).toBe(text.endsWith('\n'))
      }),
    )
  })

  test('what was removed is gone, and nothing else', () => {
    fc.assert(
      fc.property(file, (text) => {
        const once = editLines(text, { ...base, state: 'absent' })
        expect(once.replace(/\r?\n/g, '\n').split('\n').filter(Boolean)).toEqual(
          text.split(/\r?\n/).filter((line) => line !== 'x' && line !== ''),
        )
        expect(editLines(once, { ...base, state: 'absent' })).toBe(once)
      }),
    )
  })
})

describe('expand', () => {
  const match = re`(a)(b)?(?<name>c)`.match('ac')!

  test.each([
    ['\\1-\\2-\\3', 'a--c'],
    ['\\g<name>\\g<1>', 'ca'],
    ['\\\\1', '\\1'],
    ['\\x', '\\x'],
    ['$1 $&', '$1 $&'],
  ])('%s', (template, expected) => {
    expect(expand(template, match)).toBe(expected)
  })

  test.each(['\\4', '\\g<other>'])('%s has no such group', (template) => {
    expect(() => expand(template, match)).toThrow(RangeError)
  })
})
