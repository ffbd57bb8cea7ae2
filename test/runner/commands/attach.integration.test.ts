/** `--detach` and `attach` with real terminals and processes. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeEach, expect, test } from 'vitest'

/** The built program and real signals. The hang-up comes as it does when a terminal goes away: its device is gone as well. */
const bin = join(fileURLToPath(new URL('../../../', import.meta.url)), 'dist/runner/bin.js')
const folder = mkdtempSync(join(tmpdir(), 'runbook-attach-'))
const path = (name: string) => join(folder, name)
writeFileSync(
  path('play.yml'),
  `name: Long work
plays:
  - hosts: localhost
    tasks:
      - name: begin
        command: { argv: ['true'] }
      - name: first half
        command: { argv: [sh, -c, 'touch ${path('begun')}; while [ -e ${path('hold')} ]; do sleep 0.05; done'] }
      - name: second half
        command: { argv: [touch, '${path('done')}'] }
`,
)
const children: ChildProcess[] = []
afterAll(async () => {
  rmSync(path('hold'), { force: true })
  await Promise.all(children.map(ended))
  rmSync(folder, { recursive: true })
})
beforeEach(() => {
  for (const name of ['begun', 'done', '.runbook']) rmSync(path(name), { recursive: true, force: true })
  writeFileSync(path('hold'), '')
})

const ended = (child: ChildProcess) =>
  new Promise<number | null>((resolve) => {
    if (child.exitCode !== null || child.signalCode !== null) resolve(child.exitCode)
    else child.once('exit', (code) => resolve(code))
  })
const until = async (holds: () => boolean) => {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 20))
}
const runbook = (...args: string[]) => spawnSync(process.execPath, [bin, ...args], { cwd: folder, encoding: 'utf8' })
function start(program: string, args: readonly string[]) {
  const child = spawn(program, args, { cwd: folder, stdio: ['pipe', 'pipe', 'pipe'] })
  children.push(child)
  const said = { text: '' }
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (said.text += chunk.toString()))
  return { child, said }
}
const apply = async (...more: string[]) => {
  const run = start(process.execPath, [bin, 'apply', 'play.yml', ...more])
  await until(() => existsSync(path('begun')) || run.child.exitCode !== null)
  return run
}
const letGo = () => rmSync(path('hold'))
const runId = () => readdirSync(path('.runbook/runs'))[0] as string

for (const signal of ['SIGHUP', 'SIGTERM', 'SIGINT'] as const) {
  test(`${signal} once: what is in flight is finished, nothing more is begun, and it can be resumed`, async () => {
    const { child, said } = await apply()
    child.kill(signal)
    await until(() => said.text.includes('interrupted') || child.exitCode !== null)
    if (signal === 'SIGHUP') child.kill(signal) // the kernel and the shell both send it
    letGo()
    expect(await ended(child)).toBe(130)
    expect(existsSync(path('done'))).toBe(false)
    expect(said.text).toMatch(/first half \(/)
    expect(runbook('resume')).toMatchObject({ status: 0 })
    expect(existsSync(path('done'))).toBe(true)
  })
}

test('with --detach it goes on when its terminal has gone; attach shows it from its beginning to its end, and exits as it does', async () => {
  // `script` gives it a terminal; without `script` that terminal is gone, and the kernel sends SIGHUP.
  const { child } = start('script', ['-qfec', `exec ${process.execPath} ${bin} apply play.yml --detach`, '/dev/null'])
  await until(() => existsSync(path('begun')) || child.exitCode !== null)
  child.kill('SIGKILL')
  await ended(child)
  expect(runbook('runs').stdout).toContain('is under way')
  expect(runbook('resume')).toMatchObject({ status: 4, stderr: expect.stringContaining(`runbook attach ${runId()} shows it`) })

  const left = start(process.execPath, [bin, 'attach'])
  await until(() => left.said.text.includes('begin') || left.child.exitCode !== null)
  left.child.kill('SIGINT')
  expect(await ended(left.child)).toBe(0)
  expect(left.said.text).toContain(`Run ${runId()} continues. runbook attach ${runId()} shows it again.`)

  const watching = start(process.execPath, [bin, 'attach', runId()])
  await until(() => watching.said.text.includes('begin') || watching.child.exitCode !== null)
  letGo()
  expect(await ended(watching.child)).toBe(0)
  expect(existsSync(path('done'))).toBe(true)
  expect(watching.said.text).toMatch(/start .*Long work[\s\S]*begin[\s\S]*first half[\s\S]*second half[\s\S]*exit=0/)
  expect(runbook('runs').stdout).toContain('succeeded')
})

test('attach shows how far a step has come that takes long', async () => {
  writeFileSync(
    path('wait.yml'),
    `name: Wait\nplays:\n  - hosts: localhost\n    tasks:\n      - wait_for: { path: ${path('hold')}, state: absent, sleep: 1 }\n`,
  )
  const run = start(process.execPath, [bin, 'apply', 'wait.yml'])
  const watching = () => start(process.execPath, [bin, 'attach', '--output', 'json'])
  await until(() => run.said.text.includes('play') || run.child.exitCode !== null)
  const first = watching()
  await until(() => first.said.text.includes('"step-progress"') || first.child.exitCode !== null)
  // Whoever comes later sees it too.
  const second = watching()
  await until(() => second.said.text.includes('"step-progress"') || second.child.exitCode !== null)
  letGo()
  expect([await ended(run.child), await ended(first.child), await ended(second.child)]).toEqual([0, 0, 0])
  for (const { said } of [first, second])
    expect(said.text).toContain(`"total":300,"unit":"s","note":"${path('hold')} is present"}`)
})

test('attach says that a run was killed, and how to go on; a run that is under way is not pruned', async () => {
  const { child } = await apply()
  expect(runbook('runs', '--prune', '0s').stdout).toBe('')
  const watching = start(process.execPath, [bin, 'attach'])
  await until(() => watching.said.text.includes('begin') || watching.child.exitCode !== null)
  child.kill('SIGKILL')
  expect(await ended(watching.child)).toBe(1)
  expect(watching.said.text).toContain(`was killed: its process is gone. runbook resume ${runId()} continues it.`)
  letGo()
  const id = runId()
  expect(runbook('runs', '--prune', '1d').stdout).toBe('')
  expect(runbook('runs', '--prune', '0s').stdout).toMatch(new RegExp(`^removed ${id} {2}was killed`))
  expect(runbook('runs').stdout).toBe('No runs are kept in this folder.\n')
})
