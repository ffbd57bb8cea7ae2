import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { encodeBatch, encodeSignal, type Operation } from '../../../../runner/connection/shell/requests.ts'
import { quoteWord } from '../../../../runner/source/shell-words.ts'

const encode = (...operations: Operation[]) => {
  let payloads = 0
  const bytes = Buffer.concat(encodeBatch(operations, 'MARK', () => `p${++payloads}`)).toString('latin1')
  return bytes.replaceAll(/[0-9a-f]{32}/g, 'END').replaceAll(/\.runbook\.[0-9a-f]{12}/g, '.runbook.NAME')
}
const run = (change: Partial<Extract<Operation, { kind: 'run' }>> = {}): Operation => ({
  kind: 'run',
  id: 9,
  argv: ['true'],
  env: {},
  cwd: '',
  limit: 0,
  keep: 0,
  stdin: undefined,
  ...change,
})

test('probes of a kind share a line, whatever stands between them', () => {
  const text = encode(
    { kind: 'read', id: 1, path: '/a' },
    { kind: 'stat', id: 2, path: '/b' },
    { kind: 'list', id: 3, path: '/c' },
    { kind: 'read', id: 4, path: "/it's" },
    { kind: 'stat', id: 5, path: '/e' },
  )
  expect(text).toBe("s 2 '/b' 5 '/e'\nr MARK 1 '/a' 4 '/it'\\''s'\nl 3 '/c'\nE\n")
})

test('commands', () => {
  expect(encode(run({ argv: ['a', 'b c'], env: { X: '1' }, cwd: '/tmp', limit: 40, keep: 100 }))).toBe(
    "R 9 40 100 '/tmp' '' 1 'X=1' 'a' 'b c'\nE\n",
  )
  expect(encodeSignal(9, 'TERM').toString()).toBe('K 9 TERM\n')
})

test('files', () => {
  const write: Operation = { kind: 'write', id: 3, path: '/a', content: Buffer.from('x'), owner: '', group: 'adm', mode: '0640' }
  expect(encode(write)).toBe("printf 'x' >\"$d/p1\" || rm -f \"$d/p1\"\nW 3 '/a' p1 '.runbook.NAME' '' 'adm' '0640'\nE\n")
  expect(encode({ kind: 'ask', id: 4, argv: ['cat', '/a b'] })).toBe("C 4 'cat' '/a b'\nE\n")
})

test('small contents start no process, large ones travel as they are', () => {
  expect(encode(run({ stdin: Buffer.from('a%\n-') }))).toBe(
    "printf 'a%%\\012\\055' >\"$d/p1\" || rm -f \"$d/p1\"\nR 9 0 0 '' p1 0 'true'\nE\n",
  )
  const big = Buffer.alloc(5000, '\xff', 'latin1')
  expect(encode(run({ stdin: big }))).toBe(`p p1 5000 END\n${big.toString('latin1')}\nEND\nR 9 0 0 '' p1 0 'true'\nE\n`)
})

test('what `read` could spoil, or is too long for a line, travels as a payload', () => {
  for (const word of ['two\nlines', 'ü', '\x7f', 'x'.repeat(3000)]) {
    const bytes = Buffer.from(`R 9 0 0 '' '' 0 'echo' ${quoteWord(word)}\n`)
    expect(encode(run({ argv: ['echo', word] }))).toBe(`p p1 ${bytes.length} END\n${bytes.toString('latin1')}\nEND\nI p1\nE\n`)
  }
})

for (const shell of ['/bin/dash', '/bin/bash'].filter(existsSync)) {
  describe(shell, () => {
    test('escaping: any small content comes through', () => {
      const bytes = fc.oneof(
        fc.uint8Array({ minLength: 1, maxLength: 400 }),
        fc.constant(Uint8Array.from({ length: 256 }, (_, byte) => byte)),
      )
      fc.assert(
        fc.property(bytes, (given) => {
          const [line = ''] = encode(run({ stdin: given })).split(' >"$d')
          expect(execFileSync(shell, ['-c', line])).toEqual(Buffer.from(given))
        }),
        { numRuns: 10 },
      )
    })
  })
}
