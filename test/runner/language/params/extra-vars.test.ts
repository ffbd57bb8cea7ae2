import { describe, expect, test } from 'vitest'
import { loadExtraVars } from '../../../../runner/language/params/extra-vars.ts'
import { fakeWorld } from '../../../doubles/world.ts'

describe('names given with -e', () => {
  const world = fakeWorld({ files: { 'vars.yml': 'groups: {}' } })

  test.each([
    ['inventory_hostname=x', '`inventory_hostname` is a variable of the runner itself'],
    ['{"hostvars": {}}', '`hostvars` is a variable of the runner itself'],
    ['@vars.yml', '`groups` is a variable of the runner itself'],
    ['a-b=1', '`a-b` cannot be the name of a variable'],
  ])('%s is refused as in a playbook', async (given, summary) => {
    expect((await loadExtraVars([given], world)).diagnostics).toMatchObject([{ severity: 'error', summary }])
  })

  test('others are taken', async () => {
    const { vars, diagnostics } = await loadExtraVars(['a=1 b=2'], world)
    expect(diagnostics).toEqual([])
    expect(Object.keys(vars)).toEqual(['a', 'b'])
  })
})
