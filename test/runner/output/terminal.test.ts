/** The live view on a real pseudo-terminal. */
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, describe, expect, test } from 'vitest'
import { width } from '../../../runner/base/screen.ts'
import { dedent } from '../../scenes/dedent.ts'

/** The built program on a terminal of its own (script(1) makes one), as `npm test` has just built it. */
const bin = fileURLToPath(new URL('../../../dist/runner/bin.js', import.meta.url))
const folder = mkdtempSync(join(tmpdir(), 'runbook-terminal-'))
afterAll(() => rmSync(folder, { recursive: true }))

const PLAYBOOK = `
name: on a terminal
plays:
  - name: here
    hosts: localhost
    tasks:
      - name: a file
        copy: { src: play.yml, dest: ${folder}/made }
      - name: asked
        command: { cmd: "true" }
        confirm: "Really?"
      - name: looks
        command: { cmd: "true" }
        changed_when: false
      - name: breaks
        command: { cmd: "false" }
        when: fails
params:
  fails: { type: boolean, default: false, description: Whether to fail }
`
writeFileSync(join(folder, 'play.yml'), PLAYBOOK)

/** A command that ends when the test says so. */
const until = (go: string) => `{ argv: [sh, -c, 'until [ -e ${join(folder, go)} ]; do sleep 0.05; done'] }`
const go = (name: string) => writeFileSync(join(folder, name), '')
writeFileSync(
  join(folder, 'wait.yml'),
  dedent`
    plays:
      - hosts: localhost
        tasks:
          - name: waits
            command: ${until('go-wait')}
            changed_when: false
          - name: comes after
            command: { cmd: "true" }
  `,
)
writeFileSync(
  join(folder, 'loop.yml'),
  dedent`
    plays:
      - hosts: localhost
        tasks:
          - name: Move {{ item }}
            command: ${until('go-loop')}
            loop: [s1, s2, s3, s4]
            loop_control: { parallel: 2 }
  `,
)

/** Names, output and a question that would set the window's title, and go to a place on the screen. */
const HOSTILE = String.raw`
name: "b\e]2;book\a"
plays:
  - name: "p\e]2;play\a"
    hosts: localhost
    tasks:
      - name: "t\e]2;task\a"
        shell: { cmd: 'printf "\033]2;out\007\033[77;77H\n"; printf "\033]2;err\007\n" >&2; until [ -e go-hostile ]; do sleep 0.05; done' }
        loop: ["i\e]2;item\a"]
        confirm: "q\e]2;question\a"
        register: said
      - debug: { msg: "{{ said.results.0.stdout }}" }
      - name: 計算機の仕事をたくさん計算機の仕事をたくさん計算機の仕事をたくさん計算機の仕事
        shell: { cmd: 'printf "\033]2;why\007\n" >&2; exit 3' }
`
writeFileSync(join(folder, 'hostile.yml'), HOSTILE)

interface Told {
  readonly code: number
  /** What was written, without escape sequences and with plain line ends. */
  readonly text: string
  readonly written: string
}

/** @param answers what to type or to do, each when the text before it is on the screen */
async function onTerminal(
  args: string,
  answers: readonly (readonly [string, string | (() => void)])[],
  { columns = 100, locale = 'C.UTF-8' } = {},
): Promise<Told> {
  const command = `stty cols ${columns} rows 30; cd ${folder} && exec "${process.execPath}" "${bin}" ${args}`
  const env = { ...process.env, TERM: 'xterm', LANG: locale, LC_ALL: locale }
  const child = spawn('script', ['-qefc', command, '/dev/null'], { env, stdio: ['pipe', 'pipe', 'inherit'] })
  let written = ''
  const left = [...answers]
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    written += chunk
    while (left[0] !== undefined && written.includes(left[0][0])) {
      const [, act] = left.shift()!
      if (typeof act === 'string') child.stdin.write(act)
      else act()
    }
  })
  const code = await new Promise<number>((resolve) => child.on('close', (status) => resolve(status ?? -1)))
  // oxlint-disable-next-line no-control-regex -- that is what escape sequences are
  const text = written.replaceAll(/\x1b\[[0-9;?]*[A-Za-z]/g, '').replaceAll('\r', '')
  return { code, text, written }
}

describe('on a terminal', () => {
  test('tasks stay as lines; a question stands still; the end says what can be done now', async () => {
    const { code, text } = await onTerminal('apply play.yml', [['[n]o: ', 'y\n']])
    expect(code).toBe(0)
    expect(text).toMatch(/^on a terminal +run \w{10} · Ctrl-C stops safely\n/m)
    expect(text).toMatch(/✔ a file +1 changed\n/)
    expect(text).toMatch(/asked: Really\?\nContinue\? \[y\]es, \[n\]o: y?\n/)
    expect(text).toMatch(/✔ looks +1 host\n/)
    expect(text).toMatch(/2 changed and verified · [\d.]+ s\nrunbook undo \w{10} --plan\n$/)
  })

  test('the first Ctrl-C names what is in flight, and lets it end', async () => {
    const { code, text } = await onTerminal('apply wait.yml', [
      ['1 running', '\x03'],
      ['Stopping when 1 step in flight has ended; Ctrl-C again aborts at once.', () => go('go-wait')],
    ])
    expect(code).toBe(130)
    expect(text).not.toContain('comes after')
    expect(text).toContain('Ctrl-C: nothing new was started; steps in flight were finished.\n')
    expect(text).toMatch(/interrupted.* · exit 130\nrunbook resume \w{10}/)
  })

  test('a loop that Ctrl-C cut short is not ticked off, and names what was not started', async () => {
    const { code, text } = await onTerminal('apply loop.yml', [
      ['2 running', '\x03'],
      ['Stopping when 2 steps in flight have ended', () => go('go-loop')],
    ])
    expect(code).toBe(130)
    expect(text).not.toContain('✔ Move')
    expect(text).toMatch(/↓ Move … +2 of 4 changed, 2 not started\n {2}not started: s3, s4 \(the run was stopped\)\n/)
    expect(text).toContain('2 changed and verified · 2 not started: the run was stopped · interrupted')
  })

  test('a failure shows place, lines and cure; no line is longer than a narrow terminal', async () => {
    const { code, text } = await onTerminal('apply play.yml --yes -p fails=true', [], { columns: 70 })
    expect(code).toBe(1)
    expect(text).toMatch(/✗ breaks · localhost +play\.yml:16:9\n\n {2}16 │ +command: \{ cmd: "false" \}\n {5}│ +\^+\n/)
    const told = text.split('\n').filter((line) => !line.startsWith('|'))
    expect(Math.max(...told.map((line) => line.length))).toBeLessThanOrEqual(70)
  })

  test('what hosts and playbooks print is shown as marks and does nothing; wide characters keep the width', async () => {
    const { code, text, written } = await onTerminal(
      'apply hostile.yml',
      [
        ['[n]o: ', 'y\n'],
        ['1 running', () => go('go-hostile')],
      ],
      { columns: 70 },
    )
    expect(code).toBe(1)
    // oxlint-disable-next-line no-control-regex
    expect(written).not.toMatch(/\x1b\]|\x07|\x1b\[77/)
    for (const said of ['book', 'play', 'task', 'question', 'out', 'why']) expect(text).toContain(`\\x1b]2;${said}\\x07`)
    expect(text).toContain('\\x1b[77;77H')
    expect(text.split('\n').filter((line) => width(line) > 70 && !line.includes('[n]o'))).toEqual([])
  })

  test('without UTF-8 every sign is plain', async () => {
    const { code, text } = await onTerminal('apply play.yml --yes -p fails=true', [], { locale: 'C' })
    expect(code).toBe(1)
    expect(text).toMatch(/ok a file +/)
    expect(text).toMatch(/x breaks - localhost +play\.yml:16:9/)
    // oxlint-disable-next-line no-control-regex -- everything that is not ASCII
    expect([...text].filter((letter) => !/[\x00-\x7f]/.test(letter))).toEqual([])
  })
})
