/** ssh's command-line options, as `ansible_ssh_common_args` and its kin hold them. Called by endpoint.ts. */
import { Failure } from '../../base/failure.ts'
import { splitWords } from '../../source/shell-words.ts'

/** Settings from the arguments of `ssh` in an inventory. */
export interface SshArguments {
  readonly proxyJump?: string
  readonly knownHosts?: string
  readonly user?: string
  readonly port?: number
  readonly connectTimeout?: number
  readonly identityFiles: readonly string[]
  readonly acceptNewHostKeys: boolean
}

/** Options and flags without effect here: connections are always kept, kept alive and silent. */
const withoutEffect = new Set(
  'controlmaster controlpersist controlpath serveraliveinterval serveralivecountmax tcpkeepalive loglevel compression batchmode preferredauthentications'.split(
    ' ',
  ),
)
const flagsWithoutEffect = new Set(['-C', '-q', '-v', '-T'])

/** Short flags and the options they set. */
const flagOptions: Readonly<Record<string, string>> = { '-J': 'ProxyJump', '-i': 'IdentityFile', '-l': 'User', '-p': 'Port' }

/**
 * Reads `ansible_ssh_common_args` and its kin. Throws `Failure` of kind `input` for any argument that would be lost.
 * @param variable name of the variable, for messages
 */
export function parseSshArguments(given: string, variable: string): SshArguments {
  const fail = (what: string, help: string) => new Failure(`${what} in \`${variable}\``, { kind: 'input', help })
  const words = wordsOf(given)
  if (words === undefined) throw fail('a quotation mark is missing', `correct \`${variable}\``)
  let found: SshArguments = { identityFiles: [], acceptNewHostKeys: false }

  const take = (option: string, value: string) => {
    const key = option.toLowerCase()
    if (key === 'proxyjump') found = { ...found, proxyJump: value }
    else if (key === 'userknownhostsfile') found = { ...found, knownHosts: value }
    else if (key === 'identityfile') found = { ...found, identityFiles: [...found.identityFiles, value] }
    else if (key === 'user') found = { ...found, user: value }
    else if (key === 'port' || key === 'connecttimeout') {
      if (!/^\d+$/.test(value)) throw fail(`\`${option} ${value}\` is not a number`, `correct \`${variable}\``)
      found = key === 'port' ? { ...found, port: Number(value) } : { ...found, connectTimeout: Number(value) }
    } else if (key === 'stricthostkeychecking') {
      if (value === 'accept-new') found = { ...found, acceptNewHostKeys: true }
      else if (value !== 'yes' && value !== 'ask') {
        throw fail(
          `\`StrictHostKeyChecking=${value}\` is not supported`,
          'write `StrictHostKeyChecking=accept-new`: new hosts are accepted, changed keys are not',
        )
      }
    } else if (key === 'proxycommand') {
      const jump = asProxyJump(value)
      if (jump === undefined)
        throw fail('`ProxyCommand` is not supported', 'write `-J [user@]host[:port]`, or put it into ~/.ssh/config')
      found = { ...found, proxyJump: jump }
    } else if (!withoutEffect.has(key))
      throw fail(`\`${option}\` is not supported`, 'put it into ~/.ssh/config, where it is honoured if it can be')
  }

  for (let at = 0; at < words.length; at++) {
    const word = words[at] ?? ''
    const flag = word.slice(0, 2)
    const value = () => (word.length > 2 ? word.slice(2) : (words[++at] ?? ''))
    if (flag === '-o') {
      const [, option = '', setting = ''] = /^\s*([A-Za-z]+)\s*[=\s]\s*(.*)$/s.exec(value()) ?? []
      take(option, setting.replace(/^"(.*)"$/s, '$1'))
    } else if (flagOptions[flag] !== undefined) take(flagOptions[flag], value())
    else if (!flagsWithoutEffect.has(word))
      throw fail(`\`${word}\` is not supported`, 'put it into ~/.ssh/config, where it is honoured if it can be')
  }
  return found
}

/** Converts `ssh -W %h:%p -q user@bastion`, the old form of ProxyJump. */
function asProxyJump(command: string): string | undefined {
  const words = wordsOf(command) ?? []
  if (words[0]?.split('/').at(-1) !== 'ssh') return undefined
  let forwards = false
  let user = ''
  let port = ''
  let host: string | undefined
  for (let at = 1; at < words.length; at++) {
    const word = words[at] ?? ''
    const value = () => (word.length > 2 ? word.slice(2) : (words[++at] ?? ''))
    if (word.startsWith('-W')) forwards = ['%h:%p', '[%h]:%p'].includes(value())
    else if (word.startsWith('-l')) user = `${value()}@`
    else if (word.startsWith('-p')) port = `:${value()}`
    else if (word.startsWith('-')) {
      if (!flagsWithoutEffect.has(word)) return undefined
    } else if (host === undefined) host = word
    else return undefined
  }
  return forwards && host !== undefined ? `${host.includes('@') ? '' : user}${host}${port}` : undefined
}

/** The words of a command line; undefined if a quote is left open. */
function wordsOf(line: string): string[] | undefined {
  const { words, open } = splitWords(line)
  return open === undefined ? words.map(({ text }) => text) : undefined
}
