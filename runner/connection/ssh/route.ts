/** The hops on the way to a host (ProxyJump). Called by ssh.ts. */
import { defined } from '../../base/defined.ts'
import { Failure } from '../../base/failure.ts'
import type { Endpoint } from '../connection.ts'
import { expandPath, readSshConfig, type SshConfig, type SshConfigOptions } from './config.ts'
import type { IdentityOptions } from './identities.ts'

/** One server to log in to, with all settings resolved. */
export interface Hop extends IdentityOptions {
  /** Name for messages: the inventory's, or ProxyJump's. */
  readonly name: string
  readonly address: string
  readonly port: number
  /** Name of the host in known_hosts, with `keyPort`. */
  readonly keyHost: string
  readonly keyPort: number
  readonly knownHosts: readonly string[]
  readonly ownKnownHosts: string | undefined
  readonly hashKnownHosts: boolean
  readonly acceptNewHostKeys: boolean
  /** Seconds. */
  readonly connectTimeout: number
  /** A program that carries the connection instead of TCP. */
  readonly proxyCommand: string | undefined
}

interface Jump {
  readonly address: string
  readonly user?: string
  readonly port?: number
}

/** Most jumps; ends a configuration that sends a bastion through itself. */
const maxHops = 8

/** The servers to log in to, one after the other, the host itself last. Throws `Failure` of kind `input`. */
export async function findRoute(endpoint: Endpoint, options: SshConfigOptions): Promise<Hop[]> {
  const config = await readSshConfig({ address: endpoint.address, user: endpoint.user, port: endpoint.port }, options)
  const jumps = endpoint.proxyJump ?? config.proxyJump
  const via = jumps === undefined || jumps === 'none' ? [] : await jumpHops(parseJumps(jumps), endpoint, options, 1)
  const command = endpoint.proxyJump === undefined && jumps === undefined ? config.proxyCommand : undefined
  const proxyCommand = command === undefined ? undefined : expandCommand(command, endpoint, config)
  return [...via, hop(endpoint, config, endpoint, { env: options.env, proxyCommand })]
}

/**
 * The hops of a ProxyJump. As in OpenSSH, only the first jump uses its own route; each further one goes through the
 * one before.
 */
async function jumpHops(jumps: readonly Jump[], endpoint: Endpoint, options: SshConfigOptions, depth: number): Promise<Hop[]> {
  const hops: Hop[] = []
  for (const [index, jump] of jumps.entries()) {
    const config = await readSshConfig(jump, options)
    if (index === 0 && config.proxyJump !== undefined) {
      if (depth >= maxHops)
        throw new Failure(`the ProxyJump of ${jump.address} never ends`, { kind: 'input', help: 'correct ~/.ssh/config' })
      hops.push(...(await jumpHops(parseJumps(config.proxyJump), endpoint, options, depth + 1)))
    }
    const command = index === 0 && config.proxyJump === undefined ? config.proxyCommand : undefined
    const proxyCommand = command === undefined ? undefined : expandCommand(command, jump, config)
    // The bastion must not see the host's password. The host's key files may be good for both.
    const { password: _ofTheHost, ...rest } = endpoint
    hops.push(hop(jump, config, rest, { env: options.env, proxyCommand }))
  }
  return hops
}

function hop(
  asked: Jump & { readonly name?: string },
  config: SshConfig,
  endpoint: Omit<Endpoint, 'password'> & { readonly password?: string },
  { env, proxyCommand }: { readonly env: SshConfigOptions['env']; readonly proxyCommand: string | undefined },
): Hop {
  const { user, port } = config
  const tokens = { host: config.hostname, port, user }
  const expand = (path: string) => expandPath(path, tokens)
  const chosen = endpoint.identityFiles ?? []
  const own = endpoint.knownHosts === undefined ? undefined : expand(endpoint.knownHosts)
  return {
    name: asked.name ?? asked.address,
    address: config.hostname,
    port,
    user,
    password: endpoint.password,
    identityFiles: [...new Set([...chosen, ...config.identityFiles].map(expand))],
    chosenIdentities: chosen.length > 0 || !config.defaultIdentities,
    identitiesOnly: config.identitiesOnly,
    agent: agentSocket(config, env, expand),
    keyHost: config.hostKeyAlias ?? config.hostname,
    keyPort: config.hostKeyAlias === undefined ? port : 22,
    knownHosts: [...(own === undefined ? config.userKnownHosts.map(expand) : [own]), ...config.globalKnownHosts.map(expand)],
    ownKnownHosts: own,
    hashKnownHosts: config.hashKnownHosts,
    acceptNewHostKeys: endpoint.acceptNewHostKeys === true,
    connectTimeout: endpoint.connectTimeout ?? config.connectTimeout ?? 10,
    proxyCommand,
  }
}

function agentSocket(config: SshConfig, env: SshConfigOptions['env'], expand: (path: string) => string): string | undefined {
  const { identityAgent } = config
  if (identityAgent === 'none') return undefined
  if (identityAgent === undefined || identityAgent === 'SSH_AUTH_SOCK') return env['SSH_AUTH_SOCK'] || undefined
  return identityAgent.startsWith('$') ? env[identityAgent.replace(/^\$\{?(\w+)\}?$/, '$1')] : expand(identityAgent)
}

/** Parses `[user@]host[:port]` or `ssh://…`, several separated by commas. Throws `Failure` of kind `input`. */
export function parseJumps(text: string): Jump[] {
  return text.split(',').map((each) => {
    const [, user, bracketed, plain, port] =
      /^(?:ssh:\/\/)?(?:([^@]+)@)?(?:\[([^\]]+)\]|([^:/@]+))(?::(\d+))?\/?$/.exec(each.trim()) ?? []
    const address = bracketed ?? plain
    if (address === undefined || address.startsWith('-')) {
      throw new Failure(`\`${each}\` is not a jump host`, { kind: 'input', help: 'write ProxyJump as [user@]host[:port]' })
    }
    return defined({ address, user, port: port === undefined ? undefined : Number(port) })
  })
}

/** Expands the tokens of ssh_config(5) in ProxyCommand. */
function expandCommand(command: string, asked: Jump, config: SshConfig): string {
  const tokens: Readonly<Record<string, string>> = {
    '%': '%',
    h: config.hostname,
    n: asked.address,
    p: String(config.port),
    r: config.user,
  }
  return command.replaceAll(/%([%hnpr])/g, (_all, token: string) => tokens[token] ?? '')
}
