/** Diagnostics as they are drawn. */
import { expect, test } from 'vitest'
import type { Diagnostic } from '../../../runner/source/diagnostic.ts'
import { commandLine, frame, inOrder, renderDiagnostics, summaryLine } from '../../../runner/source/render.ts'
import { onScreen } from '../../../runner/base/screen.ts'

const plain = { color: false, unicode: true } as const
const source = { file: 'a.yml', text: 'one: 1\ntwo:\n\tdeep: wrong # end\n' }
const problem: Diagnostic = {
  severity: 'error',
  summary: 'this is `wrong`',
  place: { file: 'a.yml', line: 3, column: 8, length: 5 },
  label: 'right here',
  notes: ['first\nand more', 'second'],
}

test('a diagnostic with everything', () => {
  expect(renderDiagnostics([problem], [source], plain)).toBe(
    [
      'error: this is `wrong`',
      '  ┌─ a.yml:3:8',
      '3 │     deep: wrong # end',
      '  │           ^^^^^ right here',
      '  = first',
      '    and more',
      '  = second',
      '',
    ].join('\n'),
  )
})

test('without box-drawing characters', () => {
  expect(renderDiagnostics([problem], [source], { color: false, unicode: false })).toContain(
    '  --> a.yml:3:8\n3 |     deep: wrong # end\n  |           ^^^^^ right here\n',
  )
})

test('colours are SGR sequences, and gone they leave the same text', () => {
  const colored = onScreen(renderDiagnostics([problem], [source], { color: true, unicode: true }))
  expect(colored).toContain('\x1b[1m\x1b[31m^^^^^\x1b[39m\x1b[22m')
  // oxlint-disable-next-line no-control-regex
  expect(colored.replace(/\x1b\[[\d;]*m/g, '')).toBe(renderDiagnostics([problem], [source], plain))
})

test('without a place, without a source, on the command line', () => {
  expect(renderDiagnostics([{ severity: 'warning', summary: 'odd', notes: ['so'] }], [], plain)).toBe('warning: odd\n   = so\n')
  expect(renderDiagnostics([problem], [], plain)).toBe(
    'error: this is `wrong`\n   ┌─ a.yml\n   = right here\n   = first\n     and more\n   = second\n',
  )
  const place = { file: `${commandLine}: -e 2`, line: 1, column: 4, length: 1 }
  expect(renderDiagnostics([{ severity: 'error', summary: 's', place }], [{ file: place.file, text: '-p x=1' }], plain)).toBe(
    'error: s\n   ┌─ command line\n   │ -p x=1\n   │    ^\n',
  )
})

test('by file and line, each once', () => {
  const at = (file: string, line: number): Diagnostic => ({
    severity: 'error',
    summary: `${file}${line}`,
    place: { file, line, column: 1, length: 1 },
  })
  const given = [at('b', 2), at('a', 9), { severity: 'error', summary: 'nowhere' } as const, at('a', 3), at('b', 2)]
  const sources = [
    { file: 'a', text: '' },
    { file: 'b', text: '' },
  ]
  expect(inOrder(given, sources).map(({ summary }) => summary)).toEqual(['nowhere', 'a3', 'a9', 'b2'])
  expect(summaryLine(given)).toBe('4 errors, nothing was run')
})

test('summaryLine counts', () => {
  expect(summaryLine([])).toBeUndefined()
  expect(summaryLine([{ severity: 'error', summary: 'x' }])).toBe('1 error, nothing was run')
  expect(summaryLine([{ severity: 'warning', summary: 'x' }])).toBe('1 warning')
  expect(
    summaryLine(
      [
        { severity: 'warning', summary: 'x' },
        { severity: 'error', summary: 'y' },
      ],
      'stopped',
    ),
  ).toBe('1 error, 1 warning, stopped')
})

test('a frame holds no escape sequences of the file, and no text that turns around', () => {
  const nasty = { file: 'n', text: '\x1b[31mred\u202e\u0007' }
  // oxlint-disable-next-line no-control-regex
  expect(frame({ file: 'n', line: 1, column: 1, length: 3 }, nasty, plain).join('')).not.toMatch(/[\u0000-\u001f\u202e]/)
})

test.each([
  ['h ansible_password=hunter2 x', 'h ansible_password=(hidden) x'],
  ['h ansible_become_pass="hunter 2" x', 'h ansible_become_pass=(hidden) x'],
  ['  { "db_password": hunter2, a: 1 }', '  { "db_password": (hidden), a: 1 }'],
  ["auth_token: 'hunter2'", 'auth_token: (hidden)'],
  ['password: "{{ vault }}"', 'password: "{{ vault }}"'],
  ['token: { type: string, secret: true }', 'token: { type: string, secret: true }'],
  ['passwords are: not here', 'passwords are: not here'],
])('a password beside a problem is not shown: %s', (text, shown) => {
  expect(frame({ file: 'p', line: 1, column: 1, length: 1 }, { file: 'p', text }, plain)[0]).toBe(`1 │ ${shown}`)
})

test.each([
  ['beside', 'password: S3CRET', 1, 8, '1 │ password: (hidden)', '  │ ^^^^^^^^'],
  ['the whole', 'x: { password: S3CRET }', 16, 6, '1 │ x: { password: (hidden) }', '  │                ^^^^^^^^'],
  ['a part', 'url: "rabbit://nova:S3CRET@mq" ', 21, 3, '1 │ url: "rabbit://(hidden)@mq"', '  │                ^^^^^^^^'],
  [
    'behind',
    'x: { password: S3, oops: 1 }',
    20,
    4,
    '1 │ x: { password: (hidden), oops: 1 }',
    '  │                          ^^^^',
  ],
  ['all of it', 'x: { password: S3, oops: 1 }', 1, 99, '1 │ x: { password: (hidden), oops: 1 }', `  │ ${'^'.repeat(34)}`],
])('what is marked is marked where a secret is hidden: %s', (_where, text, column, length, line, marks) => {
  expect(frame({ file: 'p', line: 1, column, length }, { file: 'p', text }, plain)).toEqual([line, marks])
})

test('a secret of a line is repeated by nothing that is said of it', () => {
  const place = { file: 'p', line: 2, column: 3, length: 5 }
  const odd: Diagnostic = { severity: 'error', summary: '`S3CRET` is odd', place, label: 'quote "S3CRET"', notes: ['S3CRET!'] }
  const text = '- option: admin_password\n  value: "S3CRET"\n'
  expect(renderDiagnostics([odd], [{ file: 'p', text }], plain)).toBe(
    'error: `(hidden)` is odd\n  ┌─ p:2:3\n2 │   value: (hidden)\n  │   ^^^^^ quote "(hidden)"\n  = (hidden)!\n',
  )
})

test('what a source says is secret is hidden too, on each of its lines', () => {
  const source = { file: 'p', text: 'pin: >\n  first\n  second\nx: 1', secrets: [{ start: 5, end: 23 }] }
  const lines = [1, 2, 3, 4].map((line) => frame({ file: 'p', line, column: 1, length: 1 }, source, plain)[0])
  expect(lines).toEqual(['1 │ pin: (hidden)', '2 │ (hidden)', '3 │ (hidden)', '4 │ x: 1'])
})

test('wide characters take two columns', () => {
  const [line, marks] = frame({ file: 'w', line: 1, column: 3, length: 1 }, { file: 'w', text: '計算x' }, plain)
  expect([line, marks]).toEqual(['1 │ 計算x', '  │     ^'])
})

test('long lines are cut around what is marked, to the width of the screen', () => {
  const text = `${'a'.repeat(300)}HERE${'b'.repeat(300)}`
  for (const columns of [60, 80, 120]) {
    const lines = frame({ file: 'l', line: 1, column: 301, length: 4 }, { file: 'l', text }, { ...plain, columns })
    expect(lines[0]).toMatch(/…a+HEREb+…/)
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(columns)
    expect(lines[0]!.indexOf('HERE')).toBe(lines[1]!.indexOf('^^^^'))
  }
  const all = frame({ file: 'l', line: 1, column: 1, length: 604 }, { file: 'l', text }, { ...plain, columns: 80 })
  expect(all[0]!.length).toBeLessThanOrEqual(80)
})

test('a place beyond the file draws nothing or the end of the line', () => {
  expect(frame({ file: 'a.yml', line: 99, column: 1, length: 1 }, source, plain)).toEqual([])
  expect(frame({ file: 'a.yml', line: 1, column: 99, length: 5 }, source, plain)).toEqual(['1 │ one: 1', '  │       ^'])
})
