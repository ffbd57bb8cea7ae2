import type { Goal } from './events.ts'

/** What the command line asked for. */
export interface Request {
  readonly goal: Goal
  /** The run to take back, and how much of it. */
  readonly undoes?: { readonly run: string; readonly to: string | undefined; readonly host: string | undefined }
  readonly playbook: string
  readonly inventory: readonly string[]
  /** `-p name=value`, in order. */
  readonly params: readonly { readonly name: string; readonly text: string }[]
  readonly paramsFile: string | undefined
  /** `-e`, as given. */
  readonly extra: readonly string[]
  readonly limit: readonly string[]
  readonly tags: readonly string[]
  readonly skipTags: readonly string[]
  readonly forks: number
  readonly startAtTask: string | undefined
  readonly step: boolean
  readonly yes: boolean
  readonly become: boolean
  readonly becomeUser: string | undefined
  readonly askBecomePass: boolean
  readonly user: string | undefined
  readonly acceptNewHostKeys: boolean
  /** Seconds to wait for what another run holds. */
  readonly waitLock: number
  /** A hang-up (the terminal is gone) does not stop it. */
  readonly detach: boolean
  readonly output: 'auto' | 'plain' | 'json'
  readonly verbose: number
  readonly diff: boolean
  readonly exitCode: boolean
}
