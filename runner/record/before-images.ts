/** Encrypts, keeps and reads the before-images of a run. Called by journal.ts, runs.ts and undo/. */
import { createCipheriv, createDecipheriv, createHmac, hkdfSync, randomBytes } from 'node:crypto'
import type { StepRef } from '../events/events.ts'
import { Failure } from '../base/failure.ts'
import type { Snapshot } from '../module.ts'
import type { World } from '../world.ts'
import { blobPath, keyPath } from './paths.ts'

/**
 * The encrypted data for `undo`, a file for each step: it includes whole files, parameters and secrets. Every run
 * has its own key, outside the run's folder, so that the folder can be handed to a colleague or attached to a bug
 * report. Format: AES-256-GCM, as a nonce of 12 bytes, a tag of 16 bytes and the encrypted text.
 */
export interface BeforeImages {
  /** Resolves once the text is on the disk, to its name. Equal texts have the same name. */
  add(text: string): Promise<string>
  /** Encrypts another text of the run in the same way. */
  write(path: string, text: string): Promise<void>
  /**
   * Returns the keyed digest of a content, which allows comparing without guessing. Equal contents have equal
   * digests.
   */
  mark(content: string): string
}

const NONCE = 12
const TAG = 16

/** Opens the before-images of a run. If the run has no key yet, makes one. */
export async function openBeforeImages(world: World, run: string): Promise<BeforeImages> {
  const secret = (await readKey(world, run)) ?? (await makeKey(world, run))
  const keys = derived(secret)
  const mark = markWith(keys)
  const write = async (path: string, text: string) => {
    const nonce = randomBytes(NONCE)
    const cipher = createCipheriv('aes-256-gcm', keys.content, nonce)
    const sealed = Buffer.concat([cipher.update(text, 'utf8'), cipher.final()])
    await world.files.write(path, Buffer.concat([nonce, cipher.getAuthTag(), sealed]), 0o600)
  }
  return {
    async add(text) {
      const name = mark(text)
      await write(blobPath(run, name), text)
      return name
    },
    write,
    mark,
  }
}

/** A keyed digest, because a plain one would confirm a guessed secret. */
const markWith =
  ({ name }: ReturnType<typeof derived>) =>
  (text: string): string =>
    createHmac('sha256', name).update(text).digest('hex')

/** Replaces the contents in a snapshot by their keyed digests. */
export const sealContents = (snapshot: Snapshot, mark: BeforeImages['mark']): Snapshot =>
  snapshot.map(({ resource, properties }) =>
    properties['content'] === undefined
      ? { resource, properties }
      : { resource, properties: { ...properties, content: mark(String(properties['content'])) } },
  )

/** Returns the `mark` of an earlier run. Throws `Failure` (input) if the run's key is missing. */
export async function marker(world: World, run: string): Promise<BeforeImages['mark']> {
  const secret = await readKey(world, run)
  if (secret === undefined)
    throw new Failure(`${keyPath(run)} is missing: the snapshots of run ${run} are encrypted with it`, { kind: 'input' })
  return markWith(derived(secret))
}

export const readBeforeImage = (world: World, run: string, name: string, step: StepRef): Promise<string> =>
  readSealed(world, run, blobPath(run, name), `the before-image of ${step.name} on ${step.host}`)

/**
 * @param what the subject of an error: `the inputs of run R`
 * @throws Failure (input) if the file or the run's key is missing, or the file is damaged
 */
export async function readSealed(world: World, run: string, path: string, what: string): Promise<string> {
  const unreadable = (why: string, cause?: unknown) => new Failure(`${what} cannot be read`, { kind: 'input', why, cause })
  const content = await world.files.read(path)
  if (content === undefined) throw unreadable(`${path} is missing`)
  const secret = await readKey(world, run)
  if (secret === undefined) throw unreadable(`its key ${keyPath(run)} is missing`)
  try {
    const decipher = createDecipheriv('aes-256-gcm', derived(secret).content, content.subarray(0, NONCE), { authTagLength: TAG })
    decipher.setAuthTag(content.subarray(NONCE, NONCE + TAG))
    return Buffer.concat([decipher.update(content.subarray(NONCE + TAG)), decipher.final()]).toString('utf8')
  } catch (cause) {
    throw unreadable(`${path} is damaged`, cause)
  }
}

async function readKey(world: World, run: string): Promise<Buffer | undefined> {
  const text = await world.files.read(keyPath(run))
  return text === undefined ? undefined : Buffer.from(new TextDecoder().decode(text).trim(), 'hex')
}

async function makeKey(world: World, run: string): Promise<Buffer> {
  const secret = randomBytes(32)
  await world.files.write(keyPath(run), `${secret.toString('hex')}\n`, 0o600)
  return secret
}

const derived = (secret: Buffer) => ({
  content: Buffer.from(hkdfSync('sha256', secret, '', 'content', 32)),
  name: Buffer.from(hkdfSync('sha256', secret, '', 'name', 32)),
})
