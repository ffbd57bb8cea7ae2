/** Which hosts a run has left unfinished, and `resume --failed`. */
import { describe, expect, test } from 'vitest'
import { runs, show } from '../../../runner/run/past-runs.ts'
import { scene, type SceneGiven } from '../../scenes/scene.ts'
import { dedent } from '../../scenes/dedent.ts'

const onThree = (tasks: string, given: SceneGiven = {}) => scene(tasks, { hosts: 'a, b, c', ...given })
const over = { message: 'no run to resume: all readable runs succeeded' }

describe('a run has ended well when no host is left behind', () => {
  test('--failed leaves a host that was stopped to the next resume', async () => {
    const { stage, world, apply, resume, did, events } = onThree(dedent`
      - set: { thing: x, to: "1" }
      - trouble: {}
      - stop: { on: c }
      - set: { thing: y, to: "1" }
    `)
    stage.things.set('trouble', 'b')
    expect(await apply()).toBe(130)
    stage.things.delete('trouble')

    expect(await resume({ failed: true })).toBe(0)
    expect(did()).toEqual(['b y=1'])
    expect(events().at(-1)?.unfinished).toEqual(['a', 'c'])
    world.written.stdout = ''
    await runs(world)
    await show(undefined, { diff: false, host: undefined }, world)
    expect(world.written.stdout).toMatch(/^\w{10} {2}stopped short/)
    expect(world.written.stdout).toContain('not finished on a, c\n')
    expect(world.written.stdout).toContain('runbook resume ')

    expect(await resume()).toBe(0)
    expect(did()).toEqual(['a y=1', 'c y=1'])
    await expect(resume()).rejects.toMatchObject(over)
  })

  test('any_errors_fatal: the others’ tasks and handlers are done in the end', async () => {
    const { stage, apply, resume, did, events } = scene(
      dedent`
        - set: { thing: x, to: "1" }
          notify: handler
        - trouble: {}
        - set: { thing: y, to: "1" }
      `,
      {
        hosts: 'a, b',
        play: 'any_errors_fatal: true\nhandlers: [{ name: handler, set: { thing: handled, to: "yes" } }]',
      },
    )
    stage.things.set('trouble', 'b')
    expect(await apply()).toBe(1)
    expect(events().at(-1)?.unfinished).toEqual(['a', 'b'])
    stage.things.delete('trouble')
    expect(await resume({ failed: true })).toBe(0)
    expect(did()).toEqual(['b y=1', 'b handled=yes'])
    expect(await resume()).toBe(0)
    expect(did()).toEqual(['a y=1', 'a handled=yes'])
  })

  test('what a rescue took over has not failed', async () => {
    const { stage, world, apply, resume, did } = onThree(dedent`
      - block:
          - fail: { on: [a] }
        rescue:
          - set: { thing: rescued, to: "1" }
      - trouble: {}
      - set: { thing: y, to: "1" }
    `)
    stage.things.set('trouble', 'b')
    expect(await apply()).toBe(1)
    stage.things.delete('trouble')
    expect(await resume({ failed: true })).toBe(0)
    expect(did()).toEqual(['b y=1'])
    expect(world.connected.map(({ name }) => name)).toEqual(['b'])
    await expect(resume()).rejects.toMatchObject(over)
  })

  test('hosts of a play that was not begun are unfinished', async () => {
    const { stage, apply, events } = onThree('- trouble: {}', { play: 'serial: 1' })
    stage.things.set('trouble', 'a')
    expect(await apply()).toBe(1)
    expect(events().at(-1)?.unfinished).toEqual(['a', 'b', 'c'])
  })
})

describe('--failed touches the hosts that failed and no others', () => {
  test('what was done once is not done on another host, and its values are there', async () => {
    const { stage, world, apply, resume, did } = onThree(dedent`
      - count: {}
        run_once: true
        register: token
      - count: { what: own }
        register: mine
      - trouble: {}
      - set: { thing: y, to: "{{ token.token }}, {{ hostvars.a.mine.token }}" }
    `)
    stage.things.set('trouble', 'c')
    expect(await apply()).toBe(1)
    const other = stage.things.get('b/y')
    stage.things.delete('trouble')
    expect(await resume({ failed: true })).toBe(0)
    expect(did()).toEqual([`c y=${other}`])
    expect(world.connected.map(({ name }) => name)).toEqual(['c'])
    await expect(resume()).rejects.toMatchObject(over)
  })

  test('what was found of other hosts is there; a host’s own facts are found anew', async () => {
    const { stage, world, apply, resume, did } = onThree(dedent`
      - set: { thing: x, to: "{{ facts.machine_id }}, {{ facts.boot_id }}" }
      - trouble: {}
      - set: { thing: y, to: "{{ hostvars.a.facts.machine_id }}, {{ facts.boot_id }}" }
    `)
    stage.things.set('trouble', 'c')
    expect(await apply()).toBe(1)
    stage.things.delete('trouble')
    stage.things.set('booted', 'second')
    expect(await resume({ failed: true })).toBe(0)
    expect(did()).toEqual(['c y=id of a, second'])
    expect(world.connected.map(({ name }) => name)).toEqual(['c'])
  })

  test('a host with nothing recorded leaves silently: it is no failure, and what it did once stays its own', async () => {
    const { stage, apply, resume, did, events } = onThree(
      dedent`
        - trouble: {}
        - stop: { on: a }
        - block:
            - set: { thing: y, to: "1" }
            - count: {}
              run_once: true
      `,
      { play: 'max_fail_percentage: 40' },
    )
    stage.things.set('trouble', 'c')
    expect(await apply()).toBe(130)
    stage.things.delete('trouble')
    expect(await resume({ failed: true })).toBe(0)
    expect(did()).toEqual(['c y=1', 'c count'])
    expect(events().some(({ type }) => type === 'play-stopped')).toBe(false)
    expect(events().at(-1)?.unfinished).toEqual(['a', 'b'])
    expect(await resume()).toBe(0)
    expect(did().toSorted()).toEqual(['a y=1', 'b y=1'])
  })

  test.each([['run_once: true'], ['run_once: false']])('a result with a secret in it cannot be replayed: %s', async (once) => {
    const { stage, edit, apply, resume, did } = onThree('')
    edit(
      dedent`
        - say: { value: "{{ key }}" }
          register: said
          ${once}
        - trouble: {}
        - set: { thing: y, to: "{{ said.value }}" }
      `,
      'params:\n  key: { type: string, secret: true, default: sesamesesame, description: k }\n',
    )
    stage.things.set('trouble', 'c')
    expect(await apply()).toBe(1)
    stage.things.delete('trouble')
    expect(await resume({ failed: true })).toBe(0)
    expect(did()).toEqual(['c y=sesamesesame'])
    await expect(resume()).rejects.toMatchObject(over)
  })
})
