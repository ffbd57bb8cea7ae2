/** The image of a path for `undo`: type, content, owner, mode, link target. Called by the resources of files. */
import { bytes, Failure } from '../../../runner/module.ts'
import { createHash } from 'node:crypto'
import { posix } from 'node:path'
import type { HostAccess, Properties, Stat } from '../../../runner/module.ts'
import { mustRun, setAttributes } from './attributes.ts'

/**
 * The state of a path before a change, for `restore`. Bytes are base64, because JSON cannot hold them otherwise.
 * `attributes` stands for a file or folder whose content stays unchanged.
 */
export type Image =
  | { readonly kind: 'absent' }
  | AttributesImage
  | (Owned & { readonly kind: 'file'; readonly content: string })
  | (Owned & { readonly kind: 'directory'; readonly entries: Readonly<Record<string, Image>> })
  | { readonly kind: 'link'; readonly target: string; readonly uid: number; readonly gid: number }

export type AttributesImage = Owned & { readonly kind: 'attributes'; readonly of: Stat['kind'] }

interface Owned {
  readonly mode: string
  readonly uid: number
  readonly gid: number
}

/** Limits of an image: a folder beyond them is removed without an image, so the removal cannot be undone. */
export const MOST_BYTES = 32 * 1024 * 1024
export const MOST_ENTRIES = 2000

export const toBase64 = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64')
export const fromBase64 = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'base64'))

const owned = ({ mode, uid, gid }: Stat): Owned => ({ mode, uid, gid })

/** Makes the image of a file from bytes already read. */
export const imageOf = (stat: Stat | undefined, bytes: Uint8Array | undefined): Image =>
  stat === undefined || bytes === undefined ? { kind: 'absent' } : { kind: 'file', ...owned(stat), content: toBase64(bytes) }

export const attributesOf = (stat: Stat): AttributesImage => ({ kind: 'attributes', of: stat.kind, ...owned(stat) })

/**
 * Takes the image of a path and everything below it. Returns the reason if it is too big, or holds a device, socket
 * or pipe.
 */
export async function capture(host: HostAccess, path: string): Promise<{ readonly image: Image } | { readonly tooMuch: string }> {
  const size = { entries: 0, bytes: 0 }
  try {
    return { image: await imageAt(host, path, size) }
  } catch (error) {
    if (error instanceof TooMuch) return { tooMuch: error.message }
    throw error
  }
}

class TooMuch extends Error {}

async function imageAt(host: HostAccess, path: string, size: { entries: number; bytes: number }): Promise<Image> {
  const stat = await host.stat(path)
  if (stat === undefined) return { kind: 'absent' }
  size.entries += 1
  if (size.entries > MOST_ENTRIES) throw new TooMuch(`more than ${MOST_ENTRIES} files`)
  if (stat.kind === 'link') return { kind: 'link', target: stat.target ?? '', uid: stat.uid, gid: stat.gid }
  if (stat.kind === 'other') throw new TooMuch(`${path} is neither file, folder nor link`)
  if (stat.kind === 'file') {
    size.bytes += stat.size
    if (size.bytes > MOST_BYTES) throw new TooMuch(`more than ${bytes(MOST_BYTES)}`)
    return imageOf(stat, await host.read(path))
  }
  const names = (await host.list(path)) ?? []
  // Started together, so that the reads of one folder travel in one request.
  const entries = await Promise.all(names.map(async (name) => [name, await imageAt(host, posix.join(path, name), size)] as const))
  return { kind: 'directory', ...owned(stat), entries: Object.fromEntries(entries) }
}

/**
 * Reads the current properties of a path that `restore` of the image would change, in the words of `imageInWords`:
 * the content of a file by digest, the content of a folder by its names.
 */
export async function lookIn(host: HostAccess, path: string, image: Image): Promise<Properties> {
  const stat = await host.stat(path)
  if (stat === undefined) return { kind: 'absent' }
  const { kind, mode, uid, gid, target } = stat
  const owners = { owner: String(uid), group: String(gid) }
  if (kind === 'link') return { kind, target: target ?? '', ...owners }
  const own = { kind, mode, ...owners }
  if (image.kind === 'attributes') return own
  if (kind === 'directory') return { ...own, entries: (await host.list(path)) ?? [] }
  return kind === 'file' ? { ...own, content: inShort((await digestOn(host, path)) ?? '') } : own
}

/**
 * Computes the SHA-256 of a file on its host; undefined for a missing file. coreutils prefixes the digest with a
 * backslash if the name contains a line end or a backslash.
 */
export const digestOn = async (host: HostAccess, path: string): Promise<string | undefined> =>
  /^\\?([0-9a-f]{64}) /.exec((await host.run(['sha256sum', '--', path])).stdout)?.[1]

/**
 * Restores the image over whatever is there now. A non-empty folder that did not exist before is left alone: it is
 * somebody else's.
 */
export async function restore(host: HostAccess, path: string, image: Image): Promise<void> {
  if (image.kind === 'attributes') return setAttributes(host, [path], numeric(image))
  const now = await host.stat(path)
  if (now !== undefined && now.kind !== image.kind)
    await mustRun(host, now.kind === 'directory' ? ['rmdir', '--', path] : ['rm', '-f', '--', path])
  if (image.kind === 'absent') return
  if (image.kind === 'link') return restoreLink(host, path, image)
  const attributes = numeric(image)
  if (image.kind === 'file') return host.write(path, fromBase64(image.content), attributes)
  if (now?.kind !== 'directory') await mustRun(host, ['mkdir', '--', path])
  await setAttributes(host, [path], { owner: attributes.owner, group: attributes.group })
  for (const [name, entry] of Object.entries(image.entries)) await restore(host, posix.join(path, name), entry)
  // Last, because the folder may have been read-only.
  await setAttributes(host, [path], { mode: attributes.mode })
}

const numeric = ({ uid, gid, mode }: Owned) => ({ owner: String(uid), group: String(gid), mode })

async function restoreLink(
  host: HostAccess,
  path: string,
  { target, uid, gid }: Image & { readonly kind: 'link' },
): Promise<void> {
  await placeLink(host, path, target)
  const now = await host.stat(path)
  if (now?.uid !== uid || now.gid !== gid) await mustRun(host, ['chown', '-h', `${uid}:${gid}`, '--', path])
}

/** Creates or replaces a symbolic link atomically. */
export async function placeLink(host: Pick<HostAccess, 'run'>, path: string, target: string): Promise<void> {
  // One command, which the host ends by itself: a runner that is killed leaves no half of it.
  const script = 'rm -f -- "$1" && ln -s -- "$2" "$1" && mv -T -- "$1" "$3"'
  const { code, stderr } = await host.run(['sh', '-c', script, 'link', temporaryOf(path), target, path])
  if (code !== 0) throw new Failure(`the link ${path} cannot be made`, { why: stderr.trim() || `exit status ${code}`, stderr })
}

/** Where a link is made before it is moved to its path. */
const temporaryOf = (path: string): string => `${path}.runbook-new`

/** Removes the leftover of a `placeLink` whose host stopped in its midst. */
export async function removeTemporary(host: Pick<HostAccess, 'run'>, path: string): Promise<void> {
  await mustRun(host, ['rm', '-f', '--', temporaryOf(path)])
}

/** An image in words: content by its digest. */
export function imageInWords(image: Image): Properties {
  if (image.kind === 'absent') return { kind: 'absent' }
  if (image.kind === 'link') return { kind: 'link', target: image.target, ...ownersOf(image) }
  const own = { kind: image.kind === 'attributes' ? image.of : image.kind, mode: image.mode, ...ownersOf(image) }
  if (image.kind === 'attributes') return own
  if (image.kind === 'file') return { ...own, content: digestOf(fromBase64(image.content)) }
  return { ...own, entries: Object.keys(image.entries).toSorted(), content: digestOf(JSON.stringify(image.entries)) }
}

const ownersOf = ({ uid, gid }: Pick<Owned, 'uid' | 'gid'>) => ({ owner: String(uid), group: String(gid) })
const digestOf = (content: string | Uint8Array): string => inShort(createHash('sha256').update(content).digest('hex'))
const inShort = (sha256: string): string => `sha256 ${sha256.slice(0, 16)}`
