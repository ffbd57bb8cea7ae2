/**
 * The address, user and options of a host, from `ansible_*` variables and the command line. Called by
 * hosts/target.ts.
 */
import { defined } from '../base/defined.ts'
import { Failure } from '../base/failure.ts'
import type { Become, Endpoint } from './connection.ts'
import { type SshArguments, parseSshArguments } from './ssh/arguments.ts'

/** An inventory's variables for one host, rendered. Only variables that begin with `ansible_` are read. */
export type ConnectionVariables = Readonly<Record<string, unknown>>

export interface EndpointDefaults {
  readonly user?: string | undefined
  readonly port?: number | undefined
  readonly acceptNewHostKeys?: boolean | undefined
}

export interface BecomeDefaults {
  readonly wanted?: boolean | undefined
  readonly user?: string | undefined
  readonly password?: string | undefined
}

/**
 * The endpoint of a host. The inventory's variables win over the defaults of play and command line, as in Ansible.
 * Throws `Failure` of kind `input` that names the variable.
 */
export function endpointFrom(name: string, vars: ConnectionVariables, defaults: EndpointDefaults = {}): Endpoint {
  refuseUnsupported(vars)
  const host = text(vars, 'ansible_host', 'ansible_ssh_host')
  const args = sshArguments(vars)
  const keyFile = text(vars, 'ansible_ssh_private_key_file', 'ansible_private_key_file')
  const identityFiles = [...(keyFile === undefined ? [] : [keyFile]), ...args.identityFiles]
  return defined({
    name,
    kind: kindOf(name, host, vars),
    address: checkedAddress(host ?? name),
    port: port(vars, 'ansible_port', 'ansible_ssh_port') ?? args.port ?? defaults.port,
    user: text(vars, 'ansible_user', 'ansible_ssh_user') ?? args.user ?? defaults.user,
    password: text(vars, ...LOGIN_PASSWORDS),
    identityFiles: identityFiles.length === 0 ? undefined : identityFiles,
    proxyJump: args.proxyJump,
    knownHosts: args.knownHosts,
    acceptNewHostKeys: defaults.acceptNewHostKeys === true || args.acceptNewHostKeys || undefined,
    connectTimeout: seconds(vars, 'ansible_timeout', 'ansible_ssh_timeout') ?? args.connectTimeout,
  })
}

/** The user to become; undefined for the login user. Throws `Failure` of kind `input`. */
export function becomeFrom(vars: ConnectionVariables, defaults: BecomeDefaults = {}): Become | undefined {
  const wanted = boolean(vars, 'ansible_become') ?? defaults.wanted ?? false
  if (!wanted) return undefined
  const method = text(vars, 'ansible_become_method') ?? 'sudo'
  if (shortName(method) !== 'sudo') throw unsupported('ansible_become_method', method, 'only sudo is supported')
  for (const name of ['ansible_become_exe', 'ansible_become_flags', 'ansible_sudo_exe', 'ansible_sudo_flags']) {
    const value = text(vars, name)
    if (value !== undefined && value !== '' && value !== 'sudo')
      throw unsupported(name, value, 'sudo is always called as `sudo -H`: remove the variable')
  }
  return defined({
    user: text(vars, 'ansible_become_user', 'ansible_sudo_user') ?? defaults.user ?? 'root',
    method: 'sudo' as const,
    password: text(vars, ...BECOME_PASSWORDS) ?? defaults.password,
  })
}

const LOGIN_PASSWORDS = ['ansible_password', 'ansible_ssh_password', 'ansible_ssh_pass']
const BECOME_PASSWORDS = ['ansible_become_password', 'ansible_become_pass', 'ansible_sudo_pass']
export const connectionPasswords: readonly string[] = [...LOGIN_PASSWORDS, ...BECOME_PASSWORDS]

/** The variables of a connection and of become, for suggestions about misspelt names. */
export const connectionVariables: readonly string[] = [
  'ansible_host',
  'ansible_port',
  'ansible_user',
  'ansible_password',
  'ansible_connection',
  'ansible_timeout',
  'ansible_private_key_file',
  'ansible_ssh_private_key_file',
  'ansible_ssh_common_args',
  'ansible_ssh_extra_args',
  'ansible_become',
  'ansible_become_user',
  'ansible_become_method',
  'ansible_become_password',
]

/** Variables of other ways to connect, each with its help. Variables in neither list have no effect. */
const notSupported: Readonly<Record<string, string>> = {
  ansible_ssh_executable: 'no ssh program is used: put its options into ~/.ssh/config',
  ansible_ssh_pkcs11_provider: 'add the card to the agent: ssh-add -s',
  ansible_private_key_passphrase: 'add the key to the agent: ssh-add',
  ansible_ssh_private_key_passphrase: 'add the key to the agent: ssh-add',
  ansible_paramiko_proxy_command: 'use ProxyJump in ansible_ssh_common_args or ~/.ssh/config',
  ansible_ssh_proxy_command: 'use ProxyJump in ansible_ssh_common_args or ~/.ssh/config',
}

function refuseUnsupported(vars: ConnectionVariables): void {
  for (const [name, help] of Object.entries(notSupported)) {
    if (isSet(vars[name])) throw unsupported(name, undefined, help)
  }
  for (const name of ['ansible_host_key_checking', 'ansible_ssh_host_key_checking']) {
    if (boolean(vars, name) === false) {
      throw unsupported(
        name,
        'false',
        'host keys are always checked; run with --accept-new-host-keys to remember the keys of new hosts',
      )
    }
  }
  const shell = text(vars, 'ansible_shell_type')
  if (shell !== undefined && ['powershell', 'cmd'].includes(shortName(shell))) {
    throw unsupported('ansible_shell_type', shell, 'hosts need a POSIX shell')
  }
}

function kindOf(name: string, host: string | undefined, vars: ConnectionVariables): Endpoint['kind'] {
  const connection = text(vars, 'ansible_connection')
  if (connection === undefined) {
    // Ansible's implicit localhost. A localhost with an address or a port of its own is reached by SSH.
    const here = ['localhost', '127.0.0.1', '::1'].includes(name) && host === undefined && !isSet(vars['ansible_port'])
    return here ? 'local' : 'ssh'
  }
  const short = shortName(connection)
  if (short === 'local') return 'local'
  if (['ssh', 'smart', 'paramiko', 'paramiko_ssh'].includes(short)) return 'ssh'
  throw unsupported('ansible_connection', connection, 'use ssh or local')
}

function sshArguments(vars: ConnectionVariables): SshArguments {
  const names = ['ansible_ssh_args', 'ansible_ssh_common_args', 'ansible_ssh_extra_args']
  const parsed = names.map((name) => {
    const value = text(vars, name)
    return value === undefined ? undefined : parseSshArguments(value, name)
  })
  const last = <K extends keyof SshArguments>(key: K): SshArguments[K] | undefined =>
    parsed.findLast((each) => each?.[key] !== undefined)?.[key]
  return defined({
    proxyJump: last('proxyJump'),
    knownHosts: last('knownHosts'),
    user: last('user'),
    port: last('port'),
    connectTimeout: last('connectTimeout'),
    identityFiles: parsed.flatMap((each) => each?.identityFiles ?? []),
    acceptNewHostKeys: parsed.some((each) => each?.acceptNewHostKeys === true),
  })
}

/** Refuses addresses that ssh would take for an option, as OpenSSH does. */
function checkedAddress(address: string): string {
  if (address === '' || address.startsWith('-') || /[\s\0]/.test(address)) {
    throw new Failure(`\`${address}\` cannot be the address of a host`, { kind: 'input', help: 'correct ansible_host' })
  }
  return address
}

const isSet = (value: unknown): boolean => value !== undefined && value !== null && value !== ''

/** The first of these variables that is set. Numbers become text, so that a numeric password needs no quotes. */
function text(vars: ConnectionVariables, ...names: string[]): string | undefined {
  for (const name of names) {
    const value = vars[name]
    if (value === undefined || value === null || value === '') continue
    if (typeof value === 'string') return value
    if (typeof value === 'number' || typeof value === 'bigint') return String(value)
    throw invalid(name, 'must be text')
  }
  return undefined
}

function number(vars: ConnectionVariables, what: string, fits: (value: number) => boolean, names: string[]): number | undefined {
  for (const name of names) {
    const value = text(vars, name)
    if (value === undefined) continue
    if (!/^\d+$/.test(value) || !fits(Number(value))) throw invalid(name, `must be ${what}`)
    return Number(value)
  }
  return undefined
}

const port = (vars: ConnectionVariables, ...names: string[]) =>
  number(vars, 'a port number from 1 to 65535', (n) => n > 0 && n < 65536, names)
const seconds = (vars: ConnectionVariables, ...names: string[]) => number(vars, 'a number of seconds', (n) => n > 0, names)

/** Reads a boolean as Ansible does. In an INI inventory it is text. */
function boolean(vars: ConnectionVariables, name: string): boolean | undefined {
  const value = vars[name]
  if (value === undefined || value === null || value === '') return undefined
  const word = String(value).toLowerCase()
  if (['true', 'yes', 'on', 'y', 't', '1'].includes(word)) return true
  if (['false', 'no', 'off', 'n', 'f', '0'].includes(word)) return false
  throw invalid(name, 'must be true or false')
}

/** `ansible.builtin.ssh` → `ssh`. */
const shortName = (name: string): string => name.split('.').at(-1) ?? name

const invalid = (name: string, why: string): Failure =>
  new Failure(`\`${name}\` ${why}`, { kind: 'input', help: `correct \`${name}\` in the inventory` })

const unsupported = (name: string, value: string | undefined, help: string): Failure =>
  new Failure(`\`${name}${value === undefined ? '' : `: ${value}`}\` is not supported`, { kind: 'input', help })
