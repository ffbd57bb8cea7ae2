/** The promise that a run's folder and every output hold no secret in clear, kept by the built program. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { onTerminal, workplace } from '../scenes/real-run.ts'

/** What must not be seen anywhere, by where it comes from. None is a part of another. */
const SECRETS = {
  parameter: `it's "Qp1/xyz`,
  lines: 'Ln1-first-line\nLn1-second-line',
  short: 'Zq7',
  rotated: 'Rt4-the-old-one',
  renamed: 'Rn6-behind-another-name',
  byName: 'Nm5-beside-its-name',
  url: 'Ur8-in-a-url',
  item: 'It2-of-a-loop',
  inventory: 'In3-of-the-inventory',
  extra: 'Ex9-of-the-command-line',
} as const

const playbook = (folder: string, failing: boolean) => `
name: secrets
params:
  pw: { type: string, secret: true }
  text: { type: string, secret: true }
  pin: { type: string, secret: true }
plays:
  - hosts: localhost
    tasks:
      - name: rotated
        template: { src: rotated.hbs, dest: ${folder}/rotated.txt }
      - name: option
        ini: { path: ${folder}/nova.conf, section: DEFAULT, option: admin_password, value: "{{ pw }}" }
      - name: plain option
        ini: { path: ${folder}/nova.conf, section: DEFAULT, option: pwd, value: "{{ pw }}" }
      - name: a line
        lineinfile: { path: ${folder}/line.txt, regexp: '^login ', line: 'login {{ pw }}' }
      - name: url
        copy: { dest: ${folder}/url.txt, content: "url = rabbit://nova:${SECRETS.url}@mq\\n" }
      - name: not valid
        copy: { dest: ${folder}/other.txt, content: "password = ${SECRETS.byName}\\n", validate: diff /dev/null %s }
        ignore_errors: true
      - name: command
        command: { argv: [printf, '%s|%s|%s|%s', "{{ pw }}", "{{ text }}", "{{ ansible_password }}", "{{ ansible_become_password }}"] }
        register: said
      - name: says
        debug: { value: "{{ said }}" }
      - name: users {{ item.user }}
        command: { cmd: "true {{ item.pw }}" }
        no_log: true
        loop: [{ user: a, pw: ${SECRETS.item} }, { user: b, pw: ${SECRETS.item}b }]
      - name: labelled
        command: { cmd: "true {{ item.pw }}" }
        no_log: true
        loop: [{ user: labelled-user, pw: ${SECRETS.item} }]
        loop_control: { label: "{{ item.user }}" }
      - name: no log fails
        command: { argv: [sh, -c, "echo {{ item }} >&2; exit 1"] }
        no_log: true
        ignore_errors: true
        loop: [${SECRETS.item}]
      - name: last
        command: { argv: [sh, -c, 'echo "$0" >&2; exit ${failing ? 1 : 0}', "{{ pw }}"] }
`

const work = workplace({
  'rotated.hbs': 'user=x\nkey {{ pw }}\n{{ text }}\n',
  'hosts.yml': `all: { hosts: { localhost: { ansible_connection: local, ansible_become_password: ${SECRETS.inventory} } } }\n`,
  'bad.yml': `
plays:
  - hosts: localhost
    tasks:
      - inni: { path: /x, option: admin_password, value: ${SECRETS.byName} }
      - ini:
          path: /x
          section: a
          option: memcache_secret_key
          valeu: 5
          value: [{ a: ${SECRETS.byName} }]
      - debug: { msg: "rabbit://nova:${SECRETS.url}@mq", mgs: 1 }
      - command: { cmd: "true", environment: { ansible_password: ${SECRETS.byName}, x: "{{ nope }}" } }
`,
})
work.put('play.yml', playbook(work.folder, true))
const host = () => {
  work.put('rotated.txt', `user=x\nkey ${SECRETS.rotated}\nmore\n`)
  work.put('nova.conf', `[DEFAULT]\nadmin_password = ${SECRETS.byName}\npwd = ${SECRETS.rotated}\n`)
  work.put('line.txt', `first\nlogin ${SECRETS.rotated}\n`)
  work.put('url.txt', `password ${SECRETS.renamed}\n`)
}
host()
afterAll(work.remove)

/** In whichever form it could be. */
const formsOf = (secret: string): string[] => [
  ...secret.split('\n'),
  JSON.stringify(secret).slice(1, -1),
  encodeURIComponent(secret),
  Buffer.from(secret).toString('base64').replace(/=+$/, ''),
  secret.replaceAll("'", `'\\''`),
]

function mustHide(text: string, where: string): void {
  const seen = Object.entries(SECRETS).filter(([, secret]) => formsOf(secret).some((form) => text.includes(form)))
  expect(seen, where).toEqual([])
}

const everyFile = (folder: string): string =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => `${entry.name} ${readFileSync(join(entry.parentPath, entry.name), 'latin1')}`)
    .join('\n')

const given = ['-i', 'hosts.yml', '-e', `ansible_password=${SECRETS.extra}`]
const params = ['-p', `pw=${SECRETS.parameter}`, '-p', `text=${SECRETS.lines}`, '-p', `pin=${SECRETS.short}`]

describe('no secret is seen', () => {
  test.each([
    ['lint', ['lint', 'bad.yml']],
    ['a misspelt parameter', ['plan', 'play.yml', '-p', `pww=${SECRETS.parameter}`, '-p', `pin=${SECRETS.short}`]],
    ['a plan', ['plan', 'play.yml', ...given, ...params, '-D', '-v']],
    ['a plan as JSON', ['plan', 'play.yml', ...given, ...params, '-o', 'json']],
  ])('in the output of %s', async (where, args) => {
    const { text } = await work.runbook(args)
    expect(text).toContain('(hidden)')
    mustHide(text, where)
  })

  test('in anything of a run that is applied, shown, resumed and undone', { timeout: 120_000 }, async () => {
    const said = async (args: readonly string[], code: number) => {
      const ended = await work.runbook(args)
      mustHide(ended.text, args[0] ?? '')
      expect(ended.code, ended.text).toBe(code)
      return ended.text
    }
    const plain = await said(['apply', 'play.yml', ...given, ...params, '-D'], 1)
    const [run = ''] = work.runs()
    expect(plain).toMatch(/changed +localhost {2}users … \[#1\][\s\S]*users … \[#2\]/)
    expect(plain).toContain('labelled [labelled-user]')
    expect(plain).toContain('pin` is not masked in all its parts')
    await said(['show', run, '-D'], 0)
    await said(['logs', run], 0)
    work.put('play.yml', playbook(work.folder, false))
    const resumed = await said(['resume', run, '--accept-changes', '-o', 'json', ...params], 0)
    const replayed = resumed.split('\n').filter((line) => line.includes('step-replayed') && line.includes('"item":"#'))
    // The loops without labels of their own: one of two items, one of one.
    expect(replayed).toHaveLength(3)
    await said(['undo', run, '--plan', ...params], 0)
    await said(['undo', run, '--accept-changes', ...params], 0)
    expect(readFileSync(work.path('rotated.txt'), 'utf8')).toContain(SECRETS.rotated)
    mustHide(everyFile(work.path('.runbook/runs')), 'the folders of the runs')
  })

  test('in the live view', async () => {
    host()
    const { text, code } = await onTerminal(work.runbook, ['apply', 'play.yml', ...given, ...params, '-D'], /$^/g, () => '')
    expect(code, text).toBe(0)
    expect(text).toContain('(hidden)')
    mustHide(text, 'the terminal')
  })

  test('in the folder of a run that applied a saved plan', async () => {
    host()
    expect((await work.runbook(['plan', 'play.yml', ...given, ...params, '--out', 'plan.json'])).code).toBe(0)
    const { text, code } = await work.runbook(['apply', 'plan.json', '-o', 'json'])
    expect(code, text).toBe(0)
    mustHide(text, 'the output')
    mustHide(everyFile(work.path('.runbook/runs')), 'the folders of the runs')
  })

  test('and a saved plan still tells one hidden value from another', async () => {
    host()
    await work.runbook(['plan', 'play.yml', ...given, ...params, '--out', 'other.json'])
    work.put('nova.conf', `[DEFAULT]\nadmin_password = changed-meanwhile\npwd = ${SECRETS.rotated}\n`)
    const { text, code } = await work.runbook(['apply', 'other.json'])
    expect(code, text).toBe(4)
    expect(text).toContain('admin_password')
    mustHide(text, 'the output')
  })
})
