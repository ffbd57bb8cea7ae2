import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { startCloud, type SimulatedCloud } from '../../cloud/simulated/cloud.ts'
import { checkout } from '../../cloud/simulated/hosts/assets.ts'

/** Two operators, each on a controller (a folder) of their own, with the built program and one cloud. */
let cloud: SimulatedCloud
const folder = mkdtempSync(join(tmpdir(), 'runbook-server-locks-'))
const children: ChildProcess[] = []
beforeAll(async () => {
  cloud = await startCloud({ speed: 20, nova: { statsInterval: 1 } })
  const task = '{ live_migration: { server: "{{ server }}", target: "{{ target }}" } }'
  writeFileSync(
    join(folder, 'move.yml'),
    `name: Move\nparams:\n  server: { type: string, description: Server }\n  target: { type: string, description: Compute host, default: compute15 }\nplays:\n  - hosts: localhost\n    tasks:\n      - ${task}\n`,
  )
})
afterAll(async () => {
  for (const child of children) child.kill('SIGKILL')
  await cloud.stop()
  rmSync(folder, { recursive: true })
})

const ended = (child: ChildProcess) =>
  new Promise<number | null>((resolve) => {
    if (child.exitCode !== null || child.signalCode !== null) resolve(child.exitCode)
    else child.once('close', (code) => resolve(code))
  })
function runbook(...args: string[]) {
  const cwd = mkdtempSync(join(folder, 'controller-'))
  const child = spawn(process.execPath, [join(checkout, 'dist/runner/bin.js'), ...args, '-i', cloud.inventoryFile], {
    cwd,
    env: { ...process.env, ...cloud.env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  children.push(child)
  const said = { text: '' }
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (said.text += chunk.toString()))
  return { child, said }
}
const move = (server: string, ...more: string[]) => runbook('apply', join(folder, 'move.yml'), '-p', `server=${server}`, ...more)
const until = async (holds: () => boolean) => {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 20))
}

test('a server that is being moved is refused to another operator, who may move others meanwhile; it is free when the runner is killed', async () => {
  cloud.faults.liveMigration('stalled', { server: 'db-1' })
  const first = move('db-1')
  await until(() => cloud.migrations('db-1').length > 0 || first.child.exitCode !== null)

  const same = move('db-1')
  expect(await ended(same.child), same.said.text).toBe(4)
  expect(same.said.text).toMatch(/server db-1 is held by \S+@\S+, run \w{10}, move\.yml, since \d\d:\d\d/)

  const other = move('batch-1', '-p', 'target=compute14')
  expect(await ended(other.child), other.said.text).toBe(0)
  expect(cloud.server('batch-1').host).toBe('compute14')
  const seen = runbook('who')
  expect(await ended(seen.child)).toBe(0)
  expect(seen.said.text).toMatch(/^compute14 \(shared\), compute15 \(shared\), server db-1 +held by \S+, run \w{10}, move\.yml/)

  const waiting = move('db-1', '--wait-lock', '10m', '-o', 'json')
  await until(() => waiting.said.text.includes('"lock-awaited"') || waiting.child.exitCode !== null)
  expect(waiting.said.text).not.toContain('"apply-started"')
  first.child.kill('SIGKILL')
  await until(() => waiting.said.text.includes('"apply-started"') || waiting.child.exitCode !== null)
  expect(waiting.child.exitCode, waiting.said.text).toBeNull()
  expect(cloud.migrations('db-1')).toHaveLength(1) // joined
})
