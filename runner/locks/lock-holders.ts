import { heldLocks } from '../connection/lock.ts'
import { type Reaching, reachHost, type Reachable } from '../hosts/target.ts'

/** The holder of a lock, as read from the lock's note. */
export interface Holder {
  /** The locked thing in an operator's words: the host's name in the holder's inventory, or `server db-2`. */
  readonly what: string
  readonly run: string
  /** `user@controller`. */
  readonly operator: string
  readonly playbook: string
  /** ISO 8601. */
  readonly since: string
  readonly token: string
  /** A shared lock: other runs may hold it too if they share it. */
  readonly shared?: boolean
}

export interface Held {
  readonly name: string
  readonly holder: Holder
}

/** All locks on a host, with their holders. Skips notes that cannot be parsed. Throws `Failure`. */
export async function locksOf(run: Reachable, reach: Reaching): Promise<readonly Held[]> {
  const found = await heldLocks(await reachHost(run, reach))
  return found.flatMap(({ name, note }) => {
    const holder = holderFrom(note)
    return holder === undefined ? [] : [{ name, holder }]
  })
}

function holderFrom(note: string): Holder | undefined {
  try {
    const found = JSON.parse(note) as Partial<Holder> | null
    const texts = [found?.what, found?.run, found?.operator, found?.playbook, found?.since, found?.token]
    return texts.every((text) => typeof text === 'string') ? (found as Holder) : undefined
  } catch {
    return undefined
  }
}

/** `li@ops1, run 01JD8, live-migrate.yml, since 12:01`. */
export function describeHolder({ operator, run, playbook, since }: Holder, now: number): string {
  const date = new Date(since)
  const sameDay = date.toDateString() === new Date(now).toDateString()
  const two = (number: number) => String(number).padStart(2, '0')
  const day = sameDay ? '' : `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())} `
  return `${operator}, run ${run}, ${playbook.split('/').at(-1)}, since ${day}${two(date.getHours())}:${two(date.getMinutes())}`
}
