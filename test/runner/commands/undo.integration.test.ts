/** Playbooks applied and undone with the built program on real files. */
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeEach, describe, expect, test } from 'vitest'

/** The built program on this machine's own files. */
const bin = join(fileURLToPath(new URL('../../../', import.meta.url)), 'dist/runner/bin.js')
const project = mkdtempSync(join(tmpdir(), 'runbook-undo-'))
const place = join(project, 'place')
afterAll(() => rmSync(project, { recursive: true }))
beforeEach(() => {
  rmSync(place, { recursive: true, force: true })
  mkdirSync(place)
})

function runbook(...args: string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [bin, ...args], { cwd: project, encoding: 'utf8' })
  return { status, said: `${stdout}${stderr}` }
}

/** Applies tasks in which `@` stands for the place. */
function apply(tasks: readonly string[]): void {
  const list = tasks.map((task) => `      - ${task.replaceAll('@', place)}\n`).join('')
  writeFileSync(join(project, 'play.yml'), `name: t\nplays:\n  - hosts: localhost\n    tasks:\n${list}`)
  const { status, said } = runbook('apply', 'play.yml')
  expect(said).not.toContain('failed  ')
  expect(status).toBe(0)
}

const below = (): readonly string[] => readdirSync(place, { recursive: true, encoding: 'utf8' }).toSorted()

/** A run that makes folders, and one of them of which it is known beforehand what it will hold when all above it has been taken back. */
interface Case {
  readonly how: string
  readonly folder?: string
  readonly tasks: readonly string[]
}
const cases: readonly Case[] = [
  {
    how: 'with all kinds of things in it',
    folder: 'a/b',
    tasks: [
      'file: { path: @/a/b, state: directory }',
      'copy: { dest: @/a/b/copied, content: one }',
      'ini: { path: @/a/b/n.conf, section: DEFAULT, option: host, value: x, create: true }',
      'lineinfile: { path: @/a/b/lines, line: hello, create: true }',
      'file: { path: @/a/b/sub, state: directory, recurse: true, mode: "0750" }',
      'file: { path: @/a/b/sub/touched, state: touch }',
      'file: { path: @/a/b/link, state: link, src: copied }',
      'copy: { dest: @/a/b/copied, content: two }',
    ],
  },
  {
    how: 'filled and removed',
    tasks: [
      'file: { path: @/made, state: directory }',
      'copy: { dest: @/made/f, content: hi }',
      'file: { path: @/made, state: absent }',
    ],
  },
  {
    how: 'made and removed',
    tasks: ['file: { path: @/made, state: directory }', 'file: { path: @/made, state: absent }'],
  },
  {
    how: 'of which something is removed again',
    folder: 'd',
    tasks: [
      'file: { path: @/d, state: directory }',
      'copy: { dest: @/d/f, content: hi }',
      'copy: { dest: @/d/g, content: hi }',
      'file: { path: @/d/f, state: absent }',
    ],
  },
  {
    how: 'by paths that are not tidy',
    folder: 'd',
    tasks: [
      'file: { path: @/d/, state: directory }',
      'copy: { dest: @//d//f, content: hi }',
      'file: { path: @/d/./g, state: link, src: f }',
    ],
  },
  {
    how: 'with a comma in a name',
    tasks: ['file: { path: @/d, state: directory }', 'copy: { dest: "@/d/a, b", content: hi }'],
  },
  {
    how: 'by way of a link',
    tasks: [
      'file: { path: @/app-1, state: directory }',
      'file: { path: @/app, state: link, src: app-1 }',
      'copy: { dest: @/app-1/f, content: hi }',
      'copy: { dest: @/app/g, content: hi }',
    ],
  },
  {
    how: 'by way of a link that leads elsewhere later',
    tasks: [
      'file: { path: @/app-1, state: directory }',
      'file: { path: @/app-2, state: directory }',
      'file: { path: @/app, state: link, src: app-1 }',
      'copy: { dest: @/app/f, content: hi }',
      'file: { path: @/app, state: link, src: app-2 }',
      'copy: { dest: @/app/f, content: hi }',
    ],
  },
  {
    how: 'by way of a link that is removed again',
    tasks: [
      'file: { path: @/e, state: directory }',
      'copy: { dest: @/e/conf, content: a }',
      'file: { path: @/l, state: link, src: e }',
      'lineinfile: { path: @/l/conf, line: x }',
      'file: { path: @/l, state: absent }',
    ],
  },
  {
    how: 'in place of a link, and by way of another',
    tasks: [
      'file: { path: @/d, state: directory }',
      'file: { path: @/l, state: link, src: d }',
      'copy: { dest: @/l/two, content: a }',
      'file: { path: @/l, state: absent }',
      'file: { path: @/l, state: directory }',
      'copy: { dest: @/l/z, content: a }',
      'file: { path: @/r, state: link, src: l }',
      'file: { path: @/r/cur, state: link, src: ../d }',
      'copy: { dest: @/r/cur/f, content: a }',
    ],
  },
  {
    how: 'with a file that became a link',
    folder: 'd',
    tasks: [
      'file: { path: @/d, state: directory }',
      'copy: { dest: @/d/f, content: hi }',
      'file: { path: @/d/f, state: link, src: other, force: true }',
    ],
  },
]

describe('folders that the run made are taken back', () => {
  test.each(cases)('$how', ({ tasks }) => {
    apply(tasks)
    const made = below()
    expect(runbook('undo', '--plan')).toMatchObject({ status: 0 })
    expect(below()).toEqual(made)
    expect(runbook('undo')).toMatchObject({ status: 0 })
    expect(below()).toEqual([])
  })
})

describe('nothing is, where somebody has put something into one', () => {
  test.each(cases.filter(({ folder }) => folder !== undefined))('$how', ({ folder = '', tasks }) => {
    apply(tasks)
    writeFileSync(join(place, folder, 'theirs'), '')
    const before = below()
    expect(runbook('undo')).toMatchObject({
      status: 4,
      said: expect.stringContaining(`${join(place, folder)}: entries: theirs, was left as none`),
    })
    expect(below()).toEqual(before)
  })
})
