import { Failure, type Snapshot, type Target } from '../../../runner/module.ts'
import { imageInWords, lookIn, removeTemporary, restore, type Image } from '../files/image.ts'
import { fileAt } from '../files/paths.ts'
import type { Resource } from './resource.ts'

/** What files, folders and links were: all that every resource of kind `file` needs to be restored. */
export interface FileState {
  /** By path, the outermost first: where links led, and what was there. */
  readonly images: Readonly<Record<string, Image>>
  /** Why what was there could not be kept. */
  readonly lost?: string
}

/** A saved plan and the journal do not list every file of a big folder; what is looked at instead are the owners and modes that matter. */
const MOST_TOLD = 100

export const stateOf = (path: string, image: Image): FileState => ({ images: { [path]: image } })

/** What all resources of kind `file` have in common. */
export const fileKind = (host: string): Pick<Resource<FileState>, 'restore' | 'describe' | 'observe'> => ({
  async restore(target, { images, lost }) {
    if (lost !== undefined)
      throw new Failure('what was removed was not kept', { kind: 'refused', why: lost, help: 'restore it from a backup' })
    const all = Object.entries(images)
    await removeTemporary(
      target,
      all.filter(([, { kind }]) => kind !== 'attributes').map(([path]) => path),
    )
    // What was made goes, the innermost first; a folder with something in it stays, for that is somebody else's.
    const made = all.filter(([, { kind }]) => kind === 'absent').toReversed()
    for (const [path, image] of [...all.filter(([, { kind }]) => kind !== 'absent'), ...made]) await restore(target, path, image)
  },
  describe({ images, lost }) {
    const all = Object.entries(images)
    if (lost !== undefined || all.length > MOST_TOLD) return undefined
    return all.map(([path, image]) => ({ resource: fileAt(host, path), properties: imageInWords(image) }))
  },
  observe: (target, { images }) =>
    // Started together, so that they travel in one request.
    Promise.all(
      Object.entries(images)
        .slice(0, MOST_TOLD)
        .map(([path, image]) => observed(target, host, path, image)),
    ),
})

const observed = async (target: Target, host: string, path: string, image: Image): Promise<Snapshot[number]> => ({
  resource: fileAt(host, path),
  properties: await lookIn(target, path, image),
})
