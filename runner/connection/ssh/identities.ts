/** The private keys and the agent to log in with, in the order in which ssh tries them. Called by ssh.ts. */
import { count } from '../../base/format.ts'
import { readFile, stat } from 'node:fs/promises'
import ssh2, { type AnyAuthMethod, type ParsedKey } from 'ssh2'

export interface IdentityOptions {
  readonly user: string
  readonly password: string | undefined
  /** Private key files, in order, with real paths. */
  readonly identityFiles: readonly string[]
  /** True if the user chose the files: they go before other keys of the agent, and a missing file is reported. */
  readonly chosenIdentities: boolean
  /** Use only keys that the files name. */
  readonly identitiesOnly: boolean
  /** The agent's socket. */
  readonly agent: string | undefined
}

/** Ways to log in, in order; and for messages their names, and the skipped keys with reasons. */
export interface Identities {
  readonly methods: readonly { readonly name: string; readonly method: AnyAuthMethod }[]
  readonly skipped: readonly string[]
}

interface AgentKeys {
  readonly agent: ssh2.BaseAgent
  readonly keys: readonly ParsedKey[]
}

interface KeyFile {
  readonly file: string
  readonly key?: ParsedKey
  /** The public half in the wire format, to recognise the agent's copy. */
  readonly blob?: Buffer
  readonly skipped?: string
}

/** Finds all usable keys. Never throws: `skipped` lists the unusable ones. */
export async function findIdentities(options: IdentityOptions): Promise<Identities> {
  const { user, password, identityFiles, chosenIdentities: chosen, identitiesOnly: only } = options
  const skipped: string[] = []
  const agent = await agentKeys(options.agent).catch((error: Error) => {
    skipped.push(`agent ${options.agent}: ${error.message}`)
    return undefined
  })
  const files = await Promise.all(identityFiles.map((file) => readKeyFile(file, chosen)))
  const named = (key: ParsedKey) => files.some(({ blob }) => blob?.equals(key.getPublicSSH()) === true)
  const held = agent?.keys.filter(named) ?? []
  const others = only ? [] : (agent?.keys.filter((key) => !named(key)) ?? [])

  const byAgent = (keys: readonly ParsedKey[]) =>
    agent === undefined || keys.length === 0
      ? []
      : [
          {
            name: `agent (${count(keys.length, 'key')})`,
            method: { type: 'agent', username: user, agent: selectKeys(agent.agent, keys) } as const,
          },
        ]
  const byFile = files.flatMap(({ file, key, blob, skipped: why }) => {
    if (held.some((other) => blob?.equals(other.getPublicSSH()) === true)) return []
    if (key === undefined) {
      if (why !== undefined) skipped.push(`${file}: ${why}`)
      return []
    }
    return [{ name: file, method: { type: 'publickey', username: user, key: key as unknown as Buffer } as const }]
  })
  const byPassword =
    password === undefined
      ? []
      : [
          { name: 'password', method: { type: 'password', username: user, password } as const },
          {
            name: 'keyboard-interactive',
            method: { type: 'keyboard-interactive', username: user, prompt: answerWith(password) } as const,
          },
        ]
  const keys = chosen ? [...byAgent(held), ...byFile, ...byAgent(others)] : [...byAgent(held), ...byAgent(others), ...byFile]
  return { methods: [...keys, ...byPassword], skipped }
}

/** Answers only a single hidden question with the password: for a one-time code it would be a wrong guess. */
const answerWith =
  (password: string) =>
  (
    _name: string,
    _instructions: string,
    _language: string,
    prompts: readonly ssh2.Prompt[],
    finish: (answers: string[]) => void,
  ): void =>
    finish(prompts.length === 1 && prompts[0]?.echo !== true ? [password] : [])

async function agentKeys(socket: string | undefined): Promise<AgentKeys | undefined> {
  if (socket === undefined) return undefined
  const agent = ssh2.createAgent(socket)
  const keys = await new Promise<ParsedKey[]>((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error('no answer')), agentLimit)
    agent.getIdentities((error, found) => {
      clearTimeout(timer)
      if (error) reject(error)
      else resolve((found ?? []).flatMap((key) => parsed(key)))
    })
  })
  return { agent, keys }
}

/** Milliseconds that an agent has to list its keys. */
const agentLimit = 3000

const parsed = (key: unknown): ParsedKey[] => {
  const result = ssh2.utils.parseKey(key as Buffer)
  return result instanceof Error ? [] : [result]
}

/** The agent with only some of its keys. ssh2 recognises an agent by its class. */
function selectKeys(agent: ssh2.BaseAgent, keys: readonly ParsedKey[]): ssh2.BaseAgent {
  return new (class extends ssh2.BaseAgent {
    override getIdentities(callback: ssh2.IdentityCallback) {
      callback(undefined, [...keys])
    }
    override sign(key: any, data: Buffer, ...rest: any[]) {
      return (agent.sign as (...args: unknown[]) => void)(key, data, ...rest)
    }
  })()
}

async function readKeyFile(file: string, chosen: boolean): Promise<KeyFile> {
  let text: Buffer
  try {
    const { mode, uid } = await stat(file)
    if (uid === process.getuid?.() && (mode & 0o077) !== 0) {
      return {
        file,
        skipped: `others may read it (mode ${(mode & 0o777).toString(8).padStart(4, '0')}): chmod 600 ${file}`,
        ...(await publicHalf(file)),
      }
    }
    text = await readFile(file)
  } catch (error) {
    const missing = (error as NodeJS.ErrnoException).code === 'ENOENT'
    const half = missing ? await publicHalf(file) : {}
    return missing && !chosen
      ? { file, ...half }
      : { file, ...half, skipped: missing ? 'file not found' : (error as Error).message }
  }
  const key = ssh2.utils.parseKey(text)
  if (!(key instanceof Error)) {
    return key.isPrivateKey()
      ? { file, key, blob: key.getPublicSSH() }
      : { file, blob: key.getPublicSSH(), skipped: 'it holds only a public key' }
  }
  const encrypted = /passphrase|encrypted/i.test(key.message)
  const skipped = encrypted ? `it is encrypted: ssh-add ${file}` : key.message
  return { file, skipped, ...(openSshPublicHalf(text) ?? (await publicHalf(file))) }
}

async function publicHalf(file: string): Promise<{ blob?: Buffer }> {
  try {
    const key = ssh2.utils.parseKey(await readFile(`${file}.pub`))
    return key instanceof Error ? {} : { blob: key.getPublicSSH() }
  } catch {
    return {}
  }
}

/**
 * The public half of a key in OpenSSH's own format, where it precedes the encrypted part in the clear (PROTOCOL.key).
 */
function openSshPublicHalf(text: Buffer): { blob: Buffer } | undefined {
  const [, body] = /-----BEGIN OPENSSH PRIVATE KEY-----([\s\S]+?)-----END/.exec(text.toString('latin1')) ?? []
  const data = Buffer.from(body ?? '', 'base64')
  const magic = 'openssh-key-v1\0'
  if (data.toString('latin1', 0, magic.length) !== magic) return undefined
  let at = magic.length
  const next = () => {
    const length = data.readUInt32BE(at)
    at += 4 + length
    return data.subarray(at - length, at)
  }
  try {
    for (let skip = 0; skip < 3; skip++) next() // cipher, key derivation, its options
    at += 4 // number of keys
    return { blob: Buffer.from(next()) }
  } catch {
    return undefined
  }
}
