import { expect, test } from 'vitest'
import { createCli } from '../../runner/cli.ts'
import { fakeWorld } from '../doubles/world.ts'
import { newStage, testModules } from '../scenes/play.ts'

const PLAYBOOK = `
name: t
plays:
  - name: p
    hosts: all
    tasks:
      - name: one
        set: { thing: x, to: "1" }
`

async function planned() {
  const stage = newStage()
  const world = fakeWorld({ files: { 'play.yml': PLAYBOOK, 'hosts.yml': 'all: { hosts: { a: } }' } })
  const registry = new Map(testModules(stage).map((module) => [module.name, module]))
  const runbook = createCli(world, async () => ({ registry }))
  expect(await runbook(['plan', 'play.yml', '-i', 'hosts.yml', '--out', 'it.plan'])).toBe(0)
  return { stage, world, runbook }
}

test('`apply PLAN --check` and `plan PLAN` only look', async () => {
  const { stage, runbook } = await planned()
  expect(await runbook(['apply', 'it.plan', '--check'])).toBe(0)
  expect(await runbook(['plan', 'it.plan', '--exit-code'])).toBe(5)
  expect(stage.did).toEqual([])
  expect(await runbook(['apply', 'it.plan', '--wait-lock', '1m', '--yes', '--detach', '-f', '2', '-v', '-D'])).toBe(0)
  expect(stage.did).toEqual(['a x=1'])
})

test.each([
  [['-i', 'hosts.yml'], '--inventory'],
  [['-p', 'a=1'], '--param'],
  [['--params-file', 'f'], '--params-file'],
  [['-e', 'a=1'], '--extra-vars'],
  [['-l', 'a'], '--limit'],
  [['-t', 'a'], '--tags'],
  [['--skip-tags', 'a'], '--skip-tags'],
  [['--start-at-task', 'one'], '--start-at-task'],
  [['--step'], '--step'],
  [['-b'], '--become'],
  [['--become-user', 'u'], '--become-user'],
  [['-u', 'u'], '--user'],
  [['--list-hosts'], '--list-hosts'],
])('a saved plan holds its own: %j is refused', async (options, name) => {
  const { stage, world, runbook } = await planned()
  expect(await runbook(['apply', 'it.plan', ...options])).toBe(2)
  expect(world.written.stderr).toContain(`error: \`${name}\` cannot be given with a saved plan`)
  expect(stage.did).toEqual([])
})

test.each([
  ['is one message', [], {}, false],
  ['shows where it is with -vv', ['-vv'], {}, true],
  ['shows where it is with RUNBOOK_DEBUG', [], { RUNBOOK_DEBUG: '1' }, true],
])('a defect %s', async (_what, options, env, stack) => {
  const world = fakeWorld({ files: { 'play.yml': PLAYBOOK }, env })
  const runbook = createCli(world, () => Promise.reject(new TypeError('x is not a function')))
  expect(await runbook(['plan', 'play.yml', ...options])).toBe(1)
  const said = world.written.stderr
  expect(said).toContain('error: this is a defect of runbook, not of your files\n')
  expect(said).toContain('x is not a function')
  expect(said).toContain('report it')
  expect(/^ +at /m.test(said)).toBe(stack)
})
