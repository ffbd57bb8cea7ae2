/**
 * Watches a live migration until Nova's record of it ends or a limit of the operator is reached. Called by
 * `live_migration`.
 */
import {
  type Bytes,
  bytes,
  type Compute,
  duration,
  Failure,
  type Migration,
  type Server,
  type Target,
} from '../../../../runner/module.ts'
import { course, withSample, type Sample } from './convergence.ts'
import { hasEnded, newest } from './in-flight.ts'
import { nextMove, type OnTimeout } from './ladder.ts'

/** A live migration that was asked for, or that was found running. */
export interface Journey {
  readonly server: Server
  /** Empty: the scheduler chooses. */
  readonly target: string
  /** Ids of the records that were there before the request: the new one is ours. */
  readonly earlier: ReadonlySet<number>
  /** Set when it was running already. */
  readonly joined: Migration | undefined
  /** Of our request, under which Nova keeps what became of it. */
  readonly requestId: string | undefined
  /** Seconds; what happens then. */
  readonly limit: number
  readonly onTimeout: OnTimeout
  /** Seconds between looks, at most. */
  readonly poll: number
}

/** How the watching ended, which is not yet whether the server has moved. */
export interface Ending {
  /** `no record`: Nova took the request and never made a migration of it. */
  readonly how: 'ended' | 'left' | 'given up' | 'no record'
  readonly migration: Migration | undefined
  readonly samples: readonly Sample[]
  readonly seconds: number
  readonly forced: boolean
  readonly aborted: boolean
  /** Why Nova would not abort it, or force it. */
  readonly refusal: string | undefined
}

interface State {
  readonly migration: Migration | undefined
  readonly samples: readonly Sample[]
  /** Seconds that count against the limit. */
  readonly spent: number
  readonly forcedAt?: number
  readonly refusals: number
  readonly refusal?: string
  readonly abortedAt?: number
  readonly abortAccepted: boolean
}

/** Seconds without any record and without a task after which the request is taken for lost. */
const LOST_AFTER = 20
/** Seconds for which an API that does not answer is waited for; the migration goes on without it. */
const PATIENCE = 120

/** Watches until Nova's record of the migration has ended, or the operator's limit says otherwise. Throws `Failure` when it must stop watching. */
export async function follow(journey: Journey, compute: Compute, target: Target): Promise<Ending> {
  const start = target.now()
  let state: State = { migration: journey.joined, samples: [], spent: 0, refusals: 0, abortAccepted: false }
  let lastLook = start
  let answered = start
  const ending = (how: Ending['how']): Ending => ({
    how,
    migration: state.migration,
    samples: state.samples,
    seconds: target.now() - start,
    forced: state.forcedAt !== undefined,
    aborted: state.abortAccepted,
    refusal: state.refusal,
  })
  try {
    for (;;) {
      await target.sleep(pause(target.now() - start, journey.poll))
      const seen = await patiently(look(journey, state, compute, target.now), target, answered)
      const now = target.now()
      if (seen === undefined) {
        report(state, target, 'Nova does not answer')
        continue
      }
      answered = now
      // Nova lets one live migration leave a host at a time by default: the others wait in its queue.
      const queued = seen.migration?.status === 'queued'
      state = { ...state, ...seen, spent: state.spent + (queued ? 0 : now - lastLook) }
      lastLook = now
      if (state.migration !== undefined && hasEnded(state.migration)) return ending('ended')
      if (state.migration === undefined && now - start > LOST_AFTER && !(await isMigrating(journey, compute)))
        return ending('no record')
      report(state, target)
      const move = nextMove({
        spent: state.spent,
        limit: journey.limit,
        onTimeout: state.refusals < 3 ? journey.onTimeout : 'abort',
        forcedAt: state.forcedAt,
        abortedAt: state.abortedAt,
        status: state.migration?.status,
      })
      if (move === 'leave') return ending('left')
      if (move === 'give up') return ending('given up')
      if (move !== 'wait' || (state.abortedAt !== undefined && !state.abortAccepted))
        state = await act(move, journey, state, compute)
    }
  } catch (error) {
    throw target.signal.aborted ? stopped(journey, state, target.signal.reason) : error
  }
}

/** A look costs at most a fifth of the time that has passed, so a short move is not kept waiting and a long one does not tire the API. */
export const pause = (elapsed: number, most: number): number => Math.min(most, Math.max(0.5, elapsed / 5))

async function look(
  journey: Journey,
  state: State,
  compute: Compute,
  now: () => number,
): Promise<Pick<State, 'migration' | 'samples'>> {
  const { id } = journey.server
  // The record says how it stands; the list of running ones has the figures, and is empty once it has ended.
  const [records, running] = await Promise.all([compute.migrations({ serverId: id }), compute.runningMigrations(id)])
  const ours = (record: Migration): boolean =>
    state.migration === undefined
      ? record.type === 'live-migration' && !journey.earlier.has(record.id)
      : record.id === state.migration.id
  const migration = newest(records.filter(ours)) ?? newest(running.filter(ours)) ?? state.migration
  const figures = running.find((record) => record.id === migration?.id)
  return {
    migration,
    samples:
      figures?.memory === undefined
        ? state.samples
        : withSample(state.samples, { at: now(), memory: figures.memory, disk: figures.disk ?? NOTHING }),
  }
}

const NOTHING: Bytes = { total: 0, processed: 0, remaining: 0 }

/** Undefined while the API does not answer and there is still patience; the migration does not need us. */
async function patiently<T>(work: Promise<T>, target: Target, answered: number): Promise<T | undefined> {
  try {
    return await work
  } catch (error) {
    if (target.signal.aborted || !(error instanceof Failure) || target.now() - answered > PATIENCE) throw error
    return undefined
  }
}

const isMigrating = async ({ server }: Journey, compute: Compute): Promise<boolean> =>
  (await compute.server(server.id))?.taskState === 'migrating'

async function act(
  move: 'wait' | 'abort' | 'force_complete',
  { server }: Journey,
  state: State,
  compute: Compute,
): Promise<State> {
  const { migration } = state
  if (move === 'force_complete') {
    const { accepted, why } = await asked(async () => migration !== undefined && compute.forceComplete(server.id, migration.id))
    return accepted ? { ...state, forcedAt: state.spent } : { ...state, refusals: state.refusals + 1, ...why }
  }
  const { accepted, why } = await asked(async () => migration !== undefined && compute.abortMigration(server.id, migration.id))
  return { ...state, abortedAt: state.abortedAt ?? state.spent, abortAccepted: accepted, ...why }
}

/** A refusal is an answer: the migration is under way all the same, and stays watched. */
async function asked(request: () => Promise<boolean>): Promise<{ accepted: boolean; why: { refusal?: string } }> {
  try {
    return { accepted: await request(), why: {} }
  } catch (error) {
    if (!(error instanceof Failure)) throw error
    return { accepted: false, why: { refusal: error.why ?? error.message } }
  }
}

function report({ samples, migration, forcedAt, abortedAt }: State, target: Target, trouble?: string): void {
  const now = course(samples)
  const status = migration?.status ?? 'accepted'
  const words = [
    ...(trouble === undefined ? [] : [trouble]),
    ...(abortedAt !== undefined ? ['aborting'] : forcedAt !== undefined ? ['forced to complete'] : []),
    ...(status === 'running' ? [] : [status]),
  ]
  const note = [...(now === undefined ? [] : [progressNote(samples, target.now())]), ...words].join(', ')
  target.progress({ done: now?.done ?? 0, total: now?.total ?? 0, unit: 'bytes', note: note === '' ? status : note })
}

/** Seconds after which figures are old: Nova renews them every 5 s as long as the transfer goes on. */
const STALE_AFTER = 15

/** `412 MiB/s, 1.2 GiB left, ETA 3 s`, as far as it is known. */
export function progressNote(samples: readonly Sample[], at: number): string {
  const [now, last] = [course(samples), samples.at(-1)]
  if (now === undefined || last === undefined) return ''
  const left = `${bytes(now.remaining)} left${last.disk.remaining > 0 ? ` (disk ${bytes(last.disk.remaining)})` : ''}`
  if (at - last.at > STALE_AFTER) return `${left} ${duration(at - last.at)} ago`
  return [
    ...(now.rate === undefined || now.rate === 0 ? [] : [`${bytes(now.rate)}/s`]),
    left,
    ...(now.stuck ? ['will not converge'] : now.eta === undefined ? [] : [`ETA ${duration(now.eta)}`]),
  ].join(', ')
}

/** The operator stopped the run, or the task's time limit passed: Nova goes on, and the operator must know. */
function stopped({ server, target }: Journey, { migration, samples }: State, reason: unknown): Failure {
  const percent = course(samples)
  const at = percent === undefined ? '' : `, ${Math.floor((100 * percent.done) / percent.total)} % done`
  return new Failure(
    `${server.name} is still being live-migrated by Nova from ${server.host ?? 'its host'}${target === '' ? '' : ` to ${target}`}`,
    {
      kind: reason instanceof Failure ? reason.kind : 'interrupted',
      why: `the run stopped watching; ${migration === undefined ? 'the request was accepted' : `migration ${migration.id} is ${migration.status}${at}`}`,
      help: `run the same again to join it${migration === undefined ? '' : `, or stop it: openstack server migration abort ${server.id} ${migration.id}`}`,
      data: { server_id: server.id, migration_id: migration?.id ?? null, status: migration?.status ?? null },
    },
  )
}
