import { Failure } from '../failure.ts'
import type { HostAccess } from '../module.ts'

/** Who holds a lock; kept beside it, for whoever comes second. */
export interface Holder {
  readonly run: string
  /** `user@controller`. */
  readonly operator: string
  readonly playbook: string
  /** ISO 8601. */
  readonly since: string
  /** Told apart from an earlier lock of the same run. */
  readonly token: string
}

/** Gone when the host restarts, as the locks in it should be. */
export const LOCK_FOLDER = '/run/lock/runbook'
const lockFile = (name: string): string => `${LOCK_FOLDER}/${name.replaceAll(/[^A-Za-z0-9._-]/g, '_')}`

const BUSY = 75
const UNUSABLE = 71

/**
 * Holds a kernel lock (flock(2)) for as long as its parent lives: it is freed however the runner, the connection or the host's shell ends. The
 * folder is writable for all and not sticky, since operators may log in as different users (see fs.protected_regular in proc(5)).
 */
const HOLD = `
umask 0
mkdir -p "${LOCK_FOLDER}" && { [ -e "$1" ] || : >"$1"; } || exit ${UNUSABLE}
command -v flock >/dev/null || exit ${UNUSABLE}
exec 9<"$1" || exit ${UNUSABLE}
flock -n 9 || exit ${BUSY}
printf '%s\\n' "$2" >"$1.$$" && mv -f "$1.$$" "$1.holder" || exit ${UNUSABLE}
while kill -0 $PPID; do sleep 1 9<&-; done
`

export interface Lock {
  /** Frees it. */
  release(): void
}

const POLL_MS = 50

/**
 * Takes the lock `name` on a host. Throws `Failure` (refused) naming the holder when somebody else has it.
 *
 * @param sleep waits between two looks
 */
export async function takeLock(
  access: HostAccess,
  name: string,
  what: string,
  holder: Holder,
  sleep: (ms: number) => Promise<void>,
): Promise<Lock> {
  const file = lockFile(name)
  const release = new AbortController()
  let ended: { readonly code: number } | undefined
  const holding = access.run(['sh', '-c', HOLD, 'sh', file, JSON.stringify(holder)], { signal: release.signal }).then(
    ({ code }) => (ended = { code }),
    () => (ended = { code: UNUSABLE }),
  )
  for (;;) {
    const held = await readHolder(access, file)
    if (ended === undefined && held?.token === holder.token) return { release: () => release.abort(new Failure('released')) }
    if (ended !== undefined) {
      await holding
      if (ended.code === BUSY) throw busy(what, await readHolder(access, file))
      throw new Failure(`${what} cannot be locked`, {
        why: `no lock could be taken in ${LOCK_FOLDER}`,
        todo: 'it must be writable, and flock (util-linux) must be there',
      })
    }
    await sleep(POLL_MS)
  }
}

async function readHolder(access: HostAccess, file: string): Promise<Holder | undefined> {
  const content = await access.read(`${file}.holder`)
  if (content === undefined) return undefined
  try {
    return JSON.parse(new TextDecoder().decode(content)) as Holder
  } catch {
    return undefined
  }
}

const busy = (what: string, holder: Holder | undefined): Failure =>
  new Failure(`${what} is locked by another run`, {
    kind: 'refused',
    why:
      holder === undefined
        ? 'its holder has not said who it is'
        : `held by ${holder.operator}, run ${holder.run} of ${holder.playbook}, since ${holder.since}`,
    todo: 'wait for it (--wait-lock 10m waits by itself), or talk to them',
  })

/** The locks held on a host now: a holder's note counts only where the lock is really held. */
export async function locksOn(access: HostAccess): Promise<readonly (Holder & { readonly name: string })[]> {
  const names = ((await access.list(LOCK_FOLDER)) ?? [])
    .filter((name) => name.endsWith('.holder'))
    .map((name) => name.slice(0, -'.holder'.length))
  const found = await Promise.all(
    names.map(async (name) => {
      const file = `${LOCK_FOLDER}/${name}`
      const [{ code }, holder] = await Promise.all([
        access.run(['flock', '-n', '-E', String(BUSY), file, 'true']),
        readHolder(access, file),
      ])
      return code === BUSY && holder !== undefined ? [{ ...holder, name }] : []
    }),
  )
  return found.flat()
}
