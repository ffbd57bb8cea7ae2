import { posix } from 'node:path'
import { Failure, type Address, type HostAccess, type Stat } from '../../../runner/module.ts'

/** As many symbolic links in a row as Linux itself follows (`MAXSYMLINKS`). */
const MOST_LINKS = 40

/**
 * The address of a file, folder or link. Its name is the path without what says nothing in it (`//`, `/./`, a slash at the end); `..` stays, as
 * after a link it leads elsewhere than it seems.
 */
export const fileAt = (host: string, path: string): Address => ({
  host,
  kind: 'file',
  name: path.includes('/..') ? path : posix.resolve(path),
})

export interface Found {
  /** Where the links led: the path itself where there is none. */
  readonly path: string
  /** undefined where nothing is there. Never a link. */
  readonly stat: Stat | undefined
}

/** What a path leads to when its last part is a symbolic link, or several in a row. Throws `Failure` for a ring of links. */
export async function follow(host: Pick<HostAccess, 'stat'>, path: string): Promise<Found> {
  let at = path
  for (let links = 0; links <= MOST_LINKS; links += 1) {
    const stat = await host.stat(at)
    if (stat?.kind !== 'link') return { path: at, stat }
    at = posix.resolve(posix.dirname(at), stat.target ?? '')
  }
  throw new Failure(`${path} is a ring of symbolic links`)
}
