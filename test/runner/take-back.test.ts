import { describe, expect, test } from 'vitest'
import type { Event, StepFinished } from '../../runner/events.ts'
import { type AnyModule, defineModule } from '../../runner/module.ts'
import { run } from '../../runner/run.ts'
import { resume } from '../../runner/resume.ts'
import { takeBack, type UndoRequest } from '../../runner/take-back.ts'
import { type FakeWorld, fakeWorld } from '../fake-world.ts'
import { newStage, request, type Stage, testModules } from '../play.ts'

const asked: UndoRequest = {
  run: undefined,
  to: undefined,
  host: undefined,
  plan: false,
  acceptChanges: false,
  waitLock: 0,
  params: [],
  output: 'json',
}

interface Scene {
  readonly world: FakeWorld
  readonly stage: Stage
  readonly modules: ReadonlyMap<string, AnyModule>
}

/** `act` is a command: nothing can be known of it before, and it has no undo. `kick` is a restart: it writes down what it found. */
function scene(tasks: string, more = ''): Scene {
  const stage = newStage()
  const text = { type: 'string', description: 'text' } as const
  const act = defineModule({
    name: 'act',
    summary: 'Does something.',
    params: { type: 'object', additionalProperties: false, required: ['do'], properties: { do: text } },
    examples: [],
    check: async () => ({ changes: [{ path: 'act', before: undefined, after: 'done' }], before: null, blind: true }),
    async apply({ do: what }, _diff, target) {
      stage.did.push(`${target.host} ${what}`)
      return { id: `id-of-${what}` }
    },
    verify: async () => [],
  })
  const kick = defineModule({
    name: 'kick',
    summary: 'Restarts.',
    params: { type: 'object', additionalProperties: false, properties: {} },
    examples: [],
    check: async () => ({ changes: [{ path: 'unit', before: 'running', after: 'restarted' }], before: null }),
    async apply(_params, _diff, target) {
      stage.did.push(`${target.host} kicked with ${stage.things.get(`${target.host}/conf`) ?? 'none'}`)
    },
    verify: async () => [],
    undoneLast: () => true,
    async undo(_params, _before, target) {
      stage.did.push(`${target.host} kicked with ${stage.things.get(`${target.host}/conf`) ?? 'none'}`)
    },
  })
  const playbook = `name: t\nplays:\n  - name: p\n    hosts: all\n${more}    tasks:\n${tasks.replace(/^/gm, '      ')}\n`
  const world = fakeWorld({ files: { 'play.yml': playbook, 'hosts.yml': 'all: { hosts: { a: , b: } }' }, answers: [] })
  return { world, stage, modules: new Map([...testModules(stage), act, kick].map((module) => [module.name, module])) }
}

const apply = ({ world, modules }: Scene) => run(request, world, modules)
async function undo(
  { world, modules }: Scene,
  more: Partial<UndoRequest> = {},
): Promise<{ code: number; ended: StepFinished[] }> {
  const before = world.written.stdout.length
  const code = await takeBack({ ...asked, ...more }, world, modules)
  const events = world.written.stdout
    .slice(before)
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Event)
  return { code, ended: events.filter((event) => event.type === 'step-finished') }
}

describe('undo', () => {
  test('puts back what was there, newest first, and is done once', async () => {
    const stage = scene('- { name: one, set: { thing: x, to: "1" } }\n- { name: two, set: { thing: x, to: "2" } }')
    stage.stage.things.set('a/x', '0')
    expect(await apply(stage)).toBe(0)
    const { code, ended } = await undo(stage)
    expect(code).toBe(0)
    expect(ended.map(({ step, outcome }) => `${step.host} ${step.name} ${outcome}`)).toEqual([
      'b two changed',
      'a two changed',
      'b one changed',
      'a one changed',
    ])
    expect([...stage.stage.things]).toEqual([['a/x', '0']])
    await expect(undo(stage)).rejects.toMatchObject({ kind: 'input', message: 'there is no run with anything to undo' })
  })

  test('stops where a host has changed since, and shows how', async () => {
    const stage = scene('- { name: one, set: { thing: x, to: "1" } }\n- { name: two, set: { thing: y, to: "2" } }')
    await apply(stage)
    stage.stage.things.set('a/y', 'mine')
    const { code, ended } = await undo(stage)
    expect(code).toBe(4)
    expect(ended.at(-1)?.failure).toMatchObject({ kind: 'refused', why: 'y: mine, was left as 2' })
    expect(stage.stage.things.get('a/x')).toBe('1')
  })

  test('by another playbook or inventory than that of the run: named, and refused until --accept-changes', async () => {
    const stage = scene('- { name: one, set: { thing: x, to: "1" } }')
    await apply(stage)
    stage.world.disk.set('/project/hosts.yml', new TextEncoder().encode('all: { hosts: { b: , a: } }'))
    const why = 'changed since: hosts.yml'
    await expect(undo(stage)).rejects.toMatchObject({ kind: 'refused', why })
    await expect(undo(stage, { plan: true })).rejects.toMatchObject({ why })
    expect([...stage.stage.things.keys()]).toEqual(['a/x', 'b/x'])
    expect((await undo(stage, { acceptChanges: true })).code).toBe(0)
    expect([...stage.stage.things]).toEqual([])
  })

  test('of what `changed_when` denies: what can be put back is, a command that only looks is passed over', async () => {
    const stage = scene(
      '- { name: one, set: { thing: x, to: "1" }, changed_when: false }\n- { name: looks, act: { do: look }, changed_when: false }',
    )
    await apply(stage)
    const { ended } = await undo(stage, { host: 'a' })
    expect(ended.map(({ step, outcome }) => `${step.name} ${outcome}`)).toEqual(['one changed'])
    expect([...stage.stage.things]).toEqual([['b/x', '1']])
  })

  test('of a restart comes when the files are back', async () => {
    const stage = scene(
      '- { name: conf, set: { thing: conf, to: new }, notify: restart }',
      '    handlers:\n      - { name: restart, kick: {} }\n',
    )
    stage.stage.things.set('a/conf', 'old').set('b/conf', 'old')
    await apply(stage)
    await undo(stage)
    expect(stage.stage.did.filter((what) => what.includes('kicked'))).toEqual([
      'a kicked with new',
      'b kicked with new',
      'a kicked with old',
      'b kicked with old',
    ])
  })

  test('what cannot be undone is said, and the rest is', async () => {
    const stage = scene('- { name: one, set: { thing: x, to: "1" } }\n- { name: shot, act: { do: shoot } }')
    await apply(stage)
    const { code, ended } = await undo(stage, { host: 'a' })
    expect(code).toBe(0)
    expect(ended.map(({ step, outcome, reason }) => [step.name, outcome, reason])).toEqual([
      ['shot', 'skipped', 'act cannot be undone'],
      ['one', 'changed', undefined],
    ])
    expect([...stage.stage.things]).toEqual([['b/x', '1']])
  })
})

/** As if the runner had been killed before the last line of a type came to the disk. */
function losing({ world }: Scene, type: Event['type'], run?: string): void {
  for (const [path, content] of world.disk) {
    if (!path.endsWith('/journal.jsonl') || (run !== undefined && !path.includes(run))) continue
    const lines = new TextDecoder().decode(content).split('\n')
    const at = lines.findLastIndex((line) => line.startsWith(`{"type":"${type}"`))
    if (at !== -1) world.disk.set(path, new TextEncoder().encode(lines.toSpliced(at, 1).join('\n')))
  }
}
const runIn = ({ world }: Scene, goal: string) => {
  const found = [...world.disk].findLast(
    ([path, content]) => path.endsWith('/journal.jsonl') && new TextDecoder().decode(content).includes(`"goal":"${goal}"`),
  )
  return /runs\/(\w+)\//.exec(found?.[0] ?? '')?.[1] ?? ''
}

describe('an undo that was cut off', () => {
  const tasks = '- { name: one, set: { thing: x, to: "1" } }\n- { name: two, set: { thing: y, to: "2" } }'
  async function cutOff() {
    const stage = scene(tasks)
    stage.stage.things.set('a/x', '0')
    await apply(stage)
    const run = runIn(stage, 'apply')
    await undo(stage)
    losing(stage, 'step-undone')
    losing(stage, 'run-finished', runIn(stage, 'undo'))
    return { ...stage, run }
  }

  test('goes on where it stood: what was in its midst is not taken for a change of somebody else', async () => {
    const stage = await cutOff()
    const { code, ended } = await undo(stage, { run: stage.run })
    expect(code).toBe(0)
    expect(ended.map(({ step, outcome }) => `${step.host} ${step.name} ${outcome}`)).toEqual(['a one changed'])
    expect([...stage.stage.things]).toEqual([['a/x', '0']])
  })

  test('is resumed as an undo, with the hosts and the step that it was for', async () => {
    const stage = await cutOff()
    const at = stage.world.written.stdout.length
    const asResume = { run: undefined, failed: false, yes: false, detach: false, acceptChanges: false }
    expect(await resume({ ...asResume, waitLock: 0, params: [], output: 'json' }, stage.world, stage.modules)).toBe(0)
    expect(stage.world.written.stdout.slice(at)).toContain(`"undoes":"${stage.run}"`)
    expect([...stage.stage.things]).toEqual([['a/x', '0']])
    expect((await undo(stage, { run: stage.run })).code).toBe(0)
    expect(stage.world.written.stderr).toContain(`Run ${stage.run} has nothing left to undo.`)
  })

  test('what it had not begun must be as the run left it all the same', async () => {
    const stage = await cutOff()
    losing(stage, 'undo-started')
    expect((await undo(stage, { run: stage.run })).code).toBe(4)
  })
})

describe('the tasks of an `undo:`', () => {
  const tasks = `
- name: make {{ item }}
  act: { do: "make-{{ item }}-{{ size }}" }
  vars: { size: "{{ seen.value }}" }
  loop: [v1, v2]
  register: made
  undo:
    - name: remove
      act: { do: "remove {{ made.id }} {{ item }} {{ size }}" }
    - set: { thing: "{{ item }}", to: gone }`

  test('run for each step, with its variables as they were and its result', async () => {
    const stage = scene(`- { name: see, look: { thing: size }, register: seen }${tasks}`)
    stage.stage.things.set('a/size', '7').set('b/size', '8')
    expect(await apply(stage)).toBe(0)
    stage.stage.things.set('a/size', '100')
    stage.stage.did.length = 0
    const plan = await undo(stage, { plan: true })
    expect(plan.ended.map(({ outcome, changes }) => [outcome, changes[0]?.after])).toEqual(
      Array(4).fill(['planned', 'remove, set']),
    )
    expect(stage.stage.did).toEqual([])

    const { code } = await undo(stage)
    expect(code).toBe(0)
    expect(stage.stage.did.filter((what) => what.startsWith('a'))).toEqual([
      'a remove id-of-make-v2-7 v2 7',
      'a v2=gone',
      'a remove id-of-make-v1-7 v1 7',
      'a v1=gone',
    ])
    await expect(undo(stage)).rejects.toMatchObject({ kind: 'input' })
  })

  test('one that fails stops the undo, which can be done again', async () => {
    const stage = scene(
      '- { name: one, set: { thing: x, to: "1" } }\n- { name: shot, act: { do: shoot }, undo: [{ name: bring back, fail: { on: [b] } }] }',
    )
    await apply(stage)
    const first = await undo(stage)
    expect(first.code).toBe(1)
    expect(first.ended.map(({ step, outcome }) => `${step.host} ${step.name} ${outcome}`)).toEqual([
      'b bring back failed',
      'b shot failed',
    ])
    const second = await undo(stage, { host: 'a' })
    expect(second.code).toBe(0)
    expect([...stage.stage.things]).toEqual([['b/x', '1']])
  })

  /** Killed at the first item of host a, which comes last: what it did of it is on the disk but for the last lines. */
  async function cutOff(...lost: Event['type'][]) {
    const stage = scene(tasks.replaceAll('{{ seen.value }}', '7'))
    await apply(stage)
    const run = runIn(stage, 'apply')
    stage.stage.did.length = 0
    await undo(stage)
    losing(stage, 'step-undone')
    const by = runIn(stage, 'undo')
    for (const type of ['run-finished', 'step-finished', ...lost] as const) losing(stage, type, by)
    return { ...stage, run, did: [...stage.stage.did] }
  }

  test('cut off between two of them, it passes over what was done, of that item alone', async () => {
    const stage = await cutOff('step-finished', 'apply-started')
    stage.stage.things.delete('a/v1')
    expect((await undo(stage, { run: stage.run })).code).toBe(0)
    expect(stage.stage.did).toEqual([...stage.did, 'a v1=gone'])
  })

  test('cut off in one of them, it asks whether that has been done', async () => {
    const stage = await cutOff('step-finished', 'apply-started', 'step-finished')
    const { code, ended } = await undo(stage, { run: stage.run })
    expect(code).toBe(1)
    expect(ended[0]?.failure?.what).toBe(
      'remove was in flight when the run was cut off, and nothing tells whether it has been done',
    )
    expect(stage.stage.did).toEqual(stage.did)
  })
})
