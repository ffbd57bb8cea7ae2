/** `plan --out`, `apply FILE` and `apply --ask`: what is applied, once, and what is refused. */
import { describe, expect, test } from 'vitest'
import type { AnyModule } from '../../../runner/module.ts'
import { resume } from '../../../runner/run/resume.ts'
import { run } from '../../../runner/run/run.ts'
import { applySaved, type AskedOfPlan, askedApply, planTo } from '../../../runner/run/saved-plan.ts'
import { request, type RequestGiven } from '../../doubles/request.ts'
import { dedent } from '../../scenes/dedent.ts'
import { ASKED, eventsIn, type Scene, scene } from '../../scenes/scene.ts'
import { onAct } from '../../doubles/address.ts'

const TASKS = dedent`
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
const HANDLER = dedent`
  handlers:
    - name: handle
      set: { thing: handled, to: "yes" }
`
const UNKNOWN = dedent`
  - name: get
    burn: { minutes: 1 }
    register: d
  - name: templated
    set: { thing: w, to: "{{ d.left.0 }}" }
    confirm: "Writes {{ d.left.0 }}"
    notify: handle
  - name: each
    burn: { minutes: 1 }
    loop: "{{ d.left }}"
    confirm: "Burns {{ item }}"
  - name: perhaps
    burn: { minutes: 1 }
    when: d.left.size() == 1
    confirm: "Sure?"
`
const RESCUE = dedent`
  - name: half
    block:
      - name: begin
        set: { thing: x, to: half }
      - name: break
        set: { thing: y, to: "1", lie: true }
    rescue:
      - name: mend
        set: { thing: x, to: safe }
        confirm: Sure?
        notify: handle
    always:
      - name: end
        set: { thing: end, to: "{{ inventory_hostname }}" }
      - name: order
        set: { thing: x, to: ordered }
`
const ON_A = { hosts: 'a', play: HANDLER }

const plan = ({ world, modules }: Scene, more: RequestGiven = {}) =>
  planTo('it.plan', request({ goal: 'plan', ...more }), world, modules)
const apply = (
  { world, modules }: Scene,
  more: RequestGiven = {},
  given: AskedOfPlan['given'] = new Map(),
  { file, ask }: Pick<AskedOfPlan, 'file' | 'ask'> = { file: 'it.plan', ask: false },
) => applySaved({ file, request: request({ what: { playbook: file, inventory: [] }, ...more }), ask, given }, world, modules)
const failures = ({ world }: Scene) =>
  eventsIn(world.written.stdout).flatMap((event) =>
    event.type === 'step-finished' && event.failure !== undefined ? [event] : [],
  )

describe('plan', () => {
  test('shows what cannot be undone, what is asked, how long it takes, and what is not known yet', async () => {
    const { world, modules } = scene(TASKS)
    expect(await run(request({ goal: 'plan', show: { output: 'plain' } }), world, modules)).toBe(0)
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
            likely takes 2 min (as wood does)

      b
        ~ one                                                                                          set
            x   absent → 1
        ? two                                                                             known after: one
        ~ boom                                                                      burn, cannot be undone
            wood   whole → ashes
            asks first: Burns on b
            likely takes 2 min (as wood does)

      4 changes on 2 hosts · 2 steps known only after others have run · 2 steps asked about first · likely
      4 min one after another · 2 cannot be undone
      "
    `)
  })
})

describe('a saved plan', () => {
  test.each([
    ['directory', 'a folder'],
    ['link', 'a symbolic link'],
    ['other', 'a device, a pipe or a socket'],
  ] as const)('takes the place of no %s, and nothing is looked at for it', async (entry, why) => {
    const { world, modules } = scene(TASKS)
    const files = { ...world.files, entry: async () => entry }
    await expect(planTo('/dev/full', request({ goal: 'plan' }), { ...world, files }, modules)).rejects.toMatchObject({
      kind: 'input',
      message: 'a plan cannot replace /dev/full',
      why: `it is ${why}`,
    })
    expect(world.connected).toEqual([])
    expect(world.disk.has('/dev/full')).toBe(false)
  })

  test('goes to standard output, alone there, and is applied from what was read', async () => {
    const stage = scene(TASKS, { name: '"odd \\u202e name"' })
    expect(await planTo('-', request({ goal: 'plan', show: { output: 'plain' } }), stage.world, stage.modules)).toBe(0)
    const { stdout, stderr } = stage.world.written
    const digest = /Plan (\S+) was written/.exec(stderr)?.[1]
    expect(stderr).toContain('4 changes on 2 hosts')
    stage.world.disk.set('/project/it.plan', new TextEncoder().encode(stdout))
    expect(await apply(stage, { how: { yes: true } })).toBe(0)
    expect(stage.world.written.stderr).toContain(`Applying plan ${digest}, made`)
  })

  test('is applied as it is, whatever has become of its files, and once', async () => {
    const stage = scene(TASKS)
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
    const stage = scene(TASKS)
    await plan(stage)
    stage.stage.things.set('b/x', '0')
    expect(await apply(stage)).toBe(4)
    const [drift] = failures(stage)
    expect(drift).toMatchObject({ step: { host: 'b', name: 'one' }, failure: { kind: 'refused' } })
    expect(drift?.failure?.what).toContain('b has changed since the plan: one')
    expect(drift?.failure?.why).toBe('x: planned otherwise, now 0 → 1')
    expect(stage.stage.things.get('b/x')).toBe('0')
    expect(stage.stage.things.has('b/burnt')).toBe(false)
  })

  test('what the world has done by itself meanwhile is no drift', async () => {
    const stage = scene(TASKS)
    await plan(stage)
    stage.stage.things.set('b/x', '1')
    expect(await apply(stage)).toBe(0)
  })

  test('is not kept where it was interrupted: it does not know all that would be done', async () => {
    const stage = scene(TASKS)
    const set = stage.modules.get('set')
    const check = async (...given: readonly [never, never]) => (stage.world.interrupt(), set?.check(...given))
    expect(await plan({ ...stage, modules: new Map([...stage.modules, ['set', { ...set, check } as AnyModule]]) })).toBe(130)
    expect(stage.world.disk.has('/project/it.plan')).toBe(false)
  })

  test('is not kept where something could not be planned', async () => {
    const stage = scene(TASKS)
    expect(await plan(stage, { which: { limit: ['nobody'] } })).toBe(2)
    expect(stage.world.disk.has('/project/it.plan')).toBe(false)
  })

  test('leaves a mark beside the file, which keeps it from being applied again from anywhere', async () => {
    const stage = scene(TASKS)
    await plan(stage)
    expect(await apply(stage)).toBe(0)
    const [mark] = [...stage.world.disk.keys()].filter((path) => /^\/project\/it\.plan\..*\.used$/.test(path))
    expect(mark).toBeDefined()
    await stage.world.files.remove('.runbook')
    await expect(apply(stage)).rejects.toMatchObject({ kind: 'refused', message: /has been applied/ })
  })

  test('a copy of it in the same project is not applied either; a new plan in its place is', async () => {
    const stage = scene(TASKS)
    await plan(stage)
    stage.world.disk.set('/project/copy.plan', stage.world.disk.get('/project/it.plan')!)
    expect(await apply(stage)).toBe(0)
    await expect(apply(stage, {}, new Map(), { file: 'copy.plan', ask: false })).rejects.toMatchObject({ kind: 'refused' })
    stage.stage.things.delete('a/x')
    await plan(stage)
    expect(await apply(stage)).toBe(0)
  })

  test('of two that apply it at once, one does', async () => {
    const stage = scene(TASKS)
    await plan(stage)
    const ends = await Promise.allSettled([apply(stage), apply(stage)])
    expect(ends.map(({ status }) => status).toSorted()).toEqual(['fulfilled', 'rejected'])
    expect(stage.stage.did.filter((what) => what === 'a x=1')).toHaveLength(1)
  })

  test('where the mark cannot be made nothing is done', async () => {
    const stage = scene(TASKS)
    await plan(stage)
    const files = { ...stage.world.files, create: () => Promise.reject(new Error('EROFS: read-only file system')) }
    await expect(apply({ ...stage, world: { ...stage.world, files } })).rejects.toMatchObject({
      kind: 'refused',
      why: 'EROFS: read-only file system',
    })
    expect(stage.stage.did).toEqual([])
  })

  test('with --check it says whether it would still be applied, changes nothing, and is not used up', async () => {
    const stage = scene(TASKS)
    await plan(stage)
    expect(await apply(stage, { goal: 'plan' })).toBe(0)
    expect(stage.world.written.stderr).toMatch(/Plan \S+ would still be applied as it is\.\n$/)
    stage.stage.things.set('a/x', '0')
    stage.stage.things.set('b/x', '0')
    expect(await apply(stage, { goal: 'plan' })).toBe(4)
    expect(stage.world.written.stderr).toMatch(/Plan \S+ would be refused: make a new plan\.\n$/)
    expect(failures(stage).map(({ step, failure }) => [step.host, failure?.why])).toEqual([
      ['a', 'x: planned otherwise, now 0 → 1'],
      ['b', 'x: planned otherwise, now 0 → 1'],
    ])
    expect(stage.stage.did).toEqual([])
    stage.stage.things.clear()
    expect(await apply(stage)).toBe(0)
  })

  test('refuses what it holds itself, and takes what does not change what is done', async () => {
    const stage = scene(TASKS)
    await plan(stage)
    const refused = apply(stage, { which: { limit: ['a'] } }, new Map([['limit', '--limit'], ['waitLock', '--wait-lock']])) // prettier-ignore
    await expect(refused).rejects.toMatchObject({
      kind: 'input',
      message: '`--limit` cannot be given with a saved plan',
      why: expect.stringContaining('holds its own'),
    })
    await expect(
      apply(stage, { how: { askBecomePass: true } }, new Map([['askBecomePass', '--ask-become-pass']])),
    ).rejects.toMatchObject({
      message: '`--ask-become-pass` needs a terminal to ask on',
    })
    expect(stage.stage.did).toEqual([])
  })

  test('keeps what it was made with, but for the options of how that are given', async () => {
    const stage = scene(TASKS)
    await plan(stage, { as: { user: 'planner' }, how: { acceptNewHostKeys: true, yes: true } })
    expect(
      await apply(stage, { as: { user: 'other' }, how: { yes: false, waitLock: 60 } }, new Map([['waitLock', '--wait-lock']])),
    ).toBe(0)
    const kept = [...stage.world.disk].find(([path]) => path.endsWith('/inputs.json'))
    expect(JSON.parse(new TextDecoder().decode(kept?.[1]))).toMatchObject({
      request: {
        as: { user: 'planner' },
        how: { acceptNewHostKeys: true, yes: true, waitLock: 60 },
        what: { playbook: 'play.yml' },
      },
    })
  })

  test('one of another version is refused', async () => {
    const stage = scene(TASKS)
    await plan(stage)
    const path = '/project/it.plan'
    const made = JSON.parse(new TextDecoder().decode(stage.world.disk.get(path))) as object
    const put = (more: object) => stage.world.disk.set(path, new TextEncoder().encode(JSON.stringify({ ...made, ...more })))
    for (const [version, which] of [
      [4, 'a newer'],
      [2, 'an older'],
    ] as const) {
      put({ version })
      await expect(apply(stage)).rejects.toMatchObject({ kind: 'input', message: `it.plan was made by ${which} runbook` })
    }
    expect(stage.stage.did).toEqual([])
  })

  test('with --ask it is shown, and applied after a yes', async () => {
    const stage = scene(TASKS, { answers: ['n', 'y'] })
    await plan(stage)
    const asked = () => apply(stage, {}, new Map([['ask', '--ask']]), { file: 'it.plan', ask: true })
    expect(await asked()).toBe(0)
    expect(stage.stage.did).toEqual([])
    expect(await asked()).toBe(0)
    expect(stage.stage.things.get('b/burnt')).toBe('yes')
  })

  test('agrees to what a step asks that is known only after others, which the plan shows', async () => {
    const stage = scene(UNKNOWN, ON_A)
    await plan(stage, { show: { output: 'plain' } })
    expect(stage.world.written.stdout).toMatchInlineSnapshot(`
      "t
      hosts.yml · 1 host · nothing is being changed

      a
        ~ get                                                                       burn, cannot be undone
            wood   whole → ashes
            likely takes 1 min (as wood does)
        ? templated                                                                       known after: get
            asks first: Writes {{ d.left.0 }}
        ? each                                                                            known after: get
            burn, cannot be undone
            asks first: Burns {{ item }}
        ? perhaps                                                                         known after: get
            burn, cannot be undone
            asks first: Sure?
        ~ handle                                                                                       set
            handled   absent → yes

      2 changes on 1 host · 3 steps known only after others have run · 3 steps asked about first · likely
      1 min one after another · 3 cannot be undone
      "
    `)
    expect(await apply(stage)).toBe(0)
    expect(stage.stage.things.get('a/w')).toBe('coal')
    expect(stage.stage.things.get('a/handled')).toBe('yes')
    expect(stage.stage.things.get('a/burnt')).toBe('yes')
  })

  test.each(['saved', 'asked'])('of a block that fails runs its rescue and always (%s)', async (how) => {
    const stage = scene(RESCUE, { ...ON_A, answers: ['y'] })
    if (how === 'saved') await plan(stage)
    expect(await (how === 'saved' ? apply(stage) : askedApply(request(), stage.world, stage.modules))).toBe(0)
    expect(Object.fromEntries(stage.stage.things)).toMatchObject({ 'a/x': 'ordered', 'a/end': 'a', 'a/handled': 'yes' })
  })

  test('shows what the rescue of a block would do and ask', async () => {
    const stage = scene(RESCUE, ON_A)
    await plan(stage, { show: { output: 'plain' } })
    expect(stage.world.written.stdout).toMatchInlineSnapshot(`
      "t
      hosts.yml · 1 host · nothing is being changed

      a
        ~ begin                                                                                        set
            x   absent → half
        ~ break                                                                                        set
            y   absent → 1
        ~ end                                                                                          set
            end   absent → a
        ~ order                                                                                        set
            x   absent → ordered
        only if half fails: 1 task of its rescue
            mend                                                                                       set
                asks first: Sure?

      4 changes on 1 host · all can be undone
      "
    `)
    await run(request({ goal: 'plan' }), stage.world, stage.modules)
    expect(stage.world.written.stdout).toContain('"tasks":[{"task":"0.tasks.0.rescue.0","name":"mend","module":"set"')
  })

  test('a step whose values are hidden is compared as it was shown', async () => {
    const stage = scene(TASKS.replace('register: first', 'register: first\n  no_log: true'))
    await plan(stage)
    expect(await apply(stage)).toBe(0)
  })

  test('a resumed run keeps to its plan, unless other inputs were accepted', async () => {
    for (const [acceptChanges, code] of [
      [false, 4],
      [true, 0],
    ] as const) {
      const stage = scene(TASKS)
      await plan(stage)
      const failing = { ...stage, modules: new Map(stage.modules) }
      const broken = stage.modules.get('burn') as AnyModule
      failing.modules.set('burn', { ...broken, apply: () => Promise.reject(new Error('no match')) })
      expect(await apply(failing)).toBe(1)
      stage.stage.things.set('a/burnt', 'yes')
      const other = {
        ...broken,
        check: async () => ({ changes: [{ ...onAct('house'), before: 'whole', after: 'ashes' }], before: null }),
      }
      const verified = { ...other, verify: async () => [] }
      expect(
        await resume({ ...ASKED, yes: true, acceptChanges }, stage.world, new Map([...stage.modules, ['burn', verified]])),
      ).toBe(code)
    }
  })
})

describe('apply --ask', () => {
  test('shows the plan, and applies it after a yes', async () => {
    const stage = scene(TASKS, { answers: ['y'] })
    expect(await askedApply(request(), stage.world, stage.modules)).toBe(0)
    expect(stage.stage.things.get('b/burnt')).toBe('yes')
    expect(await askedApply(request(), stage.world, stage.modules)).toBe(0) // nothing to do: nothing is asked
  })

  test('a no does nothing; without a terminal it says what to do instead', async () => {
    const stage = scene(TASKS, { answers: ['n'] })
    expect(await askedApply(request(), stage.world, stage.modules)).toBe(0)
    expect(stage.stage.did).toEqual([])
    expect(stage.world.written.stderr).toContain('Nothing was done.')
    const piped = scene(TASKS)
    await expect(askedApply(request(), piped.world, piped.modules)).rejects.toMatchObject({ kind: 'input' })
  })
})
