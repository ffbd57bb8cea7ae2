/**
 * Locks of hosts at the beginning of a run, and of servers when their turn comes. Called by run/run.ts and
 * attempt.ts.
 */
import { randomBytes } from 'node:crypto'
import type { HostLock } from '../connection/connection.ts'
import { Failure } from '../base/failure.ts'
import { duration, count } from '../base/format.ts'
import { flatten } from '../language/playbook/types.ts'
import type { Node } from '../source/source.ts'
import { render } from '../language/template/template.ts'
import type { LockRequest } from '../module.ts'
import { playContext } from '../state/task-context.ts'
import { describeHolder, type Holder, locksOf } from './lock-holders.ts'
import { mapLimit } from '../base/concurrency.ts'
import type { PlayHosts } from '../hosts/play-hosts.ts'
import { type Locks, type Run, stateOf } from '../state/run-state.ts'
import { type Reaching, takeOn } from '../hosts/target.ts'
import { scopeOf } from '../state/variables.ts'

export const openLocks = (): Locks => ({ token: randomBytes(8).toString('hex'), held: new Map(), taking: new Map() })

interface Wanted {
  readonly reach: Reaching
  /** Name of the lock's file on the host. */
  readonly name: string
  /** The locked thing in an operator's words. */
  readonly what: string
  readonly shared: boolean
}
interface Busy {
  readonly wanted: Wanted
  readonly holders: readonly Holder[]
}

/**
 * Locks all hosts that the plays may change, or none. A waiting run holds no lock, so two runs cannot wait for each
 * other. Throws `Failure` (refused).
 *
 * @returns the unreachable hosts with the reason; the first step on such a host reports it
 */
export async function lockHosts(run: Run, plays: readonly PlayHosts[]): Promise<Map<string, Failure>> {
  const wanted = plays
    .filter((play) => changesHosts(run, play))
    .flatMap((play) => play.hosts.map((host) => hostOf(run, play, host)))
  const all = [...new Map(wanted.map((each) => [each.what, each])).values()]
  const unreachable = new Map<string, Failure>()
  await patiently(run, async () => {
    const busy: Busy[] = []
    unreachable.clear()
    await mapLimit(all, run.how.forks, async (each) => {
      const holders = await take(run, each).catch((error: unknown) => {
        if (!(error instanceof Failure) || error.kind === 'interrupted') throw error
        if (error.kind === 'unreachable') unreachable.set(each.reach.host, error)
      })
      if (Array.isArray(holders)) busy.push({ wanted: each, holders })
    })
    if (busy.length > 0) releaseAll(run.locks)
    return busy
  })
  return unreachable
}

function releaseAll({ held }: Locks): void {
  for (const { lock } of held.values()) lock?.release()
  held.clear()
}

/** Returns true if a play may change its hosts: a play that only reads, or only calls an API, locks nothing. */
const changesHosts = ({ modules }: Run, { play }: PlayHosts): boolean =>
  flatten([...play.tasks, ...play.handlers]).some((task) => {
    const module = modules.get(task.module)
    return module?.apply !== undefined && module.scope !== 'api'
  })

/** The lock of a host, reached as the play will reach it, so that the play uses the same connection and shell. */
function hostOf(run: Run, { play }: PlayHosts, host: string): Wanted {
  const state = stateOf(run, host)
  const value = <T>(node: Node | undefined, is: (value: unknown) => value is T): T | undefined => {
    if (state === undefined || node === undefined) return undefined
    try {
      const rendered = render(node, scopeOf(run, state, playContext(play)))
      return is(rendered) ? rendered : undefined
    } catch {
      return undefined // the play's first step reports the error
    }
  }
  const isText = (value: unknown) => typeof value === 'string'
  const become = { wanted: value(play.become, (given) => typeof given === 'boolean'), user: value(play.becomeUser, isText) }
  const reach = {
    host,
    become,
    remoteUser: value(play.remoteUser, isText),
    port: value(play.port, (given) => typeof given === 'number'),
  }
  return wholeHost(reach)
}

const wholeHost = (reach: Reaching, shared = false): Wanted => ({ reach, name: 'host', what: reach.host, shared })

export interface Claim {
  /** A lock was newly taken: earlier checks may no longer hold. */
  readonly taken: boolean
  readonly warnings: readonly string[]
}

/**
 * Takes the locks that one step needs before it changes anything: its host, and the things that its module names. If
 * another run holds a lock, waits as long as `--wait-lock` allows; the limit also ends two runs that wait for each
 * other. Throws `Failure` (refused).
 *
 * @param own the step's host; undefined if the module works through an API alone
 */
export async function claim(run: Run, own: Reaching | undefined, requests: readonly LockRequest[]): Promise<Claim> {
  const warnings: string[] = []
  let taken = false
  if (own !== undefined) taken = (await takePatiently(run, wholeHost(own))) === 'taken'
  // In one order for all runs, so that two runs that need the same locks do not take half of them each.
  for (const request of requests.toSorted((a, b) =>
    `${a.host} ${a.thing?.id ?? ''}` < `${b.host} ${b.thing?.id ?? ''}` ? -1 : 1,
  )) {
    const { host, thing, shared = false } = request
    const what = thing?.name ?? host
    if (!run.inventory.hosts.has(host)) {
      warnings.push(`${what} is not locked: ${host} is not in the inventory`)
      continue
    }
    const reach = { host, become: { wanted: undefined, user: undefined } }
    const wanted = thing === undefined ? wholeHost(reach, shared) : { reach, name: `thing-${thing.id}`, what, shared }
    try {
      taken = (await takePatiently(run, wanted)) === 'taken' || taken
    } catch (error) {
      if (!(error instanceof Failure) || error.kind !== 'unreachable' || run.locks.held.has(keyOf(wanted))) throw error
      warnings.push(`${what} is not locked: ${host} cannot be reached (${error.message})`)
    }
  }
  return { taken, warnings }
}

async function takePatiently(run: Run, wanted: Wanted): Promise<'held' | 'taken'> {
  let answer: 'held' | 'taken' = 'held'
  await patiently(run, async () => {
    const took = await take(run, wanted)
    if (typeof took !== 'string') return [{ wanted, holders: took }]
    answer = took
    return []
  })
  return answer
}

/**
 * Seconds that a dying lock may last: the lock of this run's own killed process, or a lock whose note is already
 * removed.
 */
const GOING_SECONDS = 15

/** Retries until no other run holds a lock, or the time is over. Emits `lock-awaited` once. */
async function patiently(run: Run, ask: () => Promise<readonly Busy[]>): Promise<void> {
  const { clock } = run.world
  const started = clock.monotonic()
  for (let said = false; ;) {
    const busy = await ask()
    if (busy.length === 0) return
    const going = busy.every(({ holders }) => holders.every((holder) => holder.run === run.id))
    const until = started + Math.max(run.how.waitLock, going ? GOING_SECONDS : 0) * 1000
    if (clock.monotonic() >= until) throw locked(run, busy)
    if (!said && !going) {
      said = true
      run.emit({ type: 'lock-awaited', reasons: busy.map((each) => reason(each, clock.now())) })
    }
    // A random pause, so that waiting runs do not retry in step.
    await clock.sleep(Math.min(until - clock.monotonic(), 500 + Math.random() * 1000), run.control.signal)
    if (run.control.stopping) throw new Failure('interrupted while waiting for a lock', { kind: 'interrupted' })
  }
}

const keyOf = ({ reach, name }: Wanted): string => `${reach.host} ${name}`

/** Takes a lock unless this run holds it. Returns `held` or `taken`, or the holders if other runs have the lock. */
async function take(run: Run, wanted: Wanted): Promise<'held' | 'taken' | readonly Holder[]> {
  const { held, taking } = run.locks
  const key = keyOf(wanted)
  while (taking.has(key)) await taking.get(key)?.catch(() => undefined)
  const had = held.get(key)
  if (had !== undefined && (wanted.shared || !had.shared)) {
    had.lock?.stands()
    return 'held'
  }
  const work = takeNow(run, wanted, had?.lock)
  taking.set(key, work)
  try {
    return await work
  } finally {
    taking.delete(key)
  }
}

async function takeNow(run: Run, wanted: Wanted, shared: HostLock | undefined): Promise<'taken' | readonly Holder[]> {
  const { held, token } = run.locks
  const key = keyOf(wanted)
  // A shared lock cannot become exclusive while it is held.
  shared?.release()
  held.delete(key)
  const lock = await takeOn(run, wanted.reach, { name: wanted.name, note: noteOf(run, wanted), shared: wanted.shared })
  if (lock === 'busy') {
    const holders = (await locksOf(run, wanted.reach)).filter(({ name }) => name === wanted.name).map(({ holder }) => holder)
    // The same machine under another name: this run already holds the lock.
    if (!holders.some((holder) => holder.token === token)) return holders
  }
  held.set(key, { shared: wanted.shared, lock: typeof lock === 'object' ? lock : undefined })
  return 'taken'
}

const noteOf = (run: Run, { what, shared }: Wanted): string =>
  JSON.stringify({
    what,
    run: run.id,
    operator: run.world.operator,
    playbook: run.playbook.file,
    since: new Date(run.world.clock.now()).toISOString(),
    token: run.locks.token,
    ...(shared ? { shared } : {}),
  } satisfies Holder)

const reason = ({ wanted, holders }: Busy, now: number): string => {
  const who = holders.map((holder) => describeHolder(holder, now))
  return `${wanted.what} is held by ${who.length === 0 ? 'an unknown run' : [...new Set(who)].join('; and by ')}`
}

function locked(run: Run, busy: readonly Busy[]): Failure {
  const { waitLock } = run.how
  const now = run.world.clock.now()
  const [first] = busy
  const what = busy.length === 1 ? `${first?.wanted.what} is locked` : `${count(busy.length, 'host')} are locked`
  return new Failure(`${what} by another run`, {
    kind: 'refused',
    why: busy.map((each) => reason(each, now)).join('\n'),
    help:
      waitLock > 0
        ? `raise --wait-lock (now ${duration(waitLock)}), or talk to the other run's operator`
        : 'wait for the other run (--wait-lock 10m retries by itself), or talk to its operator',
    data: { locked: busy.map(({ wanted, holders }) => ({ what: wanted.what, holders })) },
  })
}
