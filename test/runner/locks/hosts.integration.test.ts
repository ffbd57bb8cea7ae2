/** Two runs and one host, with real processes. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { type Sshd, startSshd } from '../connection/sshd.ts'

/**
 * Two operators with the built program, on controllers (folders) of their own, and one host: this machine, by a real
 * sshd.
 */
const bin = join(fileURLToPath(new URL('../../../', import.meta.url)), 'dist/runner/bin.js')
const folder = mkdtempSync(join(tmpdir(), 'runbook-locks-'))
const path = (name: string) => join(folder, name)
let sshd: Sshd
const children: ChildProcess[] = []

beforeAll(async () => {
  sshd = await startSshd()
  const { address, port, user, identityFiles, knownHosts } = sshd.endpoint()
  const vars = `ansible_host: ${address}, ansible_port: ${port}, ansible_user: ${user}, ansible_ssh_private_key_file: ${identityFiles?.[0]}, ansible_ssh_common_args: '-o UserKnownHostsFile=${knownHosts}'`
  writeFileSync(path('hosts.yml'), `all:\n  hosts:\n    compute14: { ${vars} }\n`)
  writeFileSync(
    path('hold.yml'),
    `name: Hold\nplays:\n  - hosts: compute14\n    tasks:\n      - name: begun\n        command: { argv: [touch, '${path('begun')}'] }\n      - name: wait\n        command: { argv: [sh, -c, 'while [ -e ${path('hold')} ]; do sleep 0.05; done'] }\n`,
  )
  writeFileSync(
    path('other.yml'),
    `name: Other\nplays:\n  - hosts: compute14\n    tasks:\n      - name: act\n        command: { argv: [touch, '${path('acted')}'] }\n`,
  )
  writeFileSync(
    path('look.yml'),
    `name: Look\nplays:\n  - hosts: compute14\n    tasks:\n      - debug: { msg: '{{ facts.kernel }}' }\n`,
  )
})
afterEach(async () => {
  for (const name of ['hold', 'begun', 'acted']) rmSync(path(name), { force: true })
  await Promise.all(children.splice(0).map(ended))
})
afterAll(async () => {
  await sshd.stop()
  rmSync(folder, { recursive: true })
})

const ended = (child: ChildProcess) =>
  new Promise<number | null>((resolve) => {
    if (child.exitCode !== null || child.signalCode !== null) resolve(child.exitCode)
    else child.once('close', (code) => resolve(code))
  })
const until = async (holds: () => boolean) => {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 20))
}
const runbook = (...args: string[]) =>
  spawnSync(process.execPath, [bin, ...args, '-i', 'hosts.yml'], { cwd: folder, encoding: 'utf8' })
function start(...args: string[]) {
  const child = spawn(process.execPath, [bin, ...args, '-i', 'hosts.yml'], { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] })
  children.push(child)
  const said = { text: '' }
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (said.text += chunk.toString()))
  return { child, said }
}
/** Starts a run of the first operator, which works on the host until the file `hold` is removed. */
async function holding() {
  writeFileSync(path('hold'), '')
  const first = start('apply', 'hold.yml')
  await until(() => existsSync(path('begun')) || first.child.exitCode !== null)
  expect(first.said.text).not.toContain('failed')
  return first
}
const letGo = () => rmSync(path('hold'))
const journals = () => readdirSync(path('.runbook/runs')).length

test('the second run is told who holds the host, exits 4, and has begun nothing; a plan is not hindered, and `who` shows it', async () => {
  const first = await holding()
  const before = journals()
  const second = runbook('apply', 'other.yml')
  expect(second).toMatchObject({ status: 4 })
  expect(second.stderr).toMatch(
    /^error: compute14 is locked by another run\n {2}compute14 is held by \S+@\S+, run \w{10}, hold\.yml, since \d\d:\d\d\n {2}= wait for the other run /,
  )
  expect(existsSync(path('acted'))).toBe(false)
  expect(journals()).toBe(before)
  expect(runbook('plan', 'other.yml')).toMatchObject({ status: 0 })
  expect(runbook('apply', 'look.yml')).toMatchObject({ status: 0, stderr: '' })
  expect(runbook('who').stdout).toMatch(/^compute14 {3}held by \S+@\S+, run \w{10}, hold\.yml, since \d\d:\d\d\n$/)
  expect(JSON.parse(runbook('who', 'compute14', '-o', 'json').stdout)).toMatchObject({ what: 'compute14', playbook: 'hold.yml' })
  letGo()
  expect(await ended(first.child)).toBe(0)
  expect(runbook('who')).toMatchObject({ status: 0, stdout: 'Nothing is locked.\n' })
  expect(runbook('apply', 'other.yml')).toMatchObject({ status: 0 })
})

test('with --wait-lock it says once that it waits, and goes on when the host is free', async () => {
  const first = await holding()
  const second = start('apply', 'other.yml', '--wait-lock', '10m')
  await until(() => second.said.text.includes('waiting'))
  expect(existsSync(path('acted'))).toBe(false)
  letGo()
  expect(await ended(first.child)).toBe(0)
  expect(await ended(second.child)).toBe(0)
  expect(existsSync(path('acted'))).toBe(true)
  expect(second.said.text.match(/waiting +compute14 is held by/g)).toHaveLength(1)
})

test('the wait ends at its limit, and with Ctrl-C', async () => {
  await holding()
  expect(runbook('apply', 'other.yml', '--wait-lock', '1s')).toMatchObject({
    status: 4,
    stderr: expect.stringContaining('raise --wait-lock (now 1 s)'),
  })
  const second = start('apply', 'other.yml', '--wait-lock', '10m')
  await until(() => second.said.text.includes('waiting'))
  second.child.kill('SIGINT')
  expect(await ended(second.child)).toBe(130)
  letGo()
})

test('SIGKILL of the runner frees the host although its command goes on there', async () => {
  const first = await holding()
  first.child.kill('SIGKILL')
  await until(() => runbook('apply', 'other.yml').status === 0)
  expect(existsSync(path('acted'))).toBe(true)
  letGo()
})

test('the connection is cut in the midst of a step: the step fails, the host is free', async () => {
  const first = await holding()
  sshd.crash()
  expect(await ended(first.child)).toBe(3)
  letGo()
})
