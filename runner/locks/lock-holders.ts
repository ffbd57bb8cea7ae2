import { heldLocks } from '../connection/lock.ts'
import { type Reaching, reachHost, type Reachable } from '../hosts/target.ts'

/** Who holds a lock, as the note beside it says. */
export interface Holder {
  /** What an operator calls the thing: the host's name in the holder's inventory, `server db-2`. */
  readonly what: string
  readonly run: string
  /** `user@controller`. */
  readonly operator: string
  readonly playbook: string
  /** ISO 8601. */
  readonly since: string
  readonly token: string
  /** Others may hold it too, as long as they all want it so. */
  readonly shared?: boolean
}

export interface Held {
  readonly name: string
  readonly holder: Holder
}

/** All locks on a host, with their holders; a note that is none is passed over. Throws `Failure`. */
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
