/** `migration_verify`: servers that have arrived, and every way to fail. */
import { describe, expect, test } from 'vitest'
import liveMigration from '../../modules/live_migration.ts'
import migrationVerify from '../../modules/migration_verify.ts'
import { behavesLikeAModule } from '../contracts/module.ts'
import { apply, check, cloudTarget, failureOf, filled, type CloudTarget } from '../doubles/cloud-target.ts'

const servers = [
  { name: 'web-1', host: 'compute14', ram: 1024 },
  { name: 'paused', host: 'compute14', status: 'PAUSED', ram: 1024 },
  { name: 'old-1', host: 'compute14', status: 'SHUTOFF' },
] as const

const cloud = () => cloudTarget({ servers })
const moved = (target: CloudTarget, name: string) => apply(liveMigration, { server: name, target: 'compute15' }, target)
const stayed = (name: string) => ({ server_id: '', server: name, from: 'compute14', to: 'compute14', seconds: 0 })

behavesLikeAModule(migrationVerify, {
  params: filled(migrationVerify, { moves: [{ failed: true, msg: 'no', item: { id: 'gone', name: 'x' } }] }),
  target: cloud,
})

describe('servers that arrived', () => {
  test('are on their host and at work; their guests are heard', async () => {
    const target = await cloud()
    const { result } = await check(
      migrationVerify,
      { moves: [await moved(target, 'web-1'), await moved(target, 'paused')] },
      target,
    )
    expect(result).toEqual({
      rows: [
        {
          server: 'web-1',
          from: 'compute14',
          to: 'compute15',
          status: 'ACTIVE',
          seconds: expect.any(Number),
          console: 'answers',
          problem: '',
        },
        {
          server: 'paused',
          from: 'compute14',
          to: 'compute15',
          status: 'PAUSED',
          seconds: expect.any(Number),
          console: '',
          problem: '',
        },
      ],
      verified: 2,
      moved: 2,
      text: '2 servers are on compute15, verified · 1 seen at work on its console',
    })
  })

  test('a guest that says nothing is quiet, which is no fault', async () => {
    const target = await cloud()
    const move = await moved(target, 'web-1')
    // The guest stands still although Nova's record says ACTIVE: its console says nothing more.
    const server = target.simulated.server('web-1')
    server.guest = { ...server.guest, since: undefined }
    const { result } = await check(migrationVerify, { moves: [move] }, target)
    expect(result).toMatchObject({ verified: 1, rows: [{ console: 'quiet', problem: '' }] })
  })

  test('consoles need not be listened to', async () => {
    const target = await cloud()
    const move = await moved(target, 'web-1')
    const sleptForTheMove = target.slept.length
    const { result } = await check(migrationVerify, { moves: [move], console_seconds: 0 }, target)
    expect(result).toMatchObject({ rows: [{ console: '' }] })
    expect(target.slept.slice(sleptForTheMove)).toEqual([])
  })

  test('servers that were there before count as verified, not as moved', async () => {
    const target = await cloud()
    const { id } = target.simulated.server('web-1')
    const { result } = await check(migrationVerify, { moves: [{ ...stayed('web-1'), server_id: id }] }, target)
    expect(result).toMatchObject({
      verified: 1,
      moved: 0,
      text: '1 server is on compute14, verified · 1 seen at work on its console',
    })
  })
})

describe('servers that are not as they should be', () => {
  test.each([
    ['host', { host: 'compute14' }, 'web-1: it is on compute14, not on compute15'],
    ['vmState', { vmState: 'error' }, 'web-1: it is ERROR'],
    ['taskState', { taskState: 'migrating' }, 'web-1: its task is migrating'],
  ])('%s', async (_, change, why) => {
    const target = await cloud()
    const move = await moved(target, 'web-1')
    Object.assign(target.simulated.server('web-1'), change)
    const failure = await failureOf(check(migrationVerify, { moves: [move] }, target))
    expect(failure.message).toBe('web-1 is not as it should be after the move')
    expect(failure.why).toBe(why)
    expect(failure.data).toMatchObject({ verified: 0 })
  })

  test('one that is gone', async () => {
    const target = await cloud()
    const move = await moved(target, 'web-1')
    target.simulated.state.servers.delete(target.simulated.server('web-1').id)
    expect((await failureOf(check(migrationVerify, { moves: [move] }, target))).why).toBe('web-1: it is gone')
  })
})

describe('the rest of the table', () => {
  test('a move that failed is listed with where the server is, and does not fail the step again', async () => {
    const target = await cloud()
    const { id } = target.simulated.server('web-1')
    const { result } = await check(
      migrationVerify,
      { moves: [{ failed: true, msg: 'Nova rolled it back', item: { id, name: 'web-1', host: 'compute14' } }] },
      target,
    )
    expect(result).toMatchObject({
      verified: 0,
      rows: [{ server: 'web-1', from: 'compute14', to: 'compute14', status: 'ACTIVE', problem: 'Nova rolled it back' }],
      text: 'No server was moved · 1 not moved',
    })
  })

  test('servers that were left behind', async () => {
    const target = await cloud()
    const { result } = await check(
      migrationVerify,
      { moves: [], left: [{ id: 'x', name: 'old-1', host: 'compute14', status: 'SHUTOFF' }] },
      target,
    )
    expect(result).toMatchObject({
      rows: [{ server: 'old-1', to: 'compute14', status: 'SHUTOFF', problem: 'left behind' }],
      text: 'Nothing was to be moved · 1 left behind',
    })
  })

  test('something that is no move', async () => {
    const failure = await failureOf(check(migrationVerify, { moves: [{ failed: true }] }, await cloud()))
    expect([failure.kind, failure.message]).toEqual(['input', '`moves` has an entry without a server'])
  })
})
