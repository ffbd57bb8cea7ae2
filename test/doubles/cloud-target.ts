/** A target whose cloud is the simulated one, for tests of modules that act through the API. */
import { setMaxListeners } from 'node:events'
import { readFile } from 'node:fs/promises'
import { afterAll, beforeAll, onTestFinished } from 'vitest'
import { connect } from '../../runner/connection/connect.ts'
import type { Connection } from '../../runner/connection/connection.ts'
import { Failure, type AnyModule, type Diff, type Progress, type Result, type Target } from '../../runner/module.ts'
import { openCloud } from '../../runner/openstack/index.ts'
import { startCloud, type CloudOptions, type SimulatedCloud } from '../cloud/simulated/cloud.ts'
import { sensiblyChecked } from '../contracts/module.ts'

/** A module's view of a simulated cloud: the real client and real SSH; waiting and the clock are the cloud's own, which run fast. */
export interface CloudTarget extends Target {
  readonly simulated: SimulatedCloud
  readonly progressed: Progress[]
  /** Seconds that were waited, in order. */
  readonly slept: number[]
  /** As the operator does who stops the run. */
  stop(): void
  /** Requests that went to a host so far. */
  requests(host: string): Promise<number>
  /** Where every server is and how, and every service: all that these modules can change. */
  snapshot(): unknown
}

export interface TargetOptions {
  /** A name of the cloud's clouds.yaml. */
  readonly as?: string
  /** Hosts that the inventory has; default all. */
  readonly hosts?: readonly string[]
}

/** A cloud for one test. */
export async function cloudTarget(options: CloudOptions = {}, more: TargetOptions = {}): Promise<CloudTarget> {
  const simulated = await startCloud(options)
  onTestFinished(() => simulated.stop())
  return targetOf(simulated, more)
}

/** One cloud for all tests of a file or a block, which only look at it. */
export function sharedCloud(options: CloudOptions): () => CloudTarget {
  let simulated: SimulatedCloud
  beforeAll(async () => {
    simulated = await startCloud(options)
  }, 60_000)
  afterAll(() => simulated.stop())
  return () => targetOf(simulated)
}

/** Another operator of the same cloud. */
export function targetOf(
  simulated: SimulatedCloud,
  { as, hosts = Object.keys(simulated.hosts) }: TargetOptions = {},
): CloudTarget {
  const { clock } = simulated
  const control = new AbortController()
  setMaxListeners(0, control.signal)
  const connections = new Map<string, Promise<Connection>>()
  onTestFinished(async () => {
    for (const connection of connections.values()) await (await connection).close()
  })
  const env = { ...simulated.env, ...(as === undefined ? {} : { OS_CLOUD: as }) }
  let client: ReturnType<typeof openCloud> | undefined

  const open = (name: string): Promise<Connection> => {
    const { address, port } = simulated.hosts[name]!
    const endpoint = {
      name,
      kind: 'ssh',
      address,
      port,
      user: 'root',
      identityFiles: [simulated.keyFile],
      knownHosts: simulated.knownHostsFile,
    } as const
    return connect(endpoint, { env: process.env }, control.signal)
  }
  const local = async (): Promise<never> => {
    throw new Error('a module of the API must not touch the host it runs for')
  }
  const target: CloudTarget = {
    simulated,
    progressed: [],
    slept: [],
    host: 'localhost',
    hosts: ['localhost', ...hosts],
    facts: {},
    signal: control.signal,
    run: local,
    read: local,
    stat: local,
    list: local,
    database: local,
    stream: () => {
      throw new Error('this module should need nothing of a host')
    },
    job: () => {
      throw new Error('this module should need nothing of a host')
    },
    write: local,
    controllerFile: local,
    render: (text) => text,
    evaluate: () => true,
    async on(name) {
      if (!hosts.includes(name)) throw new Failure(`host \`${name}\` not found in the inventory`, { kind: 'input' })
      const connection = connections.get(name) ?? open(name)
      connections.set(name, connection)
      connection.catch(() => connections.delete(name))
      return { ...target, ...(await connection).as(undefined), host: name }
    },
    cloud: () =>
      (client ??= openCloud(undefined, {
        env,
        cwd: '/',
        read: fileOrNothing,
        now: Date.now,
        sleep: (ms) => clock.sleep(ms / 1000),
        signal: control.signal,
      })),
    progress: (progress) => void target.progressed.push(progress),
    async sleep(seconds) {
      control.signal.throwIfAborted()
      target.slept.push(seconds)
      await clock.sleep(seconds)
      control.signal.throwIfAborted()
    },
    now: clock.now,
    stop: () => control.abort(new Failure('stopped by the operator', { kind: 'interrupted' })),
    requests: async (name) => (await connections.get(name))?.traffic.requests ?? 0,
    snapshot: () => ({
      servers: [...simulated.state.servers.values()].map(({ name, host, vmState, taskState }) => ({
        name,
        host,
        vmState,
        taskState,
      })),
      services: [...simulated.state.computes.values()].map(({ name, disabled, disabledReason, forcedDown }) => ({
        name,
        disabled,
        disabledReason,
        forcedDown,
      })),
    }),
  }
  return target
}

async function fileOrNothing(path: string): Promise<Uint8Array | undefined> {
  try {
    return await readFile(path)
  } catch {
    return undefined
  }
}

/** Parameters as the engine hands them over: defaults filled in. */
export const filled = (module: AnyModule, params: Readonly<Record<string, unknown>>): any => ({
  ...Object.fromEntries(
    Object.entries(module.params.properties).flatMap(([name, schema]) =>
      'default' in schema && schema.default !== undefined ? [[name, schema.default]] : [],
    ),
  ),
  ...params,
})

export const check = (module: AnyModule, params: Readonly<Record<string, unknown>>, target: Target): Promise<Diff<any>> =>
  sensiblyChecked(module, filled(module, params), target)

/** Check, apply and verify, as the engine does them. */
export async function apply(module: AnyModule, params: Readonly<Record<string, unknown>>, target: Target): Promise<Result> {
  const diff = await check(module, params, target)
  if (diff.changes.length === 0) return diff.result ?? {}
  const result = await module.apply!(filled(module, params), diff, target)
  const left =
    module.verify === undefined
      ? (await check(module, params, target)).changes
      : await module.verify(filled(module, params), diff, target)
  if (left.length > 0) throw new Error(`not as it should be: ${JSON.stringify(left)}`)
  return { ...diff.result, ...result }
}

/** The failure that a promise ends with. */
export async function failureOf(work: Promise<unknown>): Promise<Failure> {
  try {
    await work
  } catch (error) {
    if (error instanceof Failure) return error
    throw error
  }
  throw new Error('it did not fail')
}
