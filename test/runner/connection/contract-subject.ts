import type { Connection, HostAccess, Output, RunOptions } from '../../../runner/connection/connection.ts'
import type { Failure } from '../../../runner/base/failure.ts'

/** A connection under test, and a folder of its own on this machine, which is also the host. */
export interface Subject {
  readonly connection: Connection
  readonly host: HostAccess
  readonly folder: string
  /** A path in the folder. */
  path(name: string): string
  sh(script: string, options?: RunOptions): Promise<Output>
  /** The failure that refused the work. */
  failure(work: Promise<unknown>): Promise<Failure>
}

/** Half of a surrogate pair, which has no encoding in bytes. */
export const isUnicode = (text: string): boolean => Buffer.from(text).toString() === text
