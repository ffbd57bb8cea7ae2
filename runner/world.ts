/** The effects of the program as one record. `real-world.ts` makes the real one; a test passes its own. */
import type { Connection, Endpoint } from './connection/connection.ts'
import type { Cloud } from './openstack/cloud.ts'

/** Every effect of the program. */
export interface World {
  readonly env: Readonly<Record<string, string | undefined>>
  /** Absolute. */
  readonly cwd: string
  /** The operator and the controller: `user@controller`. */
  readonly operator: string
  readonly stdout: Screen
  readonly stderr: Screen
  readonly files: Files
  readonly clock: Clock
  /** Asks the operator one question; undefined if there is no terminal. */
  ask(question: string, options?: { readonly secret?: boolean }): Promise<string | undefined>
  /** True if there is a terminal to ask on. */
  readonly interactive: boolean
  connect(endpoint: Endpoint, signal: AbortSignal): Promise<Connection>
  cloud(choice: CloudChoice, signal: AbortSignal): Promise<Cloud>
  /** Calls back on each of these signals; returns a function that ends the watch. */
  onInterrupt(callback: (signal: Interrupt) => void): () => void
}

export type Interrupt = 'SIGINT' | 'SIGTERM' | 'SIGHUP'

/** A cloud by its name in clouds.yaml, and the path of clouds.yaml. Omitted parts are found as openstacksdk finds them. */
export interface CloudChoice {
  readonly name?: string | undefined
  readonly file?: string | undefined
}

export interface Screen {
  /** Shows control characters as marks (`onScreen`), except newlines, tabs and the colours of `paint`. */
  write(text: string): void
  readonly isTerminal: boolean
  readonly columns: number
  readonly color: boolean
  readonly unicode: boolean
}

/** Files of the controller. Paths are absolute or relative to `cwd`. */
export interface Files {
  /**
   * The content; undefined if the file is missing. Throws for every other error.
   *
   * @param from bytes to skip
   */
  read(path: string, from?: number): Promise<Uint8Array | undefined>
  /** The names in a folder, sorted; undefined if the folder is missing. */
  list(path: string): Promise<readonly string[] | undefined>
  kind(path: string): Promise<'file' | 'directory' | undefined>
  /** The kind of the path itself: links are not followed, and a device is `other`. */
  entry(path: string): Promise<'file' | 'directory' | 'link' | 'other' | undefined>
  /** Atomic: a reader sees the old content or the new, never a part. Throws `Failure` (refused) if the disk cannot be written. */
  write(path: string, content: string | Uint8Array, mode?: number): Promise<void>
  /** Writes a new file; false if it exists. Of several writers, one succeeds. Makes the folder as `append` does. */
  create(path: string, content: string, mode?: number): Promise<boolean>
  /** Removes a file, or a folder with its content. */
  remove(path: string): Promise<void>
  /**
   * Opens a file of lines for appending. Makes the file and its folder, for the owner alone, if they are missing. If the last
   * line is torn (the writer was killed, the disk was full), a new line is begun. Throws as `write` does.
   */
  append(path: string): Promise<Appender>
}

export interface Appender {
  /** Buffered: a crash may lose it until `sync` has resolved. */
  write(text: string): void
  /** Resolves when everything written so far is on the disk; throws as `write` does. Concurrent calls share one flush. */
  sync(): Promise<void>
  close(): Promise<void>
}

export interface Clock {
  /** Milliseconds since the epoch. */
  now(): number
  /** Milliseconds, monotonic. */
  monotonic(): number
  /** Rejects with the signal's reason when it is aborted. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>
}
