/** Runs the built program on the real cloud as an operator does, and reads its events. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { onTestFinished } from 'vitest'
import type { Event, StepFinished } from '../../../runner/events/events.ts'
import type { UserName } from './client.ts'
import type { RealCloud } from './cloud.ts'
import { sources } from './layout.ts'

const project = join(sources, '..', '..', '..')
const program = join(project, 'dist', 'runner', 'bin.js')

/** A run of the command line that has ended. */
export interface Told {
  /** Exit status; null when it was killed. */
  readonly code: number | null
  /** Id of the run; empty where it came to none. */
  readonly run: string
  readonly events: readonly Event[]
  readonly stderr: string
}

/** The command line at work. */
export interface Running {
  /** Waits for an event that `look` finds something in; throws when the program ends without it. */
  event<T>(what: string, look: (event: Event) => T | undefined): Promise<T>
  /** As a crash does: nothing is tidied up. */
  kill(): Promise<void>
  readonly ended: Promise<Told>
}

export interface Operator {
  /** The folder they work in, where `.runbook` is. */
  readonly folder: string
  /** Starts `runbook` as built by `npm run build`, with `--output json`. */
  start(argv: readonly string[]): Running
  /** `runbook apply playbooks/live-migrate.yml -p NAME=VALUE …`, and the same with `plan`. */
  migrate(params: Params): Running
  plan(params: Params): Running
}

type Params = Readonly<Record<string, string | number>>

/** An operator of the cloud at a shell, in a folder of their own that goes when the test is over. What still runs then is killed. */
export const operator = async (cloud: RealCloud, as: UserName = 'admin'): Promise<Operator> => {
  const folder = await mkdtemp(join(tmpdir(), 'runbook-operator-'))
  const running = new Set<Running>()
  onTestFinished(async () => {
    for (const one of running) await one.kill()
    await rm(folder, { recursive: true })
  })
  const env = { PATH: process.env.PATH, HOME: folder, OS_CLIENT_CONFIG_FILE: cloud.cloudsFile, OS_CLOUD: cloud.clouds[as] }
  const begin = (argv: readonly string[]): Running => {
    const one = follow(argv, folder, env)
    running.add(one)
    return one
  }
  const liveMigrate = (command: string) => (params: Params) =>
    begin([
      command,
      join(project, 'playbooks', 'live-migrate.yml'),
      '--inventory',
      cloud.inventoryFile,
      ...Object.entries(params).flatMap(([name, value]) => ['--param', `${name}=${value}`]),
    ])
  return { folder, start: begin, migrate: liveMigrate('apply'), plan: liveMigrate('plan') }
}

const follow = (argv: readonly string[], cwd: string, env: NodeJS.ProcessEnv): Running => {
  const child = spawn(process.execPath, [program, ...argv, '--output', 'json'], { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] })
  const events: Event[] = []
  const errors: Buffer[] = []
  const waiting = new Set<() => void>()
  const wake = () => waiting.forEach((one) => one())
  createInterface(child.stdout).on('line', (line) => {
    events.push(JSON.parse(line) as Event)
    wake()
  })
  child.stderr.on('data', (chunk: Buffer) => errors.push(chunk))
  const stderr = () => Buffer.concat(errors).toString()
  let over = false
  const ended = once(child, 'close').then(([code]): Told => {
    over = true
    wake()
    const run = events.find((event) => event.type === 'run-started')?.run ?? ''
    return { code, run, events, stderr: stderr() }
  })
  return {
    ended,
    event: <T>(what: string, look: (event: Event) => T | undefined) =>
      new Promise<T>((resolve, reject) => {
        let next = 0
        const again = () => {
          for (; next < events.length; next += 1) {
            const found = look(events[next]!)
            if (found === undefined) continue
            waiting.delete(again)
            return resolve(found)
          }
          if (over) reject(new Error(`runbook ended before ${what}:\n${stderr()}${JSON.stringify(events.at(-2), null, 2)}`))
        }
        waiting.add(again)
        again()
      }),
    kill: async () => {
      child.kill('SIGKILL')
      await ended
    },
  }
}

/** How the steps of a module ended. */
export const steps = ({ events }: Told, module: string): readonly StepFinished[] =>
  events.filter((event): event is StepFinished => event.type === 'step-finished' && event.step.module === module)

/** The one step of a module, and how it ended. */
export const step = (told: Told, module: string): StepFinished => {
  const [only, ...more] = steps(told, module)
  if (only === undefined || more.length > 0)
    throw new Error(`${module} has ${more.length + (only ? 1 : 0)} steps instead of one:\n${told.stderr}`)
  return only
}
