import { expect, test } from 'vitest'
import { registry } from '../../../../modules/index.ts'
import { checkNames, loadPlaybook } from '../../../../runner/language/playbook/load-playbook.ts'
import { frame } from '../../../../runner/source/render.ts'
import { dedent } from '../../../scenes/dedent.ts'
import { filesOf } from '../support.ts'

const told = async (tasks: string, contents: Readonly<Record<string, string>>, broken: readonly string[] = []) => {
  const files = filesOf({ 'site/p.yml': `plays:\n  - hosts: all\n    tasks:\n${tasks.replace(/^/gm, '      ')}`, ...contents })
  const read = async (path: string) => {
    if (broken.includes(path)) throw Object.assign(new Error('loop'), { code: 'ELOOP' })
    return files.read(path)
  }
  const { playbook, sources, diagnostics } = await loadPlaybook('site/p.yml', { files: { ...files, read }, cwd: '/' }, registry)
  const known = { names: ['inventory_hostname', 'facts'], facts: ['kernel'], modules: registry }
  return [...diagnostics, ...checkNames(playbook!, known)].map(({ severity, summary, place }) => [
    severity,
    summary,
    place!.file,
    ...frame(
      place!,
      sources.find(({ file }) => file === place!.file),
      { color: false, unicode: false },
    ),
  ])
}

test('names and facts that nothing defines are found in the file of a template, on their line', async () => {
  const tasks = dedent`
    - template: { src: motd.hbs, dest: /etc/motd }
      vars: { mine: 1 }
  `
  const text = 'hello\n{{ mine }} {{ inventory_hostname }} {{ nobody }}\n{{ facts.kernal }}\n'
  expect(await told(tasks, { 'site/templates/motd.hbs': text })).toEqual([
    [
      'error',
      'unknown variable `nobody`',
      'site/templates/motd.hbs',
      '2 | {{ mine }} {{ inventory_hostname }} {{ nobody }}',
      '  |                                        ^^^^^^',
    ],
    ['error', 'unknown fact `kernal`', 'site/templates/motd.hbs', '3 | {{ facts.kernal }}', '  |    ^^^^^^^^^^^^'],
  ])
})

test('what is no template of this language is told with its line, also in an undo', async () => {
  const tasks = dedent`
    - command: { cmd: "true" }
      undo:
        - template: { src: old.j2, dest: /etc/motd }
  `
  expect(await told(tasks, { 'site/old.j2': 'a\n{% if x %}' })).toEqual([
    ['error', expect.stringContaining('belongs to Jinja'), 'site/old.j2', '2 | {% if x %}', '  | ^^^^^^^^^^'],
  ])
})

test('a template that is missing or cannot be read is a warning where it is named; one whose name is not known yet is none', async () => {
  const tasks = dedent`
    - template: { src: gone.hbs, dest: /etc/motd }
    - template: { src: ring, dest: /etc/motd }
    - template: { src: "{{ inventory_hostname }}.hbs", dest: /etc/motd }
  `
  expect((await told(tasks, {}, ['site/ring'])).map((one) => one.slice(0, 4))).toEqual([
    ['warning', 'the template is missing', 'site/p.yml', '4 |       - template: { src: gone.hbs, dest: /etc/motd }'],
    ['warning', '`site/ring` cannot be read', 'site/p.yml', '5 |       - template: { src: ring, dest: /etc/motd }'],
  ])
})
