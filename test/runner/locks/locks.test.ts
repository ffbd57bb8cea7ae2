/** The locks that a run takes, and unreachable hosts. */
import { describe, expect, test } from 'vitest'
import type { Endpoint, HostLock, LockWanted } from '../../../runner/connection/connection.ts'
import { type AnyModule, defineModule, Failure, type LockRequest } from '../../../runner/module.ts'
import { fakeTarget } from '../../doubles/target.ts'
import { newStage, play, type PlayGiven } from '../../scenes/play.ts'
import { onAct } from '../../doubles/address.ts'
import { dedent } from '../../scenes/dedent.ts'

/** The kernels of some hosts, with the holders of their locks. */
function kernels() {
  const held: { host: string; name: string; note: string; shared: boolean; by: symbol }[] = []
  const of = (host: string, name: string) => held.filter((lock) => lock.host === host && lock.name === name)
  const take = (by: symbol, host: string, { name, note, shared }: LockWanted): HostLock | undefined => {
    if (of(host, name).some((lock) => !(lock.shared && shared))) return undefined
    const lock = { host, name, note, shared, by }
    held.push(lock)
    return { stands: () => {}, release: () => void (held.includes(lock) && held.splice(held.indexOf(lock), 1)) }
  }
  /** The hosts as the tests' runner reaches them. */
  const world = (): Pick<PlayGiven, 'lock' | 'host'> => {
    const by = Symbol('run')
    return {
      lock: async (endpoint: Endpoint, wanted: LockWanted) => take(by, endpoint.name, wanted),
      host: ({ name }) => ({
        ...fakeTarget({ host: name }),
        run: async () => {
          const stdout = held
            .filter(({ host }) => host === name)
            .map((lock) => `${lock.name}.token ${lock.note}\n`)
            .join('')
          return { code: 0, stdout, stderr: '', bytes: Buffer.from(stdout) }
        },
      }),
    }
  }
  const colleague = (host: string, name = 'host', what = host, shared = false) =>
    take(Symbol('colleague'), host, {
      name,
      shared,
      note: JSON.stringify({
        what,
        run: '01JD8',
        operator: 'li@ops1',
        playbook: 'playbooks/other.yml',
        since: new Date(1000).toISOString(),
        token: 'theirs',
      }),
    }) as HostLock
  return { held, world, colleague }
}

const hostLocks = (held: readonly { host: string; name: string }[]) => held.map(({ host, name }) => `${host} ${name}`).toSorted()
const both = dedent`
  name: T
  plays:
    - hosts: all
      tasks:
        - set: { thing: x, to: "1" }
`

describe('the hosts of the plays', () => {
  test('are all locked before the first step, each once, with a note that says who', async () => {
    const kernel = kernels()
    const seen: string[][] = []
    const { code } = await play(both, {
      ...kernel.world(),
      onEvent: (event) => void (event.type === 'run-started' && seen.push(hostLocks(kernel.held))),
    })
    expect(code).toBe(0)
    expect(seen).toEqual([['a host', 'b host', 'c host']])
    expect(hostLocks(kernel.held)).toEqual(['a host', 'b host', 'c host'])
    expect(JSON.parse(kernel.held[0]?.note ?? '')).toMatchObject({
      what: 'a',
      operator: 'tester@controller',
      playbook: 'play.yml',
      run: expect.stringMatching(/^\w{10}$/),
    })
  })

  test('one of them held: refused, naming the holder; nothing is done, nothing kept, no journal begun', async () => {
    const kernel = kernels()
    kernel.colleague('b')
    const stage = newStage()
    const work = play(both, { ...kernel.world(), stage })
    await expect(work).rejects.toMatchObject({
      kind: 'refused',
      message: 'b is locked by another run',
      why: expect.stringMatching(/^b is held by li@ops1, run 01JD8, other\.yml, since /),
      help: expect.stringContaining('--wait-lock'),
    })
    expect(stage.did).toEqual([])
    expect(hostLocks(kernel.held)).toEqual(['b host'])
  })

  test('a run that waits keeps nothing from others, says once that it waits, and goes on', async () => {
    const kernel = kernels()
    const theirs = kernel.colleague('b')
    const whileWaiting: string[][] = []
    let looks = 0
    const world = kernel.world()
    const { code, events } = await play(both, {
      ...world,
      lock: async (endpoint, wanted) => {
        if (endpoint.name === 'a' && ++looks === 3) theirs.release()
        return world.lock?.(endpoint, wanted)
      },
      request: { how: { waitLock: 600 } },
      onEvent: (event) => {
        if (event.type === 'lock-awaited') setImmediate(() => whileWaiting.push(hostLocks(kernel.held)))
      },
    })
    expect(code).toBe(0)
    expect(events.filter(({ type }) => type === 'lock-awaited')).toEqual([
      expect.objectContaining({ reasons: [expect.stringMatching(/^b is held by li@ops1, run 01JD8, other\.yml, since /)] }),
    ])
    expect(hostLocks(kernel.held)).toEqual(['a host', 'b host', 'c host'])
  })

  test('the wait has its limit', async () => {
    const kernel = kernels()
    kernel.colleague('b')
    await expect(play(both, { ...kernel.world(), request: { how: { waitLock: 60 } } })).rejects.toMatchObject({
      kind: 'refused',
      help: expect.stringContaining('1 min'),
    })
    expect(hostLocks(kernel.held)).toEqual(['b host'])
  })

  test.each([
    ['whose note is gone already', () => 'no note'],
    ['of its own earlier life, which was killed a moment ago', (own: string) => own],
  ])('a lock %s is as good as free: no refusal, no word about it', async (_, note) => {
    const kernel = kernels()
    const world = kernel.world()
    let looks = 0
    let theirs: HostLock | undefined
    const { code, events } = await play(both, {
      ...world,
      lock: async (endpoint, wanted) => {
        if (endpoint.name === 'b' && looks++ === 0) {
          const own = JSON.stringify({ ...(JSON.parse(wanted.note) as object), token: 'earlier' })
          theirs = await world.lock?.(endpoint, { ...wanted, note: note(own) })
        } else if (endpoint.name === 'b' && looks === 4) theirs?.release()
        return world.lock?.(endpoint, wanted)
      },
    })
    expect(looks).toBe(4)
    expect(code).toBe(0)
    expect(events.map(({ type }) => type)).not.toContain('lock-awaited')
  })

  test('Ctrl-C ends the wait', async () => {
    const kernel = kernels()
    kernel.colleague('b')
    const work = play(both, {
      ...kernel.world(),
      request: { how: { waitLock: 6000 } },
      onEvent: (event, world) => void (event.type === 'lock-awaited' && world.interrupt()),
    })
    await expect(work).rejects.toMatchObject({ kind: 'interrupted' })
  })

  test('a plan locks nothing and minds no lock; neither does a play that only reads', async () => {
    const kernel = kernels()
    kernel.colleague('b')
    expect((await play(both, { ...kernel.world(), request: { goal: 'plan' } })).code).toBe(0)
    const reads = dedent`
      name: T
      plays:
        - hosts: all
          tasks:
            - look: { thing: x }
    `
    expect((await play(reads, kernel.world())).code).toBe(0)
    expect(hostLocks(kernel.held)).toEqual(['b host'])
  })

  test('the controller itself is no host to be locked: two operators work on it side by side', async () => {
    const kernel = kernels()
    const here = dedent`
      name: T
      plays:
        - hosts: localhost
          tasks:
            - set: { thing: x, to: "1" }
    `
    expect((await play(here, kernel.world())).code).toBe(0)
    expect(kernel.held).toEqual([])
  })

  test('a host that cannot be reached does not hold up the others; two names of one machine do not lock each other out', async () => {
    const kernel = kernels()
    const world = kernel.world()
    const { outcomes } = await play(both, {
      ...world,
      down: ['c'],
      lock: (endpoint, wanted) => world.lock?.({ ...endpoint, name: 'machine' }, wanted) ?? Promise.resolve(undefined),
      host: () => world.host?.({ name: 'machine', kind: 'ssh', address: 'machine' }) ?? fakeTarget({ host: 'machine' }),
    })
    expect(outcomes).toEqual(expect.arrayContaining(['a set: changed', 'b set: changed', 'c set: unreachable']))
    expect(hostLocks(kernel.held)).toEqual(['machine host'])
  })
})

describe('a host that could not be reached for its lock', () => {
  const connectedTo = (played: Awaited<ReturnType<typeof play>>, host: string) =>
    played.world.connected.filter(({ name }) => name === host).length

  test('is not connected to again by its first step, which tells the failure', async () => {
    const played = await play(both, { down: ['c'] })
    expect(played.outcomes).toContain('c set: unreachable')
    expect(played.finished.find(({ step }) => step.host === 'c')?.failure).toMatchObject({
      what: 'cannot reach c',
      why: 'no route to host',
    })
    expect(connectedTo(played, 'c')).toBe(1)
  })

  test('nor by a first step that looks at it before it wants to change it', async () => {
    const touch = defineModule({
      name: 'touch',
      summary: 'Looks at its host.',
      params: { type: 'object', additionalProperties: false, properties: {} },
      examples: [],
      async check(_, target) {
        await target.stat('/')
        return { changes: [{ ...onAct('/'), before: undefined, after: 'x' }], before: null }
      },
      async apply() {},
    })
    const played = await play(
      dedent`
        name: T
        plays:
          - hosts: c
            tasks:
              - touch: {}
      `,
      { down: ['c'], modules: [touch] },
    )
    expect(played.outcomes).toEqual(['c touch: unreachable'])
    expect(connectedTo(played, 'c')).toBe(1)
  })

  test('is tried again by a step that comes later: it may be up by then', async () => {
    const down = ['c']
    const boot = defineModule({
      name: 'boot',
      summary: 'Starts the host c.',
      params: { type: 'object', additionalProperties: false, properties: {} },
      examples: [],
      async check() {
        down.length = 0
        return { changes: [], before: undefined }
      },
    })
    const plays = dedent`
      name: T
      plays:
        - hosts: a
          tasks:
            - boot: {}
        - hosts: c
          tasks:
            - set: { thing: x, to: "1" }
    `
    const played = await play(plays, { down, modules: [boot] })
    expect(played.outcomes).toEqual(['a boot: ok', 'c set: changed'])
    expect(connectedTo(played, 'c')).toBe(2)
  })
})

describe('what a step needs besides', () => {
  /**
   * A module that works through an API on things that are on hosts; `others` moves the thing while nobody has its
   * lock.
   */
  const mover = (stage: ReturnType<typeof newStage>, locks: (at: string) => readonly LockRequest[]): AnyModule =>
    defineModule({
      name: 'move',
      summary: 'Moves a thing.',
      scope: 'api',
      params: {
        type: 'object',
        additionalProperties: false,
        required: ['to'],
        properties: { to: { type: 'string', description: 'Where to.' } },
      },
      examples: [],
      async check({ to }) {
        const at = stage.things.get('thing') ?? 'a'
        return { changes: at === to ? [] : [{ ...onAct('thing'), before: at, after: to }], before: at, locks: locks(at) }
      },
      async apply({ to }) {
        stage.did.push(`moved to ${to}`)
        stage.things.set('thing', to)
      },
    })
  const thing = { id: '4711', name: 'server db-2' }
  const move = dedent`
    name: T
    plays:
      - hosts: localhost
        tasks:
          - move: { to: b }
  `

  test('the server, and its hosts shared: other moves get along, the same server is refused by its name', async () => {
    const stage = newStage()
    const locks = (): LockRequest[] => [
      { host: 'a', thing },
      { host: 'a', shared: true },
    ]
    const kernel = kernels()
    kernel.colleague('a', 'host', 'a', true)
    const first = await play(move, { ...kernel.world(), stage, modules: [mover(stage, locks)] })
    expect(first.code).toBe(0)
    expect(hostLocks(kernel.held)).toEqual(['a host', 'a host', 'a thing-4711'])

    stage.things.set('thing', 'a')
    const second = await play(move, { ...kernel.world(), stage, modules: [mover(stage, locks)] })
    expect(second.code).toBe(4)
    expect(second.finished[0]?.failure).toMatchObject({
      kind: 'refused',
      what: 'server db-2 is locked by another run',
      why: expect.stringContaining('server db-2 is held by tester@controller'),
    })
    expect(stage.did).toEqual(['moved to b'])
  })

  test('somebody who changes the host keeps moves away from it', async () => {
    const stage = newStage()
    const kernel = kernels()
    kernel.colleague('a')
    const modules = [mover(stage, () => [{ host: 'a', shared: true }])]
    expect((await play(move, { ...kernel.world(), stage, modules })).code).toBe(4)
    expect(stage.did).toEqual([])
  })

  test('what was checked before the lock was had is checked again', async () => {
    const stage = newStage()
    const kernel = kernels()
    const world = kernel.world()
    const { code, finished } = await play(move, {
      ...world,
      stage,
      modules: [mover(stage, () => [{ host: 'a', thing }])],
      lock: async (endpoint, wanted) => {
        stage.things.set('thing', 'b') // moved by the previous holder
        return world.lock?.(endpoint, wanted)
      },
    })
    expect(code).toBe(0)
    expect(finished[0]?.outcome).toBe('ok')
    expect(stage.did).toEqual([])
  })

  test('two runs that each have what the other wants do not wait for ever', async () => {
    const stage = newStage()
    const kernel = kernels()
    kernel.colleague('a', 'thing-4711', 'server db-2') // and waits for this run's lock
    const modules = [mover(stage, () => [{ host: 'a', thing }])]
    const { code, finished, events } = await play(move, {
      ...kernel.world(),
      stage,
      modules,
      request: { how: { waitLock: 600 } },
    })
    expect(code).toBe(4)
    expect(finished[0]?.failure?.help).toContain('10 min')
    expect(events.filter(({ type }) => type === 'lock-awaited')).toHaveLength(1)
  })

  test('a host that is not in the inventory, or cannot be reached, is a warning: the move itself may still be wanted', async () => {
    const stage = newStage()
    const modules = [
      mover(stage, () => [
        { host: 'gone', thing },
        { host: 'c', thing },
      ]),
    ]
    const { code, finished } = await play(move, { ...kernels().world(), down: ['c'], stage, modules })
    expect(code).toBe(0)
    expect(finished[0]?.warnings).toEqual([
      'server db-2 is not locked: c cannot be reached (cannot reach c)',
      'server db-2 is not locked: gone is not in the inventory',
    ])
  })

  test('a lock that was lost stops the next step', async () => {
    const stage = newStage()
    const two = dedent`
      name: T
      plays:
        - hosts: a
          tasks:
            - set: { thing: x, to: "1" }
            - set: { thing: y, to: "1" }
    `
    const { code, outcomes } = await play(two, {
      stage,
      lock: async () => ({
        stands() {
          if (stage.did.length > 0) throw new Failure('the locks on the host are lost', { kind: 'unreachable' })
        },
        release() {},
      }),
    })
    expect(code).toBe(3)
    expect(outcomes).toEqual(['a set: changed', 'a set: unreachable'])
  })
})
