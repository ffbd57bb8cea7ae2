/** The target of one step on one host: all that a module may use. Called by engine/attempt.ts and undo. */
import { dirname, isAbsolute, resolve } from 'node:path'
import { becomeFrom, endpointFrom } from '../connection/endpoint.ts'
import type { Become, Connection, Endpoint, HostAccess, HostLock, LockWanted } from '../connection/connection.ts'
import { hostStream } from '../connection/stream/stream.ts'
import { hostJob, type JobContext } from '../connection/job/job.ts'
import { Failure } from '../base/failure.ts'
import { didYouMean } from '../base/suggest.ts'
import { placesFor } from '../source/controller-file.ts'
import type { Scope } from '../language/value.ts'
import type { Progress, Target } from '../module.ts'
import { hostDatabase } from './database.ts'
import { gather } from './facts.ts'
import { type HostState, type Run, stateOf } from '../state/run-state.ts'
import { connectionVars, passwordsIn } from './connection-vars.ts'

/** A step's settings for its target. */
export interface TargetOptions {
  /** Inventory name of the host to act on: the step's own, or the host that the step is delegated to. */
  readonly host: string
  readonly become: { readonly wanted: boolean | undefined; readonly user: string | undefined }
  readonly environment: Readonly<Record<string, string>>
  readonly remoteUser?: string | undefined
  readonly port?: number | undefined
  readonly signal: AbortSignal
  /** The variables of the step's own host. */
  readonly scope: Scope
  readonly facts: Readonly<Record<string, unknown>>
  progress(progress: Progress): void
  evaluate(condition: string): boolean
  render(text: string, name: string): string
  controllerFile(path: string): Promise<Uint8Array>
}

/** Makes a target. Connects on first use: a module that works through an API opens no connection. */
export function createTarget(run: Run, options: TargetOptions): Target {
  let opened: Promise<HostAccess> | undefined
  const access = () => (opened ??= reachHost(run, options))
  const { clock } = run.world
  const withEnvironment = <Work extends { readonly env?: Readonly<Record<string, string>> }>(work: Work) => ({
    ...work,
    env: { ...options.environment, ...work.env },
  })
  return {
    host: options.host,
    facts: options.facts,
    signal: options.signal,
    get hosts() {
      return [...run.inventory.hosts.keys()]
    },
    run: async (argv, given = {}) => (await access()).run(argv, { ...withEnvironment(given), signal: options.signal }),
    read: async (path) => (await access()).read(path),
    stat: async (path) => (await access()).stat(path),
    list: async (path) => (await access()).list(path),
    write: async (path, content, given) => (await access()).write(path, content, given),
    async on(host) {
      if (host === options.host) return createTarget(run, options)
      const state = known(run, host)
      return createTarget(run, { ...options, host: state.name, facts: state.facts })
    },
    job: (name, work) => hostJob(access, name, withEnvironment(work), contextOf(run, options)),
    stream(name, to, work) {
      const end = async () => {
        const { endpoint, become } = await reach(run, { ...options, host: to })
        return { host: to, become, connection: await run.session.connection(endpoint) }
      }
      return hostStream(access, name, end, withEnvironment(work), contextOf(run, options))
    },
    database: (choice) =>
      hostDatabase(choice, {
        ...contextOf(run, options),
        access,
        connection: () => connectionTo(run, options),
        hide: (secret) => run.secrets.add(secret),
      }),
    cloud: async (name) => run.session.cloud(await cloudChoice(run, options.scope, name)),
    progress: options.progress,
    evaluate: options.evaluate,
    render: options.render,
    controllerFile: options.controllerFile,
    sleep: (seconds) => clock.sleep(seconds * 1000, options.signal),
    now: () => clock.monotonic() / 1000,
  }
}

const contextOf = ({ world: { clock } }: Run, { host, signal, progress }: TargetOptions): JobContext => ({
  host,
  signal,
  progress,
  sleep: (seconds) => clock.sleep(seconds * 1000, signal),
})

/**
 * Gathers the named facts, unless this process of the run has gathered them. A resumed run gathers again: the host
 * may have restarted.
 */
export async function gatherFacts(run: Run, state: HostState, names: readonly string[], options: TargetOptions): Promise<void> {
  const missing = names.filter((name) => !state.gathered.has(name))
  if (missing.length === 0) return
  const facts = await gather(missing, await reachHost(run, options))
  Object.assign(state.facts, facts)
  for (const name of missing) state.gathered.add(name)
  run.emit({ type: 'facts-gathered', host: state.name, facts })
}

function known(run: Run, host: string): HostState {
  return stateOf(run, host) ?? unknownHost(run, host)
}

function unknownHost(run: Pick<Run, 'inventory'>, host: string): never {
  throw new Failure(`host \`${host}\` not found in the inventory`, {
    kind: 'input',
    help: didYouMean(host, run.inventory.hosts.keys()) ?? 'add it to the inventory',
  })
}

/** A host, and the user to reach it as. */
export type Reaching = Pick<TargetOptions, 'host' | 'become' | 'remoteUser' | 'port'>
/** The parts of a run that are needed to reach a host. */
export type Reachable = Pick<
  Run,
  'inventory' | 'extra' | 'params' | 'session' | 'secrets' | 'world' | 'as' | 'becomePassword' | 'unreachable'
> & {
  readonly playbook: Pick<Run['playbook'], 'vars'>
  readonly how: Pick<Run['how'], 'acceptNewHostKeys'>
}

/** Names of the controller, which is never locked: operators share it. */
const CONTROLLER = ['localhost', '127.0.0.1', '::1']

/** Takes a lock on a host; returns `free` if none is needed. Throws `Failure`. */
export async function takeOn(run: Run, options: Reaching, wanted: LockWanted): Promise<HostLock | 'busy' | 'free'> {
  const { endpoint, become } = await reach(run, options)
  if (endpoint.kind === 'local' && CONTROLLER.includes(endpoint.name)) return 'free'
  return (await run.session.lock(endpoint, become, wanted)) ?? 'busy'
}

export async function reachHost(run: Reachable, options: Reaching): Promise<HostAccess> {
  const { endpoint, become } = await reach(run, options)
  return run.session.access(endpoint, become)
}

async function connectionTo(run: Reachable, options: Reaching): Promise<Connection> {
  const { endpoint } = await reach(run, options)
  return run.session.connection(endpoint)
}

async function reach(run: Reachable, options: Reaching): Promise<{ endpoint: Endpoint; become: Become | undefined }> {
  const host = run.inventory.hosts.get(options.host) ?? unknownHost(run, options.host)
  const known = run.unreachable.get(host.name)
  run.unreachable.delete(host.name)
  if (known !== undefined) throw known
  const vars = connectionVars(run, host)
  // Passwords that could not be rendered at the start of the run.
  for (const password of passwordsIn(vars)) run.secrets.add(password)
  const endpoint = endpointFrom(host.name, vars, {
    user: options.remoteUser ?? run.as.user,
    port: options.port,
    acceptNewHostKeys: run.how.acceptNewHostKeys,
  })
  const become = becomeFrom(vars, {
    wanted: options.become.wanted ?? (run.as.become || undefined),
    user: options.become.user ?? run.as.becomeUser,
    password: run.becomePassword,
  })
  const near = (path: string) => besideInventory(run, path)
  return {
    endpoint: {
      ...endpoint,
      ...(endpoint.identityFiles === undefined ? {} : { identityFiles: await Promise.all(endpoint.identityFiles.map(near)) }),
      ...(endpoint.knownHosts === undefined ? {} : { knownHosts: await near(endpoint.knownHosts) }),
    },
    become,
  }
}

/** Resolves a relative path of an inventory: from the working folder, as in Ansible, or from the inventory's folder. */
async function besideInventory(run: Pick<Run, 'world' | 'inventory'>, path: string): Promise<string> {
  if (isAbsolute(path) || path.startsWith('~')) return path
  const candidates = [run.world.cwd, ...run.inventory.sources.map((source) => resolve(run.world.cwd, dirname(source.file)))]
  for (const folder of candidates) {
    if ((await run.world.files.kind(resolve(folder, path))) !== undefined) return resolve(folder, path)
  }
  // If the file is missing, the error names the inventory's folder, which most users mean.
  return resolve(candidates[1] ?? run.world.cwd, path)
}

/**
 * The cloud from the inventory: `runbook_cloud`, and `runbook_clouds_file` (relative to the working folder or the
 * inventory).
 */
async function cloudChoice(run: Run, scope: Scope, name: string | undefined) {
  const cloud = name ?? scope.lookup('runbook_cloud')
  const file = scope.lookup('runbook_clouds_file')
  return {
    name: typeof cloud === 'string' ? cloud : undefined,
    file: typeof file === 'string' ? await besideInventory(run, file) : undefined,
  }
}

/** Reads a file that a task names; see `placesFor`. Throws `Failure` if the file is missing. */
export async function controllerFile(run: Run, path: string): Promise<Uint8Array> {
  const { cwd, files } = run.world
  const candidates = placesFor(run.playbook.file, path).map((candidate) => resolve(cwd, candidate))
  for (const candidate of candidates) {
    const content = await files.read(candidate)
    if (content !== undefined) return content
  }
  throw new Failure(`file \`${path}\` not found on the controller`, {
    kind: 'input',
    help: `put it at ${candidates.join(' or ')}`,
  })
}
