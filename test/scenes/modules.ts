/** Modules made for tests of whole runs. */
import { type AnyModule, defineModule } from '../../runner/module.ts'
import { onAct, onFile } from '../doubles/address.ts'
import type { FakeWorld } from '../doubles/world.ts'
import type { Stage } from './play.ts'

/**
 * The modules of a scene, beside the common ones (scene.ts puts both together).
 *
 * - `act` is a command: nothing is known of it before, and it has no undo. `kick` is a restart: it writes down what it found.
 * - `line` adds a word to a text and looks at nothing but that word. `folder` makes a folder.
 * - `burn` cannot be undone, and says how long it takes.
 * - `count` is a command that takes as many milliseconds as the thing `takes` says; nobody can see whether it was done.
 * - `trouble` fails on the hosts that the thing `trouble` lists. `stop` is Ctrl-C, once, on the host `on`.
 */
export function sceneModules(stage: Stage, world: FakeWorld): AnyModule[] {
  const text = { type: 'string', description: 'text' } as const
  const act = defineModule({
    name: 'act',
    summary: 'Does something.',
    params: { type: 'object', additionalProperties: false, required: ['do'], properties: { do: text } },
    examples: [],
    check: async () => ({ changes: [{ ...onAct('act'), before: undefined, after: 'done' }], before: null, undetectable: true }),
    async apply({ do: what }, _diff, target) {
      stage.did.push(`${target.host} ${what}`)
      if (what === 'spoil') stage.things.set(`${target.host}/file`, 'spoilt')
      return { id: `id-of-${what}` }
    },
    verify: async () => [],
  })
  const kick = defineModule({
    name: 'kick',
    summary: 'Restarts.',
    params: { type: 'object', additionalProperties: false, properties: {} },
    examples: [],
    check: async () => ({
      changes: [{ ...onAct('unit'), before: 'running', after: 'restarted' }],
      before: null,
      activates: true,
    }),
    async apply(_params, _diff, target) {
      stage.did.push(`${target.host} kicked with ${stage.things.get(`${target.host}/conf`) ?? 'none'}`)
    },
    verify: async () => [],
    async undo(_params, _before, target) {
      stage.did.push(`${target.host} kicked with ${stage.things.get(`${target.host}/conf`) ?? 'none'}`)
    },
  })
  const textAt = (target: { readonly host: string }, at: string) => stage.things.get(`${target.host}${at}`)
  const inWords = (content: string | undefined) =>
    content === undefined ? { kind: 'absent' } : { kind: 'file', words: String(content.split(' ').length), content }
  const line = defineModule<any, string | undefined>({
    name: 'line',
    summary: 'Adds a word.',
    params: {
      type: 'object',
      additionalProperties: false,
      required: ['add'],
      properties: { add: text, at: { ...text, default: '/file' } },
    },
    examples: [],
    async check({ add, at }: any, target) {
      const now = textAt(target, at)
      return {
        changes: now?.includes(add) ? [] : [{ ...onFile(at, add, target.host), before: undefined, after: add }],
        before: now,
        snapshot: [{ ...onFile(at, undefined, target.host), properties: inWords(now) }],
      }
    },
    async apply({ add, at }: any, { before }, target) {
      stage.things.set(`${target.host}${at}`, before === undefined ? add : `${before} ${add}`)
    },
    async undo({ at }: any, before, target) {
      if (before === undefined) stage.things.delete(`${target.host}${at}`)
      else stage.things.set(`${target.host}${at}`, before)
    },
    observe: async ({ at }: any, _before, target) => [
      { ...onFile(at, undefined, target.host), properties: inWords(textAt(target, at)) },
    ],
  })
  const folder = defineModule<any>({
    name: 'folder',
    summary: 'Makes a folder.',
    params: { type: 'object', additionalProperties: false, required: ['at'], properties: { at: text } },
    examples: [],
    check: async ({ at }: any, target) => ({
      changes:
        textAt(target, at) === undefined ? [{ ...onFile(at, undefined, target.host), before: undefined, after: 'folder' }] : [],
      before: undefined,
    }),
    async apply({ at }: any, _diff, target) {
      stage.things.set(`${target.host}${at}`, '')
    },
    async undo({ at }: any, _before, target) {
      stage.things.delete(`${target.host}${at}`)
    },
    observe: async ({ at }: any, _before, target) => [
      {
        ...onFile(at, undefined, target.host),
        properties: {
          entries: [...stage.things.keys()]
            .filter((key) => key.startsWith(`${target.host}${at}/`))
            .map((key) => key.slice(`${target.host}${at}/`.length))
            .toSorted(),
        },
      },
    ],
  })
  const burn = defineModule({
    name: 'burn',
    summary: 'Cannot be undone.',
    params: {
      type: 'object',
      additionalProperties: false,
      required: ['minutes'],
      properties: { minutes: { type: 'integer', description: 'How long.' } },
    },
    examples: [],
    async check({ minutes }, target) {
      const done = stage.things.has(`${target.host}/burnt`)
      const changes = done ? [] : [{ ...onAct('wood'), before: 'whole', after: 'ashes' }]
      return { changes, before: null, estimate: { seconds: minutes * 60, basis: 'as wood does' } }
    },
    async apply(_params, _diff, target) {
      stage.things.set(`${target.host}/burnt`, 'yes')
      return { left: ['coal'] }
    },
  })
  const count = defineModule({
    name: 'count',
    summary: 'Counts up.',
    params: { type: 'object', additionalProperties: false, properties: { what: { ...text, default: '' } } },
    examples: [],
    check: async () => ({
      changes: [{ ...onAct('count'), before: undefined, after: '1 more' }],
      before: undefined,
      undetectable: true as const,
    }),
    async apply({ what }, _diff, target) {
      await world.clock.sleep(Number(stage.things.get('takes') ?? 0))
      stage.did.push(`${target.host} count ${what}`.trim())
      return { token: `token ${stage.did.length} of ${target.host}` }
    },
    verify: async () => [],
  })
  const trouble = defineModule({
    name: 'trouble',
    summary: 'Fails on some hosts.',
    params: { type: 'object', additionalProperties: false, properties: {} },
    examples: [],
    async check(_params, target) {
      if (stage.things.get('trouble')?.includes(target.host)) throw new Error('trouble')
      return { changes: [], before: undefined }
    },
  })
  const stop = defineModule({
    name: 'stop',
    summary: 'Ctrl-C.',
    params: { type: 'object', additionalProperties: false, required: ['on'], properties: { on: text } },
    examples: [],
    check: async ({ on }, { host }) => ({
      changes: on === host && !stage.things.has('stopped') ? [{ ...onAct('stop'), before: undefined, after: 'stopped' }] : [],
      before: undefined,
    }),
    async apply() {
      stage.things.set('stopped', 'yes')
      world.interrupt()
    },
  })
  return [act, kick, line, folder, burn, count, trouble, stop]
}
