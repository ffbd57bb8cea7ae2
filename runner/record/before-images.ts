/** Seals, keeps and opens the before-images of a run. Called by journal.ts and undo. */
import { createCipheriv, createDecipheriv, createHmac, hkdfSync, randomBytes } from 'node:crypto'
import type { StepRef } from '../events/events.ts'
import { Failure } from '../base/failure.ts'
import type { Snapshot } from '../module.ts'
import type { World } from '../world.ts'
import { blobPath, keyPath } from './paths.ts'

/**
 * What `undo` needs of each step, sealed: whole files and parameters are in it, secrets among them. The key is the run's own and lies outside
 * its folder, so that the folder can be handed to a colleague or a bug report. AES-256-GCM: a nonce of 12 bytes, a tag of 16, the sealed text.
 */
export interface BeforeImages {
  /** Resolves, when it is on the disk, to the name it is kept under, which is the same for the same text. */
  add(text: string): Promise<string>
  /** Keeps another text of the run, sealed in the same way. */
  write(path: string, text: string): Promise<void>
  /** Stands for a content that is not to be guessed at: the same for the same content. */
  mark(content: string): string
}

const NONCE = 12
const TAG = 16

/** Makes the run's key where it has none. */
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

/** Not a plain digest: whoever guesses a secret could tell from that whether the guess is right. */
const markWith =
  ({ name }: ReturnType<typeof derived>) =>
  (text: string): string =>
    createHmac('sha256', name).update(text).digest('hex')

/** A snapshot with marks for contents. */
export const sealContents = (snapshot: Snapshot, mark: BeforeImages['mark']): Snapshot =>
  snapshot.map(({ resource, properties }) =>
    properties['content'] === undefined
      ? { resource, properties }
      : { resource, properties: { ...properties, content: mark(String(properties['content'])) } },
  )

/** `mark` of a run that was. @throws Failure where its key is missing */
export async function marker(world: World, run: string): Promise<BeforeImages['mark']> {
  const secret = await readKey(world, run)
  if (secret === undefined)
    throw new Failure(`there is no ${keyPath(run)}, which what the run left is sealed with`, { kind: 'input' })
  return markWith(derived(secret))
}

export const readBeforeImage = (world: World, run: string, name: string, step: StepRef): Promise<string> =>
  readSealed(world, run, blobPath(run, name), `what was there before ${step.name} on ${step.host}`)

/**
 * @param what what it holds, for people
 * @throws Failure where it is missing, its key is, or it is not what was written
 */
export async function readSealed(world: World, run: string, path: string, what: string): Promise<string> {
  const unreadable = (why: string, cause?: unknown) => new Failure(`${what} cannot be read`, { kind: 'input', why, cause })
  const content = await world.files.read(path)
  if (content === undefined) throw unreadable(`there is no ${path}`)
  const secret = await readKey(world, run)
  if (secret === undefined) throw unreadable(`there is no ${keyPath(run)}, which it is sealed with`)
  try {
    const decipher = createDecipheriv('aes-256-gcm', derived(secret).content, content.subarray(0, NONCE), { authTagLength: TAG })
    decipher.setAuthTag(content.subarray(NONCE, NONCE + TAG))
    return Buffer.concat([decipher.update(content.subarray(NONCE + TAG)), decipher.final()]).toString('utf8')
  } catch (cause) {
    throw unreadable(`${path} is not as it was written`, cause)
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
