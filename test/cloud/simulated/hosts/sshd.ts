/** An SSH server for one simulated host: real keys, real channels, commands that run for real in the host's root. */
import type { ChildProcessWithoutNullStreams } from 'node:child_process'
import { createServer } from 'node:net'
import type { AddressInfo, Socket } from 'node:net'
import ssh2 from 'ssh2'
import type { AuthContext, Connection, ServerChannel, Session } from 'ssh2'
import type { KeyPair } from './keys.ts'

export interface SshdOptions {
  readonly address: string
  /** 0: a free one. */
  readonly port: number
  readonly hostKey: KeyPair
  /** The public key that may log in, as root. */
  readonly authorizedKey: string
  /** Starts a command in the host, in a process group of its own; rejects when the host cannot be started. */
  readonly spawn: (argv: readonly string[], env: Readonly<Record<string, string>>) => Promise<ChildProcessWithoutNullStreams>
}

export interface Sshd {
  readonly port: number
  /** Refuses connections from now on and cuts those that there are. */
  stop(): Promise<void>
  /** Connections stay open, but nothing is answered any more. */
  hang(): void
  /** How many connections were accepted so far. */
  readonly accepted: number
}

/** @throws the listen error */
export async function startSshd(options: SshdOptions): Promise<Sshd> {
  const sockets = new Set<Socket>()
  const children = new Set<ChildProcessWithoutNullStreams>()
  let [accepted, hanging] = [0, false]
  const server = new ssh2.Server(
    { hostKeys: [options.hostKey.private], ident: 'OpenSSH_9.2p1 Debian-2+deb12u7' },
    (client: Connection) => {
      client.on('error', () => undefined)
      client.on('authentication', (context) => authenticate(context, options.authorizedKey))
      client.on('session', (accept) => serveSession(accept(), options, children))
    },
  )
  const listener = createServer({ noDelay: true }, (socket) => {
    accepted += 1
    sockets.add(socket)
    socket.on('error', () => undefined)
    socket.on('close', () => sockets.delete(socket))
    if (!hanging) server.injectSocket(socket)
  })
  const port = await new Promise<number>((resolve, reject) => {
    listener.once('error', reject)
    listener.listen({ host: options.address, port: options.port, exclusive: true }, () => {
      listener.off('error', reject)
      resolve((listener.address() as AddressInfo).port)
    })
  })
  return {
    port,
    get accepted() {
      return accepted
    },
    stop: () =>
      new Promise((resolve) => {
        for (const child of children) signalGroup(child, 'SIGKILL')
        listener.close(() => resolve())
        for (const socket of sockets) socket.destroy()
      }),
    hang() {
      hanging = true
      for (const socket of sockets) socket.removeAllListeners('data').pause()
    },
  }
}

function authenticate(context: AuthContext, authorizedKey: string): void {
  const allowed = ssh2.utils.parseKey(authorizedKey)
  if (context.method !== 'publickey' || allowed instanceof Error) return context.reject(['publickey'])
  const isAuthorized =
    context.username === 'root' && context.key.algo === allowed.type && context.key.data.equals(allowed.getPublicSSH())
  const proven =
    context.signature === undefined ||
    (context.blob !== undefined && allowed.verify(context.blob, context.signature, context.hashAlgo) === true)
  if (isAuthorized && proven) context.accept()
  else context.reject(['publickey'])
}

/** A session runs one command, as in OpenSSH. */
function serveSession(session: Session, options: SshdOptions, children: Set<ChildProcessWithoutNullStreams>): void {
  const env: Record<string, string> = {
    HOME: '/root',
    USER: 'root',
    LOGNAME: 'root',
    SHELL: '/bin/sh',
    SSH_CONNECTION: `127.0.0.1 0 ${options.address} ${options.port}`,
  }
  let child: ChildProcessWithoutNullStreams | undefined
  session.on('env', (accept, _reject, { key, val }) => {
    if (key === 'LANG' || key.startsWith('LC_')) env[key] = val
    accept?.()
  })
  session.on('signal', (accept, _reject, { name }) => {
    if (child !== undefined) signalGroup(child, `SIG${name}`)
    accept?.()
  })
  const run = (channel: ServerChannel, argv: readonly string[]) => {
    channel.on('error', () => undefined)
    options.spawn(argv, env).then(
      (started) => {
        child = started
        children.add(started)
        started.on('close', () => children.delete(started))
        connect(channel, started)
      },
      (error: unknown) => {
        channel.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`)
        channel.exit(255)
        channel.end()
      },
    )
  }
  session.on('exec', (accept, _reject, { command }) =>
    run(accept(), ['/bin/sh', '-c', 'cd; exec /bin/sh -c "$1"', 'sh', command]),
  )
  session.on('shell', (accept) => run(accept(), ['/bin/sh', '-c', 'cd; exec /bin/sh -l']))
}

function connect(channel: ServerChannel, child: ChildProcessWithoutNullStreams): void {
  for (const stream of [child.stdin, child.stdout, child.stderr]) stream.on('error', () => undefined)
  channel.pipe(child.stdin)
  child.stdout.pipe(channel, { end: false })
  child.stderr.pipe(channel.stderr, { end: false })
  // The status goes out as soon as the command has ended; the channel closes when nobody holds its output any more.
  child.on('exit', (code, signal) => {
    if (channel.writable) {
      if (signal === null) channel.exit(code ?? 255)
      else channel.exit(signal.slice(3), false)
    }
  })
  child.on('close', () => channel.end())
  channel.on('close', () => signalGroup(child, 'SIGHUP'))
}

/** All processes of the channel, but for those that made a session of their own. */
function signalGroup(child: ChildProcessWithoutNullStreams, signal: string): void {
  if (child.pid === undefined) return
  try {
    process.kill(-child.pid, signal)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}
