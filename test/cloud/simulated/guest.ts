/** What runs inside a server: how its memory changes, what it prints, and how a live migration of it gets on. Pure. */

export interface Guest {
  /** MiB of RAM in use: what the first pass over the memory copies. */
  readonly residentMemory: number
  /** MiB a second that the guest writes while it runs. At or above the link's rate a migration never ends by itself. */
  readonly dirtyRate: number
  /** MiB allocated in its disk file: what a block migration copies. */
  readonly allocatedDisk: number
  /** How many times it booted, kept on its disk. */
  readonly boots: number
  /** Seconds it has ever run, kept on its disk, up to the present boot. */
  readonly ranBefore: number
  /** Seconds since its boot at `since`, or now when it stands still. */
  readonly up: number
  /** Simulated time from which `up` counts on; undefined while paused or off. */
  readonly since: number | undefined
  /** `up` when its console file was begun: at boot, and again where a live migration took it to another host. */
  readonly consoleFrom: number
}

export const newGuest = (shape: Pick<Guest, 'residentMemory' | 'dirtyRate' | 'allocatedDisk'>): Guest => ({
  ...shape,
  boots: 0,
  ranBefore: 0,
  up: 0,
  since: undefined,
  consoleFrom: 0,
})

export const secondsUp = (guest: Guest, now: number): number => guest.up + (guest.since === undefined ? 0 : now - guest.since)

export const boot = (guest: Guest, now: number): Guest => ({
  ...powerOff(guest, now),
  boots: guest.boots + 1,
  up: 0,
  since: now,
  consoleFrom: 0,
})

export const powerOff = (guest: Guest, now: number): Guest => ({
  ...guest,
  ranBefore: guest.ranBefore + Math.floor(secondsUp(guest, now)),
  up: 0,
  since: undefined,
  consoleFrom: Infinity,
})

export const pause = (guest: Guest, now: number): Guest => ({ ...guest, up: secondsUp(guest, now), since: undefined })

export const resume = (guest: Guest, now: number): Guest => ({ ...guest, since: guest.since ?? now })

/** Its serial console goes on in a new file, as on the target of a live migration. */
export const newConsole = (guest: Guest, now: number): Guest => ({ ...guest, consoleFrom: Math.ceil(secondsUp(guest, now)) })

/** One line for each second of the present console file, oldest first, from second `from` of this boot on. */
export function consoleLines(guest: Guest, now: number, from = guest.consoleFrom): string[] {
  if (guest.boots === 0) return []
  const first = Math.max(from, guest.consoleFrom)
  const last = Math.floor(secondsUp(guest, now))
  return Array.from({ length: Math.max(0, last - first + 1) }, (_, index) => consoleLine(guest, first + index))
}

const consoleLine = (guest: Guest, up: number) => `boot=${guest.boots} up=${up} disk=${guest.ranBefore + up}`

/** Where a live migration's copying has got to; bytes. Memory and disk as Nova reports them. */
export interface Copy {
  readonly memoryTotal: number
  readonly memoryRemaining: number
  /** Grows with every pass, so it may exceed the total. */
  readonly memoryProcessed: number
  readonly diskTotal: number
  readonly diskRemaining: number
  /** Passes over the memory, from 1. */
  readonly iteration: number
  /** What this pass still has to send before the next begins. */
  readonly passRemaining: number
  readonly elapsed: number
}

export const MiB = 1024 * 1024

export const beginCopy = (ramMiB: number, guest: Guest, block: boolean): Copy => ({
  memoryTotal: ramMiB * MiB,
  memoryRemaining: guest.residentMemory * MiB,
  memoryProcessed: 0,
  diskTotal: block ? guest.allocatedDisk * MiB : 0,
  diskRemaining: block ? guest.allocatedDisk * MiB : 0,
  iteration: 1,
  passRemaining: guest.residentMemory * MiB,
  elapsed: 0,
})

/**
 * The copy after `seconds` more: first the disk, then memory in passes while the running guest dirties it again.
 * @param bandwidth bytes a second
 * @param dirtyRate bytes a second; 0 for a paused guest
 */
export function advanceCopy(copy: Copy, seconds: number, bandwidth: number, dirtyRate: number): Copy {
  const toDisk = Math.min(copy.diskRemaining, bandwidth * seconds)
  const forMemory = seconds - toDisk / bandwidth
  const sent = Math.min(bandwidth * forMemory, copy.memoryRemaining + dirtyRate * forMemory)
  const remaining = copy.memoryRemaining + dirtyRate * forMemory - sent
  const passLeft = copy.passRemaining - sent
  return {
    ...copy,
    diskRemaining: copy.diskRemaining - toDisk,
    memoryRemaining: Math.min(Math.round(remaining), copy.memoryTotal),
    memoryProcessed: Math.round(copy.memoryProcessed + sent),
    iteration: passLeft > 0 ? copy.iteration : copy.iteration + 1,
    passRemaining: passLeft > 0 ? passLeft : Math.round(remaining),
    elapsed: copy.elapsed + seconds,
  }
}

/** Whether what is left fits into the pause that is allowed: the guest can switch over. */
export const copyConverged = (copy: Copy, bandwidth: number, downtimeSeconds: number): boolean =>
  copy.diskRemaining === 0 && copy.memoryRemaining <= bandwidth * downtimeSeconds
