import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

const ROOT = fileURLToPath(new URL('..', import.meta.url))

test('every file of more than 80 lines opens with what it is for', () => {
  const files = ['runner', 'modules', 'test'].flatMap((folder) =>
    readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.ts'))
      .map((name) => join(folder, name)),
  )
  expect(files.length).toBeGreaterThan(500)
  const bare = files.filter((file) => {
    const text = readFileSync(join(ROOT, file), 'utf8')
    return text.split('\n').length > 81 && !text.startsWith('/**')
  })
  expect(bare).toEqual([])
})
