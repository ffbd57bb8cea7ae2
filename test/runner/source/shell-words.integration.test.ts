import { execFileSync } from 'node:child_process'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { splitWords } from '../../../runner/source/shell-words.ts'

test('an inventory line is split as Python splits it', () => {
  const parts = fc.array(fc.constantFrom('a', 'é', ' ', '\t', "'", '"', '\\', '\\\\', '=', '#', '$', '`', '　'), {
    maxLength: 14,
  })
  // Where Python finds nothing behind a backslash it gives up; here it is text.
  const lines = fc.sample(parts, 3000).map((list) => `${list.join('')} `)
  const program = `
import json, shlex, sys
def words(line):
    try: return shlex.split(line, comments=True)
    except ValueError: return None
print(json.dumps([words(line) for line in json.load(sys.stdin)]))`
  const python = JSON.parse(
    execFileSync('python3', ['-c', program], { input: JSON.stringify(lines), encoding: 'utf8' }),
  ) as unknown
  const ours = lines.map((line) => {
    const { words, open } = splitWords(line, 'inventory')
    return open === undefined ? words.map(({ text }) => text) : null
  })
  expect(ours).toEqual(python)
})
