import { readdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { renderDiagnostics, summaryLine } from '../../../runner/source/render.ts'
import { checkNames, loadPlaybook } from '../../../runner/language/playbook/load-playbook.ts'
import { filesIn, modules } from './support.ts'

const folder = fileURLToPath(new URL('../../fixtures/bad/', import.meta.url))
const files = filesIn(folder)
const fixtures = readdirSync(folder).filter((name) => name.endsWith('.yml'))

/** Everything that is said about a playbook, as it is shown. */
const said = async (file: string): Promise<string> => {
  const { playbook, sources, diagnostics } = await loadPlaybook(file, { files, cwd: folder }, modules)
  const fine = playbook !== undefined && !diagnostics.some(({ severity }) => severity === 'error')
  const names = fine
    ? checkNames(playbook, { names: ['inventory_hostname', 'facts'], facts: ['distribution', 'kernel'], modules })
    : []
  const all = [...diagnostics, ...names]
  return `${renderDiagnostics(all, sources, { color: false, unicode: true, columns: 100 })}\n${summaryLine(all)}\n`
}

describe('what is said about bad playbooks, byte for byte', () => {
  test.each(fixtures)('%s', async (name) => {
    await expect(await said(name)).toMatchFileSnapshot(`${folder}${name.replace(/\.yml$/, '.txt')}`)
  })

  test('there are enough of them', () => {
    expect(fixtures.length).toBeGreaterThan(45)
  })

  test.each(fixtures)('%s is an error or a warning', async (name) => {
    expect(await said(name)).toMatch(/^(?:error|warning): /)
  })

  test('nothing but ASCII where the terminal has no more', async () => {
    const { sources, diagnostics } = await loadPlaybook('modules.yml', { files, cwd: folder }, modules)
    expect(renderDiagnostics(diagnostics, sources, { color: false, unicode: false })).toMatch(/^[\n -~]*$/)
  })
})
