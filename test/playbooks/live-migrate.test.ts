import { spawn } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Event, StepFinished } from '../../runner/events/events.ts'
import { startCloud, type SimulatedCloud } from '../cloud/simulated/cloud.ts'

/** The built program and the playbook that ships, on the simulated cloud, as an operator types it. The real cloud has its own tests. */
const checkout = fileURLToPath(new URL('../../', import.meta.url))
const folder = mkdtempSync(join(tmpdir(), 'runbook-move-'))
let cloud: SimulatedCloud

beforeAll(async () => {
  mkdirSync(join(folder, 'playbooks'))
  cpSync(join(checkout, 'playbooks/live-migrate.yml'), join(folder, 'playbooks/live-migrate.yml'))
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
    words[0] === 'plan' || words[0] === 'apply' ? [words[0], 'playbooks/live-migrate.yml', ...options, ...words.slice(1)] : words
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
}, 120_000)

test('one server, to wherever the scheduler likes', async () => {
  const told = await runbook('apply', '-p', 'servers=web-1')
  expect(told.code, told.stderr).toBe(0)
  expect(placeOf('web-1')).toBe('compute15')
}, 60_000)

test('a misspelt host is no empty one', async () => {
  const told = await runbook('apply', '-p', 'source=compute41', '-p', 'target=compute15')
  expect(told.code).toBe(1)
  const [failed] = finished(told).filter(({ failure }) => failure !== undefined)
  expect(failed?.failure?.why?.replaceAll(/\s+/g, ' ')).toContain('did you mean `compute14`?')
}, 60_000)

test('what the pre-flight blocks moves nothing', async () => {
  const told = await runbook('apply', '-p', 'servers=web-2', '-p', 'target=compute14', '-p', 'source=compute14')
  expect(told.code).toBe(1)
  expect(outcomes(told, 'live_migration')).toEqual([])
  expect(placeOf('web-2')).toBe('compute14')
}, 60_000)
