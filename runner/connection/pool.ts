/** Several shells on one connection, opened as they are needed. Called by ssh.ts and local.ts. */
import { setTimeout as sleep } from 'node:timers/promises'
import { Failure } from '../base/failure.ts'
import type { Become, Connection } from './connection.ts'
import { greet, openingFor, type Opening } from './shell/opening.ts'
import { type Item, type Pipe, type Shell, startShell } from './shell/shell.ts'

/** Starts a process on the host. `refused` if the host allows no further session on this connection. */
export type OpenPipe = (opening: Opening) => Promise<Pipe | 'refused'>

export interface PoolOptions {
  readonly openPipe: OpenPipe
  readonly traffic: Connection['traffic']
  /** Seconds until a shell must have started. */
  readonly openLimit: number
  /** See `ShellEvents`. */
  readonly stallLimit?: number
}

/** The shells of one connection: usually one per user, more while a slow disk blocks one, at most four in all. */
export interface Pool {
  /** Adds an operation to the next batch of a user's shell. */
  add(become: Become | undefined, item: Item): void
  /** Withdraws an operation. Returns false if the operation was already sent. */
  drop(item: Item): boolean
  /** Ends everything, now and later, with this failure. */
  fail(failure: Failure): void
  close(): Promise<void>
}

/** Most shells of a connection. sshd allows ten sessions by default; four leave room for the operator's own. */
const maxShells = 4

/**
 * Milliseconds that a batch may wait for a busy shell before another shell is opened: a hung mount must not hold up
 * the rest.
 */
const patience = 250

/**
 * Most retries after a refused session, and milliseconds between them: sshd counts a session for a moment after its
 * end.
 */
const patientRefusals = 50
const refusalPause = 100

/** Most operations in a batch: a thousand reads would make one answer, of no use before it is complete. */
const maxBatch = 200

interface User {
  readonly become: Become | undefined
  queue: Item[]
  readonly shells: Set<Shell>
  opening: boolean
  scheduled: boolean
  timer: NodeJS.Timeout | undefined
  /** The reason that this user is denied. A retry would only count towards locking the account. */
  denied: Failure | undefined
}

export function createPool({ openPipe, traffic, openLimit, stallLimit }: PoolOptions): Pool {
  const users = new Map<string, User>()
  let room = maxShells
  let end: Failure | undefined
  let everOpened = false
  let refusals = 0

  const open = () => [...users.values()].reduce((sum, user) => sum + user.shells.size + (user.opening ? 1 : 0), 0)

  /** Serves a user at the end of the tick, so that all requests of the tick travel together. */
  const schedule = (user: User) => {
    if (user.scheduled) return
    user.scheduled = true
    setImmediate(() => {
      user.scheduled = false
      serve(user)
    })
  }

  const failAll = (user: User, failure: Failure) => {
    const items = user.queue
    user.queue = []
    for (const item of items) item.fail(failure)
  }

  const serve = (user: User) => {
    const refusal = end ?? user.denied
    if (refusal !== undefined) return failAll(user, refusal)
    if (user.queue.length === 0) return
    const free = [...user.shells].find((shell) => !shell.busy)
    if (free !== undefined) {
      free.send(user.queue.splice(0, maxBatch))
      if (user.queue.length > 0) schedule(user)
    } else if (user.opening) {
      return
    } else if (user.shells.size === 0) {
      void openShell(user)
    } else {
      user.timer ??= setTimeout(() => {
        user.timer = undefined
        if (user.queue.length > 0 && ![...user.shells].some((shell) => !shell.busy)) void openShell(user)
      }, patience)
    }
  }

  /** Closes an idle shell to make room. Returns false if every shell is needed. */
  const makeRoom = async (): Promise<boolean> => {
    for (const user of users.values()) {
      if (user.queue.length > 0) continue
      const shell = [...user.shells].find((candidate) => candidate.quiet)
      if (shell !== undefined) {
        user.shells.delete(shell)
        await shell.close()
        return true
      }
    }
    return false
  }

  const openShell = async (user: User): Promise<void> => {
    user.opening = true
    // If no room is left, tries again when a shell becomes free or ends: both call `serveAll`.
    if (open() > room && !(await makeRoom())) {
      user.opening = false
      return
    }
    try {
      const opening = openingFor(user.become)
      const pipe = await openPipe(opening)
      if (pipe === 'refused') {
        const others = open() - 1
        refusals += 1
        if (others === 0 && (!everOpened || refusals > patientRefusals)) {
          failAll(
            user,
            new Failure('the host allows no session', { kind: 'unreachable', help: 'raise MaxSessions in its sshd_config' }),
          )
        }
        room = Math.max(1, others)
        if (others === 0) await sleep(refusalPause)
        return
      }
      refusals = 0
      everOpened = true
      await greet(pipe, opening, user.become, openLimit)
      const shell = startShell(pipe, traffic, {
        ...(stallLimit === undefined ? {} : { stallLimit }),
        onFree: () => serveAll(),
        onEnd: () => {
          user.shells.delete(shell)
          serveAll()
        },
      })
      if (end === undefined) user.shells.add(shell)
      else shell.fail(end)
    } catch (error) {
      const failure =
        error instanceof Failure
          ? error
          : new Failure('no shell on the host', { kind: 'unreachable', why: String(error), cause: error })
      if (failure.kind !== 'unreachable') user.denied = failure
      // Another shell of this user may still serve the queue.
      if (user.shells.size === 0) failAll(user, failure)
    } finally {
      user.opening = false
      serveAll()
    }
  }

  /** Serves every user with a queue: room may have become free. */
  const serveAll = () => {
    for (const user of users.values()) if (user.queue.length > 0) schedule(user)
  }

  const userOf = (become: Become | undefined): User => {
    const key = JSON.stringify([become?.user, become?.password])
    const known = users.get(key)
    if (known !== undefined) return known
    const user: User = {
      become,
      queue: [],
      shells: new Set(),
      opening: false,
      scheduled: false,
      timer: undefined,
      denied: undefined,
    }
    users.set(key, user)
    return user
  }

  return {
    add(become, item) {
      const user = userOf(become)
      user.queue.push(item)
      schedule(user)
    },
    drop(item) {
      const user = [...users.values()].find(({ queue }) => queue.includes(item))
      if (user === undefined) return false
      user.queue = user.queue.filter((other) => other !== item)
      return true
    },
    fail(failure) {
      end ??= failure
      for (const user of users.values()) {
        clearTimeout(user.timer)
        failAll(user, end)
        for (const shell of user.shells) shell.fail(end)
      }
    },
    async close() {
      end ??= new Failure('the connection was closed', { kind: 'unreachable' })
      await Promise.all(
        [...users.values()].map(async (user) => {
          clearTimeout(user.timer)
          failAll(user, end as Failure)
          await Promise.all([...user.shells].map((shell) => shell.close()))
        }),
      )
    },
  }
}
