/** Loops: limits by key, failures, canary, deadline, what was not started. */
import { describe, expect, test } from 'vitest'
import type { Event } from '../../../runner/events/events.ts'
import { plainLine } from '../../../runner/output/plain.ts'
import { createReport } from '../../../runner/output/report.ts'
import { renderPlan } from '../../../runner/output/plan-view.ts'
import { dedent } from '../../scenes/dedent.ts'
import { play, type PlayGiven } from '../../scenes/play.ts'
import { scene } from '../../scenes/scene.ts'

const HOUR = 3_600_000

/** A play of one loop over servers that leave one host for another. */
const moves = (control: string, servers: readonly string[], more = '') => dedent`
  plays:
    - name: p
      hosts: all
      vars:
        servers: [${servers.map((server) => `{ name: ${server.split(' ')[0]}, from: ${server.split(' ')[1]}, to: ${server.split(' ')[2]} }`).join(', ')}]
      tasks:
        - name: Move {{ item.name }}
          set: { thing: "{{ item.name }}", to: "{{ item.to }}" }
          loop: "{{ servers }}"
          loop_control: { label: "{{ item.name }}", ${control} }
          ${more}
`
const plays = (tasks: string) => dedent`
  plays:
    - name: p
      hosts: all
      tasks:
        ${tasks}
`
const one = { inventory: 'all: { hosts: { a: } }' }

/** Watches how many steps of each key are under way at once. */
function watch(keysOf: (name: string) => readonly string[]) {
  const now = new Map<string, number>()
  const most = new Map<string, number>()
  const started: string[] = []
  return {
    most: () => Object.fromEntries(most),
    started,
    onEvent(event: Event) {
      if (event.type !== 'step-started' && event.type !== 'step-finished') return
      const name = event.step.item ?? ''
      if (event.type === 'step-started') started.push(name)
      for (const key of keysOf(name)) {
        now.set(key, (now.get(key) ?? 0) + (event.type === 'step-started' ? 1 : -1))
        most.set(key, Math.max(most.get(key) ?? 0, now.get(key) ?? 0))
      }
    },
  }
}
const taskEnd = (events: readonly Event[]) => events.find((event) => event.type === 'task-finished')?.notStarted

describe('limits', () => {
  const servers = ['s1 a1 b1', 's2 a1 b2', 's3 a1 b3', 's4 a2 b1', 's5 a2 b4', 's6 a3 b5']
  const keys = (name: string) =>
    servers
      .find((server) => server.startsWith(name))
      ?.split(' ')
      .slice(1) ?? []

  test('no more items of one key at once than it may have, beside what runs in all', async () => {
    const seen = watch((name) => ['all', ...keys(name)])
    const { code } = await play(moves('parallel: 4, limits: { "{{ item.from }}": 2, "{{ item.to }}": 1 }', servers), {
      ...one,
      onEvent: seen.onEvent,
    })
    expect(code).toBe(0)
    expect(seen.most()).toEqual({ all: 4, a1: 2, a2: 1, a3: 1, b1: 1, b2: 1, b3: 1, b4: 1, b5: 1 })
  })

  test('an item whose key is full lets others pass, keeps its place before them otherwise, and has its turn', async () => {
    const seen = watch(() => [])
    const given = { ...one, onEvent: seen.onEvent }
    await play(moves('parallel: 2, limits: { "{{ item.from }}": 1 }', servers), given)
    expect(seen.started).toEqual(['s1', 's4', 's2', 's5', 's3', 's6'])
  })

  test('they hold for the hosts of the task together', async () => {
    const seen = watch((name) => ['all', ...keys(name)])
    await play(moves('parallel: 6, limits: { "{{ item.to }}": 1 }', servers), { onEvent: seen.onEvent })
    expect(seen.most()).toMatchObject({ b1: 1, b2: 1, a3: 1 })
    expect(seen.started).toHaveLength(18)
  })

  test('two entries that come to the same key count each for itself', async () => {
    const circle = ['s1 x y', 's2 y x', 's3 x y', 's4 y x']
    const seen = watch((name) => {
      const [from, to] =
        circle
          .find((server) => server.startsWith(name))
          ?.split(' ')
          .slice(1) ?? []
      return [`from ${from}`, `to ${to}`]
    })
    await play(moves('parallel: 4, limits: { "{{ item.from }}": 2, "{{ item.to }}": 1 }', circle), {
      ...one,
      onEvent: seen.onEvent,
    })
    expect(seen.most()).toEqual({ 'from x': 1, 'to y': 1, 'from y': 1, 'to x': 1 })
  })

  test.each([
    ['parallel: "{{ many }}"', 'nope', '`parallel` must be a whole number from 1, not "nope"'],
    ['limits: { "{{ item.from }}": "{{ many }}" }', '0', 'a number of `limits` must be a whole number from 1, not 0'],
    ['limits: { "{{ item.form }}": 1 }', '1', '`item` has no key `form`'],
    ['max_failures: "{{ many }}"', '120%', '`max_failures` must be a whole number from 1 or a share from 1% to 100%, not "120%"'],
    ['canary: "{{ many }}"', '1.5', '`canary` must be a whole number from 0, not 1.5'],
    [
      'deadline: "{{ many }}"',
      'tomorrow',
      '`deadline` must be a time such as 2026-11-28T22:00 or a duration such as 2h, not "tomorrow"',
    ],
  ])('%s of %s is an error with its place, and nothing is done', async (control, many, what) => {
    const text = moves(control, servers).replace('vars:', `vars:\n      many: ${many}`)
    const { finished, stage, code } = await play(text, one)
    expect(finished.map(({ failure }) => failure)).toMatchObject([{ kind: 'input', what, place: { line: 11 } }])
    expect([code, stage.did]).toEqual([2, []])
  })
})

describe('failures', () => {
  const failing = (control: string, more = '') =>
    dedent`
      plays:
        - name: p
          hosts: all
          tasks:
            - name: try
              fail: { on: "{{ item.on }}", msg: "no {{ item.name }}" }
              loop:
                - { name: s1, on: [] }
                - { name: s2, on: [a] }
                - { name: s3, on: [] }
                - { name: s4, on: [a] }
                - { name: s5, on: [] }
              loop_control: { label: "{{ item.name }}", ${control} }
              ${more}
            - name: next
              say: {}
    `
  const ended = async (control: string, more = '', given: PlayGiven = {}) => {
    const { outcomes, events, code } = await play(failing(control, more), { ...one, ...given })
    return { outcomes: outcomes.map((text) => text.replace(/^a /, '')), notStarted: taskEnd(events), code }
  }

  test('by default the first one ends the loop, and what was not started is named', async () => {
    expect(await ended('')).toEqual({
      outcomes: ['try[s1]: ok', 'try[s2]: failed'],
      notStarted: [{ host: 'a', items: ['s3', 's4', 's5'], reason: 'failures' }],
      code: 1,
    })
  })

  test.each([
    ['max_failures: 2', ['s5']],
    ['max_failures: 30%', ['s5']],
    ['max_failures: 40%', ['s5']],
    ['max_failures: 20%', ['s3', 's4', 's5']],
  ])('with %s it goes on until so many have failed', async (control, items) => {
    const { notStarted, code } = await ended(control)
    expect([notStarted, code]).toEqual([[{ host: 'a', items, reason: 'failures' }], 1])
  })

  test('with more than fail it goes through all, and the step fails at the end', async () => {
    const { outcomes, notStarted, code } = await ended('max_failures: 100%')
    expect(outcomes).toEqual(['try[s1]: ok', 'try[s2]: failed', 'try[s3]: ok', 'try[s4]: failed', 'try[s5]: ok'])
    expect([notStarted, code]).toEqual([undefined, 1])
  })

  test('what is in flight ends; an ignored failure is none', async () => {
    expect((await ended('parallel: 3')).outcomes).toEqual(['try[s1]: ok', 'try[s2]: failed', 'try[s3]: ok'])
    expect((await ended('', 'ignore_errors: true')).outcomes).toHaveLength(6)
  })
})

describe('a canary', () => {
  const servers = ['s1 a b', 's2 a b', 's3 a b', 's4 a b']

  test('is alone until it has succeeded', async () => {
    const seen = watch(() => ['all'])
    const order: string[] = []
    await play(moves('parallel: 3, canary: 1', servers), {
      ...one,
      onEvent(event) {
        seen.onEvent(event)
        if ('step' in event && (event.type === 'step-started' || event.type === 'step-finished'))
          order.push(`${event.type === 'step-started' ? '+' : '-'}${event.step.item}`)
      },
    })
    expect(order.slice(0, 5)).toEqual(['+s1', '-s1', '+s2', '+s3', '+s4'])
    expect(seen.most()).toEqual({ all: 3 })
  })

  test('that fails leaves the others alone, whatever may fail later', async () => {
    const { events, outcomes } = await play(
      plays(dedent`
        - name: try
          fail: {}
          loop: [x, y, z]
          loop_control: { canary: 1, max_failures: 100% }
      `),
      one,
    )
    expect(outcomes).toEqual(['a try[x]: failed'])
    expect(taskEnd(events)).toEqual([{ host: 'a', items: ['y', 'z'], reason: 'canary' }])
  })

  test('that is skipped proves nothing: the next one is a canary too', async () => {
    const { outcomes } = await play(
      plays(dedent`
        - name: try
          fail: {}
          when: item != "x"
          loop: [x, y, z]
          loop_control: { canary: 1, parallel: 3 }
      `),
      one,
    )
    expect(outcomes).toEqual(['a try[x]: skipped', 'a try[y]: failed'])
  })

  test('counts as done in a resumed run when its record says so', async () => {
    const tasks = dedent`
      - count: { what: "{{ item }}" }
        loop: [x, y, z]
        loop_control: { canary: 1, parallel: 2, max_failures: 100% }
        failed_when: item == "y" && trouble
    `
    const { edit, apply, resume, did, events } = scene(tasks, { hosts: 'a' })
    const withTrouble = (trouble: boolean) => edit(tasks, `params: { trouble: { type: boolean, default: ${trouble} } }\n`)
    withTrouble(true)
    expect([await apply(), did()]).toEqual([1, ['a count x', 'a count y', 'a count z']])
    withTrouble(false)
    expect([await resume({ acceptChanges: true }), did()]).toEqual([0, ['a count y']])
    expect(events().filter(({ type }) => type === 'step-replayed')).toHaveLength(2)
  })
})

describe('a deadline', () => {
  const tasks = (deadline: string) => dedent`
    - block:
        - name: Move {{ item }}
          count: { what: "{{ item }}" }
          loop: [x, y, z]
          loop_control: { deadline: ${deadline} }
          register: moved
        - count: { what: behind }
      rescue:
        - count: { what: rescue }
      always:
        - count: { what: "{{ json moved.results }}" }
          when: false
        - count: { what: "summary of {{ length moved.results }}" }
  `
  /** Each item takes an hour. */
  const slowly = (deadline: string) => {
    const made = scene(tasks(deadline), { hosts: 'a' })
    made.stage.things.set('takes', String(HOUR))
    return made
  }

  test.each(['2h', '2026-01-01T14:00:00Z', '2026-01-01T15:00:00+01:00'])(
    'of %s: none is started after it, what is left is named, and resume goes on',
    async (deadline) => {
      const { apply, resume, did, events } = slowly(deadline)
      expect([await apply(), did()]).toEqual([6, ['a count x', 'a count y', 'a count summary of 2']])
      const ends = events().filter(({ type }) => type === 'task-finished')
      expect(ends[0]).toMatchObject({ notStarted: [{ host: 'a', items: ['z'], reason: 'deadline' }] })
      expect(events().at(-1)).toMatchObject({ exitCode: 6, unfinished: ['a'] })
      expect(ends.map((event) => plainLine(event as Event)?.slice(9))).toContain('not started a  z (the deadline has come)')
      const late = deadline !== '2h'
      // The time is over: nothing more but to sum up.
      if (late) expect([await resume(), did()]).toEqual([6, []])
      else expect([await resume(), did()]).toEqual([0, ['a count z', 'a count behind', 'a count summary of 3']])
    },
  )

  test('is asked for again after the pause between two items', async () => {
    const { events, stage } = await play(
      plays(dedent`
        - set: { thing: "{{ item }}", to: "1" }
          loop: [x, y]
          loop_control: { pause: 3600, deadline: 1h }
      `),
      one,
    )
    expect(stage.did).toEqual(['a x=1'])
    expect(taskEnd(events)).toEqual([{ host: 'a', items: ['y'], reason: 'deadline' }])
  })

  test('ends the run where it has stopped every host, as a failure does', async () => {
    const text = dedent`
      plays:
        - name: p
          hosts: a
          tasks:
            - set: { thing: "{{ item }}", to: "1" }
              loop: [x, y]
              loop_control: { pause: 3600, deadline: 1h }
        - name: q
          hosts: b
          tasks:
            - say: {}
    `
    expect((await play(text)).outcomes).toEqual(['a set[x]: changed'])
  })
})

describe('a plan', () => {
  const control =
    '{ parallel: 8, limits: { "{{ item.from }}": 2 }, max_failures: 20%, canary: 1, deadline: 2026-01-01 00:30, label: "{{ item.name }}" }'

  const planOf = async (text: string) => {
    const { events } = await play(text, { ...one, request: { goal: 'plan' } })
    const report = createReport()
    for (const event of events) report.add(event)
    return renderPlan(report, { color: false, unicode: true, columns: 80 }, { verbose: false })
  }

  test('shows what the loop goes by, above all of its items, although the deadline is past', async () => {
    const text = moves('parallel: 1', ['s1 a b', 's2 a b']).replace(/loop_control: .*/, `loop_control: ${control}`)
    expect(await planOf(text)).toContain(
      [
        `  Move …${' '.repeat(65)}2 items`,
        '      first one alone, which must succeed',
        '      8 at once',
        '      2 at once for each {{ item.from }}',
        '      no more once 20% have failed',
        '      none started after 2026-01-01 00:30',
        `  ~ Move s1${' '.repeat(66)}set`,
      ].join('\n'),
    )
  })

  test('shows what is not known yet as it is written', async () => {
    const text = plays(dedent`
      - set: { thing: seen, to: "4" }
        register: seen
      - set: { thing: "{{ item }}", to: "1" }
        loop: ["{{ inventory_hostname }}"]
        loop_control: { parallel: "{{ seen.value }}", deadline: 2h }
    `)
    expect(await planOf(text)).toContain('      {{ seen.value }} at once\n      none started after 2h of the run')
  })
})

describe('Ctrl-C', () => {
  test('names the items and the hosts that were not started', async () => {
    const { events, outcomes, code } = await play(
      plays(dedent`
        - set: { thing: "{{ item }}", to: "1" }
          loop: [x, y, z]
          loop_control: { parallel: 2 }
          throttle: 1
      `),
      { onEvent: (event, world) => void (event.type === 'apply-started' && event.step.item === 'y' && world.interrupt()) },
    )
    expect([outcomes, code]).toEqual([['a set[x]: changed', 'a set[y]: changed'], 130])
    expect(taskEnd(events)).toEqual([
      { host: 'a', items: ['z'], reason: 'stopped' },
      { host: 'b', reason: 'stopped' },
      { host: 'c', reason: 'stopped' },
    ])
  })
})

describe('what an `always` did', () => {
  const tasks = dedent`
    - block:
        - count: { what: first }
        - trouble: {}
        - count: { what: last }
      always:
        - count: { what: clean }
        - count: { what: sum }
        - stop: { on: a }
  `
  test('is done again where a resumed run has taken the block further, and else not', async () => {
    const { stage, apply, resume, did } = scene(tasks, { hosts: 'a' })
    stage.things.set('trouble', 'a')
    stage.things.set('stopped', 'yes')
    expect([await apply(), did()]).toEqual([1, ['a count first', 'a count clean', 'a count sum']])
    stage.things.delete('trouble')
    // Stopped in the midst of the second time: the third life goes on there.
    const stopped = stage.things
    stopped.delete('stopped')
    expect([await resume(), did()]).toEqual([130, ['a count last', 'a count clean', 'a count sum']])
    expect([await resume(), did()]).toEqual([0, []])
  })

  test('is done again too after a life that was cut off before it', async () => {
    const cut = dedent`
      - block:
          - trouble: {}
          - stop: { on: a }
        always:
          - count: { what: clean }
    `
    const { stage, apply, resume, did } = scene(cut, { hosts: 'a' })
    stage.things.set('trouble', 'a')
    expect([await apply(), did()]).toEqual([1, ['a count clean']])
    stage.things.delete('trouble')
    // Ctrl-C in the block: its `always` is not done in this life.
    expect([await resume(), did()]).toEqual([130, []])
    expect([await resume(), did()]).toEqual([0, ['a count clean']])
  })
})
