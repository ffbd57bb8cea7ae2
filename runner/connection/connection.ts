import type { Duplex } from 'node:stream'

/** What a module may do on a host, and the connection that carries it. Implemented by `ssh.ts` and `local.ts`. */

export interface RunOptions {
  readonly stdin?: string | Uint8Array
  readonly env?: Readonly<Record<string, string>>
  readonly cwd?: string
  /** Bytes of each output that are kept: half from its beginning, half from its end. Left out: all, up to 1 GiB. */
  readonly keep?: number
  /** Seconds until the command is killed on the host and a `Failure` of kind `timeout` is thrown. */
  readonly timeout?: number
  /** Kills the command on the host when aborted; the promise rejects with the signal's reason. */
  readonly signal?: AbortSignal
}

export interface Output {
  /** Exit status; 128+n when the command was killed by signal n. A lost connection throws instead. */
  readonly code: number
  /** Decoded as UTF-8, nothing trimmed. Where its middle was not kept, a line in its place says so. */
  readonly stdout: string
  readonly stderr: string
  /** The exact bytes of standard output, as far as they were kept. */
  readonly bytes: Uint8Array
  /** Bytes that were not kept of each; absent where all were. */
  readonly leftOut?: { readonly stdout: number; readonly stderr: number }
}

export interface Stat {
  readonly kind: 'file' | 'directory' | 'link' | 'other'
  readonly size: number
  /** Permission bits in octal, four digits: `0644`. */
  readonly mode: string
  readonly uid: number
  readonly gid: number
  readonly owner: string
  readonly group: string
  /** Modification time, seconds since the epoch. */
  readonly mtime: number
  /** Where a symbolic link points. */
  readonly target?: string
}

export interface WriteOptions {
  /** Defaults: those of the file that is replaced; for a new file the user's own, mode 0644. */
  readonly owner?: string
  readonly group?: string
  /** Octal digits, e.g. `0640`. */
  readonly mode?: string
}

/** One host as one user. Reads started in the same tick travel in one request. Every method throws `Failure`. */
export interface HostAccess {
  /** Runs a program (never a string to be quoted). A non-zero exit is a result, not an error. */
  run(argv: readonly string[], options?: RunOptions): Promise<Output>
  /** The bytes of a file; undefined where there is none. */
  read(path: string): Promise<Uint8Array | undefined>
  /** Does not follow a symbolic link in the last part of the path. */
  stat(path: string): Promise<Stat | undefined>
  /** The names in a folder, sorted, without `.` and `..`; undefined where there is none. */
  list(path: string): Promise<readonly string[] | undefined>
  /**
   * Replaces a file atomically: temporary file in the same folder, fsync, rename; owner, mode, ACL, extended attributes and
   * security context kept. Follows a symbolic link, as an editor would.
   */
  write(path: string, content: string | Uint8Array, options?: WriteOptions): Promise<void>
}

export interface Become {
  readonly user: string
  readonly method: 'sudo'
  readonly password?: string
}

/** A lock on a host: flock(2), which the host's kernel frees when the connection ends, however it ends. */
export interface LockWanted {
  /** What is locked there: `host`, or the like. */
  readonly name: string
  /** Who takes it, on one line: whoever comes second reads it. */
  readonly note: string
  /** Others may have it too, as long as they all want it so. */
  readonly shared: boolean
  /** Seconds that the host keeps it for a runner that gives no sign of life (its machine has lost its power). Default 60. */
  readonly lease?: number
}

export interface HostLock {
  /** Throws `Failure` when it may have been lost. */
  stands(): void
  release(): void
}

/** An SSH server as the runner has reached it, perhaps through others. */
export interface Peer {
  readonly address: string
  readonly port: number
  readonly user: string
  /** The key that it has shown, as in known_hosts: `ssh-ed25519 AAAA…`. */
  readonly hostKey: string
}

export interface Connection {
  readonly host: string
  /** The host as its login user (undefined) or as another. A shell is opened on first use and kept. */
  as(become: Become | undefined): HostAccess
  /** Takes a lock, kept until it is released or the connection ends; undefined where somebody else has it. Throws `Failure`. */
  lock(become: Become | undefined, wanted: LockWanted): Promise<HostLock | undefined>
  /**
   * A stream to a port of the host's network, as a program on the host would reach it; default host: the host's own loopback. It ends with the
   * connection. Throws `Failure` of kind `unreachable`, also where the host refuses.
   */
  forward(port: number, host?: string): Promise<Duplex>
  /** The SSH server at its end; undefined for this machine. */
  readonly peer: Peer | undefined
  /** How many requests were sent and how many bytes went each way, for `-v` and the benchmark. */
  readonly traffic: { requests: number; sent: number; received: number }
  close(): Promise<void>
}

/** All that is needed to reach a host, from inventory variables (`ansible_*`) and command-line options. */
export interface Endpoint {
  /** Its name in the inventory. */
  readonly name: string
  readonly kind: 'ssh' | 'local'
  /** Host name or address; for ssh it is also what `~/.ssh/config` is asked for. */
  readonly address: string
  readonly port?: number
  readonly user?: string
  readonly password?: string
  readonly identityFiles?: readonly string[]
  /** OpenSSH's ProxyJump syntax: `user@host:port,…`. */
  readonly proxyJump?: string
  /** A known_hosts file to use instead of the user's. */
  readonly knownHosts?: string
  /** Accept (and remember) keys of hosts never seen before; a changed key is still refused. */
  readonly acceptNewHostKeys?: boolean
  /** Seconds to connect and log in. Default 10. */
  readonly connectTimeout?: number
}
