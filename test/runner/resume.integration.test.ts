import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type SimulatedCloud, startCloud } from '../cloud/simulated/cloud.ts'
import { type Ended, onTerminal, type RunOptions, snapshot, twice, type Workplace, workplace } from './real-run.ts'

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
    handlers:
      - name: handler
        shell: { cmd: 'cat /srv/item-* /srv/conf > /srv/handled' }
        on_resume: rerun
  - name: Move
    hosts: localhost
    tasks:
      - name: the server moves
        live_migration: { server: '{{ server }}', target: compute15 }
`
const hosts = ['compute14', 'compute15'] as const

let cloud: SimulatedCloud
let place: Workplace
beforeAll(async () => {
  cloud = await startCloud({ startHosts: true, speed: 200 })
  place = workplace({ 'play.yml': PLAYBOOK, 'conf.hbs': '# {{ who.stdout }}\nhost = {{ inventory_hostname }}\n', deaths: '' })
})
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
/** Runs it undisturbed, and gives the hosts back as they were before. */
async function undisturbed() {
  const conf = hosts.map((host) => readFileSync(join(rootOf(host), 'etc/nova/nova.conf')))
  expect(await place.runbook(apply('web-1'), { env: cloud.env })).toMatchObject({ code: 0 })
  const state = left('web-1')
  for (const [index, host] of hosts.entries()) {
    for (const name of readdirSync(join(rootOf(host), 'srv'))) rmSync(join(rootOf(host), 'srv', name), { recursive: true })
    writeFileSync(join(rootOf(host), 'etc/nova/nova.conf'), conf[index] ?? '')
  }
  rmSync(place.path('.runbook'), { recursive: true })
  return state
}
const apply = (server: string) => ['apply', 'play.yml', '-o', 'json', '-p', `server=${server}`, '-i', cloud.inventoryFile]

/** One life of the run, until it is killed where none was killed before, or ends. */
const life = (args: readonly string[], more: RunOptions = {}) =>
  place.runbook(args, { hook: 'runner/dying.js', ...more, env: { ...cloud.env, DEATHS: 'deaths', ...more.env } })
const killed = ({ code, signal }: Ended) => signal === 'SIGKILL' || code === 128 + 9

async function nextLife(): Promise<Ended> {
  const resume = ['resume', '-o', 'json', '--wait-lock', '1m']
  const end = await life(resume)
  if (end.code === 4 && end.text.includes('exactly once was in flight'))
    return onTerminal(life, resume, /exactly once on (\w+) was in flight[^?]*\?/g, (host) =>
      existsSync(join(rootOf(host), 'srv/once')) ? 'y' : 'n',
    )

  if (end.code !== 2 || !end.text.includes('there is no run to resume')) return end
  // It died before anything was on the disk: nothing can have been done.
  expect(hosts.flatMap((host) => readdirSync(join(rootOf(host), 'srv')))).toEqual([])
  rmSync(place.path('.runbook'), { recursive: true, force: true })
  return life(apply('web-2'))
}

test('killed at every event of its journal, it ends as if nothing had been', async () => {
  const whole = await undisturbed()
  let end = await life(apply('web-2'))
  while (killed(end)) end = await nextLife()
  expect(end.text.slice(-2000)).toContain('"exitCode":0')
  expect(left('web-2')).toEqual(whole)
  const events = place.journal()
  expect(twice(events)).toEqual([])
  const deaths = readFileSync(place.path('deaths'), 'utf8')
  for (const { type } of events) if ((type as string) !== 'journal') expect(deaths).toContain(`lost ${type}`)
}, 1_800_000)
