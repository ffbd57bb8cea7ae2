/** A host's ssh configuration, as `ssh -G` resolves it. Called by route.ts and local.ts. */
import { execFile } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { userInfo } from 'node:os'
import { Failure } from '../../base/failure.ts'

/** OpenSSH's configuration for a host. Paths are as written: `expandPath` makes them real. */
export interface SshConfig {
  readonly hostname: string
  readonly port: number
  readonly user: string
  readonly identityFiles: readonly string[]
  /** True if the files are OpenSSH's own defaults. */
  readonly defaultIdentities: boolean
  /** A socket, `SSH_AUTH_SOCK` or `none`; undefined for the environment's. */
  readonly identityAgent: string | undefined
  readonly identitiesOnly: boolean
  readonly proxyJump: string | undefined
  readonly proxyCommand: string | undefined
  readonly userKnownHosts: readonly string[]
  readonly globalKnownHosts: readonly string[]
  readonly hostKeyAlias: string | undefined
  readonly hashKnownHosts: boolean
  /** Seconds. */
  readonly connectTimeout: number | undefined
}

export interface SshConfigQuery {
  readonly address: string
  readonly user?: string | undefined
  readonly port?: number | undefined
}

export interface SshConfigOptions {
  readonly env: Readonly<Record<string, string | undefined>>
  /** A configuration file instead of the user's and the system's. */
  readonly sshConfig?: string | undefined
}

/**
 * Reads the configuration by `ssh -G`, which knows Include, Match and canonical names. If ssh is missing, returns its
 * defaults. Throws `Failure` of kind `input` if the configuration is wrong.
 */
export async function readSshConfig(query: SshConfigQuery, options: SshConfigOptions): Promise<SshConfig> {
  const { address, user, port } = query
  // One call takes as long as a whole handshake. If no line is about single hosts, one answer serves for all.
  const general = sameForAllHosts(options)
  const about = general ? { address } : query
  const config = await remembered(JSON.stringify([options.sshConfig, options.env['PATH'], general ? '' : about]), () =>
    ask(about, options),
  )
  return { ...config, ...(general ? { hostname: address } : {}), user: user ?? config.user, port: port ?? config.port }
}

const answers = new Map<string, Promise<SshConfig>>()

function remembered(key: string, make: () => Promise<SshConfig>): Promise<SshConfig> {
  const known = answers.get(key)
  if (known !== undefined) return known
  const made = make()
  answers.set(key, made)
  made.catch(() => answers.delete(key))
  return made
}

function ask({ address, user, port }: SshConfigQuery, { env, sshConfig }: SshConfigOptions): Promise<SshConfig> {
  const args = [
    ...(sshConfig === undefined ? [] : ['-F', sshConfig]),
    ...(user === undefined ? [] : ['-l', user]),
    ...(port === undefined ? [] : ['-p', String(port)]),
    '-G',
    address,
  ]
  return new Promise((resolve, reject) => {
    const child = execFile('ssh', args, { env: { ...env }, encoding: 'utf8' }, (error, stdout, stderr) => {
      if (error === null) resolve(parseSshConfig(stdout))
      else if (error.code === 'ENOENT' || /No user exists/.test(stderr)) resolve(parseSshConfig(`hostname ${address}\n`))
      else {
        const why = stderr.trim().split('\n').at(-1) || error.message
        reject(
          new Failure(`ssh refuses its configuration for ${address}`, {
            kind: 'input',
            why,
            help: `run \`ssh -G ${address}\` and correct what it reports`,
          }),
        )
      }
    })
    child.stdin?.end()
  })
}

/**
 * Parses the output of `ssh -G`: lines `keyword value`, keywords in lower case. Missing keywords get OpenSSH's
 * defaults.
 */
export function parseSshConfig(text: string): SshConfig {
  const found = new Map<string, string[]>()
  for (const line of text.split('\n')) {
    const [, keyword = '', value = ''] = /^(\S+) (.*)$/.exec(line) ?? []
    if (keyword !== '') found.set(keyword, [...(found.get(keyword) ?? []), value])
  }
  const last = (keyword: string): string | undefined => found.get(keyword)?.at(-1)
  const unless = (keyword: string, ...none: string[]): string | undefined => {
    const value = last(keyword)
    return value === undefined || none.includes(value) ? undefined : value
  }
  const identityFiles = found.get('identityfile') ?? defaultFiles
  const timeout = Number(last('connecttimeout'))
  return {
    hostname: last('hostname') ?? '',
    port: Number(last('port') ?? 22),
    user: last('user') ?? loginName(),
    identityFiles,
    defaultIdentities: identityFiles.every((file) => /^~\/\.ssh\/id_[a-z0-9_]+$/.test(file)) && identityFiles.length > 2,
    identityAgent: unless('identityagent'),
    identitiesOnly: last('identitiesonly') === 'yes',
    proxyJump: unless('proxyjump', 'none'),
    proxyCommand: unless('proxycommand', 'none'),
    userKnownHosts: splitFiles(last('userknownhostsfile') ?? '~/.ssh/known_hosts ~/.ssh/known_hosts2'),
    globalKnownHosts: splitFiles(last('globalknownhostsfile') ?? '/etc/ssh/ssh_known_hosts /etc/ssh/ssh_known_hosts2'),
    hostKeyAlias: unless('hostkeyalias', 'none'),
    hashKnownHosts: last('hashknownhosts') === 'yes',
    connectTimeout: timeout > 0 ? timeout : undefined,
  }
}

const defaultFiles = ['~/.ssh/id_rsa', '~/.ssh/id_ecdsa', '~/.ssh/id_ed25519']

const splitFiles = (text: string): string[] => text.split(' ').filter((file) => file !== '' && file !== 'none')

/** Expands `~`, and the tokens of ssh_config(5), in a path for one host. */
export function expandPath(
  path: string,
  tokens: { readonly host: string; readonly port: number; readonly user: string },
): string {
  const known: Readonly<Record<string, string>> = {
    '%': '%',
    d: homeFolder(),
    h: tokens.host,
    k: tokens.host,
    n: tokens.host,
    p: String(tokens.port),
    r: tokens.user,
    u: loginName(),
    i: String(process.getuid?.() ?? ''),
  }
  return path.replace(/^~(?=\/|$)/, homeFolder()).replaceAll(/%([%dhknpriu])/g, (_all, token: string) => known[token] ?? '')
}

/** The home folder from the user database, as in OpenSSH, whatever HOME is. */
const homeFolder = (): string => whoAmI()?.homedir ?? process.env['HOME'] ?? '/'
export const loginName = (): string => whoAmI()?.username ?? process.env['USER'] ?? 'root'

function whoAmI(): { readonly homedir: string; readonly username: string } | undefined {
  try {
    return userInfo()
  } catch {
    return undefined // a numeric user of a container, with no entry
  }
}

/** Returns true if no line of the configuration is about certain hosts, or changes a host's name. */
function sameForAllHosts({ sshConfig }: SshConfigOptions): boolean {
  const files = sshConfig === undefined ? [`${homeFolder()}/.ssh/config`, '/etc/ssh/ssh_config'] : [sshConfig]
  return files.every((file) => isGeneral(file))
}

/** The folder of Debian's and Red Hat's own `Include`, the only one that is followed here. */
const systemFolder = '/etc/ssh/ssh_config.d'

function isGeneral(file: string): boolean {
  return readIfThere(file)
    .split('\n')
    .every((line) => {
      const [, keyword = '', value = ''] = /^\s*([A-Za-z]+)\s*[=\s]\s*(.*?)\s*$/.exec(line) ?? []
      const word = keyword.toLowerCase()
      if (word === 'include') return value === `${systemFolder}/*.conf` && systemFiles().every(isGeneral)
      if (word === 'host') return value === '*'
      return !['match', 'hostname', 'canonicalizehostname', 'user', 'port'].includes(word) && !/%[hknpr]/.test(value)
    })
}

function systemFiles(): string[] {
  try {
    return readdirSync(systemFolder)
      .filter((name) => name.endsWith('.conf'))
      .map((name) => `${systemFolder}/${name}`)
  } catch {
    return []
  }
}

function readIfThere(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return ''
  }
}
