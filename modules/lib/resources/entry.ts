/** Resources for a folder, a link, an empty file, attributes, or a missing path. Called by the module `file`. */
import { posix } from 'node:path'
import { Failure, type Change, type HostAccess, type Stat, type Target } from '../../../runner/module.ts'
import { attributeChanges, mustRun, setAttributes, writeOptions, type Attributes } from '../files/attributes.ts'
import { attributesOf, capture, placeLink, removeTemporary } from '../files/image.ts'
import { fileAt, follow } from '../files/paths.ts'
import { fileKind, stateOf, type FileState } from './file-state.ts'
import type { Look, Resource } from './resource.ts'

export interface EntryWish extends Attributes {
  readonly host: string
  readonly path: string
}

const entry = (
  { host, path }: EntryWish,
  act: Pick<Resource<FileState>, 'look' | 'make'> & Partial<Pick<Resource<FileState>, 'restore'>>,
): Resource<FileState> => ({ ...fileKind(host), address: fileAt(host, path), ...act })

const inWords = (stat: Stat | undefined): string | undefined =>
  stat === undefined
    ? undefined
    : stat.kind === 'link'
      ? `link to ${stat.target ?? ''}`
      : stat.kind === 'other'
        ? 'device, socket or pipe'
        : stat.kind

/** Keeps the image of a path before it is removed or replaced. */
async function kept(host: HostAccess, path: string): Promise<Pick<Look<FileState>, 'state' | 'irreversible'>> {
  const found = await capture(host, path)
  return 'image' in found
    ? { state: stateOf(path, found.image) }
    : { state: { images: {}, lost: found.tooMuch }, irreversible: found.tooMuch }
}

/** A missing path: whatever exists there is removed, a folder with its content. */
export const removed = (wish: EntryWish): Resource<FileState> =>
  entry(wish, {
    async look(target) {
      const { host, path } = wish
      const stat = await target.stat(path)
      if (stat === undefined) return { state: stateOf(path, { kind: 'absent' }), changes: [] }
      // `/`, `/etc`, `/var` …: surely a mistake.
      if (/^\/+[^/]*\/*$/.test(posix.normalize(path)))
        throw new Failure(`${path} cannot be removed: the system needs it`, { kind: 'input', help: 'give a path below it' })
      return {
        ...(await kept(target, path)),
        changes: [{ resource: fileAt(host, path), before: inWords(stat), after: undefined }],
      }
    },
    async make(target) {
      await mustRun(target, ['rm', '-rf', '--one-file-system', '--', wish.path])
    },
  })

/** A symbolic link. */
export const link = (wish: EntryWish & { readonly src: string | undefined; readonly force: boolean }): Resource<FileState> =>
  entry(wish, {
    async look(target) {
      const { host, path, src, force, owner, group, mode } = wish
      if (src === undefined) throw new Failure('`src` of the link is missing', { kind: 'input' })
      if ([owner, group, mode].some((given) => given !== undefined))
        throw new Failure('a link has no owner and mode of its own', {
          kind: 'input',
          help: `set them on ${src} in a task of its own`,
        })
      const [stat, goal] = await Promise.all([target.stat(path), target.stat(posix.resolve(posix.dirname(path), src))])
      const warnings = goal === undefined ? [`${src}, which ${path} is to link to, does not exist`] : []
      if (stat?.kind === 'link' && stat.target === src) return { state: { images: {} }, changes: [], warnings }
      if (stat?.kind === 'directory')
        throw new Failure(`${path} is a folder, which a link cannot replace`, { help: 'remove it first, with `state: absent`' })
      if (stat !== undefined && stat.kind !== 'link' && !force)
        throw new Failure(`${path} is a ${inWords(stat) ?? ''}, not a link`, { help: 'set `force: true` to replace it' })
      const change: Change = { resource: fileAt(host, path), before: inWords(stat), after: `link to ${src}` }
      return { ...(await kept(target, path)), changes: [change], warnings }
    },
    make: (target) => placeLink(target, wish.path, wish.src ?? ''),
    // Other resources make no link at their path, or make it again, which clears the leftover of the first attempt.
    async restore(target, state) {
      await removeTemporary(target, wish.path)
      await fileKind(wish.host).restore(target, state)
    },
  })

/** Owner, group and mode of an existing path; with `touch`, a missing path becomes an empty file. */
export const attributed = (wish: EntryWish & { readonly touch: boolean }): Resource<FileState> =>
  entry(wish, {
    async look(target) {
      const { host, path, touch } = wish
      const resource = fileAt(host, path)
      const found = await follow(target, path)
      const changes = attributeChanges(resource, found.stat, wish)
      if (found.stat === undefined && touch)
        return {
          state: stateOf(found.path, { kind: 'absent' }),
          changes: [{ resource, before: undefined, after: 'empty file' }, ...changes],
        }
      if (found.stat === undefined)
        throw new Failure(`${path} does not exist`, { help: 'create it with `copy`, `template` or `state: touch`' })
      if (found.stat.kind === 'directory' && !touch) throw new Failure(`${path} is a folder`, { help: 'set `state: directory`' })
      return { state: stateOf(found.path, attributesOf(found.stat)), changes }
    },
    async make(target, state) {
      for (const [path, { kind }] of Object.entries(state.images))
        if (kind === 'absent') await target.write(path, new Uint8Array(), writeOptions(wish))
      await setWhereKept(target, state, () => wish)
    },
  })

/** A folder, with its missing parents. With `recurse`, owner, group and mode apply to everything below it too. */
export const folder = (wish: EntryWish & { readonly recurse: boolean }): Resource<FileState> =>
  entry(wish, {
    async look(target) {
      const { host, path, recurse } = wish
      const resource = fileAt(host, path)
      // With a slash at the end, the kernel would follow a link to a folder that does not exist yet.
      const found = await follow(target, posix.resolve(path))
      if (found.stat === undefined)
        return {
          state: { images: Object.fromEntries((await missingFolders(target, found.path)).map((at) => [at, { kind: 'absent' }])) },
          changes: [{ resource, before: undefined, after: 'directory' }, ...attributeChanges(resource, undefined, wish)],
        }
      if (found.stat.kind !== 'directory')
        throw new Failure(`${path} is a ${inWords(found.stat) ?? ''}, not a folder`, {
          help: 'remove it first, with `state: absent`',
        })
      const isOther = ([at, stat]: Entry) => attributeChanges(fileAt(host, at), stat, wantedOf(wish, stat.kind)).length > 0
      const below = recurse ? (await everythingBelow(target, found.path)).filter(isOther) : []
      const own = attributeChanges(resource, found.stat, wantedOf(wish, 'directory'))
      const all = [...(own.length === 0 ? [] : [[found.path, found.stat] as const]), ...below]
      return {
        state: { images: Object.fromEntries(all.map(([at, stat]) => [at, attributesOf(stat)])) },
        changes: [...own, ...(below.length === 0 ? [] : [changeBelow(wish, below.length)])],
      }
    },
    async make(target, state) {
      const missing = Object.entries(state.images).flatMap(([path, { kind }]) => (kind === 'absent' ? [path] : []))
      if (missing.length > 0) await mustRun(target, ['mkdir', '--', ...missing])
      await setAttributes(target, missing, wantedOf(wish, 'directory'))
      await setWhereKept(target, state, (kind) => wantedOf(wish, kind))
    },
  })

type Entry = readonly [path: string, stat: Stat]

const changeBelow = ({ host, path, owner, group, mode }: EntryWish, count: number): Change => ({
  resource: fileAt(host, path),
  property: 'all below',
  before: `${count} with another owner, group or mode`,
  after: [owner, group, mode].filter((given) => given !== undefined).join(', '),
})

/**
 * Adds the execute bit of a folder for everyone who may read it, with `recurse`: the mode of a file would lock
 * everybody out.
 */
function wantedOf({ owner, group, mode, recurse }: EntryWish & { readonly recurse: boolean }, kind: Stat['kind']): Attributes {
  if (mode === undefined || !recurse || kind !== 'directory') return { owner, group, mode }
  const bits = parseInt(mode, 8)
  return { owner, group, mode: (bits | ((bits & 0o444) >> 2)).toString(8) }
}

async function missingFolders(host: HostAccess, path: string): Promise<readonly string[]> {
  const parents = path
    .split('/')
    .map((_, at, parts) => parts.slice(0, at + 1).join('/'))
    .filter((parent) => parent !== '')
  const stats = await Promise.all(parents.map((parent) => host.stat(parent)))
  return parents.filter((_, at) => stats[at] === undefined)
}

/** Lists every file and folder below a folder. Links are left out, because they lead elsewhere. */
async function everythingBelow(host: HostAccess, folder: string): Promise<readonly Entry[]> {
  const names = (await host.list(folder)) ?? []
  const found = await Promise.all(
    names.map(async (name): Promise<readonly Entry[]> => {
      const path = posix.join(folder, name)
      const stat = await host.stat(path)
      if (stat === undefined || stat.kind === 'link') return []
      return [[path, stat], ...(stat.kind === 'directory' ? await everythingBelow(host, path) : [])]
    }),
  )
  return found.flat()
}

/** Paths per command: far below the limit of any kernel. */
const BATCH = 500

/** Sets owner, group and mode of all paths with an image of attributes; paths with the same mode share a command. */
async function setWhereKept(target: Target, { images }: FileState, wantedOf: (kind: Stat['kind']) => Attributes): Promise<void> {
  const byMode = new Map<string | undefined, { readonly paths: string[]; readonly wanted: Attributes }>()
  for (const [path, image] of Object.entries(images)) {
    if (image.kind !== 'attributes') continue
    const wanted = wantedOf(image.of)
    // A change of owner clears set-user-ID and set-group-ID, unless the mode is set again.
    const mode = wanted.mode ?? (image.mode.startsWith('0') ? undefined : image.mode)
    const group = byMode.get(mode) ?? { paths: [], wanted: { ...wanted, mode } }
    group.paths.push(path)
    byMode.set(mode, group)
  }
  for (const { paths, wanted } of byMode.values())
    for (let at = 0; at < paths.length; at += BATCH) await setAttributes(target, paths.slice(at, at + BATCH), wanted)
}
