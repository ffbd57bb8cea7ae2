import { expect, test } from 'vitest'
import { readVarsFiles } from '../../../runner/inventory/vars-files.ts'
import { filesOf } from '../language/support.ts'

const read = async (contents: Record<string, string>, ...names: string[]) => {
  const { vars, sources, diagnostics } = await readVarsFiles('group_vars', names, filesOf(contents))
  return {
    vars: Object.fromEntries(
      [...vars].map(([name, own]) => [name, Object.fromEntries(Object.entries(own).map(([key, { value }]) => [key, value]))]),
    ),
    files: sources.map(({ file }) => file),
    wrong: diagnostics.map(({ summary }) => summary),
  }
}

test('the first of the names that Ansible tries', async () => {
  const contents = {
    'group_vars/a': 'x: bare',
    'group_vars/a.yml': 'x: yml',
    'group_vars/b.yaml': 'x: yaml',
    'group_vars/b.json': '{"x": "json"}',
    'group_vars/c.json': '{"x": "json"}',
    'group_vars/d.txt': 'x: txt',
  }
  expect((await read(contents, 'a', 'b', 'c', 'd', 'e')).vars).toEqual({ a: { x: 'bare' }, b: { x: 'yaml' }, c: { x: 'json' } })
})

test('a folder is read in the order of its names; hidden files, backups and other extensions are left out', async () => {
  const contents = {
    'group_vars/web/10.yml': 'x: 1\ny: 1',
    'group_vars/web/20': 'y: 2',
    'group_vars/web/sub/a.yaml': 'z: 3',
    'group_vars/web/sub.d/a.yml': 'no: 1',
    'group_vars/web/.x.yml': 'no: 1',
    'group_vars/web/x.yml~': 'no: 1',
    'group_vars/web/x.md': 'no: 1',
    'group_vars/web.yml': 'no: 1',
  }
  expect(await read(contents, 'web')).toEqual({
    vars: { web: { x: 1, y: 2, z: 3 } },
    files: ['group_vars/web/10.yml', 'group_vars/web/20', 'group_vars/web/sub/a.yaml'],
    wrong: [],
  })
})

test('empty files say nothing, others are faults', async () => {
  expect(
    await read({ 'group_vars/a': '# nothing\n', 'group_vars/b': 'text', 'group_vars/c': 'x: [' }, 'a', 'b', 'c'),
  ).toMatchObject({
    vars: { a: {}, b: {}, c: {} },
    wrong: ['variables are a mapping of names to values, this is text', expect.any(String)],
  })
})

test('no folder is no fault', async () => {
  expect(await read({}, 'a')).toEqual({ vars: {}, files: [], wrong: [] })
})
