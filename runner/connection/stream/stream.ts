/** Streams from one host to another: a job that sends over ssh with a key made for it. Called by hosts/target.ts. */
import { Failure } from '../../base/failure.ts'
import type { Become, Connection, HostAccess } from '../connection.ts'
import { readProgram } from '../program.ts'
import { findJob, hostJob, type Job, type JobContext, runningJob } from '../job/job.ts'
import { knownName } from '../ssh/known-hosts.ts'
import { quoteWord } from '../../source/shell-words.ts'

/**
 * A stream from one host to another, over an ssh connection between the two: no byte passes the controller. The
 * receiving program reads the end of its input also if the sender fails: only the job's exit status 0 proves a
 * complete transfer.
 */
export interface StreamWork {
  /**
   * A program of this host and its arguments. Its output is sent. It may write `RUNBOOK_PROGRESS`, as in a job.
   */
  readonly from: readonly string[]
  /** Environment variables of `from`. `into` does not get them: other users could read them in its command line. */
  readonly env?: Readonly<Record<string, string>>
  /**
   * The program of the other host that reads the stream, and its arguments, without line breaks. Its output is the
   * job's output.
   */
  readonly into: readonly string[]
  /** Address of the other host from this host. Default: the controller's address for it. */
  readonly address?: string
}

/** The receiving end: the host's connection, and the user that runs the receiving program. */
export interface StreamEnd {
  readonly host: string
  readonly connection: Connection
  readonly become: Become | undefined
}

const SEND = readProgram(new URL('./send.sh', import.meta.url))
const KEY = readProgram(new URL('./key.sh', import.meta.url))
const AUTHORIZE = readProgram(new URL('./authorize.sh', import.meta.url))

/** Seconds in which the sender must log in with its key. */
const KEY_LIFE = 120

/**
 * A job of the sending host, found again by its name like any job. `start` makes a key there. The other host accepts
 * the key for two minutes, from that address, for that one program. `follow`, `end`, `remove` and the next `start` of
 * the name remove the key.
 */
export function hostStream(
  open: () => Promise<HostAccess>,
  name: string,
  other: () => Promise<StreamEnd>,
  work: StreamWork,
  context: JobContext,
): Job {
  const job = findJob(open, name, context)
  const tag = `runbook-stream:${name}:${context.host}`.replaceAll(/\s/g, '_')

  const must = async (access: HostAccess, what: string, argv: readonly string[]): Promise<string> => {
    const { code, stdout, stderr } = await access.run(argv, { timeout: 60, signal: context.signal })
    if (code === 0) return stdout
    throw new Failure(what, { why: stderr.trim().split('\n').at(-1) || `exit status ${code}` })
  }
  const authorize = async ({ host, connection }: StreamEnd, ...words: string[]) =>
    must(connection.as(undefined), `cannot change which keys ${host} accepts`, ['sh', '-c', AUTHORIZE, 'sh', tag, ...words])
  const key = async (action: string, ...words: string[]) =>
    must(await open(), `cannot make a key on ${context.host}`, ['sh', '-c', KEY, 'sh', action, name, ...words])
  const tidy = async () => {
    await Promise.all([key('remove'), other().then((end) => authorize(end))])
  }

  return {
    look: job.look,
    async start() {
      const end = await other()
      const { peer } = end.connection
      if (peer === undefined) {
        throw new Failure(`${end.host} cannot receive a stream`, { kind: 'input', why: 'it is not reached by ssh' })
      }
      const command = forcedCommand(end, work.into)
      // The keys of a running stream stay.
      if ((await job.look())?.kind === 'running') throw runningJob(name, context)
      const address = work.address ?? peer.address
      const made = await key('make', `${knownName(address, peer.port)} ${peer.hostKey}`)
      const [folder = '', publicKey = ''] = made.split('\n')
      const sources = await addressesOf(await open(), /^(127\.|::1$|localhost$)/.test(address))
      const options = `restrict,from="${sources.join(',')}",command="${command}"`
      await authorize(end, String(KEY_LIFE), options, publicKey.split(' ').slice(0, 2).join(' '))
      const words = [folder, String(peer.port), `${peer.user}@${address}`, ...work.from]
      await hostJob(open, name, { ...work, argv: ['sh', '-c', SEND, 'runbook-stream', ...words] }, context).start()
    },
    async follow() {
      const ended = await job.follow()
      await tidy()
      return ended
    },
    async end() {
      await job.end()
      await tidy()
    },
    async remove() {
      await job.remove()
      await tidy()
    },
  }
}

/** Writes the receiving program as a forced command of authorized_keys, where a key is one line. */
function forcedCommand(end: StreamEnd, into: readonly string[]): string {
  const words = [...becoming(end), ...into]
  if (words.some((word) => /[\n\0]/.test(word))) {
    throw new Failure(`${end.host} cannot receive a stream`, {
      kind: 'input',
      why: 'an argument of the receiving program holds a line break or a NUL',
      help: 'put a script of several lines into a file of that host, or write it in one line',
    })
  }
  return `exec ${words.map(quoteWord).join(' ')}`.replaceAll('"', '\\"')
}

/**
 * The words before the receiving program. The key is for the login user, who must become another without a password.
 */
function becoming({ host, connection, become }: StreamEnd): readonly string[] {
  if (become === undefined || become.user === connection.peer?.user) return []
  if (become.password === undefined) return ['sudo', '-n', '-H', '-u', become.user, '--']
  throw new Failure(`${host} cannot receive a stream as ${become.user}`, {
    kind: 'input',
    why: 'sudo requires a password there, and nobody can type it for the other host',
    help: `allow it with NOPASSWD in sudoers, or log in to ${host} as ${become.user}`,
  })
}

/** The addresses of a host, from its kernel. */
async function addressesOf(access: HostAccess, loopback: boolean): Promise<readonly string[]> {
  const [trie, inet6] = await Promise.all(
    ['/proc/net/fib_trie', '/proc/net/if_inet6'].map(async (path) => Buffer.from((await access.read(path)) ?? []).toString()),
  )
  const four = [...(trie ?? '').matchAll(/\|-- (\S+)\n\s+\/32 host LOCAL/g)].map(([, address]) => address!)
  const six = [...(inet6 ?? '').matchAll(/^([0-9a-f]{32}) /gm)].map(([, digits]) => digits!.match(/.{4}/g)!.join(':'))
  const isLoopback = (address: string) => address.startsWith('127.') || /^(0{4}:){7}0001$/.test(address)
  return [...new Set([...four, ...six])].filter((address) => loopback || !isLoopback(address))
}
