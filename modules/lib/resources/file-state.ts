import { Failure, type Snapshot, type Target } from '../../../runner/module.ts'
import { imageInWords, lookIn, restore, type Image } from '../files/image.ts'
import { fileAt } from '../files/paths.ts'
import type { Resource } from './resource.ts'

/** State of files, folders and links before a change, for `restore` of every resource of kind `file`. */
export interface FileState {
  /** Images by path (behind all links), the outermost first. */
  readonly images: Readonly<Record<string, Image>>
  /** Why no image could be kept. */
  readonly lost?: string
}

/** Most images that a saved plan or the journal lists. Beyond it, no snapshot is taken. */
const MOST_DESCRIBED = 100

export const stateOf = (path: string, image: Image): FileState => ({ images: { [path]: image } })

/** Returns the common part of all resources of kind `file`. */
export const fileKind = (host: string): Pick<Resource<FileState>, 'restore' | 'describe' | 'observe'> => ({
  async restore(target, { images, lost }) {
    if (lost !== undefined)
      throw new Failure('the removed content was not kept', { kind: 'refused', why: lost, help: 'restore it from a backup' })
    const all = Object.entries(images)
    // Created paths are removed last, the innermost first. A non-empty folder stays: its content is somebody else's.
    const made = all.filter(([, { kind }]) => kind === 'absent').toReversed()
    for (const [path, image] of [...all.filter(([, { kind }]) => kind !== 'absent'), ...made]) await restore(target, path, image)
  },
  describe({ images, lost }) {
    const all = Object.entries(images)
    if (lost !== undefined || all.length > MOST_DESCRIBED) return undefined
    return all.map(([path, image]) => ({ resource: fileAt(host, path), properties: imageInWords(image) }))
  },
  observe: (target, { images }) =>
    // Started together, so that they travel in one request.
    Promise.all(
      Object.entries(images)
        .slice(0, MOST_DESCRIBED)
        .map(([path, image]) => observed(target, host, path, image)),
    ),
})

const observed = async (target: Target, host: string, path: string, image: Image): Promise<Snapshot[number]> => ({
  resource: fileAt(host, path),
  properties: await lookIn(target, path, image),
})
