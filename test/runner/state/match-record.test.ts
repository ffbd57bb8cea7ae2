/** Which record stands for which step. */
import { createHash } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { scene } from '../../scenes/scene.ts'
import { dedent } from '../../scenes/dedent.ts'

const onA = (tasks: string) => scene(tasks, { hosts: 'a' })
const accept = { acceptChanges: true }

describe('what is recorded is passed over for the step that it is of, and for no other', () => {
  test('a new task in front is run, those that moved are not done again', async () => {
    const { stage, edit, apply, resume, did } = onA(dedent`
      - count: { what: one }
      - trouble: {}
      - count: { what: three }
    `)
    stage.things.set('trouble', 'a')
    expect(await apply()).toBe(1)
    edit(dedent`
      - count: { what: zero }
      - count: { what: one }
      - trouble: {}
      - count: { what: three }
    `)
    expect(await resume(accept)).toBe(1)
    expect(did()).toEqual(['a count zero'])
    // The next life knows them all still, each by its own record.
    stage.things.delete('trouble')
    expect(await resume(accept)).toBe(0)
    expect(did()).toEqual(['a count three'])
  })

  test('a task that was changed is run', async () => {
    const { stage, edit, apply, resume, did } = onA(dedent`
      - count: { what: one }
      - trouble: {}
    `)
    stage.things.set('trouble', 'a')
    expect(await apply()).toBe(1)
    stage.things.delete('trouble')
    edit(dedent`
      - count: { what: uno }
      - trouble: {}
    `)
    expect(await resume(accept)).toBe(0)
    expect(did()).toEqual(['a count uno'])
  })

  test('a task that is written twice is done twice, and each time once', async () => {
    const { stage, edit, apply, resume, did } = onA(dedent`
      - count: {}
      - count: {}
      - trouble: {}
    `)
    stage.things.set('trouble', 'a')
    expect(await apply()).toBe(1)
    stage.things.delete('trouble')
    edit(dedent`
      - say: {}
      - count: {}
      - count: {}
      - count: {}
      - trouble: {}
    `)
    expect(await resume(accept)).toBe(0)
    expect(did()).toEqual(['a count'])
  })

  test('another list to loop over: what is new in it is run, what was done is not', async () => {
    const params = (items: string) =>
      `params:\n  items: { type: array, items: { type: string, description: i }, default: [${items}], description: i }\n`
    const loop = dedent`
      - count: { what: "{{ item }}" }
        loop: "{{ items }}"
      - trouble: {}
    `
    const { stage, edit, apply, resume, did } = onA(loop)
    edit(loop, params('a, b, c'))
    stage.things.set('trouble', 'a')
    expect(await apply()).toBe(1)
    stage.things.delete('trouble')
    expect(await resume({ ...accept, params: [{ name: 'items', text: '[b, x, a, y]' }] })).toBe(0)
    expect(did()).toEqual(['a count x', 'a count y'])
  })

  test('so it is with a list that is written out', async () => {
    const loop = (items: string) => `- count: { what: "{{ item }}" }\n  loop: [${items}]\n- trouble: {}`
    const { stage, edit, apply, resume, did } = onA(loop('a, b'))
    stage.things.set('trouble', 'a')
    expect(await apply()).toBe(1)
    stage.things.delete('trouble')
    edit(loop('b, x'))
    expect(await resume(accept)).toBe(0)
    expect(did()).toEqual(['a count x'])
  })

  test('tasks that differ only in what their block gives them are not taken for each other', async () => {
    const block = (what: string) => `- vars: { what: ${what} }\n  block:\n    - count: { what: "{{ what }}" }\n`
    const trouble = dedent`
      - trouble: {}
    `
    const { stage, edit, apply, resume, did } = onA(`${block('nova')}${trouble}${block('neutron')}`)
    stage.things.set('trouble', 'a')
    expect(await apply()).toBe(1)
    stage.things.delete('trouble')
    edit(`${block('neutron')}${trouble}${block('nova')}`)
    expect(await resume(accept)).toBe(0)
    expect(did()).toEqual(['a count neutron'])
  })

  test('a secret item is not in the digest', async () => {
    const secret = (value: string) => `params:\n  key: { type: string, secret: true, default: ${value}, description: k }\n`
    const loop = dedent`
      - count: {}
        loop: ["{{ key }}"]
      - trouble: {}
    `
    const { stage, edit, apply, resume, did } = onA(loop)
    edit(loop, secret('sesamesesame'))
    stage.things.set('trouble', 'a')
    expect(await apply()).toBe(1)
    stage.things.delete('trouble')
    expect(await resume({ params: [{ name: 'key', text: 'otherother' }] })).toBe(0)
    expect(did()).toEqual([])
  })

  test('with `no_log` an item is known by a keyed digest, whatever it is called', async () => {
    const loop = (items: string) =>
      `- count: {}\n  no_log: true\n  loop: [${items}]\n  loop_control: { label: shown }\n- trouble: {}`
    const { stage, edit, apply, resume, did, events } = onA(loop('first, second'))
    stage.things.set('trouble', 'a')
    expect(await apply()).toBe(1)
    const known = new Set(events().flatMap(({ step }) => (step?.module === 'count' ? (step.same ?? []) : [])))
    expect(known.size).toBe(2)
    const guess = createHash('sha256').update(JSON.stringify('first')).digest('hex').slice(0, 12)
    expect([...known].join()).not.toContain(guess)
    stage.things.delete('trouble')
    edit(loop('second, third, first'))
    expect(await resume(accept)).toBe(0)
    expect(did()).toHaveLength(1)
  })

  test('how the runner goes about a step may be changed', async () => {
    const { stage, edit, apply, resume, did } = onA(dedent`
      - count: {}
        timeout: 9
      - trouble: {}
    `)
    stage.things.set('trouble', 'a')
    expect(await apply()).toBe(1)
    stage.things.delete('trouble')
    edit(dedent`
      - count: {}
        timeout: 99
        on_resume: skip
        register: counted
      - trouble: {}
    `)
    expect(await resume(accept)).toBe(0)
    expect(did()).toEqual([])
  })
})

describe('what was in flight', () => {
  /** As if the runner had been killed before the end of the step was written down. */
  const cutOff = (disk: Map<string, Uint8Array>, edit = (text: string) => text) => {
    const path = [...disk.keys()].find((one) => one.endsWith('journal.jsonl')) as string
    const lines = new TextDecoder().decode(disk.get(path)).split('\n')
    const until = lines.findIndex((line) => line.startsWith('{"type":"step-finished"'))
    disk.set(path, new TextEncoder().encode(edit(`${lines.slice(0, until).join('\n')}\n`)))
  }
  const withoutSame = (text: string) => text.replaceAll(/"same":"[^"]*",/g, '')

  test.each([
    ['a journal of now', (text: string) => text],
    ['a journal without `same`', withoutSame],
  ])('stands in its place: it is not run again by assumption; %s', async (_what, edit) => {
    const { world, apply, resume, did } = onA('- count: {}')
    expect(await apply()).toBe(0)
    cutOff(world.disk, edit)
    expect(await resume()).toBe(4)
    expect(did()).toEqual([])
  })

  test('has moved: it is known there, and what stands in its place is not taken for it', async () => {
    const { world, edit, apply, resume, did, events } = onA('- count: {}')
    expect(await apply()).toBe(0)
    cutOff(world.disk)
    edit(dedent`
      - count: { what: new }
      - count: {}
        on_resume: skip
    `)
    expect(await resume(accept)).toBe(0)
    expect(did()).toEqual(['a count new'])
    expect(events().at(-1)?.unfinished).toEqual([])
    await expect(resume()).rejects.toThrow('no run to resume')
  })

  test('an older journal: another task in its place is not taken for it', async () => {
    const { world, edit, apply, resume, did } = onA('- count: {}')
    expect(await apply()).toBe(0)
    cutOff(world.disk, withoutSame)
    edit(dedent`
      - name: new
        count: { what: new }
    `)
    expect(await resume(accept)).toBe(0)
    expect(did()).toEqual(['a count new'])
  })
})
