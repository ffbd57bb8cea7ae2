/** The built program killed at every event of its journal, resumed, and the end state compared. */
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { type SimulatedCloud, startCloud } from '../../cloud/simulated/cloud.ts'
import { type Ended, onTerminal, type RunOptions, snapshot, twice, type Workplace, workplace } from '../../scenes/real-run.ts'

/** Everything that a resumed run must bring back: results, a loop, handlers, a rescue, a move, and a step that nobody may do twice. */
const PLAYBOOK = `
name: Everything
params:
  server: { type: string, description: Server to move }
plays:
  - name: Hosts
    hosts: computes
    tasks:
      - name: who it is
        command: { cmd: hostname }
        changed_when: false
        on_resume: rerun
        register: who
      - name: a template
        template: { src: conf.hbs, dest: /srv/conf, mode: '0640' }
        notify: handler
      - name: items
        copy: { dest: '/srv/item-{{ item }}', content: '{{ item }} {{ who.stdout }}' }
        loop: [a, b]
        loop_control: { parallel: 2 }
        register: items
      - block:
          - name: only compute14 is
            command: { cmd: grep -q compute14 /etc/hostname }
            changed_when: false
            on_resume: rerun
          - name: where it went well
            ini: { path: /etc/nova/nova.conf, section: runbook, option: host, value: '{{ who.stdout }}' }
        rescue:
          - name: where it went wrong
            file: { path: '/srv/{{ ansible_failed_task.module }}', state: directory, mode: '0700' }
      - name: exactly once
        shell: { cmd: 'echo {{ items.results.1.path }} >> /srv/once' }
        undo:
          - name: taken back
            shell: { cmd: 'echo {{ items.results.1.path }} >> /srv/taken-back' }
          - file: { path: /srv/once, state: absent }
    handlers:
      - name: handler
        shell: { cmd: 'cat /srv/item-* /srv/conf > /srv/handled' }
        on_resume: rerun
        undo:
          - file: { path: /srv/handled, state: absent }
  - name: Move
    hosts: localhost
    tasks:
      - name: the server moves
        live_migration: { server: '{{ server }}', target: compute15 }
`
const hosts = ['compute14', 'compute15'] as const

let cloud: SimulatedCloud
let place: Workplace
let untouched: ReturnType<typeof left>
let conf: readonly Buffer[]
const confOf = (host: string) => join(rootOf(host), 'etc/nova/nova.conf')
beforeAll(async () => {
  cloud = await startCloud({ startHosts: true, speed: 200 })
  place = workplace({ 'play.yml': PLAYBOOK, 'conf.hbs': '# {{ who.stdout }}\nhost = {{ inventory_hostname }}\n' })
  untouched = left('web-1')
  conf = hosts.map((host) => readFileSync(confOf(host)))
})
beforeEach(() => cleared())
/** Whatever was done to the hosts, and every run, is gone; nobody has died yet. */
function cleared() {
  for (const [index, host] of hosts.entries()) {
    for (const name of readdirSync(join(rootOf(host), 'srv'))) rmSync(join(rootOf(host), 'srv', name), { recursive: true })
    writeFileSync(confOf(host), conf[index] ?? '')
  }
  rmSync(place.path('.runbook'), { recursive: true, force: true })
  place.put('deaths', '')
  expect(left('web-1').hosts).toEqual(untouched.hosts)
}
afterAll(async () => {
  place?.remove()
  await cloud?.stop()
})

const rootOf = (host: string) => cloud.hosts[host]?.started?.root ?? ''
/** What a run leaves behind: the hosts' files, and where the server is after how many moves. */
const left = (server: string) => ({
  hosts: hosts.map((host) => snapshot(rootOf(host), ['etc', 'srv', 'root', 'tmp', 'var/tmp'])),
  server: cloud.server(server).host,
  moves: cloud.migrations(server).map(({ status }) => status),
})
const apply = (server: string) => ['apply', 'play.yml', '-o', 'json', '-p', `server=${server}`, '-i', cloud.inventoryFile]

/** One life of the run, until it is killed where none was killed before, or ends. */
const life = (args: readonly string[], more: RunOptions = {}) =>
  place.runbook(args, { hook: 'scenes/dying.js', ...more, env: { ...cloud.env, DEATHS: 'deaths', ...more.env } })
const deaths = () => readFileSync(place.path('deaths'), 'utf8')
const killed = ({ code, signal }: Ended) => signal === 'SIGKILL' || code === 128 + 9

async function nextLife(): Promise<Ended> {
  const resume = ['resume', '-o', 'json', '--wait-lock', '1m']
  const end = await life(resume)
  if (end.code === 4 && end.text.includes('exactly once was in flight'))
    return onTerminal(life, resume, /exactly once on (\w+) was in flight[^?]*\?/g, (host) =>
      existsSync(join(rootOf(host), 'srv/once')) ? 'y' : 'n',
    )

  if (end.code !== 2 || !end.text.includes('no run to resume')) return end
  // It died before anything was on the disk: nothing can have been done.
  expect(hosts.flatMap((host) => readdirSync(join(rootOf(host), 'srv')))).toEqual([])
  rmSync(place.path('.runbook'), { recursive: true, force: true })
  return life(apply('web-2'))
}

test('killed at every event of its journal, it ends as if nothing had been', async () => {
  expect(await place.runbook(apply('web-1'), { env: cloud.env })).toMatchObject({ code: 0 })
  const whole = left('web-1')
  cleared()
  let end = await life(apply('web-2'))
  while (killed(end)) end = await nextLife()
  expect(end.text.slice(-2000)).toContain('"exitCode":0')
  expect(left('web-2')).toEqual(whole)
  const events = place.journal()
  expect(twice(events)).toEqual([])
  for (const { type } of events) if ((type as string) !== 'journal') expect(deaths()).toContain(`lost ${type}`)
}, 1_800_000)

/** Resumed, or said again: it is the same. */
async function nextUndo(run: string, lives: number): Promise<Ended> {
  const again = lives % 2 === 0 ? ['resume'] : ['undo', run]
  const end = await life([...again, '-o', 'json', '--wait-lock', '1m'])
  if (end.code === 1 && end.text.includes('taken back was in flight'))
    return onTerminal(life, [...again, '-o', 'json'], /taken back on (\w+) was in flight[^?]*\?/g, (host) =>
      existsSync(join(rootOf(host), 'srv/taken-back')) ? 'y' : 'n',
    )
  // It died before anything of it was on the disk.
  return end.code === 2 && end.text.includes('no run to resume') ? life(['undo', run, '-o', 'json']) : end
}

test('an undo that is killed at every event of both journals takes back all of it, once', async () => {
  expect(await place.runbook(apply('db-1'), { env: cloud.env })).toMatchObject({ code: 0 })
  expect(cloud.server('db-1').host).toBe('compute15')
  const [run = ''] = place.runs()
  let end = await life(['undo', run, '-o', 'json'])
  for (let lives = 1; killed(end); lives++) end = await nextUndo(run, lives)
  expect(end).toMatchObject({ code: 0 })

  for (const host of hosts) {
    expect(readFileSync(join(rootOf(host), 'srv/taken-back'), 'utf8')).toBe('/srv/item-b\n')
    rmSync(join(rootOf(host), 'srv/taken-back'))
  }
  expect(left('db-1')).toEqual({ ...untouched, moves: ['completed', 'completed'] })
  const undos = place.runs().slice(1)
  expect(undos.length).toBeGreaterThan(10)
  expect(undos.flatMap((undo) => place.journal(undo)).filter(({ type }) => type === 'apply-started')).not.toEqual([])
  for (const point of ['lost run-started', 'torn undo-started', 'kept undo-started', 'torn step-undone', 'kept step-undone'])
    expect(deaths()).toContain(point)
  // What is left of it cannot be undone, and that is said again.
  const again = await life(['undo', run, '-o', 'json'])
  expect(again.code).toBe(0)
  expect(again.text).toMatch(/nothing left to undo; steps that cannot be undone: .*only compute14 is on compute15/)
  expect(again.text).not.toContain('"outcome":"changed"')
}, 1_800_000)
