/**
 * Watches a live migration until Nova's record of the migration ends or a limit of the operator is reached. Called by
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

/** A live migration to watch: requested by this run, or found running. */
export interface MigrationWatch {
  readonly server: Server
  /** Empty: the scheduler chooses. */
  readonly target: string
  /** Ids of the migration records before the request: the new record is ours. */
  readonly earlier: ReadonlySet<number>
  /** The migration that was already running; undefined if this run requested one. */
  readonly joined: Migration | undefined
  /** Id of our request; Nova stores the outcome under this id. */
  readonly requestId: string | undefined
  /** Seconds until `onTimeout` applies. */
  readonly limit: number
  readonly onTimeout: OnTimeout
  /** Seconds between two polls, at most. */
  readonly poll: number
}

/** End of the watch. conclude.ts finds out if the server has moved. */
export interface Ending {
  /** `no record`: Nova accepted the request but created no migration. */
  readonly how: 'ended' | 'left' | 'given up' | 'no record'
  readonly migration: Migration | undefined
  readonly samples: readonly Sample[]
  readonly seconds: number
  readonly forced: boolean
  readonly aborted: boolean
  /** Nova's reason for refusing to abort or force the migration. */
  readonly refusal: string | undefined
}

interface State {
  readonly migration: Migration | undefined
  readonly samples: readonly Sample[]
  /** Seconds that count against the limit: the time in Nova's queue does not. */
  readonly spent: number
  readonly forcedAt?: number
  readonly refusals: number
  readonly refusal?: string
  readonly abortedAt?: number
  readonly abortAccepted: boolean
}

/** If a request has no record and no task after these seconds, the request is lost. */
const LOST_AFTER = 20
/** Seconds to wait for an API that does not answer; the migration continues without the API. */
const PATIENCE = 120

/**
 * Watches until Nova's record has ended or the operator's limit is reached. Throws `Failure` if the run is stopped or
 * the API stays silent.
 */
export async function follow(watch: MigrationWatch, compute: Compute, target: Target): Promise<Ending> {
  const start = target.now()
  let state: State = { migration: watch.joined, samples: [], spent: 0, refusals: 0, abortAccepted: false }
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
      await target.sleep(pause(target.now() - start, watch.poll))
      const seen = await patiently(look(watch, state, compute, target.now), target, answered)
      const now = target.now()
      if (seen === undefined) {
        report(state, target, 'Nova does not answer')
        continue
      }
      answered = now
      // By default Nova lets one live migration at a time leave a host; the others wait in its queue.
      const queued = seen.migration?.status === 'queued'
      state = { ...state, ...seen, spent: state.spent + (queued ? 0 : now - lastLook) }
      lastLook = now
      if (state.migration !== undefined && hasEnded(state.migration)) return ending('ended')
      if (state.migration === undefined && now - start > LOST_AFTER && !(await isMigrating(watch, compute)))
        return ending('no record')
      report(state, target)
      const move = nextMove({
        spent: state.spent,
        limit: watch.limit,
        onTimeout: state.refusals < 3 ? watch.onTimeout : 'abort',
        forcedAt: state.forcedAt,
        abortedAt: state.abortedAt,
        status: state.migration?.status,
      })
      if (move === 'leave') return ending('left')
      if (move === 'give up') return ending('given up')
      if (move !== 'wait' || (state.abortedAt !== undefined && !state.abortAccepted))
        state = await act(move, watch, state, compute)
    }
  } catch (error) {
    throw target.signal.aborted ? stopped(watch, state, target.signal.reason) : error
  }
}

/** Pauses a fifth of the elapsed time: a short move is not kept waiting, and a long one does not burden the API. */
export const pause = (elapsed: number, most: number): number => Math.min(most, Math.max(0.5, elapsed / 5))

async function look(
  watch: MigrationWatch,
  state: State,
  compute: Compute,
  now: () => number,
): Promise<Pick<State, 'migration' | 'samples'>> {
  const { id } = watch.server
  // The record has the status. The list of running migrations has the figures, until the migration has ended.
  const [records, running] = await Promise.all([compute.migrations({ serverId: id }), compute.runningMigrations(id)])
  const ours = (record: Migration): boolean =>
    state.migration === undefined
      ? record.type === 'live-migration' && !watch.earlier.has(record.id)
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

/** Returns undefined while the API does not answer, for `PATIENCE` seconds; the migration does not need the run. */
async function patiently<T>(work: Promise<T>, target: Target, answered: number): Promise<T | undefined> {
  try {
    return await work
  } catch (error) {
    if (target.signal.aborted || !(error instanceof Failure) || target.now() - answered > PATIENCE) throw error
    return undefined
  }
}

const isMigrating = async ({ server }: MigrationWatch, compute: Compute): Promise<boolean> =>
  (await compute.server(server.id))?.taskState === 'migrating'

async function act(
  move: 'wait' | 'abort' | 'force_complete',
  { server }: MigrationWatch,
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

/** Returns a refusal as an answer: the migration continues and stays watched. */
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

/** Seconds after which figures are old: Nova renews them every 5 s during the transfer. */
const STALE_AFTER = 15

/** `412 MiB/s, 1.2 GiB left, ETA 3 s`, without unknown figures. */
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

/**
 * The failure if the operator stops the run or the task's time limit passes: Nova continues the migration, and the
 * operator must know.
 */
function stopped({ server, target }: MigrationWatch, { migration, samples }: State, reason: unknown): Failure {
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
