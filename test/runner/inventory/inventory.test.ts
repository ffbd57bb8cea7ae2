/** Inventories, good and bad, compared with what Ansible makes of them. */
import { readFileSync, readdirSync } from 'node:fs'
import fc from 'fast-check'
import { stringify } from 'yaml'
import { describe, expect, test } from 'vitest'
import { loadInventory } from '../../../runner/inventory/inventory.ts'
import { matchHosts } from '../../../runner/inventory/pattern.ts'
import { placeOfNode } from '../../../runner/source/yaml.ts'
import { renderDiagnostics, summaryLine } from '../../../runner/source/render.ts'
import { filesIn, filesOf } from '../language/support.ts'
import { faultsOf, fixtures, inventoryOf, varsOf } from './support.ts'

interface Expected {
  readonly hosts: Record<string, { readonly vars: Record<string, unknown>; readonly groups: readonly string[] }>
  readonly groups: Record<string, readonly string[]>
  readonly patterns: Record<string, readonly string[]>
}

/** What ansible-core 2.14.18 makes of the same files: hosts and groups in their order, variables, and the hosts that patterns match. */
const expected = JSON.parse(readFileSync(`${fixtures('inventories')}expected.json`, 'utf8')) as Record<string, Expected>

describe.each(['hosts.ini', 'hosts.yml'])('a real inventory, %s, is read as Ansible reads it', async (file) => {
  const folder = fixtures('inventories')
  const { inventory, diagnostics } = await loadInventory([`lab/${file}`], { files: filesIn(folder), cwd: folder }, 'playbooks')
  const ansible = expected[file]!

  test('without complaint', () => expect(diagnostics).toEqual([]))

  test('hosts, in order', () => {
    expect([...inventory.hosts.values()].filter(({ implicit }) => !implicit).map(({ name }) => name)).toEqual(
      Object.keys(ansible.hosts),
    )
  })

  test('groups and their hosts, in order', () => {
    expect(Object.fromEntries([...inventory.groups.values()].map(({ name, hosts }) => [name, hosts]))).toEqual(ansible.groups)
    expect([...inventory.groups.keys()]).toEqual(Object.keys(ansible.groups))
  })

  test.each(Object.entries(ansible.hosts))('%s: groups and variables', (name, { vars, groups }) => {
    expect(inventory.hosts.get(name)!.groups).toEqual(groups)
    expect(varsOf(inventory, name)).toEqual(vars)
  })

  test.each(Object.entries(ansible.patterns))('pattern %s', (pattern, hosts) => {
    expect(matchHosts(pattern, inventory).hosts).toEqual(hosts)
  })
})

describe('what is said about bad inventories, byte for byte', () => {
  const folder = fixtures('bad-inventories')
  const files = filesIn(folder)
  const cases = [...readdirSync(folder).filter((name) => !name.endsWith('.txt') && name !== 'vars'), 'vars/hosts']
  const said = async (path: string): Promise<string> => {
    const { sources, diagnostics } = await loadInventory([path], { files, cwd: folder })
    return `${renderDiagnostics(diagnostics, sources, { color: false, unicode: true, columns: 100 })}\n${summaryLine(diagnostics)}\n`
  }

  test.each(cases)('%s', async (path) => {
    await expect(await said(path)).toMatchFileSnapshot(`${folder}${path.replace(/\W+/g, '-')}.txt`)
    expect(await said(path)).toMatch(/^(?:error|warning): /)
  })
})

describe('paths that are no inventory', () => {
  const said = async (path: string): Promise<string> => {
    const { sources, diagnostics } = await loadInventory([path], {
      files: filesOf({ 'inv/hosts.yml': 'all: { hosts: { a: } }' }),
      cwd: '/',
    })
    return renderDiagnostics(diagnostics, sources, { color: false, unicode: true })
  }

  test('are told apart from hosts', async () => {
    expect(await said('web-1')).toBe('error: inventory `web-1` not found\n   = to name a host, add a comma: -i web-1,\n')
    expect(await said('inv/host.yml')).toBe('error: inventory `inv/host.yml` not found\n   = did you mean `hosts.yml`?\n')
    expect(await said('no/such/folder')).toBe('error: inventory `no/such/folder` not found\n')
  })

  test('lists with faults are drawn', async () => {
    expect(await said('web-1,b[1:,web-2:')).toBe(
      [
        'error: the `[` of a range is not closed',
        '   ┌─ command line',
        '   │ -i web-1,b[1:,web-2:',
        '   │          ^^^^',
        '',
        'error: a host name does not end in `:`',
        '   ┌─ command line',
        '   │ -i web-1,b[1:,web-2:',
        '   │               ^^^^^^',
        '',
      ].join('\n'),
    )
  })
})

describe('localhost', () => {
  test('is there without an inventory, and in no group', async () => {
    const inventory = await inventoryOf({}, [])
    expect([...inventory.hosts.values()]).toMatchObject([{ name: 'localhost', implicit: true, groups: [] }])
    expect(varsOf(inventory, 'localhost')).toEqual({ ansible_connection: 'local' })
    expect(inventory.groups.get('all')!.hosts).toEqual([])
  })

  test('has the variables of all, and its own files', async () => {
    const inventory = await inventoryOf(
      { 'i/hosts': 'web-1\n[all:vars]\na=1\n', 'i/group_vars/all': 'b: 2\n', 'i/host_vars/localhost.yml': 'c: 3\n' },
      ['i/hosts'],
    )
    expect(varsOf(inventory, 'localhost')).toEqual({ a: 1, b: 2, c: 3, ansible_connection: 'local' })
    expect(inventory.groups.get('all')!.hosts).toEqual(['web-1'])
  })

  test('is a host like others where an inventory names it', async () => {
    const inventory = await inventoryOf({ hosts: 'localhost ansible_port=2222\n' }, ['hosts'])
    expect(inventory.hosts.get('localhost')).toMatchObject({ implicit: false, groups: ['all', 'ungrouped'] })
    expect(varsOf(inventory, 'localhost')).toEqual({ ansible_port: 2222 })
  })
})

describe('several inventories', () => {
  test('are put together, the later wins', async () => {
    const inventory = await inventoryOf(
      {
        'a/hosts': '[web]\nw1 x=1 y=1\n',
        'b/hosts.yml': 'web: { hosts: { w1: { y: 2 }, w2: }, vars: { z: 2 } }\n',
        'a/group_vars/web.yml': 'f: a\ng: a\n',
        'b/group_vars/web.yml': 'f: b\n',
      },
      ['a/hosts', 'b/hosts.yml'],
    )
    expect([...inventory.groups.get('web')!.hosts]).toEqual(['w1', 'w2'])
    expect(varsOf(inventory, 'w1')).toEqual({ x: 1, y: 2, z: 2, f: 'b', g: 'a' })
  })

  test('a folder is read file by file, without what Ansible leaves out', async () => {
    const contents = {
      'i/01-web': '[web]\nw1\n',
      'i/02-db.yml': 'db: { hosts: { d1: } }\n',
      'i/sub/more': '[web]\nw2\n[all-of-it:children]\nweb\ndb\n',
      'i/notes.md': 'x y z',
      'i/.hidden': '[web]\nw9\n',
      'i/old.bak': '[web]\nw8\n',
      'i/backup~': '[web]\nw7\n',
      'i/ansible.cfg': '[defaults]',
      'i/group_vars/web.yml': 'v: 1\n',
    }
    const inventory = await inventoryOf(contents, ['i'])
    expect([...inventory.hosts.keys()]).toEqual(['w1', 'd1', 'w2', 'localhost'])
    expect(inventory.groups.get('all-of-it')!.hosts).toEqual(['w1', 'w2', 'd1'])
    expect(varsOf(inventory, 'w2')).toEqual({ v: 1 })
  })

  test('a list of hosts', async () => {
    const inventory = await inventoryOf({ 'host_vars/w1.yml': 'x: 1\n' }, ['w1, w2:2222,[2001:db8::1]:22,'])
    expect([...inventory.hosts.keys()]).toEqual(['w1', 'w2', '2001:db8::1', 'localhost'])
    expect(varsOf(inventory, 'w2')).toEqual({ ansible_port: 2222 })
    // A list lies in no folder.
    expect(varsOf(inventory, 'w1')).toEqual({})
  })
})

describe('layers of variables', () => {
  test('from the weakest to the strongest', async () => {
    const contents = {
      'i/hosts':
        'h v=host\n[parent:children]\nchild\n[child]\nh\n[all:vars]\nv=all\n[parent:vars]\nv=parent\n[child:vars]\nv=child\n',
      'i/group_vars/all.yml': 'v: all file\n',
      'i/group_vars/parent.yml': 'v: parent file\n',
      'i/group_vars/child.yml': 'v: child file\n',
      'i/host_vars/h.yml': 'v: host file\n',
      'p/group_vars/all.yml': 'v: book all\n',
      'p/group_vars/child.yml': 'v: book child\n',
      'p/host_vars/h.yml': 'v: book host\n',
    }
    const inventory = await inventoryOf(contents, ['i/hosts'], 'p')
    const layers = inventory.hosts.get('h')!.vars.flatMap((vars) => ('v' in vars ? [vars['v']!.value] : []))
    expect(layers).toEqual([
      'all',
      'parent',
      'child',
      'all file',
      'book all',
      'parent file',
      'child file',
      'book child',
      'host',
      'host file',
      'book host',
    ])
  })

  test('files beside both playbook and inventory count once', async () => {
    const inventory = await inventoryOf({ 'i/hosts': 'h\n', 'i/group_vars/all.yml': 'v: 1\n' }, ['i/hosts'], './i')
    expect(inventory.hosts.get('h')!.vars.filter((vars) => 'v' in vars)).toHaveLength(1)
    expect(inventory.sources.map(({ file }) => file)).toEqual(['i/hosts', 'i/group_vars/all.yml'])
  })

  test('siblings by name, unless a priority says otherwise; a deeper group wins over both', async () => {
    const hosts = 'h\n[b]\nh\n[a]\nh\n[b:vars]\nv=b\n[a:vars]\nv=a\n'
    expect(varsOf(await inventoryOf({ hosts }, ['hosts']), 'h')).toMatchObject({ v: 'b' })
    const raised = await inventoryOf({ hosts: `${hosts}ansible_group_priority=2\n` }, ['hosts'])
    expect(varsOf(raised, 'h')).toEqual({ v: 'a' })
    expect(raised.hosts.get('h')!.groups).toEqual(['all', 'b', 'a'])
    const deeper = await inventoryOf({ hosts: `${hosts}ansible_group_priority=2\n[x:children]\nb\n` }, ['hosts'])
    expect(varsOf(deeper, 'h')).toMatchObject({ v: 'b' })
  })

  test('each value knows its place, in YAML and in INI', async () => {
    const inventory = await inventoryOf(
      { hosts: '# c\n[web:vars]\nname = "quoted"\n[web]\nh  port=22 list="[1, 2]"\n', 'group_vars/web.yml': 'a:\n  b: 1\n' },
      ['hosts'],
    )
    const found = Object.fromEntries(inventory.hosts.get('h')!.vars.flatMap((vars) => Object.entries(vars)))
    expect(placeOfNode(found['name']!)).toEqual({ file: 'hosts', line: 3, column: 8, length: 8 })
    expect(placeOfNode(found['port']!)).toEqual({ file: 'hosts', line: 5, column: 9, length: 2 })
    expect(placeOfNode(found['list']!)).toEqual({ file: 'hosts', line: 5, column: 17, length: 8 })
    expect(placeOfNode(found['a']!)).toMatchObject({ file: 'group_vars/web.yml', line: 2 })
    expect(found['inventory_file']!.value).toBe('/hosts')
    expect(found['inventory_dir']!.value).toBe('/')
  })
})

describe('which format', () => {
  test.each([
    ['hosts', 'web-1\nweb-2\n', ['web-1', 'web-2']],
    ['hosts', '[web]\nweb-1 a=1\n', ['web-1']],
    ['hosts', 'web-1 ansible_host=10.0.0.1\n', ['web-1']],
    ['hosts', '---\nall:\n  hosts:\n    web-1:\n', ['web-1']],
    ['hosts', '# c\n\nall:\n  hosts: { web-1: }\n', ['web-1']],
    ['hosts', '{"all": {"hosts": {"web-1": {}}}}', ['web-1']],
    ['hosts.json', '{"all": {"hosts": {"web-1": {}}}}', ['web-1']],
    ['hosts.txt', 'web-1\r\nweb-2\r\n', ['web-1', 'web-2']],
    ['hosts', '\ufeffweb-1\n', ['web-1']],
    ['hosts', 'web-1:22\n', ['web-1']],
    ['hosts', 'all: { hosts: web-1 }\n', ['web-1']],
  ])('%s: %j', async (file, text, hosts) => {
    const inventory = await inventoryOf({ [file]: text }, [file])
    expect([...inventory.hosts.keys()].filter((name) => name !== 'localhost')).toEqual(hosts)
  })
})

test('a host that stands in a group is not ungrouped, whatever came first', async () => {
  const inventory = await inventoryOf({ hosts: 'a\nb\n[web]\na\n[all]\nc\n' }, ['hosts'])
  expect(inventory.groups.get('ungrouped')!.hosts).toEqual(['b', 'c'])
  expect(inventory.hosts.get('a')!.groups).toEqual(['all', 'web'])
})

test('an empty inventory is an error, unless it is wrong already', async () => {
  expect((await faultsOf({ hosts: '' }, ['hosts'])).map(({ summary }) => summary)).toEqual(['the inventory `hosts` has no hosts'])
  expect((await faultsOf({ hosts: '[x\n' }, ['hosts'])).length).toBe(1)
})

/** Any inventory that both formats can say must be the same inventory in both. */
test('INI and YAML agree', async () => {
  const name = fc.stringMatching(/^[a-z][a-z0-9]{0,4}$/).filter((one) => !['all', 'ungrouped', 'hosts', 'vars'].includes(one))
  const value = fc.oneof(
    fc.integer({ min: -999, max: 99_999 }),
    fc.boolean(),
    fc.stringMatching(/^[a-z][a-z0-9 ./@:-]{0,8}[a-z]$/).filter((text) => !/^(?:yes|no|on|off|true|false|null|y|n)$/.test(text)),
  )
  const vars = fc.dictionary(fc.stringMatching(/^[a-z_]{1,5}$/), fc.oneof(value, fc.array(value, { maxLength: 3 })), {
    maxKeys: 3,
  })
  const group = fc.record({
    hosts: fc.dictionary(
      name.map((one) => `h-${one}`),
      vars,
      { maxKeys: 4 },
    ),
    vars,
  })
  const literal = (one: unknown): string =>
    Array.isArray(one)
      ? `[${one.map((item) => (typeof item === 'string' ? `'${item}'` : literal(item))).join(', ')}]`
      : typeof one === 'boolean'
        ? one
          ? 'True'
          : 'False'
        : String(one)
  const ini = (groups: Record<string, { hosts: Record<string, Record<string, unknown>>; vars: Record<string, unknown> }>) =>
    Object.entries(groups)
      .map(([one, { hosts, vars: own }]) => {
        const lines = Object.entries(hosts).map(([host, its]) =>
          [host, ...Object.entries(its).map(([key, item]) => `${key}="${literal(item)}"`)].join(' '),
        )
        return [
          `[${one}]`,
          ...lines,
          `[${one}:vars]`,
          ...Object.entries(own).map(([key, item]) => `${key} = ${literal(item)}`),
          '',
        ].join('\n')
      })
      .join('\n')
  await fc.assert(
    fc.asyncProperty(
      fc.dictionary(
        name.map((one) => `g_${one}`),
        group,
        { minKeys: 1, maxKeys: 4 },
      ),
      async (groups) => {
        const files = filesOf({ 'a/hosts': ini(groups), 'b/hosts.yml': stringify(groups, { version: '1.1' }) })
        const read = async (path: string) => {
          const { inventory, diagnostics } = await loadInventory([path], { files, cwd: '/' })
          expect(diagnostics.filter(({ summary }) => !summary.includes('has no hosts'))).toEqual([])
          return [
            [...inventory.groups],
            [...inventory.hosts.keys()].map((host) => [host, inventory.hosts.get(host)!.groups, varsOf(inventory, host)]),
          ]
        }
        expect(await read('a/hosts')).toEqual(await read('b/hosts.yml'))
      },
    ),
  )
})
