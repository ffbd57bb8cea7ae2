/** Runs a playbook in memory with modules made for tests. */
import type { Event, StepFinished } from '../../runner/events/events.ts'
import { type AnyModule, defineModule, Failure } from '../../runner/module.ts'
import { run } from '../../runner/run/run.ts'
import { request, type RequestGiven } from '../doubles/request.ts'
import { type FakeWorld, fakeWorld, type FakeWorldGiven } from '../doubles/world.ts'
import { onAct } from '../doubles/address.ts'

/** What the test modules know of the world: the state of named things, by host, and what was done to them, in order. */
export interface Stage {
  readonly things: Map<string, string>
  readonly did: string[]
}

export interface Played {
  readonly code: number
  readonly events: readonly Event[]
  readonly finished: readonly StepFinished[]
  readonly stage: Stage
  readonly world: FakeWorld
  /** `host name: outcome` of every step that ended, in order. */
  readonly outcomes: readonly string[]
}

export interface PlayGiven extends FakeWorldGiven {
  readonly inventory?: string
  readonly request?: RequestGiven
  readonly stage?: Stage
  readonly modules?: readonly AnyModule[]
  readonly onEvent?: (event: Event, world: FakeWorld) => void
}

export const newStage = (): Stage => ({ things: new Map(), did: [] })

/** Runs a playbook through the whole pipeline in a world of its own, with test modules, and tells what happened. */
export async function play(playbook: string, given: PlayGiven = {}): Promise<Played> {
  const stage = given.stage ?? newStage()
  const inventory = given.inventory ?? 'all:\n  hosts:\n    a:\n    b:\n    c:\n'
  const world = fakeWorld({ ...given, files: { 'play.yml': playbook, 'hosts.yml': inventory, ...given.files } })
  const events: Event[] = []
  const watched: FakeWorld = {
    ...world,
    stdout: {
      ...world.stdout,
      write(text) {
        world.stdout.write(text)
        for (const line of text.split('\n').filter((part) => part.startsWith('{'))) {
          const event = JSON.parse(line) as Event
          events.push(event)
          given.onEvent?.(event, world)
        }
      },
    },
  }
  const modules = new Map([...testModules(stage), ...(given.modules ?? [])].map((module) => [module.name, module]))
  const code = await run(request(given.request), watched, modules)
  const finished = events.filter((event) => event.type === 'step-finished')
  const outcomes = finished.map(
    ({ step, outcome, ignored }) =>
      `${step.host} ${step.item === undefined ? step.name : `${step.name}[${step.item}]`}: ${ignored ? 'ignored' : outcome}`,
  )
  return { code, events, finished, stage, world, outcomes }
}

/**
 * `set` makes a thing have a value; `look` reads one; `fail` fails; `say` answers what it is told.
 *
 * @param life once dead, the runner has been killed: what it still does has no effect
 */
export function testModules(stage: Stage, life = { dead: false }): AnyModule[] {
  const text = { type: 'string', description: 'text' } as const
  const set = defineModule({
    name: 'set',
    summary: 'Sets a thing.',
    params: {
      type: 'object',
      additionalProperties: false,
      required: ['thing', 'to'],
      properties: { thing: text, to: text, lie: { type: 'boolean', description: 'Claim to have done it.', default: false } },
    },
    examples: [],
    async check({ thing, to }, target) {
      const before = stage.things.get(`${target.host}/${thing}`)
      return {
        changes: before === to ? [] : [{ ...onAct(thing), before, after: to }],
        before: before ?? null,
        result: { value: before ?? null },
      }
    },
    async apply({ thing, to, lie }, _diff, target) {
      if (life.dead) await new Promise<never>(() => {})
      stage.did.push(`${target.host} ${thing}=${to}`)
      if (!lie) stage.things.set(`${target.host}/${thing}`, to)
      return { value: to }
    },
    async undo({ thing }, before, target) {
      if (before === null) stage.things.delete(`${target.host}/${thing}`)
      else stage.things.set(`${target.host}/${thing}`, before)
    },
  })
  const look = defineModule({
    name: 'look',
    summary: 'Reads a thing.',
    params: { type: 'object', additionalProperties: false, required: ['thing'], properties: { thing: text } },
    examples: [],
    async check({ thing }, target) {
      stage.did.push(`${target.host} look ${thing}`)
      return { changes: [], before: undefined, result: { value: stage.things.get(`${target.host}/${thing}`) ?? '' } }
    },
  })
  const fail = defineModule({
    name: 'fail',
    summary: 'Fails, on some hosts.',
    params: {
      type: 'object',
      additionalProperties: false,
      properties: { on: { type: 'array', items: text, description: 'Hosts.' }, msg: { ...text, default: 'told to fail' } },
    },
    examples: [],
    async check({ on, msg }, target) {
      if (on === undefined || on.includes(target.host)) throw new Failure(msg, { help: 'nothing', data: { rc: 7 } })
      return { changes: [], before: undefined }
    },
  })
  const say = defineModule({
    name: 'say',
    summary: 'Answers what it is told.',
    params: { type: 'object', additionalProperties: false, properties: { value: { description: 'Anything.' } } },
    examples: [],
    async check({ value }, target) {
      return { changes: [], before: undefined, result: { value, on: target.host } }
    },
  })
  return [set, look, fail, say]
}
