/** What becomes of a step that was in flight when its run died. */
import { expect, test } from 'vitest'
import { type AnyModule, defineModule } from '../../../runner/module.ts'
import { resume } from '../../../runner/run/resume.ts'
import { run } from '../../../runner/run/run.ts'
import { fakeWorld } from '../../doubles/world.ts'
import { newStage, testModules } from '../../scenes/play.ts'
import { request } from '../../doubles/request.ts'
import { onAct } from '../../doubles/address.ts'

const place = { file: 'play.yml', line: 1, column: 1, length: 1 }
const step = (module: string) => ({ key: `0.tasks.0/a`, task: '0.tasks.0', host: 'a', name: 'it', module, place })

/** A run on one host that was cut off in its only step, which notifies a handler; then it is resumed, as often as there are answers. */
async function cutOff(
  task: string,
  module: AnyModule,
  answers: readonly (readonly string[] | undefined)[],
  more: readonly object[] = [],
) {
  const stage = newStage()
  const modules = new Map([...testModules(stage), module].map((each) => [each.name, each]))
  const files = {
    'play.yml': `name: t\nplays:\n  - hosts: all\n    tasks:\n      - ${task}\n        name: it\n        notify: h\n    handlers:\n      - { name: h, set: { thing: handled, to: "yes" } }\n`,
    'hosts.yml': 'all: { hosts: { a: } }\n',
  }
  const first = fakeWorld({ files, down: ['a'] })
  await run(request(), first, modules)
  const journal = [...first.disk.keys()].find((path) => path.endsWith('journal.jsonl')) ?? ''
  const lines = [
    ...new TextDecoder().decode(first.disk.get(journal)).split('\n').slice(0, 2),
    ...[{ type: 'apply-started', at: 1, step: step(module.name), blob: 'x' }, ...more].map((line) => JSON.stringify(line)),
    '',
  ]
  first.disk.set(journal, new TextEncoder().encode(lines.join('\n')))
  const codes: number[] = []
  for (const answer of answers) {
    const world = fakeWorld(answer === undefined ? {} : { answers: answer })
    for (const [path, content] of first.disk) world.disk.set(path, content)
    codes.push(await resume(asked, world, modules))
    for (const [path, content] of world.disk) first.disk.set(path, content)
  }
  return { codes, did: stage.did }
}
const asked: Parameters<typeof resume>[0] = {
  run: undefined,
  failed: false,
  yes: false,
  waitLock: 0,
  acceptChanges: false,
  params: [],
  output: 'json',
  detach: false,
}

/** Cannot tell whether it was done; counts how often it is. */
const undetectable = () => {
  let times = 0
  const module = defineModule({
    name: 'once',
    summary: 'Acts.',
    params: { type: 'object', additionalProperties: false, properties: {} },
    examples: [],
    check: async () => ({
      changes: [{ ...onAct('x'), before: undefined, after: 'x' }],
      before: undefined,
      undetectable: true as const,
    }),
    apply: async () => void times++,
    verify: async () => [],
  })
  return { module, times: () => times }
}
const seen = defineModule({
  name: 'seen',
  summary: 'Is done already.',
  params: { type: 'object', additionalProperties: false, properties: {} },
  examples: [],
  check: async () => ({ changes: [], before: undefined }),
  apply: async () => undefined,
})

test('a step that the check finds done had been done by this run: its handler runs', async () => {
  expect(await cutOff('seen: {}', seen, [undefined])).toEqual({ codes: [0], did: ['a handled=yes'] })
})

test('a command is not run again after a resume that nobody could answer, however often', async () => {
  const { module, times } = undetectable()
  expect((await cutOff('once: {}', module, [undefined, undefined, undefined])).codes).toEqual([4, 4, 4])
  expect(times()).toBe(0)
})

test.each([
  ['y', 0],
  ['n', 1],
])('answered later with %s', async (answer, expected) => {
  const { module, times } = undetectable()
  expect(await cutOff('once: {}', module, [undefined, [answer]])).toEqual({ codes: [4, 0], did: ['a handled=yes'] })
  expect(times()).toBe(expected)
})

test('a command whose connection was lost has an unknown end as well', async () => {
  const { module, times } = undetectable()
  const failure = { kind: 'unreachable', what: 'lost' }
  const end = { type: 'step-finished', at: 2, step: step('once'), outcome: 'unreachable', changes: [], result: {}, failure }
  expect((await cutOff('once: {}', module, [undefined, ['y']], [end])).codes).toEqual([4, 0])
  expect(times()).toBe(0)
})

test('with retries it is asked for once', async () => {
  const { module, times } = undetectable()
  expect((await cutOff('once: {}\n        until: "false"\n        retries: 1\n        delay: 0', module, [['n']])).codes).toEqual(
    [1],
  )
  expect(times()).toBe(2)
})
