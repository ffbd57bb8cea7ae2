import { posix } from 'node:path'
import { Failure, type Change, type Diff, type HostAccess, type Stat, type Target } from '../../../runner/module.ts'
import { attributeChanges, type Attributes } from './attributes.ts'
import { attributesOf, capture, type Image } from './image.ts'
import { fileAt, follow } from './paths.ts'

/** What `undo` of `file` needs: folders that were not there, and what other paths were. */
export interface FileState {
  /** From the outermost to the innermost. */
  readonly created: readonly string[]
  readonly images: Readonly<Record<string, Image>>
  /** Why what was there could not be kept. */
  readonly lost?: string
}

export interface FileWish extends Attributes {
  readonly path: string
  readonly src?: string | undefined
  readonly recurse: boolean
  readonly force: boolean
}

type Planner = (wish: FileWish, host: Pick<Target, 'host' | keyof HostAccess>) => Promise<Diff<FileState>>

const inWords = (stat: Stat | undefined): string | undefined =>
  stat === undefined
    ? undefined
    : stat.kind === 'link'
      ? `link to ${stat.target ?? ''}`
      : stat.kind === 'other'
        ? 'device, socket or pipe'
        : stat.kind

const diff = (changes: readonly Change[], before: Partial<FileState>, more: Partial<Diff<FileState>> = {}): Diff<FileState> => ({
  changes,
  before: { created: [], images: {}, ...before },
  ...more,
})

/** Keeps what is at a path before it is removed or replaced. */
async function replacing(
  host: HostAccess,
  path: string,
  changes: readonly Change[],
  more: Partial<Diff<FileState>> = {},
): Promise<Diff<FileState>> {
  const kept = await capture(host, path)
  if ('image' in kept) return diff(changes, { images: { [path]: kept.image } }, more)
  return diff(changes, { lost: kept.tooMuch }, { ...more, irreversible: kept.tooMuch })
}

const absent: Planner = async ({ path }, host) => {
  const stat = await host.stat(path)
  if (stat === undefined) return diff([], {})
  // `/`, `/etc`, `/var` …: nobody means to remove these.
  if (/^\/+[^/]*\/*$/.test(posix.normalize(path)))
    throw new Failure(`${path} is not removed: the whole system is in it`, { kind: 'input', todo: 'name what is below it' })
  return replacing(host, path, [{ resource: fileAt(host.host, path), before: inWords(stat), after: undefined }])
}

const file: Planner = async (wish, host) => {
  const found = await follow(host, wish.path)
  if (found.stat === undefined)
    throw new Failure(`${wish.path} does not exist`, { todo: 'make it with `copy`, `template` or `state: touch`' })
  if (found.stat.kind === 'directory') throw new Failure(`${wish.path} is a folder`, { todo: 'say `state: directory`' })
  return diff(attributeChanges(fileAt(host.host, wish.path), found.stat, wish), {
    images: { [found.path]: attributesOf(found.stat) },
  })
}

const touch: Planner = async (wish, host) => {
  const found = await follow(host, wish.path)
  if (found.stat === undefined) {
    const resource = fileAt(host.host, wish.path)
    return diff([{ resource, before: undefined, after: 'empty file' }, ...attributeChanges(resource, undefined, wish)], {
      images: { [found.path]: { kind: 'absent' } },
    })
  }
  return diff(attributeChanges(fileAt(host.host, wish.path), found.stat, wish), {
    images: { [found.path]: attributesOf(found.stat) },
  })
}

const link: Planner = async ({ path, src, force, owner, group, mode }, host) => {
  if (src === undefined) throw new Failure('there is no `src` to link to', { kind: 'input' })
  if ([owner, group, mode].some((given) => given !== undefined)) {
    throw new Failure('a link has no owner and mode of its own', {
      kind: 'input',
      todo: `set them on ${src} in a task of its own`,
    })
  }
  const [stat, goal] = await Promise.all([host.stat(path), host.stat(posix.resolve(posix.dirname(path), src))])
  const warnings = goal === undefined ? { warnings: [`${src}, which ${path} is to link to, does not exist`] } : {}
  if (stat?.kind === 'link' && stat.target === src) return diff([], {}, warnings)
  if (stat?.kind === 'directory')
    throw new Failure(`${path} is a folder, which no link replaces`, { todo: 'remove it first, with `state: absent`' })
  if (stat !== undefined && stat.kind !== 'link' && !force)
    throw new Failure(`${path} is a ${inWords(stat) ?? ''}, not a link`, { todo: 'set `force: true` to replace it' })
  return replacing(host, path, [{ resource: fileAt(host.host, path), before: inWords(stat), after: `link to ${src}` }], warnings)
}

const directory: Planner = async (wish, host) => {
  // A slash at its end would have the kernel follow a link to a folder that is not there yet.
  const found = await follow(host, posix.resolve(wish.path))
  const resource = fileAt(host.host, wish.path)
  if (found.stat === undefined) {
    const created = await missingFolders(host, found.path)
    return diff([{ resource, before: undefined, after: 'directory' }, ...attributeChanges(resource, undefined, wish)], {
      created,
    })
  }
  if (found.stat.kind !== 'directory')
    throw new Failure(`${wish.path} is a ${inWords(found.stat) ?? ''}, not a folder`, {
      todo: 'remove it first, with `state: absent`',
    })
  const own = attributeChanges(resource, found.stat, attributesFor(wish, found.stat))
  const below = wish.recurse
    ? (await everythingBelow(host, found.path)).filter(
        ([path, stat]) => attributeChanges(fileAt(host.host, path), stat, attributesFor(wish, stat)).length > 0,
      )
    : []
  const differing =
    below.length === 0
      ? []
      : [{ resource, property: 'all below', before: `${below.length} of other owner, group or mode`, after: wantedInWords(wish) }]
  const touched = own.length === 0 ? below : [[found.path, found.stat] as const, ...below]
  return diff([...own, ...differing], { images: Object.fromEntries(touched.map(([path, stat]) => [path, attributesOf(stat)])) })
}

const wantedInWords = ({ owner, group, mode }: Attributes): string =>
  [owner, group, mode].filter((given) => given !== undefined).join(', ')

/** With `recurse`, a folder may be entered by whoever may read it: files' modes would lock everybody out. */
export function attributesFor({ owner, group, mode, recurse }: FileWish, { kind }: Pick<Stat, 'kind'>): Attributes {
  const enterable =
    mode !== undefined && recurse && kind === 'directory'
      ? (parseInt(mode, 8) | ((parseInt(mode, 8) & 0o444) >> 2)).toString(8)
      : mode
  return { owner, group, mode: enterable }
}

async function missingFolders(host: HostAccess, path: string): Promise<readonly string[]> {
  const parents = path
    .split('/')
    .map((_, at, parts) => parts.slice(0, at + 1).join('/'))
    .filter((parent) => parent !== '')
  const stats = await Promise.all(parents.map((parent) => host.stat(parent)))
  return parents.filter((_, at) => stats[at] === undefined)
}

/** Every file and folder below a folder; links are left out, because what they lead to is elsewhere. */
async function everythingBelow(host: HostAccess, folder: string): Promise<readonly (readonly [string, Stat])[]> {
  const names = (await host.list(folder)) ?? []
  const found = await Promise.all(
    names.map(async (name): Promise<readonly (readonly [string, Stat])[]> => {
      const path = posix.join(folder, name)
      const stat = await host.stat(path)
      if (stat === undefined || stat.kind === 'link') return []
      return [[path, stat] as const, ...(stat.kind === 'directory' ? await everythingBelow(host, path) : [])]
    }),
  )
  return found.flat()
}

export const planners = { absent, directory, file, link, touch } as const
