import { readdirSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { modules, registry } from '../../modules/index.ts'

const folder = new URL('../../modules/', import.meta.url)
const files = readdirSync(folder)
  .filter((file) => file.endsWith('.ts') && file !== 'index.ts')
  .map((file) => file.slice(0, -'.ts'.length))
  .sort()

describe('the list of modules', () => {
  test('is the folder, in the order of the names', () => {
    expect(modules.map(({ name }) => name)).toEqual(files)
  })

  test.each(files)('%s.ts holds the module of that name', async (name) => {
    const { default: module } = (await import(new URL(`${name}.ts`, folder).href)) as { default: unknown }
    expect(registry.get(name)).toBe(module)
  })

  test.each(files)('%s has a test of its own', (name) => {
    const tests = readdirSync(new URL('.', import.meta.url))
    expect(tests.includes(`${name}.test.ts`) || tests.includes(`${name}.integration.test.ts`)).toBe(true)
  })

  test('the summaries tell the modules apart', () => {
    expect(new Set(modules.map(({ summary }) => summary)).size).toBe(modules.length)
  })
})
