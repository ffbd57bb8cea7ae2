/**
 * The command line in named parts. Built by the commands, kept with a run and in a saved plan, read by run/.
 */
import type { Goal } from './events.ts'

/** A request as JSON. */
export interface Request {
  readonly goal: Goal
  /** The run to undo, and how much of it. */
  readonly undoes?: { readonly run: string; readonly to: string | undefined; readonly host: string | undefined }
  readonly what: What
  readonly which: Which
  readonly as: As
  readonly how: How
  readonly show: Show
}

/** The files and values that a run is made from. */
export interface What {
  readonly playbook: string
  readonly inventory: readonly string[]
  /** `-p name=value`, in order. */
  readonly params: readonly { readonly name: string; readonly text: string }[]
  readonly paramsFile: string | undefined
  /** `-e`, as given. */
  readonly extra: readonly string[]
}

/** The hosts and tasks that are selected. */
export interface Which {
  /** Host patterns. */
  readonly limit: readonly string[]
  readonly tags: readonly string[]
  readonly skipTags: readonly string[]
  readonly startAtTask: string | undefined
  readonly step: boolean
}

/** The users to act as on the hosts. */
export interface As {
  readonly user: string | undefined
  readonly become: boolean
  readonly becomeUser: string | undefined
}

/** Options that do not change the result of a run: a saved plan may be applied with others. */
export interface How {
  readonly forks: number
  /** Agree to every `confirm`. */
  readonly yes: boolean
  /** Seconds to wait for a lock of another run. */
  readonly waitLock: number
  /** Survive a hang-up of the terminal. */
  readonly detach: boolean
  readonly askBecomePass: boolean
  readonly acceptNewHostKeys: boolean
}

/** The form of the output, and of the exit code. */
export interface Show {
  readonly output: 'auto' | 'plain' | 'json'
  readonly verbose: number
  readonly diff: boolean
  readonly exitCode: boolean
}

/** A request of older journals, without parts. */
type FlatRequest = Pick<Request, 'goal' | 'undoes'> & What & Which & As & How & Show

const WHAT = { playbook: '', inventory: [''], params: [{ name: '', text: '' }], extra: [''] }
const WHICH = { limit: [''], tags: [''], skipTags: [''], step: false }
const HOW = { forks: 0, yes: false, waitLock: 0, detach: false, askBecomePass: false, acceptNewHostKeys: false }
const SHOW = { output: '', verbose: 0, diff: false, exitCode: false }
const FLAT = { goal: '', ...WHAT, ...WHICH, become: false, ...HOW, ...SHOW }
const PARTS = { goal: '', what: WHAT, which: WHICH, as: { become: false }, how: HOW, show: SHOW }

/** Returns true if a value has all keys of an example, with the same types. */
function hasShape(value: unknown, like: unknown): boolean {
  if (typeof like !== 'object' || like === null) return typeof value === typeof like
  if (Array.isArray(like)) return Array.isArray(value) && value.every((item) => hasShape(item, like[0]))
  if (typeof value !== 'object' || value === null) return false
  return Object.entries(like).every(([key, part]) => hasShape((value as Record<string, unknown>)[key], part))
}

/** Reads a request, also one of an older journal without parts. Throws `TypeError` for any other value. */
export function readRequest(kept: unknown): Request {
  if (hasShape(kept, PARTS)) return kept as Request
  if (!hasShape(kept, FLAT)) throw new TypeError('this is no request')
  const flat = kept as FlatRequest
  const { goal, undoes, playbook, inventory, params, paramsFile, extra, limit, tags, skipTags, startAtTask } = flat
  const { user, become, becomeUser, forks, step, yes, waitLock, detach, askBecomePass, acceptNewHostKeys } = flat
  const { output, verbose, diff, exitCode } = flat
  return {
    goal,
    ...(undoes === undefined ? {} : { undoes }),
    what: { playbook, inventory, params, paramsFile, extra },
    which: { limit, tags, skipTags, startAtTask, step },
    as: { user, become, becomeUser },
    how: { forks, yes, waitLock, detach, askBecomePass, acceptNewHostKeys },
    show: { output, verbose, diff, exitCode },
  }
}
