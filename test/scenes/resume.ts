import type { StepRef } from '../../runner/events/events.ts'
import { type AnyModule, defineModule } from '../../runner/module.ts'
import { resume, type ResumeRequest } from '../../runner/run/resume.ts'
import { run } from '../../runner/run/run.ts'
import { fakeTarget } from '../doubles/target.ts'
import { type FakeWorld, fakeWorld } from '../doubles/world.ts'
import { newStage, type Stage, testModules } from './play.ts'
import { request } from '../doubles/request.ts'
import { onAct } from '../doubles/address.ts'

export const asked: ResumeRequest = {
  run: undefined,
  failed: false,
  yes: false,
  detach: false,
  waitLock: 0,
  acceptChanges: false,
  params: [],
  output: 'json',
}

export interface Scene {
  readonly world: FakeWorld
  readonly stage: Stage
  /** What the last command did, as `HOST what`, without looks. */
  did(): readonly string[]
  /** Writes other tasks into the playbook. */
  edit(tasks: string, params?: string): void
  apply(): Promise<number>
  resume(more?: Partial<ResumeRequest>): Promise<number>
  /** What `events` of the last command say. */
  events(): readonly { readonly type: string; readonly unfinished?: readonly string[]; readonly step?: StepRef }[]
}

/**
 * A run and what goes on with it, in one world. Beside the test modules: `count` (nobody can see whether it was done; takes as many milliseconds as
 * the thing `takes` says), `trouble` (fails on
 * the hosts that are listed in the thing `trouble`), `stop` (Ctrl-C, once, on the host `on`). The
 * hosts have a machine id; their boot id is the thing `booted`.
 */
export function scene(tasks: string, { hosts = 'a, b, c', play = '' } = {}): Scene {
  const stage = newStage()
  const world = fakeWorld({
    files: { 'hosts.yml': `all: { hosts: { ${hosts.replaceAll(', ', ': , ')}: } }` },
    host: ({ name }) =>
      fakeTarget({
        host: name,
        files: {
          '/etc/machine-id': `id of ${name}\n`,
          '/proc/sys/kernel/random/boot_id': stage.things.get('booted') ?? 'first',
        },
      }),
  })
  const text = { type: 'string', description: 'text' } as const
  const count = defineModule({
    name: 'count',
    summary: 'Counts up.',
    params: { type: 'object', additionalProperties: false, properties: { what: { ...text, default: '' } } },
    examples: [],
    check: async () => ({
      changes: [{ ...onAct('count'), before: undefined, after: '1 more' }],
      before: undefined,
      blind: true as const,
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
  const modules = new Map<string, AnyModule>([...testModules(stage), count, trouble, stop].map((module) => [module.name, module]))
  const begin = () => {
    stage.did.length = 0
    world.written.stdout = ''
    world.written.stderr = ''
    world.connected.length = 0
  }
  const edit = (now: string, params = '') =>
    void world.disk.set(
      '/project/play.yml',
      new TextEncoder().encode(
        `name: t\n${params}plays:\n  - name: p\n    hosts: all\n${play}    tasks:\n${now.replaceAll(/^/gm, '      ')}\n`,
      ),
    )
  edit(tasks)
  return {
    world,
    stage,
    edit,
    did: () => stage.did.filter((what) => !what.includes('look')),
    apply: () => (begin(), run(request(), world, modules)),
    resume: (more = {}) => (begin(), resume({ ...asked, ...more }, world, modules)),
    events: () =>
      world.written.stdout
        .split('\n')
        .filter((line) => line.startsWith('{'))
        .map((line) => JSON.parse(line) as { type: string }),
  }
}
