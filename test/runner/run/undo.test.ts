/** `undo` in memory: order, drift, tasks of an `undo:`, an undo that was interrupted. */
import { describe, expect, test } from 'vitest'
import type { Event, StepFinished } from '../../../runner/events/events.ts'
import { run } from '../../../runner/run/run.ts'
import { resume } from '../../../runner/run/resume.ts'
import { undo as undoRun, type UndoRequest } from '../../../runner/run/undo.ts'
import { request } from '../../doubles/request.ts'
import { ASKED, eventsIn, type Scene, scene } from '../../scenes/scene.ts'
import { dedent } from '../../scenes/dedent.ts'

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

const apply = ({ world, modules }: Scene) => run(request(), world, modules)
async function undo(
  { world, modules }: Scene,
  more: Partial<UndoRequest> = {},
): Promise<{ code: number; ended: StepFinished[] }> {
  const before = world.written.stdout.length
  const code = await undoRun({ ...asked, ...more }, world, modules)
  const events = eventsIn(world.written.stdout.slice(before))
  return { code, ended: events.filter((event) => event.type === 'step-finished') }
}

describe('undo', () => {
  test('puts back what was there, newest first, and is done once', async () => {
    const stage = scene(dedent`
      - { name: one, set: { thing: x, to: "1" } }
      - { name: two, set: { thing: x, to: "2" } }
    `)
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
    await expect(undo(stage)).rejects.toMatchObject({ kind: 'input', message: 'no run with anything to undo' })
  })

  test('refuses a host that has changed since, before anything is put back there, and shows how; others go on', async () => {
    const stage = scene(dedent`
      - { name: one, set: { thing: x, to: "1" } }
      - { name: two, set: { thing: y, to: "2" } }
    `)
    await apply(stage)
    stage.stage.things.set('a/x', 'mine')
    const { code, ended } = await undo(stage)
    expect(code).toBe(4)
    expect(ended.map(({ step, outcome }) => `${step.host} ${step.name} ${outcome}`)).toEqual([
      'a one failed',
      'b two changed',
      'b one changed',
    ])
    expect(ended[0]?.failure).toMatchObject({ kind: 'refused', why: 'x: mine, was left as 1' })
    expect([...stage.stage.things]).toEqual([
      ['a/x', 'mine'],
      ['a/y', '2'],
    ])
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
      dedent`
        - { name: one, set: { thing: x, to: "1" }, changed_when: false }
        - { name: looks, act: { do: look }, changed_when: false }
      `,
    )
    await apply(stage)
    const { ended } = await undo(stage, { host: 'a' })
    expect(ended.map(({ step, outcome }) => `${step.name} ${outcome}`)).toEqual(['one changed'])
    expect([...stage.stage.things]).toEqual([['b/x', '1']])
  })

  test('of a restart comes when the files are back', async () => {
    const stage = scene('- { name: conf, set: { thing: conf, to: new }, notify: restart }', {
      play: 'handlers: [{ name: restart, kick: {} }]',
    })
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

  test('two steps on one thing: the older is compared when the newer has been put back, and the plan says so', async () => {
    const stage = scene(dedent`
      - { name: one, set: { thing: x, to: "1" } }
      - { name: two, set: { thing: x, to: "2" } }
    `)
    await apply(stage)
    const plan = await undo(stage, { plan: true, host: 'a' })
    expect(plan.ended.map(({ outcome, changes }) => [outcome, changes[0]?.before])).toEqual([
      ['planned', 'as the run left it'],
      ['planned', 'as the run left it, once two is undone'],
    ])
    expect(plan.code).toBe(0)
    expect((await undo(stage)).code).toBe(0)
    expect([...stage.stage.things]).toEqual([])
  })

  test('what its module leaves beside what it was to make must be as it was left, too', async () => {
    const stage = scene('- { name: one, line: { add: mine } }')
    stage.stage.things.set('a/file', 'old').set('b/file', 'old')
    await apply(stage)
    expect(stage.stage.things.get('a/file')).toBe('old mine')
    stage.stage.things.set('a/file', 'old mine theirs')
    const [journal = ''] = [...stage.world.disk].flatMap(([path, content]) =>
      path.endsWith('/journal.jsonl') ? [new TextDecoder().decode(content)] : [],
    )
    expect(journal).toContain(
      '"after":[{"resource":{"host":"a","kind":"file","name":"/file"},"properties":{"kind":"file","words":"2","content":',
    )
    expect(journal).not.toContain('old mine')
    expect(stage.world.written.stdout).not.toContain('"after":[')
    const { code, ended } = await undo(stage)
    expect(code).toBe(4)
    expect(ended.find(({ step }) => step.host === 'a')?.failure).toMatchObject({
      kind: 'refused',
      why: '/file: words: 3, was left as 2\n/file: content',
    })
    expect([...stage.stage.things]).toEqual([
      ['a/file', 'old mine theirs'],
      ['b/file', 'old'],
    ])
  })

  test('steps on one thing, or one below the other, are compared as they will be found when those after them are taken back', async () => {
    const stage = scene(
      dedent`
        - folder: { at: /d }
        - line: { at: /d/f, add: one }
        - line: { at: /d/f, add: two }
        - line: { add: three }
        - line: { add: four }
      `,
    )
    await apply(stage)
    expect((await undo(stage, { plan: true })).code).toBe(0)
    stage.stage.things.set('a/d/g', 'theirs')
    const before = new Map([...stage.stage.things].filter(([thing]) => thing.startsWith('a')))
    const { code, ended } = await undo(stage)
    expect(code).toBe(4)
    // Of the folder it is known before that it will not be empty: nothing is put back on that host.
    expect(stage.stage.things).toEqual(before)
    expect(ended.find(({ step }) => step.host === 'a')).toMatchObject({ failure: { why: '/d: entries: g, was left as none' } })
  })

  test('what somebody wrote between the crash of a run and its resume is not lost', async () => {
    const stage = scene('- line: { add: one }')
    for (const host of ['a', 'b']) stage.stage.things.set(`${host}/file`, 'old')
    await apply(stage)
    for (const type of ['run-finished', 'step-finished', 'step-finished'] as const) losing(stage, type)
    for (const host of ['a', 'b']) stage.stage.things.set(`${host}/file`, 'old theirs')
    expect(await resume(ASKED, stage.world, stage.modules)).toBe(0)
    expect(stage.stage.things.get('a/file')).toBe('old theirs one')
    expect((await undo(stage)).code).toBe(4)
    expect(stage.stage.things.get('a/file')).toBe('old theirs')
  })

  test('of a step that a resumed run found done it is not known what it had changed', async () => {
    const stage = scene(dedent`
      - folder: { at: /d }
      - line: { at: /d/f, add: one }
      - line: { at: /d/f, add: two }
    `)
    await apply(stage)
    for (const type of ['run-finished', 'step-finished', 'step-finished'] as const) losing(stage, type)
    expect(await resume(ASKED, stage.world, stage.modules)).toBe(0)
    expect((await undo(stage, { plan: true })).code).toBe(0)
    expect((await undo(stage)).code).toBe(0)
    expect([...stage.stage.things]).toEqual([])
  })

  test('what the run itself did between two steps, and nobody can take back, is found before anything is put back', async () => {
    const stage = scene(dedent`
      - line: { add: one }
      - { name: spoils, act: { do: spoil } }
      - line: { add: two }
    `)
    await apply(stage)
    const { code, ended } = await undo(stage, { host: 'a' })
    expect(code).toBe(4)
    expect(ended).toHaveLength(1)
    expect(ended[0]?.failure?.why).toBe(
      '/file: content\n(possibly changed by later steps of the run that cannot be undone: spoils)',
    )
    expect(stage.stage.things.get('a/file')).toBe('spoilt two')
  })

  test('a step that says it changed nothing is compared all the same', async () => {
    const stage = scene('- { name: one, set: { thing: x, to: "1" }, changed_when: false }')
    await apply(stage)
    stage.stage.things.set('a/x', 'mine')
    expect((await undo(stage, { host: 'a' })).code).toBe(4)
    expect(stage.stage.things.get('a/x')).toBe('mine')
  })

  test('back to a step: on each host from its own on, also where that has been taken back and later ones have not', async () => {
    const stage = scene(
      dedent`
        - { name: one, set: { thing: x, to: "1" } }
        - { name: two, set: { thing: y, to: "2" } }
      `,
      {
        play: 'serial: 1',
      },
    )
    await apply(stage)
    const names = ({ ended }: { ended: StepFinished[] }) => ended.map(({ step }) => `${step.host} ${step.name}`)
    expect(names(await undo(stage, { plan: true, to: 'two' }))).toEqual(['b two', 'a two'])
    expect(names(await undo(stage, { plan: true, to: 'two', host: 'b' }))).toEqual(['b two'])
    await expect(undo(stage, { to: 'three' })).rejects.toMatchObject({ help: 'its steps: one, two' })

    const restart = scene('- { name: one, set: { thing: conf, to: new }, notify: restart }', {
      play: 'handlers: [{ name: restart, kick: {} }]',
    })
    await apply(restart)
    await undo(restart, { to: 'one' })
    losing(restart, 'step-undone')
    losing(restart, 'undo-started')
    expect(names(await undo(restart, { to: 'one' }))).toEqual(['b restart'])
  })

  test('what cannot be undone is said, and the rest is', async () => {
    const stage = scene(dedent`
      - { name: one, set: { thing: x, to: "1" } }
      - { name: shot, act: { do: shoot } }
    `)
    await apply(stage)
    const { code, ended } = await undo(stage, { host: 'a' })
    expect(code).toBe(0)
    expect(ended.map(({ step, outcome, reason }) => [step.name, outcome, reason])).toEqual([
      ['shot', 'skipped', 'act cannot be undone'],
      ['one', 'changed', undefined],
    ])
    expect([...stage.stage.things]).toEqual([['b/x', '1']])
    await undo(stage)
    await expect(undo(stage)).rejects.toMatchObject({ message: 'no run with anything to undo' })
    expect((await undo(stage, { run: runIn(stage, 'apply') })).code).toBe(0)
    expect(stage.world.written.stderr).toMatch(/has nothing left to undo; steps that cannot be undone: shot on a, shot on b\.\n$/)
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
  const tasks = dedent`
    - { name: one, set: { thing: x, to: "1" } }
    - { name: two, set: { thing: y, to: "2" } }
  `
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
    expect(await resume(ASKED, stage.world, stage.modules)).toBe(0)
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

  test('one that fails stops the undo of its host, which can be done again', async () => {
    const stage = scene(
      dedent`
        - { name: one, set: { thing: x, to: "1" } }
        - { name: shot, act: { do: shoot }, undo: [{ name: bring back, fail: { on: [b] } }] }
      `,
    )
    await apply(stage)
    const first = await undo(stage)
    expect(first.code).toBe(1)
    expect(first.ended.map(({ step, outcome }) => `${step.host} ${step.name} ${outcome}`)).toEqual([
      'b bring back failed',
      'b shot failed',
      'a bring back ok',
      'a shot changed',
      'a one changed',
    ])
    const second = await undo(stage)
    expect(second.code).toBe(1)
    expect(second.ended.map(({ step, outcome }) => `${step.host} ${step.name} ${outcome}`)).toEqual([
      'b bring back failed',
      'b shot failed',
    ])
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
    return { ...stage, run, before: [...stage.stage.did] }
  }

  test('cut off between two of them, it passes over what was done, of that item alone', async () => {
    const stage = await cutOff('step-finished', 'apply-started')
    stage.stage.things.delete('a/v1')
    expect((await undo(stage, { run: stage.run })).code).toBe(0)
    expect(stage.stage.did).toEqual([...stage.before, 'a v1=gone'])
  })

  test('cut off in one of them, it asks whether that has been done', async () => {
    const stage = await cutOff('step-finished', 'apply-started', 'step-finished')
    const { code, ended } = await undo(stage, { run: stage.run })
    expect(code).toBe(1)
    expect(ended[0]?.failure?.what).toBe('remove was in flight when the run was interrupted, and its outcome is unknown')
    expect(stage.stage.did).toEqual(stage.before)
  })
})
