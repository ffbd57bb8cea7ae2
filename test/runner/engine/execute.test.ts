/** The walk: apply, plan, failures, order, loops and retries. */
import { describe, expect, test } from 'vitest'
import { defineModule } from '../../../runner/module.ts'
import { interruptedLines, plainLine } from '../../../runner/output/plain.ts'
import { nextCommands } from '../../../runner/output/summary.ts'
import { fakeTarget } from '../../doubles/target.ts'
import type { Which } from '../../../runner/events/request.ts'
import { newStage, play } from '../../scenes/play.ts'
import { dedent } from '../../scenes/dedent.ts'

const plays = (tasks: string, more = ''): string => dedent`
  name: t
  plays:
    - name: p
      hosts: all
      tasks:
        ${tasks}
      ${more}
`

describe('apply', () => {
  test('changes what differs, verifies it, and finds nothing the second time', async () => {
    const stage = newStage()
    const text = plays(dedent`
      - name: light
        set: { thing: light, to: "on" }
    `)
    const first = await play(text, { stage })
    expect(first.code).toBe(0)
    expect(first.outcomes).toEqual(['a light: changed', 'b light: changed', 'c light: changed'])
    const second = await play(text, { stage })
    expect(second.outcomes).toEqual(['a light: ok', 'b light: ok', 'c light: ok'])
    expect(stage.did).toHaveLength(3)
  })

  test('what cannot be verified has failed', async () => {
    const { code, finished } = await play(plays('- set: { thing: light, to: "on", lie: true }'))
    expect(code).toBe(1)
    expect(finished[0]?.failure?.what).toBe('set was applied, but light is not as it should be')
  })

  test('the before-image goes out before the act, and never to the JSON output', async () => {
    const { events } = await play(plays('- set: { thing: light, to: "on" }'), { inventory: 'all: { hosts: { a: } }' })
    const types = events.map((event) => event.type)
    expect(types.filter((type) => type !== 'task-finished')).toEqual([
      'run-started',
      'play-started',
      'task-started',
      'step-started',
      'step-checked',
      'apply-started',
      'step-finished',
      'run-finished',
    ])
    expect(events.find((event) => event.type === 'apply-started')).not.toHaveProperty('before')
  })
})

describe('plan', () => {
  test('changes nothing, and what depends on a change is unknown', async () => {
    const text = plays(
      dedent`
        - set: { thing: light, to: "on" }
          name: light
          register: light
        - name: tell
          say: { value: "{{ light.value }}" }
        - name: only if
          say: { value: 1 }
          when: light.value == "on"
        - name: else
          look: { thing: other }
      `,
      '',
    )
    const { code, outcomes, stage } = await play(text, { inventory: 'all: { hosts: { a: } }', request: { goal: 'plan' } })
    expect(code).toBe(0)
    expect(outcomes).toEqual(['a light: planned', 'a tell: unknown', 'a only if: unknown', 'a else: ok'])
    expect(stage.things.size).toBe(0)
  })

  test('--exit-code tells of changes', async () => {
    const stage = newStage()
    const text = plays('- set: { thing: light, to: "on" }')
    expect((await play(text, { stage, request: { goal: 'plan', show: { exitCode: true } } })).code).toBe(5)
    await play(text, { stage })
    expect((await play(text, { stage, request: { goal: 'plan', show: { exitCode: true } } })).code).toBe(0)
  })
})

describe('failures', () => {
  test('a failed host leaves the play, the others go on', async () => {
    const { code, outcomes } = await play(
      plays(dedent`
        - name: one
          fail: { on: [b] }
        - name: two
          set: { thing: x, to: "1" }
      `),
    )
    expect(code).toBe(1)
    expect(outcomes).toEqual(['a one: ok', 'b one: failed', 'c one: ok', 'a two: changed', 'c two: changed'])
  })

  test('an unreachable host is told apart, by exit code too', async () => {
    const { code, outcomes } = await play(
      plays(dedent`
        - name: f
          say: { value: "{{ facts.hostname }}" }
      `),
      {
        down: ['b'],
        host: undefined as never,
      },
    )
    expect(outcomes.filter((line) => line.startsWith('b'))).toEqual(['b f: unreachable'])
    expect(code).not.toBe(0)
  })

  test('ignore_errors lets a failure pass and keeps it in the record', async () => {
    const { code, outcomes } = await play(
      plays(dedent`
        - name: one
          fail: { on: [b] }
          ignore_errors: true
        - name: two
          say: {}
      `),
    )
    expect(code).toBe(0)
    expect(outcomes).toContain('b one: ignored')
    expect(outcomes).toContain('b two: ok')
  })

  test('rescue takes over, always runs, and a rescued run is a good run', async () => {
    const text = plays(
      dedent`
        - block:
            - name: try
              fail: { on: [b] }
            - name: after
              say: {}
          rescue:
            - name: rescued
              say: { value: "{{ ansible_failed_result.msg }}" }
          always:
            - name: finally
              say: {}
      `,
    )
    const { code, outcomes, finished } = await play(text)
    expect(outcomes).toEqual([
      'a try: ok',
      'b try: failed',
      'c try: ok',
      'a after: ok',
      'c after: ok',
      'b rescued: ok',
      'a finally: ok',
      'b finally: ok',
      'c finally: ok',
    ])
    expect(finished.find(({ step }) => step.name === 'rescued')?.result['value']).toBe('told to fail')
    expect(code).toBe(0)
  })

  test('without rescue, always runs and the host stays failed', async () => {
    const text = plays(
      dedent`
        - block:
            - name: try
              fail: { on: [b] }
          always:
            - name: finally
              say: {}
        - name: next
          say: {}
      `,
    )
    const { code, outcomes } = await play(text)
    expect(outcomes).toContain('b finally: ok')
    expect(outcomes).not.toContain('b next: ok')
    expect(code).toBe(1)
  })

  test('any_errors_fatal takes the others out', async () => {
    const { outcomes } = await play(
      plays(
        dedent`
          - name: one
            fail: { on: [b] }
          - name: two
            say: {}
        `,
        'any_errors_fatal: true',
      ),
    )
    expect(outcomes.some((line) => line.includes('two'))).toBe(false)
  })

  test('max_fail_percentage is a limit that may be reached but not passed', async () => {
    const tasks = dedent`
      - name: one
        fail: { on: [b] }
      - name: two
        say: {}
    `
    const four = { inventory: 'all: { hosts: { a: , b: , c: , d: } }' }
    const within = await play(plays(tasks, 'max_fail_percentage: 25'), four)
    expect(within.outcomes).toContain('a two: ok')
    const beyond = await play(plays(tasks, 'max_fail_percentage: 24'), four)
    expect(beyond.outcomes).not.toContain('a two: ok')
    const stopped = beyond.events.filter((event) => event.type === 'play-stopped')
    expect(stopped).toMatchObject([{ reason: '1 of 4 hosts have failed, more than 24 %', hosts: ['a', 'c', 'd'] }])
    expect(plainLine(stopped[0]!)).toMatch(/stopped +1 of 4 hosts have failed, more than 24 %: nothing more is done on a, c, d$/)
  })

  test('a run that would do nothing by mistake is refused: no such task to start at, no host left', async () => {
    const text = plays(dedent`
      - name: one
        say: {}
    `)
    const start = await play(text, { request: { which: { startAtTask: 'onee' } } })
    expect([start.code, start.world.written.stderr]).toEqual([2, expect.stringContaining('did you mean `one`?')])
    const limited = await play(text, { request: { which: { limit: ['all:!all'] } } })
    expect(limited.code).toBe(2)
    expect(limited.world.written.stderr).toContain('`--limit all:!all` excludes every host of this playbook')
    const empty = await play(dedent`
      name: t
      plays:
        - name: p
          hosts: "{{ chosen }}"
          vars: { chosen: [] }
          tasks: []
    `)
    expect([empty.code, empty.world.written.stderr]).toEqual([0, expect.stringContaining('warning: `p` selects no host')])
  })

  test('delegate_to a host that does not exist points at it: before anything runs where it is written out', async () => {
    const literal = await play(
      plays(dedent`
        - name: one
          set: { thing: x, to: "1" }
        - say: {}
          delegate_to: node2
      `),
      {
        inventory: 'all: { hosts: { a: , node1: } }',
      },
    )
    expect([literal.code, literal.stage.did]).toEqual([2, []])
    expect(literal.world.written.stderr).toMatch(
      /host `node2` not found in the inventory[\s\S]*play\.yml:9:22[\s\S]*did you mean `node1`\?/,
    )
    const late = await play(
      plays(dedent`
        - say: {}
          delegate_to: "{{ to }}"
          vars: { to: node2 }
      `),
      {
        inventory: 'all: { hosts: { a: , node1: } }',
      },
    )
    expect(late.finished[0]?.failure).toMatchObject({ kind: 'input', help: 'did you mean `node1`?', place: { line: 7 } })
  })

  test('a host that could not be reached for its lock is not waited for again by its first step; a second try is a try', async () => {
    const tries = ({ world }: { world: { connected: readonly { name: string }[] } }) =>
      world.connected.filter(({ name }) => name === 'b').length
    const once = await play(
      plays(dedent`
        - name: one
          set: { thing: x, to: "1" }
      `),
      { down: ['b'] },
    )
    expect([once.code, tries(once)]).toEqual([3, 1])
    const again = await play(
      plays(dedent`
        - name: one
          set: { thing: x, to: "1" }
          retries: 1
          delay: 10
      `),
      { down: ['b'] },
    )
    expect([again.code, tries(again)]).toEqual([3, 2])
  })

  test('a connection variable that is spelt almost right is pointed out, once; one of somebody’s own is not', async () => {
    const inventory = dedent`
      all:
        vars: { ansible_hots: x, ansible_become_usr: y, ansible_colour: z, ansible_ssh_user: me }
        hosts: { a: , b: }
    `
    const { world } = await play(
      plays(dedent`
        - name: one
          set: { thing: x, to: "1" }
      `),
      { inventory },
    )
    expect(world.written.stderr).toMatch(
      /unknown variable `ansible_hots`\n.*hosts\.yml:2:11\n.*\n.*did you mean `ansible_host`\?/,
    )
    expect(world.written.stderr.match(/unknown variable/g)).toHaveLength(2)
  })

  test('a wrong connection variable is told where the inventory has it, once, before anything runs', async () => {
    const inventory = dedent`
      all:
        vars: { ansible_port: abc }
        hosts:
          a:
          b: { ansible_connection: docker, ansible_port: 22 }
    `
    const { code, stage, world } = await play(
      plays(dedent`
        - name: one
          set: { thing: x, to: "1" }
      `),
      { inventory },
    )
    expect([code, stage.did, world.connected]).toEqual([2, [], []])
    expect(world.written.stderr).toMatch(/a: .*ansible_port[\s\S]*hosts\.yml:2:25[\s\S]*b: .*docker[\s\S]*hosts\.yml:5:30/)
    expect(world.written.stderr).toContain('2 errors, nothing was run')
  })

  test('a batch that loses all its hosts ends the run', async () => {
    const { outcomes } = await play(
      plays(
        dedent`
          - name: one
            fail: { on: [a] }
        `,
        'serial: 1',
      ),
    )
    expect(outcomes).toEqual(['a one: failed'])
  })

  test('failed_when and changed_when have the last word', async () => {
    const text = plays(
      dedent`
        - name: forgiven
          fail: {}
          register: r
          failed_when: r.rc != 7
          changed_when: false
        - name: condemned
          say: { value: bad }
          register: s
          failed_when: s.value == "bad"
      `,
    )
    const { outcomes } = await play(text, { inventory: 'all: { hosts: { a: } }' })
    expect(outcomes).toEqual(['a forgiven: ok', 'a condemned: failed'])
  })
})

describe('order of things', () => {
  test('serial splits a play into batches, each whole', async () => {
    const { outcomes } = await play(
      plays(
        dedent`
          - name: one
            say: {}
          - name: two
            say: {}
        `,
        'serial: [1, 2]',
      ),
    )
    expect(outcomes).toEqual(['a one: ok', 'a two: ok', 'b one: ok', 'c one: ok', 'b two: ok', 'c two: ok'])
  })

  test('handlers run once, at the end or when flushed, in the order of the play', async () => {
    const text = dedent`
      name: t
      plays:
        - name: p
          hosts: a
          tasks:
            - name: one
              set: { thing: x, to: "1" }
              notify: [second, topic]
            - name: two
              set: { thing: y, to: "1" }
              notify: second
            - meta: flush_handlers
            - name: three
              say: {}
          handlers:
            - name: first
              listen: topic
              say: {}
            - name: second
              say: {}
            - name: never
              say: {}

    `
    const { outcomes } = await play(text)
    expect(outcomes).toEqual(['a one: changed', 'a two: changed', 'a first: ok', 'a second: ok', 'a three: ok'])
  })

  test('a handler whose host failed is reported as pending', async () => {
    const text = plays(
      dedent`
        - name: one
          set: { thing: x, to: "1" }
          notify: h
        - name: two
          fail: {}
      `,
      'handlers:\n  - name: h\n    say: {}',
    )
    const { events } = await play(text, { inventory: 'all: { hosts: { a: } }' })
    expect(events.find((event) => event.type === 'handlers-pending')).toMatchObject({ host: 'a', handlers: ['h'] })
  })

  test('run_once runs on one host and registers for all; delegate_to acts elsewhere with the host’s own variables', async () => {
    const text = plays(
      dedent`
        - name: once
          say: { value: 5 }
          register: r
          run_once: true
        - name: all
          say: { value: "{{ r.value }}" }
        - name: there
          say: { value: "{{ inventory_hostname }}" }
          delegate_to: c
      `,
    )
    const { outcomes, finished } = await play(text)
    expect(outcomes.filter((line) => line.includes('once'))).toEqual(['a once: ok'])
    expect(finished.filter(({ step }) => step.name === 'all').map(({ result }) => result['value'])).toEqual([5, 5, 5])
    expect(finished.filter(({ step }) => step.name === 'there').map(({ result }) => [result['value'], result['on']])).toEqual([
      ['a', 'c'],
      ['b', 'c'],
      ['c', 'c'],
    ])
  })

  test('tags choose, always and never as in Ansible', async () => {
    const tasks = dedent`
      - name: x
        say: {}
        tags: [x]
      - name: y
        say: {}
        tags: y
      - name: al
        say: {}
        tags: always
      - name: ne
        say: {}
        tags: [never, z]
    `
    const names = async (which: Partial<Which>) =>
      (await play(plays(tasks), { inventory: 'all: { hosts: { a: } }', request: { which } })).outcomes.map(
        (line) => line.split(' ')[1],
      )
    expect(await names({})).toEqual(['x:', 'y:', 'al:'])
    expect(await names({ tags: ['x'] })).toEqual(['x:', 'al:'])
    expect(await names({ skipTags: ['x', 'always'] })).toEqual(['y:'])
    expect(await names({ tags: ['z'] })).toEqual(['al:', 'ne:'])
  })

  test('end_host ends one host’s play, end_play everybody’s; the next play has them again', async () => {
    const text = dedent`
      name: t
      plays:
        - hosts: all
          name: p
          tasks:
            - meta: end_host
              when: inventory_hostname == "b"
            - name: one
              say: {}
            - meta: end_play
            - name: two
              say: {}
        - hosts: all
          name: q
          tasks:
            - name: three
              say: {}

    `
    const { outcomes } = await play(text)
    expect(outcomes).toEqual(['a one: ok', 'c one: ok', 'a three: ok', 'b three: ok', 'c three: ok'])
  })
})

describe('loops and retries', () => {
  const one = { inventory: 'all: { hosts: { a: } }' }

  test('loop variables, labels and the registered list', async () => {
    const text = plays(
      dedent`
        - name: put {{ thing }}
          set: { thing: "{{ thing }}", to: "{{ at }}" }
          loop: [x, y]
          loop_control: { loop_var: thing, index_var: at, label: "<{{ thing }}>" }
          register: r
        - name: seen
          say: { value: "{{ r.results }}" }
      `,
    )
    const { outcomes, finished } = await play(text.replace('to: "{{ at }}"', 'to: "n{{ at }}"'), one)
    expect(outcomes.slice(0, 2)).toEqual(['a put x[<x>]: changed', 'a put y[<y>]: changed'])
    expect(finished.at(-1)?.result['value']).toMatchObject([
      { item: 'x', value: 'n0', changed: true },
      { item: 'y', value: 'n1', changed: true },
    ])
  })

  test('no further item is started after one has failed, unless errors are ignored', async () => {
    const tasks = dedent`
      - name: try
        fail: { msg: "no {{ item }}" }
        loop: [1, 2, 3]
    `
    expect((await play(plays(tasks), one)).outcomes).toEqual(['a try[1]: failed'])
    expect((await play(plays(`${tasks}\n  ignore_errors: true`), one)).outcomes).toHaveLength(3)
  })

  test('parallel runs that many at once', async () => {
    let running = 0
    let most = 0
    await play(
      plays(dedent`
        - name: go
          set: { thing: "{{ item }}", to: "1" }
          loop: [a, b, c, d, e]
          loop_control: { parallel: 2 }
      `),
      {
        ...one,
        onEvent(event) {
          if (event.type === 'step-started') most = Math.max(most, ++running)
          if (event.type === 'step-finished') running--
        },
      },
    )
    expect(most).toBe(2)
  })

  test('until repeats, with retries and delay; the failure says how often', async () => {
    const text = plays(
      dedent`
        - name: wait
          look: { thing: x }
          register: r
          until: r.value == "there"
          retries: 2
          delay: 10
      `,
    )
    const { finished, stage, world } = await play(text, one)
    expect(stage.did).toHaveLength(3)
    expect(finished[0]?.failure?.what).toBe('`until` did not come true in 3 attempts')
    expect(world.clock.now() - Date.UTC(2026, 0, 1, 12)).toBe(20_000)
  })
})

describe('the operator', () => {
  test('Ctrl-C lets what is in flight end, starts nothing new, and exits 130', async () => {
    const { code, outcomes, events } = await play(
      plays(dedent`
        - name: one
          set: { thing: x, to: "1" }
        - name: two
          say: {}
      `),
      {
        inventory: 'all: { hosts: { a: } }',
        onEvent: (event, world) => {
          if (event.type === 'apply-started') world.interrupt()
        },
      },
    )
    expect(outcomes).toEqual(['a one: changed'])
    expect(events.at(-1)).toMatchObject({ type: 'run-finished', interrupted: true })
    expect(code).toBe(130)
  })

  test('the first Ctrl-C names what is in flight, the end how to go on', async () => {
    const { events, finished } = await play(
      plays(dedent`
        - name: one
          set: { thing: x, to: "1" }
        - name: two
          say: {}
      `),
      {
        inventory: 'all: { hosts: { a: } }',
        onEvent: (event, world) => {
          if (event.type === 'apply-started') world.interrupt()
        },
      },
    )
    const interrupted = events.find((event) => event.type === 'interrupted')
    expect(interrupted && interruptedLines(interrupted)).toEqual([
      'Stopping when 1 step in flight has ended; Ctrl-C again aborts at once.',
      'a  one',
    ])
    const end = events.at(-1)
    expect(end?.type === 'run-finished' && nextCommands(end.run, end.exitCode === 0, finished)).toEqual([
      expect.stringMatching(/^runbook resume [0-9A-Z]{10}$/),
      expect.stringMatching(/^runbook undo [0-9A-Z]{10} --plan$/),
    ])
  })

  test('-K without a terminal is refused, not ignored', async () => {
    await expect(play(plays('- say: {}'), { request: { how: { askBecomePass: true } } })).rejects.toMatchObject({ kind: 'input' })
  })

  test('--start-at-task passes over the tasks before, --step asks', async () => {
    const text = plays(dedent`
      - name: one
        say: {}
      - name: two
        say: {}
      - name: three
        say: {}
    `)
    const one = { inventory: 'all: { hosts: { a: } }' }
    expect((await play(text, { ...one, request: { which: { startAtTask: 'two' } } })).outcomes).toEqual([
      'a two: ok',
      'a three: ok',
    ])
    expect((await play(text, { ...one, request: { which: { step: true } }, answers: ['n', 'y', 'n'] })).outcomes).toEqual([
      'a one: skipped',
      'a two: ok',
      'a three: skipped',
    ])
  })

  test('--step: Ctrl-C at the question ends the run', async () => {
    const text = plays(dedent`
      - name: one
        say: {}
      - name: two
        say: {}
    `)
    const stepped = { inventory: 'all: { hosts: { a: } }', request: { which: { step: true } } }
    const { code, outcomes, events } = await play(text, { ...stepped, answers: ['y', '^C', 'y'] })
    expect(code).toBe(130)
    expect(outcomes).toEqual(['a one: ok'])
    expect(events.at(-1)).toMatchObject({ type: 'run-finished', interrupted: true })
  })

  test('--step: what is declined is skipped for whatever looks at its result, handlers too', async () => {
    const text = plays(dedent`
      - name: one
        say: {}
        register: r
      - name: two
        say: {}
        when: r.skipped
    `)
    const stepped = { inventory: 'all: { hosts: { a: , b: } }', request: { which: { step: true } } }
    const { code, finished } = await play(text, { ...stepped, answers: ['n', 'c'] })
    expect(code).toBe(0)
    expect(finished.map(({ step, outcome, reason }) => [step.host, step.name, outcome, reason])).toEqual([
      ['a', 'one', 'skipped', 'declined by the operator'],
      ['b', 'one', 'skipped', 'declined by the operator'],
      ['a', 'two', 'ok', undefined],
      ['b', 'two', 'ok', undefined],
    ])
  })

  test.each(['plan', 'apply'] as const)('--step without a terminal is refused in %s', async (goal) => {
    const stepped = play(plays('- say: {}'), { request: { goal, which: { step: true } } })
    await expect(stepped).rejects.toMatchObject({ kind: 'input', message: '`--step` needs a terminal to ask on' })
  })

  describe('a tag that nothing has', () => {
    const text = plays(
      dedent`
        - name: one
          say: {}
          tags: [danger]
        - tags: [around]
          block:
            - name: two
              say: {}
              tags: [inner]
      `,
    )
    const one = { inventory: 'all: { hosts: { a: } }' }

    test.each([
      [{ tags: ['typo'] }, 'unknown tag `typo` in `--tags`', 'its tags: around, danger, inner'],
      [{ tags: ['danger', 'inne'] }, 'unknown tag `inne` in `--tags`', 'did you mean `inner`?'],
      [{ skipTags: ['dangr'] }, 'unknown tag `dangr` in `--skip-tags`', 'did you mean `danger`?'],
    ])('%j is an error', async (which, what, note) => {
      const { code, world, outcomes } = await play(text, { ...one, request: { which } })
      expect(code).toBe(2)
      expect(outcomes).toEqual([])
      expect(world.written.stderr).toContain(what)
      expect(world.written.stderr).toContain(note)
    })

    test.each(['all', 'tagged', 'untagged', 'always', 'never'])('%s is Ansible’s', async (tag) => {
      for (const which of [{ tags: [tag] }, { skipTags: [tag] }])
        expect((await play(text, { ...one, request: { which } })).code).toBe(0)
    })
  })
})

describe('what a step promises', () => {
  const one = { inventory: 'all: { hosts: { a: , b: } }' }

  test('`verify` fails a step that ended well and left something else', async () => {
    const text = (condition: string) =>
      plays(`- name: light\n  set: { thing: light, to: "on" }\n  register: r\n  verify: ${condition}\n- name: next\n  say: {}`)
    expect((await play(text("r.value == 'on' && r.changed"), one)).code).toBe(0)
    const { code, finished, outcomes } = await play(text("[r.changed, r.value == 'off']"), one)
    expect(code).toBe(1)
    expect(outcomes).toEqual(['a light: failed', 'b light: failed'])
    expect(finished[0]?.failure).toMatchObject({
      what: '`verify` does not hold after the step',
      why: "r.value == 'off'",
      place: { line: 9 },
    })
  })

  test('`verify` is not asked in plan of a host that earlier steps would change', async () => {
    const text = plays(
      dedent`
        - name: make
          set: { thing: x, to: "1" }
        - name: see
          look: { thing: x }
          register: r
          verify: r.value == "1"
      `,
    )
    expect((await play(text, { ...one, request: { goal: 'plan' } })).code).toBe(0)
    expect((await play(text, one)).code).toBe(0)
  })

  const confirming = plays(
    dedent`
      - name: light
        set: { thing: light, to: "{{ to }}" }
        confirm: "Switch to {{ to }}"
        vars: { to: "on" }
    `,
  )

  test('`confirm` asks once for all hosts, and only where something changes', async () => {
    const yes = await play(confirming, { ...one, answers: ['y'] })
    expect(yes.outcomes).toEqual(['a light: changed', 'b light: changed'])
    expect((await play(confirming, { ...one, stage: yes.stage, answers: [] })).outcomes).toEqual(['a light: ok', 'b light: ok'])
  })

  test('a no, or no answer, changes nothing and stops the run with 4', async () => {
    for (const answers of [['n'], []]) {
      const { code, stage, finished } = await play(confirming, { ...one, answers })
      expect(code).toBe(4)
      expect(finished[0]?.failure).toMatchObject({ kind: 'refused', why: 'Switch to on' })
      expect(stage.did).toEqual([])
    }
  })

  test('Ctrl-C at its question is an interruption, and no answer', async () => {
    const { code, stage, finished, events } = await play(confirming, { ...one, answers: ['^C'] })
    expect(code).toBe(130)
    expect(finished[0]?.failure).toMatchObject({ kind: 'interrupted' })
    expect(stage.did).toEqual([])
    expect(events.at(-1)).toMatchObject({ type: 'run-finished', interrupted: true })
  })

  test('with nobody to ask the run is refused before anything, with the place and the cure; --yes agrees', async () => {
    const { code, events, world } = await play(confirming, one)
    expect(code).toBe(4)
    expect(events).toEqual([])
    expect(world.written.stderr).toContain('play.yml:8:18')
    expect(world.written.stderr).toContain('--yes')
    expect((await play(confirming, { ...one, request: { how: { yes: true } } })).code).toBe(0)
    expect((await play(confirming, { ...one, request: { goal: 'plan' } })).code).toBe(0)
    // Nobody need agree to what is not going to run.
    expect((await play(confirming, { ...one, request: { which: { tags: ['never'] } } })).code).toBe(0)
  })
})

describe('secrets', () => {
  test('a secret parameter is masked wherever it turns up', async () => {
    const text = dedent`
      name: t
      params:
        key: { type: string, description: k, secret: true }
      plays:
        - name: p
          hosts: a
          tasks:
            - name: use {{ key }}
              fail: { msg: "wrong key {{ key }}!" }
    `
    const { world, finished } = await play(text, { request: { what: { params: [{ name: 'key', text: 'hunter2hunter2' }] } } })
    expect(world.written.stdout + world.written.stderr).not.toContain('hunter2')
    expect(finished[0]?.failure?.what).toBe('wrong key (hidden)!')
  })

  test('no_log hides what changed and why it failed', async () => {
    const { world, finished } = await play(
      plays(dedent`
        - name: q
          set: { thing: pin, to: "1234567" }
          no_log: true
      `),
      {
        inventory: 'all: { hosts: { a: } }',
      },
    )
    expect(world.written.stdout).not.toContain('1234567')
    expect(finished[0]?.outcome).toBe('changed')
  })
})

describe('what a task is given', () => {
  const one = { inventory: 'all: { hosts: { a: { from: host } }, vars: { from: all, only: group } }' }

  test('the nearer variable wins: playbook, group, host, play, block, task, registered, -e', async () => {
    const text = dedent`
      name: t
      vars: { from: playbook, low: playbook }
      plays:
        - name: p
          hosts: a
          vars: { mid: play }
          tasks:
            - name: inventory
              say: { value: "{{ from }} {{ only }} {{ low }} {{ mid }}" }
            - block:
                - name: block
                  say: { value: "{{ mid }}" }
                - name: task
                  say: { value: "{{ mid }}" }
                  vars: { mid: task }
                  register: mid
                - name: registered
                  say: { value: "{{ mid.value }}" }
              vars: { mid: block }

    `
    const values = async (extra: string[]) =>
      (await play(text, { ...one, request: { what: { extra } } })).finished.map(({ result }) => result['value'])
    expect(await values([])).toEqual(['host group playbook play', 'block', 'task', 'task'])
    expect((await values(['from=line', 'low=line']))[0]).toBe('line group line play')
  })

  test('environment adds up from play to task and reaches the command; facts are gathered when referred to, and only those', async () => {
    const text = plays(
      dedent`
        - name: run
          real: {}
          environment: { B: task, C: "{{ facts.machine_id }}" }
      `,
      'environment: { A: play, B: play }',
    )
    const seen: unknown[] = []
    const real = defineModule({
      name: 'real',
      summary: 'Runs env.',
      params: { type: 'object', additionalProperties: false, properties: {} },
      examples: [],
      async check(_params, target) {
        await target.run(['env'])
        return { changes: [], before: undefined }
      },
    })
    const host = fakeTarget({
      files: { '/etc/machine-id': 'abc\n' },
      commands: (_argv, options) => {
        seen.push(options.env)
        return {}
      },
    })
    const { finished } = await play(text, { ...one, modules: [real], host: () => host })
    expect(finished.map(({ failure }) => failure)).toEqual([undefined])
    expect(seen).toEqual([{ A: 'play', B: 'task', C: 'abc' }])
    expect(host.ran).toEqual([['env']])
  })

  test('facts that only a template file refers to are gathered, also where a template names the file', async () => {
    const letter = defineModule({
      name: 'letter',
      summary: 'Renders a file.',
      params: {
        type: 'object',
        additionalProperties: false,
        required: ['src'],
        properties: { src: { type: 'string', format: 'template-file', description: 'The file.' } },
      },
      examples: [],
      async check({ src }, target) {
        const text = new TextDecoder().decode(await target.controllerFile(src))
        return { changes: [], before: undefined, result: { value: target.render(text, src) } }
      },
    })
    const text = plays('- letter: { src: id.hbs }\n- letter: { src: "{{ facts.distribution }}.hbs" }')
    const { finished, code } = await play(text, {
      ...one,
      modules: [letter],
      files: { 'templates/id.hbs': 'I am {{ facts.machine_id }}', 'debian.hbs': 'on {{ facts.boot_id }}' },
      host: () =>
        fakeTarget({
          files: {
            '/etc/machine-id': 'abc\n',
            '/etc/os-release': 'ID=debian\n',
            '/proc/sys/kernel/random/boot_id': 'def\n',
          },
        }),
    })
    expect(finished.map(({ failure, result }) => failure?.what ?? result['value'])).toEqual(['I am abc', 'on def'])
    expect(code).toBe(0)
  })

  test('import_tasks is part of the playbook, with the keywords beside it', async () => {
    const text = plays(dedent`
      - import_tasks: more.yml
        when: inventory_hostname == "b"
      - name: last
        say: {}
    `)
    const { outcomes } = await play(text, {
      files: {
        'more.yml': dedent`
          - name: imported
            say: {}
        `,
      },
    })
    expect(outcomes.filter((line) => line.endsWith('imported: ok'))).toEqual(['b imported: ok'])
    expect(outcomes.filter((line) => line.includes('last'))).toHaveLength(3)
  })

  test('throttle limits the hosts, timeout the time', async () => {
    let running = 0
    let most = 0
    await play(
      plays(dedent`
        - name: x
          set: { thing: x, to: "1" }
          throttle: 1
      `),
      {
        onEvent(event) {
          if (event.type === 'step-started') most = Math.max(most, ++running)
          if (event.type === 'step-finished') running--
        },
      },
    )
    expect(most).toBe(1)
    const slow = defineModule({
      name: 'slow',
      summary: 'Never ends by itself.',
      params: { type: 'object', additionalProperties: false, properties: {} },
      examples: [],
      check: (_params, target) =>
        new Promise<never>((_resolve, reject) => target.signal.addEventListener('abort', () => reject(target.signal.reason))),
    })
    const { finished, code } = await play(
      plays(dedent`
        - name: wait
          slow: {}
          timeout: 1
      `),
      { ...one, modules: [slow] },
    )
    expect(finished[0]?.failure).toMatchObject({ kind: 'timeout', what: "no end after 1 s, the task's `timeout`" })
    expect(code).toBe(1)
  })
})
