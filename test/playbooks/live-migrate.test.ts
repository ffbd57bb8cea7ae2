/** playbooks/live-migrate.yml on the simulated cloud, with the built program. */
import { spawn } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Event, StepFinished } from '../../runner/events/events.ts'
import { startCloud, type SimulatedCloud } from '../cloud/simulated/cloud.ts'
import { dedent } from '../scenes/dedent.ts'

/** The built program and the playbook that ships, on the simulated cloud, as an operator types it. The real cloud has its own tests. */
const checkout = fileURLToPath(new URL('../../', import.meta.url))
const folder = mkdtempSync(join(tmpdir(), 'runbook-move-'))
let cloud: SimulatedCloud

/** Every running server of compute14 to compute15. */
const DRAIN = dedent`
  params:
    deadline: { type: string, default: '', description: When to stop }
  plays:
    - hosts: localhost
      tasks:
        - nova_servers: { host: compute14 }
          register: found
        - name: Live-migrate {{ item.name }}
          live_migration: { server: '{{ item.id }}', source: '{{ item.host }}', target: compute15 }
          loop: '{{ found.servers }}'
          when: item.status == "ACTIVE"
          loop_control:
            label: '{{ item.name }}'
            parallel: 8
            limits: { '{{ item.host }}': 1 }
            canary: 1
            max_failures: 100%
            deadline: '{{ deadline }}'
`

beforeAll(async () => {
  mkdirSync(join(folder, 'playbooks'))
  cpSync(join(checkout, 'playbooks/live-migrate.yml'), join(folder, 'playbooks/live-migrate.yml'))
  writeFileSync(join(folder, 'playbooks/drain.yml'), DRAIN)
  cloud = await startCloud({ startHosts: true, speed: 20, nova: { statsInterval: 1 } })
})
afterAll(async () => {
  await cloud.stop()
  rmSync(folder, { recursive: true })
})

interface Told {
  readonly code: number
  readonly events: readonly Event[]
  readonly stderr: string
}

function runbook(...words: readonly string[]): Promise<Told> {
  const options = ['-i', cloud.inventoryFile, '--output', 'json']
  const args =
    words[0] !== 'plan' && words[0] !== 'apply'
      ? words
      : [words[0], ...(words[1]?.endsWith('.yml') ? [] : ['playbooks/live-migrate.yml']), ...options, ...words.slice(1)]
  const child = spawn(process.execPath, [join(checkout, 'dist/runner/bin.js'), ...args], {
    cwd: folder,
    env: { ...process.env, ...cloud.env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let stdout = ''
  let stderr = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text))
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text))
  return new Promise((resolve) =>
    child.on('close', (code) => {
      const events = stdout.split('\n').flatMap((line) => (line.startsWith('{') ? [JSON.parse(line) as Event] : []))
      resolve({ code: code ?? -1, events, stderr })
    }),
  )
}

const finished = ({ events }: Told): StepFinished[] => events.filter((event) => event.type === 'step-finished')
const outcomes = (told: Told, module: string) =>
  finished(told)
    .filter(({ step }) => step.module === module)
    .map(({ outcome }) => outcome)
const placeOf = (name: string) => [...cloud.state.servers.values()].find((server) => server.name === name)?.host
const toCompute15 = ['-p', 'source=compute14', '-p', 'target=compute15']

test('a whole host is planned, moved, found moved, and taken back', async () => {
  const moving = [...cloud.state.servers.values()].filter(({ host, vmState }) => host === 'compute14' && vmState === 'active')
  expect(moving.length).toBeGreaterThan(1)
  const planned = await runbook('plan', ...toCompute15)
  expect(planned.code).toBe(0)
  expect(outcomes(planned, 'live_migration')).toEqual(moving.map(() => 'planned'))
  expect(moving.map(({ host }) => host)).toEqual(moving.map(() => 'compute14'))

  const applied = await runbook('apply', ...toCompute15)
  expect(applied.code, applied.stderr).toBe(0)
  expect(outcomes(applied, 'live_migration')).toEqual(moving.map(() => 'changed'))
  for (const server of moving) expect(server).toMatchObject({ host: 'compute15', vmState: 'active', guest: { boots: 1 } })

  const again = await runbook('apply', ...toCompute15)
  expect(again.code).toBe(0)
  expect(again.events.at(-1)).toMatchObject({ counts: { changed: 0, failed: 0 } })

  const [begun] = applied.events.filter((event) => event.type === 'run-started')
  const undone = await runbook('undo', begun?.run ?? '', '--output', 'json')
  expect(undone.code, undone.stderr).toBe(0)
  for (const server of moving) expect(server).toMatchObject({ host: 'compute14', guest: { boots: 1 } })
})

test('many servers: a canary, one of a host at once, on after a failure, the rest when resumed, all back when undone', async () => {
  const moving = [...cloud.state.servers.values()].filter(({ host, vmState }) => host === 'compute14' && vmState === 'active')
  const over = await runbook('apply', 'playbooks/drain.yml', '-p', 'deadline=2020-01-01T00:00')
  expect(over.code, over.stderr).toBe(6)
  const [end] = over.events.filter((event) => event.type === 'task-finished').slice(-1)
  const named = end?.notStarted?.[0]?.items ?? []
  const [canary, failing, ...others] = named.filter((name) => moving.some((server) => server.name === name))
  expect([canary, failing, ...others].toSorted()).toEqual(moving.map(({ name }) => name).toSorted())
  expect(moving.map(({ host }) => host)).toEqual(moving.map(() => 'compute14'))

  cloud.faults.liveMigration('cpu', { server: failing ?? '' })
  const again = ['--accept-changes', '-p', 'deadline=2h', '--output', 'json']
  const resumed = await runbook('resume', ...again)
  expect(resumed.code).toBe(1)
  expect([canary, failing, ...others].map((name) => placeOf(name ?? ''))).toEqual(
    [canary, failing, ...others].map((name) => (name === failing ? 'compute14' : 'compute15')),
  )
  const order = resumed.events.flatMap((event) =>
    event.type === 'apply-started' ||
    (event.type === 'step-finished' && event.outcome !== 'skipped' && event.step.item !== undefined)
      ? [event.type === 'apply-started' ? 1 : -1]
      : [],
  )
  const atOnce = order.map((_, index) => order.slice(0, index + 1).reduce<number>((sum, one) => sum + one, 0))
  expect(Math.max(...atOnce)).toBe(1)

  cloud.faults.clear()
  const last = await runbook('resume', ...again)
  expect(last.code, last.stderr).toBe(0)
  expect(outcomes(last, 'live_migration')).toEqual(['changed'])
  expect(moving.map(({ host }) => host)).toEqual(moving.map(() => 'compute15'))

  const undone = await runbook('undo', '--output', 'json')
  expect(undone.code, undone.stderr).toBe(0)
  expect(moving.map(({ host }) => host)).toEqual(moving.map(() => 'compute14'))
})

test('one server, to wherever the scheduler likes', async () => {
  const told = await runbook('apply', '-p', 'servers=web-1')
  expect(told.code, told.stderr).toBe(0)
  expect(placeOf('web-1')).toBe('compute15')
})

test('a misspelt host is no empty one', async () => {
  const told = await runbook('apply', '-p', 'source=compute41', '-p', 'target=compute15')
  expect(told.code).toBe(1)
  const [failed] = finished(told).filter(({ failure }) => failure !== undefined)
  expect(failed?.failure?.why?.replaceAll(/\s+/g, ' ')).toContain('did you mean `compute14`?')
})

test('what the pre-flight blocks moves nothing', async () => {
  const told = await runbook('apply', '-p', 'servers=web-2', '-p', 'target=compute14', '-p', 'source=compute14')
  expect(told.code).toBe(1)
  expect(outcomes(told, 'live_migration')).toEqual([])
  expect(placeOf('web-2')).toBe('compute14')
})
