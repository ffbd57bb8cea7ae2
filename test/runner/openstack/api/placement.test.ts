/** Placement's client: requests sent and answers read. */
import { describe, expect, test } from 'vitest'
import { failureOf } from '../files.ts'
import { type Answer, standIn, type StandInSettings } from '../stand-in.ts'

const open = async (routes: Readonly<Record<string, Answer>>, settings: StandInSettings = {}) => {
  const cloud = await standIn(routes, settings)
  return { cloud, placement: (await cloud.open()).placement }
}

describe('placement', () => {
  test('providers, all or one', async () => {
    const { placement, cloud } = await open({
      'GET /placement/resource_providers': {
        resource_providers: [{ uuid: 'rp1', name: 'compute14', generation: 40, links: [] }],
      },
    })
    expect(await placement.providers()).toEqual([{ id: 'rp1', name: 'compute14', generation: 40 }])
    await placement.providers('compute14')
    expect(cloud.calls('placement')).toEqual(['GET /resource_providers', 'GET /resource_providers?name=compute14'])
    expect(cloud.received.at(-1)!.headers['openstack-api-version']).toBe('placement 1.36')
    expect(cloud.received.at(-1)!.headers['x-openstack-nova-api-version']).toBeUndefined()
  })

  test('inventories, usages, traits, allocations', async () => {
    const { placement } = await open({
      'GET /placement/resource_providers/rp1/inventories': {
        resource_provider_generation: 1,
        inventories: { VCPU: { total: 2, reserved: 1, min_unit: 1, max_unit: 2, step_size: 1, allocation_ratio: 16 } },
      },
      'GET /placement/resource_providers/rp1/usages': { resource_provider_generation: 1, usages: { VCPU: 3, MEMORY_MB: 192 } },
      'GET /placement/resource_providers/rp1/traits': {
        resource_provider_generation: 1,
        traits: ['COMPUTE_NODE', 'COMPUTE_STATUS_DISABLED'],
      },
      'GET /placement/allocations/s1': {
        allocations: { rp1: { resources: { VCPU: 1, MEMORY_MB: 64 }, generation: 40 } },
        project_id: 'p',
      },
      'GET /placement/allocations/s2': { allocations: {} },
    })
    expect(await placement.inventories('rp1')).toEqual({ VCPU: { total: 2, reserved: 1, allocationRatio: 16 } })
    expect(await placement.usages('rp1')).toEqual({ VCPU: 3, MEMORY_MB: 192 })
    expect(await placement.traits('rp1')).toEqual(['COMPUTE_NODE', 'COMPUTE_STATUS_DISABLED'])
    expect(await placement.allocations('s1')).toEqual({ rp1: { VCPU: 1, MEMORY_MB: 64 } })
    expect(await placement.allocations('s2')).toEqual({})
  })

  test('an older one is asked for what it has; traits came with Ocata', async () => {
    const { placement, cloud } = await open(
      { 'GET /placement/resource_providers': { resource_providers: [] } },
      { placementMax: '1.4' },
    )
    expect(await placement.providers()).toEqual([])
    expect(cloud.received.at(-1)!.headers['openstack-api-version']).toBe('placement 1.4')
    expect((await failureOf(placement.traits('rp1'))).why).toBe('it needs microversion 1.6, and the service reaches 1.4')
  })

  test('an unknown provider', async () => {
    const detail = 'The resource could not be found.\n\n No resource provider with uuid rp9 found  '
    const { placement } = await open({
      'GET /placement/resource_providers/rp9/usages': [
        404,
        { errors: [{ status: 404, title: 'Not Found', detail, request_id: 'req-1' }] },
      ],
    })
    expect(await failureOf(placement.usages('rp9'))).toMatchObject({
      why: 'No resource provider with uuid rp9 found',
      data: { status: 404, service: 'placement' },
    })
  })

  test('a cloud without it', async () => {
    const { placement } = await open({}, { catalog: () => [] })
    expect(await failureOf(placement.providers())).toMatchObject({ kind: 'input', data: { service: 'placement', missing: true } })
  })

  test('an answer of another shape', async () => {
    const { placement } = await open({ 'GET /placement/resource_providers': {} })
    expect((await failureOf(placement.providers())).message).toBe(
      'placement answered /resource_providers without `resource_providers`',
    )
  })
})
