/**
 * Reads, compares and validates the content of a file on a host, and describes its changes. Called by
 * `resources/file.ts`.
 */
import { createHash } from 'node:crypto'
import { posix } from 'node:path'
import {
  type Address,
  bytes as inUnits,
  type Change,
  Failure,
  hideSecrets,
  type HostAccess,
  type Target,
} from '../../../runner/module.ts'
import { mustRun } from './attributes.ts'
import { digestOn } from './image.ts'
import { follow, type Found } from './paths.ts'
import { decodeText, isText, sameBytes } from '../text/lines.ts'
import { readCommandLine } from '../text/command-line.ts'

/** A file on the host: the path behind its links, its stat and its bytes. */
export interface Current extends Found {
  readonly bytes: Uint8Array | undefined
}

/** Bytes. A larger file is read only if its digest differs from the wanted one. */
const SMALL = 256 * 1024

/** Follows a path and, if a file is there, reads its bytes; all in one request. */
export async function lookAt(host: HostAccess, path: string): Promise<Current> {
  const [found, bytes] = await Promise.all([follow(host, path), host.read(path).catch((error: unknown) => error as Error)])
  if (found.stat?.kind !== 'file') return { ...found, bytes: undefined }
  if (bytes instanceof Error) throw bytes
  return { ...found, bytes }
}

/** Does the same if the new content is known: a large file is compared by digest, and read only if it differs. */
export async function lookAgainst(host: HostAccess, path: string, wanted: Uint8Array): Promise<Current> {
  if (wanted.length <= SMALL) return lookAt(host, path)
  const [found, digest] = await Promise.all([follow(host, path), digestOn(host, path)])
  if (found.stat?.kind !== 'file') return { ...found, bytes: undefined }
  return { ...found, bytes: digest === sha256(wanted) ? wanted : await host.read(path) }
}

/** Throws `Failure` if the path exists and is not a regular file. */
export function mustBeFile(path: string, { stat }: Found): void {
  if (stat !== undefined && stat.kind !== 'file')
    throw new Failure(`${path} is ${stat.kind === 'directory' ? 'a folder' : 'not a regular file'}`, {
      help: 'give the path of a file',
    })
}

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')

/** Throws `Failure` of kind `refused` if the content of a file has changed since it was read. */
export async function mustBeUnchanged(host: HostAccess, path: string, was: Uint8Array | undefined): Promise<void> {
  const now = await (was === undefined || was.length <= SMALL ? host.read(path) : digestOn(host, path))
  const same =
    now === undefined || was === undefined ? now === was : typeof now === 'string' ? now === sha256(was) : sameBytes(now, was)
  if (same) return
  throw new Failure(`${path} has changed since it was read`, {
    kind: 'refused',
    why:
      now === undefined ? 'the file is gone' : was === undefined ? 'the file did not exist before' : 'its content is different',
    help: 'run again, to start from its current content',
  })
}

/** Validates the new content with a program, in a temporary file beside the real one that only its owner can read. */
export async function mustBeValid(target: Target, path: string, content: Uint8Array, validate: string): Promise<void> {
  const argv = readCommandLine(validate)
  const temporary = (await mustRun(target, ['mktemp', '-p', posix.dirname(path), '.runbook-validate-XXXXXX'])).trim()
  try {
    await target.write(temporary, content)
    const { code, stdout, stderr } = await target.run(argv.map((word) => word.replaceAll('%s', temporary)))
    if (code === 0) return
    // A program that validates a file quotes the faulty lines.
    const said = hideSecrets((stderr.trim() || stdout.trim()).replaceAll(temporary, path)).text
    throw new Failure(`\`${validate}\` does not accept the new ${path}`, {
      ...(said === '' ? {} : { why: said.split('\n').at(-1) ?? said, stderr: said }),
      help: `${path} is unchanged; correct the new content`,
    })
  } finally {
    await mustRun(target, ['rm', '-f', '--', temporary])
  }
}

/**
 * Describes a change of content: as text with its secrets hidden, or by size and digest if the content is large or
 * binary.
 */
export function contentChanges(resource: Address, before: Uint8Array | undefined, after: Uint8Array): readonly Change[] {
  const readable = [before, after].every((bytes) => bytes === undefined || (bytes.length <= SMALL && isText(bytes)))
  if (!readable) return [{ resource, before: before && inShort(before), after: inShort(after) }]
  const [old, fresh] = [before && decodeText(before), decodeText(after)]
  const [was, will] = [old && hideSecrets(old.text), hideSecrets(fresh.text)]
  const visible = was?.text === will.text ? [] : [{ resource, before: was?.text, after: will.text }]
  const hidden =
    (was?.secrets ?? '') === will.secrets
      ? []
      : [{ resource, property: 'secrets', before: was?.secrets, after: will.secrets, sensitive: true as const }]
  const changes = [...visible, ...hidden]
  return changes.length > 0 ? changes : [{ resource, property: 'encoding', before: old?.encoding, after: fresh.encoding }]
}

const inShort = (bytes: Uint8Array): string => `${inUnits(bytes.length)}, sha256 ${sha256(bytes).slice(0, 16)}`
