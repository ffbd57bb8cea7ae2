/** The content of a file on a host: looked at, compared, shown to its program, and as people see a change of it. Used by `resources/file.ts`. */
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

/** A file as it is: where the links led, and its bytes. */
export interface Current extends Found {
  readonly bytes: Uint8Array | undefined
}

/** Above this a file is not read when a digest or its size can tell that it is right already. */
const SMALL = 256 * 1024

/** What a path leads to, in one request, and its bytes where it is a file. */
export async function lookAt(host: HostAccess, path: string): Promise<Current> {
  const [found, bytes] = await Promise.all([follow(host, path), host.read(path).catch((error: unknown) => error as Error)])
  if (found.stat?.kind !== 'file') return { ...found, bytes: undefined }
  if (bytes instanceof Error) throw bytes
  return { ...found, bytes }
}

/**
 * As `lookAt`, for a file whose new content is known: a big one that is right already is compared by its digest and not carried
 * over.
 */
export async function lookAgainst(host: HostAccess, path: string, wanted: Uint8Array): Promise<Current> {
  if (wanted.length <= SMALL) return lookAt(host, path)
  const [found, digest] = await Promise.all([follow(host, path), digestOn(host, path)])
  if (found.stat?.kind !== 'file') return { ...found, bytes: undefined }
  return { ...found, bytes: digest === sha256(wanted) ? wanted : await host.read(path) }
}

/** Throws `Failure` for what is there and no file. */
export function mustBeFile(path: string, { stat }: Found): void {
  if (stat !== undefined && stat.kind !== 'file')
    throw new Failure(`${path} is ${stat.kind === 'directory' ? 'a folder' : 'no ordinary file'}`, {
      help: 'give the path of a file',
    })
}

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')

/** Refuses where a file is no longer what it was when it was looked at. */
export async function mustBeUnchanged(host: HostAccess, path: string, was: Uint8Array | undefined): Promise<void> {
  const now = await (was === undefined || was.length <= SMALL ? host.read(path) : digestOn(host, path))
  const same =
    now === undefined || was === undefined ? now === was : typeof now === 'string' ? now === sha256(was) : sameBytes(now, was)
  if (same) return
  throw new Failure(`${path} was changed by somebody else in between`, {
    kind: 'refused',
    why:
      now === undefined
        ? 'it is gone'
        : was === undefined
          ? 'it was not there before'
          : 'its content is not what was seen before',
    help: 'run again: it starts from what is there now',
  })
}

/** Shows the new content to a program, in a file beside the real one that only its owner can read. */
export async function mustBeValid(target: Target, path: string, content: Uint8Array, validate: string): Promise<void> {
  const argv = readCommandLine(validate)
  const temporary = (await mustRun(target, ['mktemp', '-p', posix.dirname(path), '.runbook-validate-XXXXXX'])).trim()
  try {
    await target.write(temporary, content)
    const { code, stdout, stderr } = await target.run(argv.map((word) => word.replaceAll('%s', temporary)))
    if (code === 0) return
    // A program that checks a file quotes the lines it does not like.
    const said = hideSecrets((stderr.trim() || stdout.trim()).replaceAll(temporary, path)).text
    throw new Failure(`\`${validate}\` does not accept the new ${path}`, {
      ...(said === '' ? {} : { why: said.split('\n').at(-1) ?? said, stderr: said }),
      help: `${path} was left as it is; mend the content`,
    })
  } finally {
    await mustRun(target, ['rm', '-f', '--', temporary])
  }
}

/** How a change of content is shown: as text with its secrets hidden, or as size and digest where it is not for reading. */
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
