import { processPath } from './paths.ts'
import type { World } from '../world.ts'

/** Which process a run is: its number alone may be another's by now. */
interface Mark {
  readonly pid: number
  /** Clock ticks after the boot, and which boot: proc(5), field 22 of stat. */
  readonly started: string
  readonly boot: string
}

/** Writes down that this process is the one that runs it, so that others can see whether it still does. Without /proc nothing is written. */
export async function markRunning(world: World, run: string): Promise<void> {
  const mark = await markOf(world, 'self')
  if (mark !== undefined) await world.files.write(processPath(run), `${JSON.stringify(mark)}\n`, 0o600)
}

/** The process id of a run that is under way on this controller; undefined for one that has ended or was killed. */
export async function runningAs(world: World, run: string): Promise<number | undefined> {
  const content = await world.files.read(processPath(run))
  if (content === undefined) return undefined
  const mark = readMark(new TextDecoder().decode(content))
  const now = mark === undefined ? undefined : await markOf(world, mark.pid)
  return now?.started === mark?.started && now?.boot === mark?.boot ? mark?.pid : undefined
}

/** Undefined for anything else than `markRunning` writes: of such a process nothing can be known. */
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
    const content = await files.read(path).catch(() => undefined) // it can end while it is looked at
    return content === undefined ? undefined : new TextDecoder().decode(content)
  }
  const [stat, boot] = [await text(`/proc/${which}/stat`), await text('/proc/sys/kernel/random/boot_id')]
  if (stat === undefined || boot === undefined) return undefined
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ') // from field 3 on: the name before may hold anything
  if (fields[0] === 'Z' || fields[0] === 'X') return undefined
  return { pid: Number.parseInt(stat, 10), started: fields[19] ?? '', boot: boot.trim() }
}
