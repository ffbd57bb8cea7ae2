import { describe, expect, test } from 'vitest'
import type { Event } from '../../runner/events.ts'
import { type AnyModule, defineModule } from '../../runner/module.ts'
import type { Request } from '../../runner/request.ts'
import { resume } from '../../runner/resume.ts'
import { run } from '../../runner/run.ts'
import { applySaved, askedApply, planTo } from '../../runner/saved-plan.ts'
import { type FakeWorld, fakeWorld } from '../fake-world.ts'
import { newStage, request as applyRequest, type Stage, testModules } from '../play.ts'

const PLAYBOOK = `
name: t
plays:
  - name: p
    hosts: all
    tasks:
      - name: one
        set: { thing: x, to: "{{ to }}" }
        register: first
        vars: { to: "1" }
      - name: two
        set: { thing: y, to: "{{ first.value }}" }
      - name: boom
        burn: { minutes: 2 }
        confirm: "Burns on {{ inventory_hostname }}"
`
const request: Request = { ...applyRequest, output: 'json' }
const said = { output: 'json', verbose: 0, diff: false, waitLock: 0, yes: false } as const

interface Scene {
  readonly world: FakeWorld
  readonly stage: Stage
  readonly modules: ReadonlyMap<string, AnyModule>
}
function scene(answers?: readonly string[], disk?: FakeWorld['disk'], stage = newStage()): Scene {
  const burn = defineModule({
    name: 'burn',
    summary: 'Cannot be undone.',
    params: {
      type: 'object',
      additionalProperties: false,
      required: ['minutes'],
      properties: { minutes: { type: 'integer', description: 'How long.' } },
    },
    examples: [],
    async check({ minutes }, target) {
      const done = stage.things.has(`${target.host}/burnt`)
      const changes = done ? [] : [{ path: 'wood', before: 'whole', after: 'ashes' }]
      return { changes, before: null, estimate: { seconds: minutes * 60, basis: 'as wood does' } }
    },
    async apply(_params, _diff, target) {
      stage.things.set(`${target.host}/burnt`, 'yes')
    },
  })
  const files = { 'play.yml': PLAYBOOK, 'hosts.yml': 'all: { hosts: { a: , b: } }' }
  const world = fakeWorld({ files, ...(answers === undefined ? {} : { answers }) })
  for (const [path, content] of disk ?? []) world.disk.set(path, content)
  return { world, stage, modules: new Map([...testModules(stage), burn].map((module) => [module.name, module])) }
}

const plan = ({ world, modules }: Scene, more: Partial<Request> = {}) =>
  planTo('it.plan', { ...request, goal: 'plan', ...more }, world, modules)
const apply = ({ world, modules }: Scene) => applySaved('it.plan', said, world, modules)
const failures = ({ world }: Scene) =>
  world.written.stdout
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line) as Event)
    .flatMap((event) => (event.type === 'step-finished' && event.failure !== undefined ? [event] : []))

describe('plan', () => {
  test('shows what cannot be undone, what is asked, how long it takes, and what is not known yet', async () => {
    const { world, modules } = scene()
    expect(await run({ ...request, goal: 'plan', output: 'plain' }, world, modules)).toBe(0)
    expect(world.written.stdout).toMatchInlineSnapshot(`
      "t
      hosts.yml · 2 hosts · nothing is being changed

      a
        ~ one                                                                                          set
            x   absent → 1
        ? two                                                                             known after: one
        ~ boom                                                                      burn, cannot be undone
            wood   whole → ashes
            asks first: Burns on a
            likely takes 2:00 (as wood does)

      b
        ~ one                                                                                          set
            x   absent → 1
        ? two                                                                             known after: one
        ~ boom                                                                      burn, cannot be undone
            wood   whole → ashes
            asks first: Burns on b
            likely takes 2:00 (as wood does)

      4 changes on 2 hosts · 2 steps known only after others have run · 2 steps asked about first · likely 4:00 one after another · 2 cannot be undone
      "
    `)
  })
})

describe('a saved plan', () => {
  test('is applied as it is, whatever has become of its files, and once', async () => {
    const stage = scene()
    expect(await plan(stage)).toBe(0)
    const digest = /Plan (\w{4}-\w{4}) is in it\.plan/.exec(stage.world.written.stderr)?.[1]
    expect(digest).toBeDefined()
    stage.world.disk.set('/project/play.yml', new TextEncoder().encode('name: something else'))
    expect(await apply(stage)).toBe(0)
    expect(Object.fromEntries(stage.stage.things)).toEqual({
      'a/x': '1',
      'a/y': '1',
      'a/burnt': 'yes',
      'b/x': '1',
      'b/y': '1',
      'b/burnt': 'yes',
    })
    await expect(apply(stage)).rejects.toMatchObject({ kind: 'refused', message: `plan ${digest} has been applied` })
  })

  test('stops before the first step that would do something else, naming host, step and field', async () => {
    const stage = scene()
    await plan(stage)
    stage.stage.things.set('b/x', '0')
    expect(await apply(stage)).toBe(4)
    const [drift] = failures(stage)
    expect(drift).toMatchObject({ step: { host: 'b', name: 'one' }, failure: { kind: 'refused' } })
    expect(drift?.failure?.what).toContain('b is not as the plan saw it: one')
    expect(drift?.failure?.why).toBe('x: planned otherwise, now 0 → 1')
    expect(stage.stage.things.get('b/x')).toBe('0')
    expect(stage.stage.things.has('b/burnt')).toBe(false)
  })

  test('what the world has done by itself meanwhile is no drift', async () => {
    const stage = scene()
    await plan(stage)
    stage.stage.things.set('b/x', '1')
    expect(await apply(stage)).toBe(0)
  })

  test('is not kept where something could not be planned', async () => {
    const stage = scene()
    expect(await plan(stage, { limit: ['nobody'] })).toBe(2)
    expect(stage.world.disk.has('/project/it.plan')).toBe(false)
  })

  test('a resumed run keeps to its plan, unless other inputs were accepted', async () => {
    for (const [acceptChanges, code] of [
      [false, 4],
      [true, 0],
    ] as const) {
      const stage = scene()
      await plan(stage)
      const failing = { ...stage, modules: new Map(stage.modules) }
      const broken = stage.modules.get('burn') as AnyModule
      failing.modules.set('burn', { ...broken, apply: () => Promise.reject(new Error('no match')) })
      expect(await apply(failing)).toBe(1)
      stage.stage.things.set('a/burnt', 'yes')
      const other = {
        ...broken,
        check: async () => ({ changes: [{ path: 'house', before: 'whole', after: 'ashes' }], before: null }),
      }
      const asked = {
        run: undefined,
        failed: false,
        yes: true,
        detach: false,
        waitLock: 0,
        acceptChanges,
        params: [],
        output: 'json',
      } as const
      const verified = { ...other, verify: async () => [] }
      expect(await resume(asked, stage.world, new Map([...stage.modules, ['burn', verified]]))).toBe(code)
    }
  })
})

describe('apply --ask', () => {
  test('shows the plan, and applies it after a yes', async () => {
    const stage = scene(['y'])
    expect(await askedApply(request, stage.world, stage.modules)).toBe(0)
    expect(stage.stage.things.get('b/burnt')).toBe('yes')
    expect(await askedApply(request, stage.world, stage.modules)).toBe(0) // nothing to do: nothing is asked
  })

  test('a no does nothing; without a terminal it says what to do instead', async () => {
    const stage = scene(['n'])
    expect(await askedApply(request, stage.world, stage.modules)).toBe(0)
    expect(stage.stage.did).toEqual([])
    expect(stage.world.written.stderr).toContain('Nothing was done.')
    const piped = scene()
    await expect(askedApply(request, piped.world, piped.modules)).rejects.toMatchObject({ kind: 'input' })
  })
})
