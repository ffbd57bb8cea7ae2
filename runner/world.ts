import type { Connection, Endpoint } from './connection/connection.ts'
import type { Cloud } from './openstack/cloud.ts'

/** Every effect there is. The program gets one that touches the real world (`bin.ts`); a test passes its own record. */
export interface World {
  readonly env: Readonly<Record<string, string | undefined>>
  /** Absolute. */
  readonly cwd: string
  /** Who runs it, and where: `user@controller`. */
  readonly operator: string
  readonly stdout: Screen
  readonly stderr: Screen
  readonly files: Files
  readonly clock: Clock
  /** Asks the operator one question; undefined where there is no terminal to ask on. */
  ask(question: string, options?: { readonly secret?: boolean }): Promise<string | undefined>
  /** Whether there is a terminal to ask on. */
  readonly interactive: boolean
  connect(endpoint: Endpoint, signal: AbortSignal): Promise<Connection>
  cloud(choice: CloudChoice, signal: AbortSignal): Promise<Cloud>
  /** Calls back on each of these signals; returns the function that stops that. */
  onInterrupt(callback: (signal: Interrupt) => void): () => void
}

export type Interrupt = 'SIGINT' | 'SIGTERM' | 'SIGHUP'

/** Which cloud: its name in clouds.yaml, and which clouds.yaml; what is left out is found as openstacksdk finds it. */
export interface CloudChoice {
  readonly name?: string | undefined
  readonly file?: string | undefined
}

export interface Screen {
  /** Shows control characters as marks (`onScreen`), but for newlines, tabs and what `paint` has coloured. */
  write(text: string): void
  readonly isTerminal: boolean
  readonly columns: number
  readonly color: boolean
  readonly unicode: boolean
}

/** Files of the controller. Paths are absolute or relative to `cwd`. */
export interface Files {
  /**
   * undefined where there is no such file; throws for everything else.
   *
   * @param from bytes to pass over
   */
  read(path: string, from?: number): Promise<Uint8Array | undefined>
  /** Sorted names; undefined where there is no such folder. */
  list(path: string): Promise<readonly string[] | undefined>
  kind(path: string): Promise<'file' | 'directory' | undefined>
  /** What stands at the path itself: no link is followed, and a device is no file. */
  entry(path: string): Promise<'file' | 'directory' | 'link' | 'other' | undefined>
  /** Atomic: a reader sees the old content or the new, never a half. Throws `Failure` (refused) where the disk takes nothing. */
  write(path: string, content: string | Uint8Array, mode?: number): Promise<void>
  /** Writes a file that is not there yet: of several that try, one succeeds. False where there is one. Its folder is made as by `append`. */
  create(path: string, content: string, mode?: number): Promise<boolean>
  /** Removes a file, or a folder with all that is in it. */
  remove(path: string): Promise<void>
  /**
   * Opens a file of lines to be written at its end, making it and its folder (for the owner alone) where they are missing. Where its last line is
   * torn, as its writer was killed or the disk was full, a new one is begun. Throws as `write` does.
   */
  append(path: string): Promise<Appender>
}

export interface Appender {
  /** Buffered: a crash may lose it until `sync` has resolved. */
  write(text: string): void
  /** Everything written so far is on the disk when this resolves; throws as `write` does. Calls meanwhile share one flush. */
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
