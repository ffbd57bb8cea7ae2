/**
 * The command line in named parts. Built by the commands, kept with a run and in a saved plan, read by run/.
 */
import type { Goal } from './events.ts'

/** The command line in named parts. JSON: kept with a run and in a saved plan. */
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
  /** Ask before each task. */
  readonly step: boolean
}

/** The users to act as on the hosts. */
export interface As {
  readonly user: string | undefined
  readonly become: boolean
  readonly becomeUser: string | undefined
}

/** The way a run goes about it. Nothing here changes what is done, so whoever applies a saved plan may choose it anew. */
export interface How {
  readonly forks: number
  /** Agree to whatever a `confirm` asks. */
  readonly yes: boolean
  /** Seconds to wait for what another run holds. */
  readonly waitLock: number
  /** Survive a hang-up: the terminal is gone. */
  readonly detach: boolean
  readonly askBecomePass: boolean
  readonly acceptNewHostKeys: boolean
}

/** The form of what is shown, the exit code included. */
export interface Show {
  readonly output: 'auto' | 'plain' | 'json'
  readonly verbose: number
  readonly diff: boolean
  readonly exitCode: boolean
}

/** A request as it was kept before it had parts. */
type FlatRequest = Pick<Request, 'goal' | 'undoes'> & What & Which & As & How & Show

const WHAT = { playbook: '', inventory: [''], params: [{ name: '', text: '' }], extra: [''] }
const WHICH = { limit: [''], tags: [''], skipTags: [''], step: false }
const HOW = { forks: 0, yes: false, waitLock: 0, detach: false, askBecomePass: false, acceptNewHostKeys: false }
const SHOW = { output: '', verbose: 0, diff: false, exitCode: false }
const FLAT = { goal: '', ...WHAT, ...WHICH, become: false, ...HOW, ...SHOW }
const PARTS = { goal: '', what: WHAT, which: WHICH, as: { become: false }, how: HOW, show: SHOW }

/** Whether a value has all that an example has, of the same types. */
function hasShape(value: unknown, like: unknown): boolean {
  if (typeof like !== 'object' || like === null) return typeof value === typeof like
  if (Array.isArray(like)) return Array.isArray(value) && value.every((item) => hasShape(item, like[0]))
  if (typeof value !== 'object' || value === null) return false
  return Object.entries(like).every(([key, part]) => hasShape((value as Record<string, unknown>)[key], part))
}

/** The request of a file that may have been written before requests had parts. Throws `TypeError` where it holds none. */
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
