/** A playbook in memory that commands are tried on, one after the other. */
import type { Event, StepRef } from '../../runner/events/events.ts'
import type { AnyModule } from '../../runner/module.ts'
import { resume, type ResumeRequest } from '../../runner/run/resume.ts'
import { run } from '../../runner/run/run.ts'
import { request, type RequestGiven } from '../doubles/request.ts'
import { fakeTarget } from '../doubles/target.ts'
import { type FakeWorld, fakeWorld, type FakeWorldGiven } from '../doubles/world.ts'
import { sceneModules } from './modules.ts'
import { dedent } from './dedent.ts'
import { newStage, type Stage, testModules } from './play.ts'

/** What `resume` is asked without any option. */
export const ASKED: ResumeRequest = {
  run: undefined,
  failed: false,
  yes: false,
  detach: false,
  waitLock: 0,
  acceptChanges: false,
  params: [],
  output: 'json',
}

/** An event; of any it can be asked about which step it is, and which hosts are unfinished. */
export type Said = Event & { readonly step?: StepRef; readonly unfinished?: readonly string[] }

export interface Scene {
  readonly world: FakeWorld
  readonly stage: Stage
  readonly modules: ReadonlyMap<string, AnyModule>
  /** What the last command did, as `HOST what`, without looks. */
  did(): readonly string[]
  /** Writes other tasks into the playbook. */
  edit(tasks: string, params?: string): void
  apply(more?: RequestGiven): Promise<number>
  resume(more?: Partial<ResumeRequest>): Promise<number>
  /** The events of the last command. */
  events(): readonly Said[]
}

export interface SceneGiven extends FakeWorldGiven {
  readonly name?: string
  /** Names, with commas. */
  readonly hosts?: string
  /** What the play has beside its tasks. */
  readonly play?: string
}

/**
 * Commands that follow each other in one world: a playbook of one play, for all hosts, and the test modules of play.ts and modules.ts.
 * The hosts have a machine id; their boot id is the thing `booted`.
 */
export function scene(tasks: string, { name = 't', hosts = 'a, b', play = '', ...given }: SceneGiven = {}): Scene {
  const stage = newStage()
  const world = fakeWorld({
    files: { 'hosts.yml': `all: { hosts: { ${hosts.replaceAll(', ', ': , ')}: } }` },
    host: ({ name: host }) =>
      fakeTarget({
        host,
        files: {
          '/etc/machine-id': `id of ${host}\n`,
          '/proc/sys/kernel/random/boot_id': stage.things.get('booted') ?? 'first',
        },
      }),
    ...given,
  })
  const modules = new Map([...testModules(stage), ...sceneModules(stage, world)].map((module) => [module.name, module]))
  const begin = () => {
    stage.did.length = 0
    world.written.stdout = ''
    world.written.stderr = ''
    world.connected.length = 0
  }
  const edit = (now: string, params = '') => {
    const whole = dedent`
      name: ${name}
      ${params}
      plays:
        - name: p
          hosts: all
          ${play}
          tasks:
            ${now}
    `
    world.disk.set('/project/play.yml', new TextEncoder().encode(whole))
  }
  edit(tasks)
  return {
    world,
    stage,
    modules,
    edit,
    did: () => stage.did.filter((what) => !what.includes('look')),
    apply: (more) => (begin(), run(request(more), world, modules)),
    resume: (more = {}) => (begin(), resume({ ...ASKED, ...more }, world, modules)),
    events: () => eventsIn(world.written.stdout),
  }
}

/** The events that a command has written. */
export const eventsIn = (stdout: string): Said[] =>
  stdout
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line) as Said)
