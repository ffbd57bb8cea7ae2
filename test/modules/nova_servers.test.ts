/** `nova_servers`: servers by host, name and id; missing ones. */
import { describe, expect, test } from 'vitest'
import novaServers from '../../modules/nova_servers.ts'
import { behavesLikeAModule } from '../contracts/module.ts'
import { check, cloudTarget, failureOf, filled } from '../doubles/cloud-target.ts'

behavesLikeAModule(novaServers, { params: filled(novaServers, { host: 'compute14' }), target: cloudTarget })

const servers = [
  { name: 'web-1', host: 'compute14' },
  { name: 'web-11', host: 'compute14' },
  { name: 'web (1)', host: 'compute15' },
  { name: 'twin', host: 'compute14' },
  { name: 'off', host: 'compute15', status: 'SHUTOFF', project: 'admin' },
] as const

const find = async (params: Record<string, unknown>) => {
  const target = await cloudTarget({ servers })
  const { result } = await check(novaServers, params, target)
  return (result!['servers'] as readonly { name: string }[]).map(({ name }) => name)
}

describe('finding', () => {
  test('everything on a host', async () => {
    expect((await find({ host: 'compute14' })).toSorted()).toEqual(['twin', 'web-1', 'web-11'])
  })

  test('nothing on a host without servers; a misspelt host is not taken for one', async () => {
    expect(await find({ host: 'compute14', status: 'ERROR' })).toEqual([])
    expect(await failureOf(find({ host: 'compute41' }))).toMatchObject({
      kind: 'input',
      message: 'no host `compute41` runs nova-compute; did you mean `compute14`?',
    })
  })

  test('by exact name, in the order given, each once', async () => {
    expect(await find({ names: ['twin', 'web-1', 'twin'] })).toEqual(['twin', 'web-1'])
  })

  test('a name with characters that mean something in a regular expression', async () => {
    expect(await find({ names: ['web (1)'] })).toEqual(['web (1)'])
  })

  test('by id, in either list', async () => {
    const target = await cloudTarget({ servers })
    const { id } = target.simulated.server('web-11')
    const { result } = await check(novaServers, { names: [id.toUpperCase()], ids: [target.simulated.server('off').id] }, target)
    expect(result).toMatchObject({
      count: 2,
      servers: [
        { id, name: 'web-11' },
        { name: 'off', status: 'SHUTOFF' },
      ],
    })
  })

  test('by status, whatever its case, and project', async () => {
    const target = await cloudTarget({ servers })
    const project = target.simulated.server('off').projectId
    expect((await check(novaServers, { status: 'shutoff' }, target)).result).toMatchObject({
      count: 1,
      servers: [{ name: 'off' }],
    })
    expect((await check(novaServers, { project }, target)).result).toMatchObject({
      count: 1,
      servers: [{ name: 'off', project_id: project }],
    })
  })

  test('nothing is an answer too, where nothing was named', async () => {
    expect(await find({ host: 'compute15', status: 'PAUSED' })).toEqual([])
  })

  test('a server is plain JSON with what playbooks need', async () => {
    const target = await cloudTarget({ servers })
    const { result } = await check(novaServers, { names: ['web-1'] }, target)
    expect((result!['servers'] as readonly unknown[])[0]).toEqual({
      id: target.simulated.server('web-1').id,
      name: 'web-1',
      status: 'ACTIVE',
      vm_state: 'active',
      task_state: null,
      power_state: 1,
      host: 'compute14',
      node: 'compute14',
      instance_name: expect.stringMatching(/^instance-/),
      project_id: target.simulated.server('web-1').projectId,
      availability_zone: 'nova',
      locked: false,
      config_drive: false,
      flavor: expect.any(String),
      ram: 2048,
      vcpus: 1,
      disk: 10,
      volumes: [],
    })
  })
})

describe('what is not found', () => {
  test('is told all at once, with the nearest name', async () => {
    const failure = await failureOf(find({ names: ['wbe-1', 'nothing-like-it', 'web-1'] }))
    expect(failure.kind).toBe('input')
    expect(failure.message).toBe(
      'no server has the name or id `wbe-1`; did you mean `web-1`?; no server has the name or id `nothing-like-it`',
    )
  })

  test('a name that two servers have: their ids', async () => {
    const target = await cloudTarget({ servers })
    const { id } = target.simulated.server('twin')
    Object.assign(target.simulated.server('web-11'), { name: 'twin' })
    const failure = await failureOf(check(novaServers, { names: ['twin'] }, target))
    expect(failure.message).toMatch(/^2 servers have the name `twin`: /)
    expect(failure.message).toContain(`${id} on compute14`)
  })

  test.each([
    [{ host: 'compute15', names: ['web-1'] }, 'web-1 is on compute14, not on compute15'],
    [{ status: 'ACTIVE', names: ['off'] }, 'off is SHUTOFF, not ACTIVE'],
    [{ project: 'other', names: ['web-1'] }, /^web-1 belongs to the project \w+, not to other$/],
  ])('a server that another filter leaves out: %j', async (params, message) => {
    const failure = await failureOf(find(params))
    expect(failure.kind).toBe('input')
    expect(failure.message).toMatch(message)
  })
})

test('without the admin role hosts cannot be seen: an error, not everything', async () => {
  const target = await cloudTarget({ servers }, { as: 'demo-member' })
  const failure = await failureOf(check(novaServers, { host: 'compute14', all_projects: false }, target))
  expect(failure.message).toMatch(/hosts of servers cannot be seen/)
})
