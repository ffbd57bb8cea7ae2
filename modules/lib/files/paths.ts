import { posix } from 'node:path'
import { Failure, type Address, type HostAccess, type Stat } from '../../../runner/module.ts'

/** As many symbolic links in a row as Linux itself follows (`MAXSYMLINKS`). */
const MOST_LINKS = 40

/**
 * Returns the address of a file, folder or link. Its name is the path without redundant parts (`//`, `/./`, a slash
 * at the end). A path with `..` stays unchanged, because behind a link `..` leads elsewhere.
 */
export const fileAt = (host: string, path: string): Address => ({
  host,
  kind: 'file',
  name: path.includes('/..') ? path : posix.resolve(path),
})

export interface Found {
  /** The path behind all links; the path itself if it is no link. */
  readonly path: string
  /** Never a link; undefined for a missing path. */
  readonly stat: Stat | undefined
}

/** Follows the symbolic links at the last part of a path. Throws `Failure` for a ring of links. */
export async function follow(host: Pick<HostAccess, 'stat'>, path: string): Promise<Found> {
  let at = path
  for (let links = 0; links <= MOST_LINKS; links += 1) {
    const stat = await host.stat(at)
    if (stat?.kind !== 'link') return { path: at, stat }
    at = posix.resolve(posix.dirname(at), stat.target ?? '')
  }
  throw new Failure(`${path} is a ring of symbolic links`)
}
