/** Locks on hosts: taking one, and listing those that are held. Called by pooled.ts and locks/lock-holders.ts. */
import { Failure } from '../base/failure.ts'
import type { HostAccess, HostLock, LockWanted } from './connection.ts'
import { type RequestSink, askHost } from './host-access.ts'
import { nonce } from './shell/host-program.ts'
import type { Answer, Control } from './shell/shell.ts'

/**
 * The folder of locks. Emptied by a restart, which also frees the locks. Not in /dev/shm or /tmp, where cleaners
 * remove files.
 */
export const lockFolder = '/run/lock/runbook'

/** Seconds that a host keeps locks without a heartbeat of the runner; at most twice as long. */
const defaultLease = 60

/** Takes a lock on a host; undefined if another run holds it. Throws `Failure` if the host cannot lock. */
export async function takeLock(sink: RequestSink, wanted: LockWanted): Promise<HostLock | undefined> {
  const { name, note, shared, lease = defaultLease } = wanted
  let control: Control | undefined
  const { code, stderr } = await askHost<Extract<Answer, { kind: 'job' }>>(
    sink,
    { kind: 'lock', lease, path: `${lockFolder}/${fileName(name)}`, token: nonce(), shared, note },
    { sent: (given) => (control = given) },
  )
  if (code === 'busy') return undefined
  if (code !== '0') throw cannotLock(code, stderr.toString())
  return { stands: () => control?.stands(), release: () => control?.release() }
}

/** Name of a lock's file, without a full stop: the full stop separates a note's name from its lock's. */
const fileName = (name: string): string => name.replaceAll(/[^A-Za-z0-9_-]/g, '_')

const cannotLock = (code: string, said: string): Failure =>
  code === 'flock'
    ? new Failure('the host cannot be locked', {
        why: 'flock is missing there, which keeps two runs from changing the host at the same time',
        help: 'install flock on the host: package util-linux, or util-linux-core',
      })
    : new Failure('the host cannot be locked', {
        why:
          said
            .trim()
            .split('\n')
            .at(-1)
            ?.replace(/^[a-z/]*sh: (?:\d+: )?/, '') || `no lock could be made in ${lockFolder}`,
        help: /Read-only|No space/.test(said)
          ? `make ${lockFolder} writable: it is in memory, beside the locks of other programs`
          : `use \`become: true\`, or make the folder once as root: install -d -m 0777 ${lockFolder}`,
      })

/** Prints the notes of all held locks, which are the notes that a process has locked. */
const list = `
cd "$1" 2>/dev/null || exit 0
command -v flock >/dev/null || exit 69
for f in *.?*; do
  if [ -f "$f" ] && [ -r "$f" ]; then flock -n -s "$f" true || { printf '%s ' "$f"; cat "$f"; }; fi
done
`

/** All held locks of a host, with their holders' notes. Throws `Failure`. */
export async function heldLocks(access: HostAccess): Promise<readonly { readonly name: string; readonly note: string }[]> {
  const { code, stdout } = await access.run(['sh', '-c', list, 'sh', lockFolder], { timeout: 30 })
  if (code === 69) throw cannotLock('flock', '')
  return stdout.split('\n').flatMap((line) => {
    const [, name, note] = /^([A-Za-z0-9_-]+)\.\S+ (.*)$/.exec(line) ?? []
    return name === undefined || note === undefined ? [] : [{ name, note }]
  })
}
