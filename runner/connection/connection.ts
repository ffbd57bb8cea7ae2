/** Types of a connection to a host, and of a module's access through it. Implemented by ssh.ts and local.ts. */
import type { Duplex } from 'node:stream'

export interface RunOptions {
  readonly stdin?: string | Uint8Array
  readonly env?: Readonly<Record<string, string>>
  readonly cwd?: string
  /** Bytes to keep of each output: half from its beginning, half from its end. Default: all, up to 1 GiB. */
  readonly keep?: number
  /** Seconds. After them the command is killed on the host, and a `Failure` of kind `timeout` is thrown. */
  readonly timeout?: number
  /** Kills the command on the host when aborted; the promise rejects with the signal's reason. */
  readonly signal?: AbortSignal
}

export interface Output {
  /** Exit status; 128+n if signal n killed the command. A lost connection throws instead. */
  readonly code: number
  /** Decoded as UTF-8, nothing trimmed. If the middle was not kept, a line marks the gap. */
  readonly stdout: string
  readonly stderr: string
  /** The exact bytes of standard output that were kept. */
  readonly bytes: Uint8Array
  /** Bytes of each output that were not kept; absent if all were kept. */
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
  /** The target of a symbolic link. */
  readonly target?: string
}

export interface WriteOptions {
  /** Defaults: owner, group and mode of the replaced file; for a new file the user's own, mode 0644. */
  readonly owner?: string
  readonly group?: string
  /** Octal digits, e.g. `0640`. */
  readonly mode?: string
}

/** One host as one user. Reads started in the same tick travel in one request. Every method throws `Failure`. */
export interface HostAccess {
  /** Runs a program (never a string to be quoted). A non-zero exit is a result, not an error. */
  run(argv: readonly string[], options?: RunOptions): Promise<Output>
  /** The bytes of a file; undefined if the file is missing. */
  read(path: string): Promise<Uint8Array | undefined>
  /** Metadata of a file. Does not follow a symbolic link in the last part of the path. */
  stat(path: string): Promise<Stat | undefined>
  /** The names in a folder, sorted, without `.` and `..`; undefined if the folder is missing. */
  list(path: string): Promise<readonly string[] | undefined>
  /**
   * Replaces a file atomically: temporary file in the same folder, fsync, rename; owner, mode, ACL, extended
   * attributes and security context kept. Follows a symbolic link, as an editor would.
   */
  write(path: string, content: string | Uint8Array, options?: WriteOptions): Promise<void>
}

export interface Become {
  readonly user: string
  readonly method: 'sudo'
  readonly password?: string
}

/** A request for a lock on a host: flock(2), which the host's kernel frees when the connection ends for any reason. */
export interface LockWanted {
  /** Name of the locked thing, e.g. `host`. */
  readonly name: string
  /** The holder in one line, for other runs to read. */
  readonly note: string
  /** A shared lock: others may hold it too if they share it. */
  readonly shared: boolean
  /** Seconds that the host keeps the lock without a heartbeat of the runner (after a power failure). Default 60. */
  readonly lease?: number
}

export interface HostLock {
  /** Throws `Failure` if the lock may be lost. */
  stands(): void
  release(): void
}

/** An SSH server as the runner reached it, directly or through bastions. */
export interface Peer {
  readonly address: string
  readonly port: number
  readonly user: string
  /** The server's key, as in known_hosts: `ssh-ed25519 AAAA…`. */
  readonly hostKey: string
}

export interface Connection {
  readonly host: string
  /** Access to the host as the login user (undefined) or as another. Opens a shell on first use and keeps it. */
  as(become: Become | undefined): HostAccess
  /**
   * Takes a lock, held until it is released or the connection ends; undefined if another run holds it. Throws
   * `Failure`.
   */
  lock(become: Become | undefined, wanted: LockWanted): Promise<HostLock | undefined>
  /**
   * Opens a stream to a port, as a program on the host would reach the port. Default host: the host's own loopback.
   * The stream ends with the connection. Throws `Failure` of kind `unreachable`, also if the host refuses.
   */
  forward(port: number, host?: string): Promise<Duplex>
  /** The host's SSH server; undefined for this machine. */
  readonly peer: Peer | undefined
  /** Number of requests, and of bytes each way, for `-v` and the benchmark. */
  readonly traffic: { requests: number; sent: number; received: number }
  close(): Promise<void>
}

/** The address, login and options of a host, from inventory variables (`ansible_*`) and the command line. */
export interface Endpoint {
  /** The host's name in the inventory. */
  readonly name: string
  readonly kind: 'ssh' | 'local'
  /** Host name or address; for ssh also the name looked up in `~/.ssh/config`. */
  readonly address: string
  readonly port?: number
  readonly user?: string
  readonly password?: string
  readonly identityFiles?: readonly string[]
  /** OpenSSH's ProxyJump syntax: `user@host:port,…`. */
  readonly proxyJump?: string
  /** A known_hosts file to use instead of the user's. */
  readonly knownHosts?: string
  /** Accept and remember the keys of new hosts. A changed key is still refused. */
  readonly acceptNewHostKeys?: boolean
  /** Seconds to connect and log in. Default 10. */
  readonly connectTimeout?: number
}
