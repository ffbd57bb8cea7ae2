/** A run in memory killed at every point and resumed ends the same. */
import { describe, expect, test } from 'vitest'
import { type AnyModule, defineModule } from '../../../runner/module.ts'
import { resume } from '../../../runner/run/resume.ts'
import { run } from '../../../runner/run/run.ts'
import { type FakeWorld, fakeWorld } from '../../doubles/world.ts'
import { newStage, type Stage, testModules } from '../../scenes/play.ts'
import { request } from '../../doubles/request.ts'
import { onAct } from '../../doubles/address.ts'

/** A run of several hosts with everything that resume must bring back: registered values, a loop, handlers, a rescue, a step that must not run twice. */
const PLAYBOOK = `
name: everything
plays:
  - name: one
    hosts: all
    tasks:
      - name: first
        set: { thing: first, to: "1" }
        register: first
        notify: handler
      - name: from registered
        set: { thing: second, to: "{{ first.value }}!" }
      - name: loop
        set: { thing: "loop-{{ item }}", to: "{{ item }}" }
        loop: [x, y]
        register: looped
      - block:
          - name: try
            fail: { on: [b] }
          - name: only where it went well
            set: { thing: well, to: "yes" }
        rescue:
          - name: rescued
            set: { thing: rescued, to: "{{ ansible_failed_result.msg }}" }
        always:
          - name: always
            set: { thing: always, to: "yes" }
      - meta: flush_handlers
      - name: again
        set: { thing: third, to: "{{ looped.results.1.item }}" }
        notify: handler
      - name: count
        count: {}
    handlers:
      - name: handler
        append: { to: handled }
`

/** One incarnation of the runner: once dead, what it still does has no effect. */
interface Life {
  dead: boolean
}

/** The controller's power goes off at the nth thing written to the journal: nothing that comes after has any effect. */
function dying(
  disk: Map<string, Uint8Array>,
  life: Life,
  at: number,
  persisted: boolean,
): { world: FakeWorld; dead: Promise<void>; events: () => number } {
  const world = fakeWorld({})
  for (const [path, content] of disk) world.disk.set(path, content)
  let written = 0
  let die = () => {}
  const dead = new Promise<void>((resolve) => (die = resolve))
  const never = new Promise<never>(() => {})
  const files: FakeWorld['files'] = {
    ...world.files,
    write: (path, content, mode) => (life.dead ? never : world.files.write(path, content, mode)),
    async append(path) {
      const file = await world.files.append(path)
      return {
        write(text) {
          if (life.dead) return
          file.write(text)
          if (++written !== at) return
          if (persisted) void file.sync()
          life.dead = true
          die()
        },
        sync: () => (life.dead ? never : file.sync()),
        close: () => (life.dead ? never : file.close()),
      }
    },
  }
  return { world: { ...world, files }, dead, events: () => written }
}

const INPUTS = new Map(
  Object.entries({ '/project/play.yml': PLAYBOOK, '/project/hosts.yml': 'all: { hosts: { a: , b: } }\n' }).map(([path, text]) => [
    path,
    new TextEncoder().encode(text),
  ]),
)

const registry = (stage: Stage, life: Life): ReadonlyMap<string, AnyModule> => {
  const alive = async () => {
    if (life.dead) await new Promise<never>(() => {})
  }
  const count = defineModule({
    name: 'count',
    summary: 'Counts up: twice is once too often.',
    params: { type: 'object', additionalProperties: false, properties: {} },
    examples: [],
    check: async () => ({
      changes: [{ ...onAct('count'), before: undefined, after: 'one more' }],
      before: undefined,
      undetectable: true as const,
    }),
    async apply(_params, _diff, target) {
      await alive()
      stage.did.push(`${target.host} count`)
      const key = `${target.host}/count`
      stage.things.set(key, String(Number(stage.things.get(key) ?? 0) + 1))
    },
    verify: async () => [],
  })
  const append = defineModule({
    name: 'append',
    summary: 'A handler that may run again.',
    params: {
      type: 'object',
      additionalProperties: false,
      required: ['to'],
      properties: { to: { type: 'string', description: 'thing' } },
    },
    examples: [],
    check: async () => ({ changes: [{ ...onAct('append'), before: undefined, after: 'run' }], before: undefined }),
    async apply({ to }, _diff, target) {
      await alive()
      stage.things.set(`${target.host}/${to}`, 'handled')
    },
    verify: async () => [],
  })
  return new Map([...testModules(stage, life), count, append].map((module) => [module.name, module]))
}

async function undisturbed(): Promise<{ stage: Stage; events: number; code: number }> {
  const stage = newStage()
  const life = { dead: false }
  const { world, events } = dying(INPUTS, life, -1, true)
  const code = await run(request(), world, registry(stage, life))
  if (code !== 0) throw new Error(world.written.stderr + world.written.stdout.slice(-600))
  return { stage, events: events(), code }
}

describe('a run killed at any point and resumed', () => {
  test('ends where an undisturbed run ends, and applies nothing twice that must not be', async () => {
    const whole = await undisturbed()
    expect(whole.code).toBe(0)
    expect(whole.events).toBeGreaterThan(90)
    for (let at = 2; at <= whole.events; at++) {
      for (const persisted of [true, false]) {
        const stage = newStage()
        const life = { dead: false }
        const { world, dead } = dying(INPUTS, life, at, persisted)
        void run(request(), world, registry(stage, life))
        await dead
        const where = `killed at event ${at} of ${whole.events}, ${persisted ? 'written' : 'lost'}`
        await resumed(world.disk, stage, where)
        expect(stage.things, where).toEqual(whole.stage.things)
      }
    }
  })
})

/** Resumes until it is done; asked about a command in flight, answers by looking at the host, as an operator would. */
async function resumed(disk: Map<string, Uint8Array>, stage: Stage, where: string): Promise<void> {
  const asked: string[] = []
  const life = { dead: false }
  const { world } = dying(disk, life, -1, true)
  const ask = async (question: string) => {
    asked.push(question)
    const host = / on (\w+) was in flight/.exec(question)?.[1]
    return stage.things.has(`${host}/count`) ? 'y' : 'n'
  }
  const code = await resume(
    { run: undefined, failed: false, yes: false, waitLock: 0, detach: false, acceptChanges: false, params: [], output: 'json' },
    { ...world, ask },
    registry(stage, life),
  ).catch((error: unknown) => {
    // Killed after its end had been written: there is nothing to resume.
    if (String(error).includes('succeeded') && stage.did.length > 0) return 0
    // Killed before its inputs were kept: nothing had been begun, and it says so.
    if (stage.did.length > 0) throw error
    return run(request(), dying(INPUTS, life, -1, true).world, registry(stage, life))
  })
  expect(code, where).toBe(0)
}
