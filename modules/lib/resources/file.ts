/**
 * A file with its content, owner and mode. Called by `copy`, `template`, `ini`, `lineinfile` and other modules that
 * write one file.
 */
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
  /** Command that must accept the new content. */
  readonly validate?: string | undefined
}

export interface WholeFile extends Placed {
  /** Name of the file if the path leads to a folder. */
  readonly nameInFolder?: string | undefined
  /** Keeps an existing file, whatever its content. */
  readonly keep?: boolean
  content(target: Target): Uint8Array | Promise<Uint8Array>
}

export interface EditedFile extends Placed {
  /** Allows a missing file to be created. */
  readonly create: boolean
  /** The edit only removes: a missing file needs no change. */
  readonly removes: boolean
  edit(before: Uint8Array): Uint8Array
  /** Differences that the edit makes in an existing file, if they say more than the two texts. */
  differences?(before: Uint8Array): readonly Omit<Change, 'resource'>[]
}

/** Parameters of every module that writes the content of a file. */
export const fileParams = {
  ...attributeParams,
  validate: {
    type: 'string',
    pattern: '%s',
    description:
      'Command that must accept the new content before the file is replaced. `%s` stands for the new file: `visudo -cf %s`.',
  },
} as const

/** A file with a given content. */
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

/** A file with one edited part; every other byte stays unchanged. */
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
        throw new Failure(`${path} does not exist on ${target.host}`, { help: 'create it first, or set `create: true`' })
      const changes = current.bytes === undefined ? undefined : differences?.(current.bytes)
      return differs(wish, resource, current, edit(current.bytes ?? new Uint8Array()), changes)
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
      // A change of owner clears the set-user-ID bits; the mode restores them.
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
  changes?: readonly Omit<Change, 'resource'>[],
): Look<FileState> {
  const { path, stat, bytes } = current
  mustBeFile(resource.name, current)
  const other = attributeChanges(resource, stat, attributes)
  const result = { path: resource.name }
  if (stat !== undefined && bytes !== undefined && sameBytes(bytes, wanted))
    return { state: stateOf(path, attributesOf(stat)), changes: other, result }
  const content = changes?.map((difference) => ({ resource, ...difference })) ?? contentChanges(resource, bytes, wanted)
  return { state: stateOf(path, imageOf(stat, bytes)), changes: [...content, ...other], result }
}
