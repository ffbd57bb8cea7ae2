import { Failure } from '../base/failure.ts'
import type { HostAccess, HostLock, LockWanted } from './connection.ts'
import { type Asker, askHost } from './host-access.ts'
import { nonce } from './shell/host-program.ts'
import type { Answer, Control } from './shell/shell.ts'

/** Gone when the host restarts, as the locks in it should be. Not in /dev/shm or /tmp: what lies there may be tidied away. */
export const lockFolder = '/run/lock/runbook'

/** Seconds that a host keeps the locks of a runner that gives no sign of life; at most twice as long. */
const defaultLease = 60

/** Asks a host for a lock; undefined where somebody else has it. Throws `Failure` where the host cannot lock. */
export async function takeLock(asker: Asker, wanted: LockWanted): Promise<HostLock | undefined> {
  const { name, note, shared, lease = defaultLease } = wanted
  let control: Control | undefined
  const { code, stderr } = await askHost<Extract<Answer, { kind: 'job' }>>(
    asker,
    { kind: 'lock', lease, path: `${lockFolder}/${fileName(name)}`, token: nonce(), shared, note },
    { sent: (given) => (control = given) },
  )
  if (code === 'busy') return undefined
  if (code !== '0') throw cannotLock(code, stderr.toString())
  return { stands: () => control?.stands(), release: () => control?.release() }
}

/** The full stop is what parts a note's name from its lock's. */
const fileName = (name: string): string => name.replaceAll(/[^A-Za-z0-9_-]/g, '_')

const cannotLock = (code: string, said: string): Failure =>
  code === 'flock'
    ? new Failure('the host cannot be locked', {
        why: 'it has no flock, which keeps two runs from working on it at the same time',
        todo: 'install flock on it: package util-linux, or util-linux-core',
      })
    : new Failure('the host cannot be locked', {
        why:
          said
            .trim()
            .split('\n')
            .at(-1)
            ?.replace(/^[a-z/]*sh: (?:\d+: )?/, '') || `no lock could be made in ${lockFolder}`,
        todo: /Read-only|No space/.test(said)
          ? `make ${lockFolder} writable: it is kept in memory, beside the locks of other programs`
          : `use \`become: true\`, or make the folder once, as root: install -d -m 0777 ${lockFolder}`,
      })

/** Prints the notes of all locks that are held: those whose file somebody has locked. */
const list = `
cd "$1" 2>/dev/null || exit 0
command -v flock >/dev/null || exit 69
for f in *.?*; do
  if [ -f "$f" ] && [ -r "$f" ]; then flock -n -s "$f" true || { printf '%s ' "$f"; cat "$f"; }; fi
done
`

/** The locks that are held on a host now, by whomever, with the notes of those who hold them. Throws `Failure`. */
export async function heldLocks(access: HostAccess): Promise<readonly { readonly name: string; readonly note: string }[]> {
  const { code, stdout } = await access.run(['sh', '-c', list, 'sh', lockFolder], { timeout: 30 })
  if (code === 69) throw cannotLock('flock', '')
  return stdout.split('\n').flatMap((line) => {
    const [, name, note] = /^([A-Za-z0-9_-]+)\.\S+ (.*)$/.exec(line) ?? []
    return name === undefined || note === undefined ? [] : [{ name, note }]
  })
}
