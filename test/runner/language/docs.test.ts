/** Every example and table of docs/language.md holds. */
import { readFileSync } from 'node:fs'
import { parse } from 'yaml'
import { describe, expect, test } from 'vitest'
import { registry } from '../../../modules/index.ts'
import { facts } from '../../../runner/hosts/facts.ts'
import { magicNames } from '../../../runner/language/magic.ts'
import { loadInventory } from '../../../runner/inventory/inventory.ts'
import { matchHosts } from '../../../runner/inventory/pattern.ts'
import { evaluate } from '../../../runner/language/expression/expression.ts'
import { blockHelpers, helpers } from '../../../runner/language/template/helpers.ts'
import { expressionHint, mustacheHint } from '../../../runner/language/template/jinja.ts'
import { keywords, refusalOf } from '../../../runner/language/playbook/keywords.ts'
import { resolveParams } from '../../../runner/language/params/params.ts'
import { createScope } from '../../../runner/language/scope.ts'
import { render } from '../../../runner/language/template/template.ts'
import { checkNames, loadPlaybook } from '../../../runner/language/playbook/load-playbook.ts'
import { filesOf, nodeOf } from './support.ts'

const page = readFileSync(new URL('../../../docs/language.md', import.meta.url), 'utf8')

/** Fenced blocks by what stands behind the three ticks. */
const blocks = (kind: string): string[] =>
  [...page.matchAll(/^```(.+)\n([\s\S]*?)^```$/gm)].flatMap(([, info, body = '']) => (info === kind ? [body] : []))

/** The rows of a table, by its first heading cell; a bar in a cell is escaped. */
const table = (heading: string): string[][] => {
  const start = page.indexOf(`| ${heading} |`)
  expect(start).toBeGreaterThan(0)
  const lines = page.slice(start).trimEnd().split('\n\n')[0]!.split('\n').slice(2)
  return lines.map((line) =>
    line
      .slice(1, -1)
      .split(/(?<!\\)\|/)
      .map((cell) =>
        cell
          .trim()
          .replaceAll('\\|', '|')
          .replace(/^`([^`]*)`$/, '$1'),
      ),
  )
}

/** The variables of the sentence before a table: `name: value` in ticks. */
const variables = (heading: string): Record<string, unknown> => {
  const sentence = page.slice(0, page.indexOf(`| ${heading} |`)).match(/With ([^\n]*):\n\n$/)![1]!
  return Object.assign({}, ...[...sentence.matchAll(/`([^`]+)`/g)].map(([, pair]) => parse(`{ ${pair} }`) as object)) as Record<
    string,
    unknown
  >
}

const quoted = (text: string) => nodeOf<string>(`x: ${JSON.stringify(text)}`, 'x')
const known = { names: [...magicNames, 'ansible_host'], facts: Object.keys(facts), modules: registry }

const lint = async (playbook: string): Promise<string[]> => {
  const files = filesOf({
    'p.yml': playbook,
    'common/settings.yml': '- debug: { msg: "{{ owner }}" }\n',
    'templates/nova.conf.hbs': 'my_ip = {{ ansible_host }}\n',
  })
  const { playbook: read, diagnostics } = await loadPlaybook('p.yml', { files, cwd: '/' }, registry)
  return [...diagnostics, ...(read === undefined ? [] : checkNames(read, known))].map(({ summary }) => summary)
}

describe('docs/language.md', () => {
  test.each(blocks('yaml playbook'))('playbook %#', async (body) => {
    expect(await lint(body)).toEqual([])
  })

  test.each(blocks('yaml tasks'))('tasks %#', async (body) => {
    expect(await lint(`plays:\n  - hosts: all\n    tasks:\n${body.replace(/^/gm, '      ')}`)).toEqual([])
  })

  test('both forms of the inventory are the same', async () => {
    const [ini] = blocks('ini inventory')
    const [yaml] = blocks('yaml inventory')
    const files = filesOf({ hosts: ini!, 'hosts.yml': yaml! })
    const read = async (path: string) => {
      const { inventory, diagnostics } = await loadInventory([path], { files, cwd: '/' })
      expect(diagnostics).toEqual([])
      const own = ([name]: readonly [string, unknown]) => !name.startsWith('inventory_')
      return [...inventory.hosts.values()].map(({ name, groups, vars }) => [
        name,
        groups,
        vars.flatMap((layer) =>
          Object.entries(layer)
            .filter(own)
            .map(([key, { value }]) => [key, value]),
        ),
      ])
    }
    expect(new Set((await read('hosts')).map((host) => JSON.stringify(host)))).toEqual(
      new Set((await read('hosts.yml')).map((host) => JSON.stringify(host))),
    )
  })

  test('patterns', async () => {
    const { inventory } = await loadInventory(['hosts'], { files: filesOf({ hosts: blocks('ini inventory')[0]! }), cwd: '/' })
    for (const [pattern = '', hosts = ''] of table('pattern')) {
      const matched = matchHosts(pattern, inventory)
      expect([pattern, matched.hosts, matched.diagnostics]).toEqual([pattern, hosts.split(', '), []])
    }
  })

  test('the table of keywords is the one that is checked against', () => {
    const rows = Object.entries(keywords).map(([name, { on, summary, example }]) => [
      name,
      on.map((kind) => (kind === 'import' ? 'import_tasks' : kind)).join(', '),
      summary,
      example,
    ])
    expect(table('keyword')).toEqual(rows)
  })

  test('the table of facts names all of them', () => {
    expect(table('fact')).toEqual(Object.entries(facts).map(([name, { description }]) => [name, description]))
  })

  test('templates come out as the table says, and it shows every helper and block', () => {
    const scope = createScope([{ name: 'docs', values: variables('template') }])
    const rows = table('template')
    for (const [template = '', value = ''] of rows)
      expect([template, render(quoted(template), scope)]).toEqual([template, JSON.parse(value)])
    const all = rows.map(([template]) => template).join(' ')
    for (const name of helpers.keys()) expect(all).toMatch(new RegExp(`[{(] ?${name} `))
    for (const name of blockHelpers) expect(all).toContain(`{{#${name} `)
  })

  test('conditions come out as the table says', () => {
    const scope = createScope([{ name: 'docs', values: variables('expression') }])
    for (const [expression = '', value = ''] of table('expression'))
      expect([expression, evaluate(quoted(expression), scope)]).toEqual([expression, JSON.parse(value)])
  })

  test('arguments are read as the table says', async () => {
    const text = blocks('yaml playbook').find((body) => body.includes('block_migration'))!
    const { playbook } = await loadPlaybook('p.yml', { files: filesOf({ 'p.yml': text }), cwd: '/' }, registry)
    for (const [argument = '', value = ''] of table('argument')) {
      const [, name = '', given = ''] = /^-p '?(\w+)=(.*?)'?$/.exec(argument)!
      expect([argument, resolveParams(playbook!, [{ name, text: given }]).values[name]]).toEqual([argument, JSON.parse(value)])
    }
  })

  test('what comes from Ansible is advised to be written as the table says', () => {
    for (const [ansible = '', here = ''] of table('Ansible')) {
      const condition = /^when: (.*)$/.exec(ansible)?.[1]
      if (condition === undefined)
        expect([ansible, mustacheHint(ansible.slice(2, -2)).label]).toEqual([ansible, expect.stringContaining(`\`${here}\``)])
      else
        expect([ansible, expressionHint(condition.replace(/^"\{\{ (.*) \}\}"$/, '$1'), () => true) ?? 'ready']).toEqual([
          ansible,
          here.replace(/^when: /, ''),
        ])
    }
  })

  test('what is refused has the replacement that the table says', () => {
    for (const [name = '', instead = ''] of table('there is no')) expect([name, refusalOf(name)!.note]).toEqual([name, instead])
  })
})
