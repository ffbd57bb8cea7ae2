import { processPath } from './paths.ts'
import type { World } from '../world.ts'

/** Identifies the process of a run. The number alone is not enough: another process may have taken over the number. */
interface Mark {
  readonly pid: number
  /** The start in clock ticks after the boot: proc(5), field 22 of stat. */
  readonly started: string
  /** The id of the boot. */
  readonly boot: string
}

/**
 * Records this process as the run's, so that other commands can see if the run is alive. Without /proc, records
 * nothing.
 */
export async function markRunning(world: World, run: string): Promise<void> {
  const mark = await markOf(world, 'self')
  if (mark !== undefined) await world.files.write(processPath(run), `${JSON.stringify(mark)}\n`, 0o600)
}

/** Returns the process id of a run that is alive on this controller; undefined if the run has ended or was killed. */
export async function runningAs(world: World, run: string): Promise<number | undefined> {
  const content = await world.files.read(processPath(run))
  if (content === undefined) return undefined
  const mark = readMark(new TextDecoder().decode(content))
  const now = mark === undefined ? undefined : await markOf(world, mark.pid)
  return now?.started === mark?.started && now?.boot === mark?.boot ? mark?.pid : undefined
}

/** Returns undefined for content that `markRunning` did not write. */
function readMark(text: string): Mark | undefined {
  try {
    const { pid, started, boot } = JSON.parse(text) as Partial<Mark>
    return Number.isInteger(pid) && started !== undefined && boot !== undefined
      ? { pid: pid as number, started, boot }
      : undefined
  } catch {
    return undefined
  }
}

async function markOf({ files }: World, which: number | 'self'): Promise<Mark | undefined> {
  const text = async (path: string) => {
    const content = await files.read(path).catch(() => undefined) // the process can end during the read
    return content === undefined ? undefined : new TextDecoder().decode(content)
  }
  const [stat, boot] = [await text(`/proc/${which}/stat`), await text('/proc/sys/kernel/random/boot_id')]
  if (stat === undefined || boot === undefined) return undefined
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ') // from field 3: the name in field 2 may hold spaces
  if (fields[0] === 'Z' || fields[0] === 'X') return undefined
  return { pid: Number.parseInt(stat, 10), started: fields[19] ?? '', boot: boot.trim() }
}
