/** A file with its content, owner and mode: of `copy`, `template`, `ini`, `lineinfile` and whatever else writes one file. */
import { posix } from 'node:path'
import { Failure, type Change, type Target } from '../../../runner/module.ts'
import { attributeChanges, attributeParams, setAttributes, writeOptions, type Attributes } from '../files/attributes.ts'
import { contentChanges, lookAgainst, lookAt, mustBeFile, mustBeUnchanged, mustBeValid, type Current } from '../files/content.ts'
import { attributesOf, fromBase64, imageOf } from '../files/image.ts'
import { fileAt } from '../files/paths.ts'
import { sameBytes } from '../text/lines.ts'
import { fileKind, stateOf, type FileState } from './file-state.ts'
import type { Look, Resource } from './resource.ts'

interface Placed extends Attributes {
  readonly host: string
  readonly path: string
  /** Program that must accept a new content. */
  readonly validate?: string | undefined
}

export interface WholeFile extends Placed {
  /** The name that it gets if the path leads to a folder. */
  readonly nameInFolder?: string | undefined
  /** Only a file that is missing is made. */
  readonly keep?: boolean
  content(target: Target): Uint8Array | Promise<Uint8Array>
}

export interface EditedFile extends Placed {
  /** Whether the file may be made. */
  readonly create: boolean
  /** A file that is missing is as it should be: there is nothing to be removed from it. */
  readonly removes: boolean
  edit(before: Uint8Array): Uint8Array
  /** The differences that the edit makes in a file that is there, if they can be told better than by both texts. */
  differences?(before: Uint8Array): readonly Omit<Change, 'resource'>[]
}

/** The parameters that every module which writes a file has. */
export const fileParams = {
  ...attributeParams,
  validate: {
    type: 'string',
    pattern: '%s',
    description: 'Command that must accept the new content before it is put in place; `%s` stands for the file: `visudo -cf %s`.',
  },
} as const

/** A file whose content is known, whatever is there. */
export function file(wish: WholeFile): Resource<FileState> {
  const { host, path, nameInFolder, keep, content } = wish
  return fileOf(wish, {
    content: (_before, target) => content(target),
    async look(target) {
      const wanted = await content(target)
      const named = nameInFolder === undefined ? path : posix.join(path, nameInFolder)
      const first = path.endsWith('/') ? named : path
      const found = await lookAgainst(target, first, wanted)
      const [at, current] =
        found.stat?.kind === 'directory' && first !== named ? [named, await lookAgainst(target, named, wanted)] : [first, found]
      return differs(wish, fileAt(host, at), current, keep === true && current.bytes !== undefined ? current.bytes : wanted)
    },
  })
}

/** A file of which a part is made sure of, and every other byte stays. */
export function editedFile(wish: EditedFile): Resource<FileState> {
  const { host, path, create, removes, edit, differences } = wish
  const resource = fileAt(host, path)
  return fileOf(wish, {
    content: (before = new Uint8Array()) => edit(before),
    async look(target) {
      const current = await lookAt(target, path)
      mustBeFile(path, current)
      if (current.bytes === undefined && removes) return { state: stateOf(current.path, { kind: 'absent' }), changes: [] }
      if (current.bytes === undefined && !create)
        throw new Failure(`${path} does not exist on ${target.host}`, { help: 'make it first, or set `create: true`' })
      const told = current.bytes === undefined ? undefined : differences?.(current.bytes)
      return differs(wish, resource, current, edit(current.bytes ?? new Uint8Array()), told)
    },
  })
}

const fileOf = (
  { host, path, ...wish }: Placed,
  {
    look,
    content,
  }: Pick<Resource<FileState>, 'look'> & {
    content(before: Uint8Array | undefined, target: Target): Uint8Array | Promise<Uint8Array>
  },
): Resource<FileState> => ({
  ...fileKind(host),
  address: fileAt(host, path),
  look: async (target) => ({ result: { path }, ...(await look(target)) }),
  async make(target, { images }) {
    for (const [at, image] of Object.entries(images)) {
      // A change of owner takes set-user-ID bits away, which then are put back.
      if (image.kind === 'attributes') return setAttributes(target, [at], { ...wish, mode: wish.mode ?? image.mode })
      const before = image.kind === 'file' ? fromBase64(image.content) : undefined
      const wanted = await content(before, target)
      await mustBeUnchanged(target, at, before)
      if (wish.validate !== undefined) await mustBeValid(target, at, wanted, wish.validate)
      await target.write(at, wanted, writeOptions(wish))
    }
  },
})

function differs(
  attributes: Attributes,
  resource: Change['resource'],
  current: Current,
  wanted: Uint8Array,
  told?: readonly Omit<Change, 'resource'>[],
): Look<FileState> {
  const { path, stat, bytes } = current
  mustBeFile(resource.name, current)
  const other = attributeChanges(resource, stat, attributes)
  const result = { path: resource.name }
  if (stat !== undefined && bytes !== undefined && sameBytes(bytes, wanted))
    return { state: stateOf(path, attributesOf(stat)), changes: other, result }
  const content = told?.map((difference) => ({ resource, ...difference })) ?? contentChanges(resource, bytes, wanted)
  return { state: stateOf(path, imageOf(stat, bytes)), changes: [...content, ...other], result }
}
