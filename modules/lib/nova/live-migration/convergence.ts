import type { Bytes } from '../../../../runner/module.ts'

/** The byte counts of a running migration at one time (seconds of a monotonic clock). */
export interface Sample {
  readonly at: number
  readonly memory: Bytes
  readonly disk: Bytes
}

/** Progress of a migration, computed from its samples. */
export interface Course {
  /** Bytes on the target, memory and disks together. */
  readonly done: number
  readonly total: number
  readonly remaining: number
  /** Bytes per second on the wire, over the last samples; undefined until two samples differ. */
  readonly rate: number | undefined
  /** Seconds until nothing remains, at the recent speed; undefined if the remainder does not shrink. */
  readonly eta: number | undefined
  /**
   * True if the guest dirties memory as fast as Nova sends memory: the remainder reached no new low for several
   * samples.
   */
  readonly stuck: boolean
}

/** Number of differing samples, not of polls: Nova stores the figures every 5 s only. */
const STUCK_AFTER = 6
const WINDOW = 4

/** Adds a sample if Nova has renewed its figures since the last sample. */
export function withSample(samples: readonly Sample[], sample: Sample): readonly Sample[] {
  const last = samples.at(-1)
  const same = last !== undefined && alike(last.memory, sample.memory) && alike(last.disk, sample.disk)
  return same ? samples : [...samples, sample]
}

const alike = (a: Bytes, b: Bytes): boolean => a.processed === b.processed && a.remaining === b.remaining && a.total === b.total

/** Computes the progress; undefined before the first figures. */
export function course(samples: readonly Sample[]): Course | undefined {
  const last = samples.at(-1)
  if (last === undefined || last.memory.total + last.disk.total === 0) return undefined
  const first = samples[Math.max(0, samples.length - WINDOW)]!
  const seconds = last.at - first.at
  const sent = processed(last) - processed(first)
  const shrunk = remaining(first) - remaining(last)
  const total = last.memory.total + last.disk.total
  return {
    total,
    done: Math.max(0, total - remaining(last)),
    remaining: remaining(last),
    rate: seconds > 0 && sent >= 0 ? sent / seconds : undefined,
    eta: seconds > 0 && shrunk > 0 ? (remaining(last) * seconds) / shrunk : undefined,
    stuck: isStuck(samples),
  }
}

/**
 * Pre-copy ends when the remainder fits into the permitted pause. A remainder without a new low for long will not fit.
 */
function isStuck(samples: readonly Sample[]): boolean {
  const recent = samples.slice(-STUCK_AFTER)
  const earlier = samples.slice(0, -STUCK_AFTER)
  if (earlier.length === 0) return false
  const lowest = Math.min(...earlier.map(remaining))
  return remaining(samples.at(-1)!) > 0 && recent.every((sample) => remaining(sample) >= lowest)
}

const processed = (sample: Sample): number => sample.memory.processed + sample.disk.processed
const remaining = (sample: Sample): number => sample.memory.remaining + sample.disk.remaining
