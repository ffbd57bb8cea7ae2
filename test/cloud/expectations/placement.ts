/** Placement. */
import { expect } from 'vitest'
import { act, ended, moveTo, settled, withServer } from './subject.ts'
import type { Expectation, Subject } from './subject.ts'

const nobody = '00000000-0000-0000-0000-000000000000'
const ask = (cloud: Subject, path: string, version = '1.36') => cloud.admin.ask('placement', path, { version })
const providerOf = async (cloud: Subject, name: string) =>
  (await ask(cloud, `/resource_providers?name=${name}`)).body.resource_providers[0]

export const placement: readonly Expectation[] = [
  {
    name: 'its version document needs no token',
    async check(cloud) {
      const { status, body } = await cloud.stranger.ask('placement', '//')
      expect([status, body.versions[0]]).toMatchObject([200, { id: 'v1.0', min_version: '1.0', max_version: '1.39' }])
    },
  },
  {
    name: 'refusals have its own form: unknown provider, unknown address, a version too new, a member',
    async check(cloud) {
      const unknown = await ask(cloud, `/resource_providers/${nobody}/inventories`)
      expect(unknown.status).toBe(404)
      expect(Object.keys(unknown.body.errors[0]).sort()).toEqual(['code', 'detail', 'request_id', 'status', 'title'])
      expect(unknown.body.errors[0].detail).toMatch(
        new RegExp(`^The resource could not be found\\.\n\n No resource provider with uuid ${nobody} found`),
      )
      expect((await ask(cloud, '/nopes')).body.errors[0]).toMatchObject({ status: 404, title: 'Not Found' })
      expect((await ask(cloud, '/resource_providers', '1.99')).body.errors[0]).toMatchObject({
        status: 406,
        title: 'Not Acceptable',
        max_version: '1.39',
        min_version: '1.0',
      })
      const denied = await cloud.member.ask('placement', '/resource_providers', { version: '1.36' })
      expect([denied.status, denied.body.errors[0].detail]).toEqual([
        403,
        'Access was denied to this resource.\n\n Policy does not allow placement:resource_providers:list to be performed.  ',
      ])
      const odd = await ask(cloud, '/resource_providers?nope=1')
      expect([odd.status, odd.body.errors[0].detail]).toEqual([
        400,
        expect.stringContaining("Additional properties are not allowed ('nope' was unexpected)"),
      ])
      expect((await cloud.stranger.ask('placement', '/resource_providers')).body.error.code).toBe(401)
    },
  },
  {
    name: 'a provider for each host, with inventories, usages and traits',
    async check(cloud) {
      const provider = await providerOf(cloud, cloud.source)
      expect(provider).toMatchObject({
        name: cloud.source,
        parent_provider_uuid: null,
        root_provider_uuid: provider.uuid,
        generation: expect.any(Number),
      })
      expect(provider.links.map((link: any) => link.rel)).toEqual([
        'self',
        'inventories',
        'usages',
        'aggregates',
        'traits',
        'allocations',
      ])
      const at = (what: string) => ask(cloud, `/resource_providers/${provider.uuid}/${what}`)
      const { inventories } = (await at('inventories')).body
      expect(Object.keys(inventories).sort()).toEqual(['DISK_GB', 'MEMORY_MB', 'VCPU'])
      expect(Object.keys(inventories.MEMORY_MB).sort()).toEqual([
        'allocation_ratio',
        'max_unit',
        'min_unit',
        'reserved',
        'step_size',
        'total',
      ])
      expect(Object.keys((await at('usages')).body.usages).sort()).toEqual(['DISK_GB', 'MEMORY_MB', 'VCPU'])
      expect((await at('traits')).body.traits).toContain('COMPUTE_NODE')
      expect((await ask(cloud, '/resource_providers?name=nope')).body).toEqual({ resource_providers: [] })
    },
  },
  {
    name: 'an allocation follows its server; nobody has an empty one',
    check: (cloud) =>
      withServer(cloud, 'allocation', 'quiet', async (id) => {
        expect((await ask(cloud, `/allocations/${nobody}`)).body).toEqual({ allocations: {} })
        const [from, to] = [await providerOf(cloud, cloud.source), await providerOf(cloud, cloud.target)]
        const held = async () => (await ask(cloud, `/allocations/${id}`)).body
        const before = await held()
        expect(Object.keys(before).sort()).toEqual(['allocations', 'consumer_generation', 'project_id', 'user_id'])
        expect(Object.keys(before.allocations)).toEqual([from.uuid])
        expect(Object.keys(before.allocations[from.uuid].resources).sort()).toEqual(['DISK_GB', 'MEMORY_MB', 'VCPU'])
        await act(cloud, id, moveTo(cloud.target))
        await ended(cloud, id)
        await settled(cloud, id, 'ACTIVE')
        expect(Object.keys((await held()).allocations)).toEqual([to.uuid])
      }),
  },
  {
    name: 'it says where something would fit, and where not',
    async check(cloud) {
      const fits = await ask(cloud, '/allocation_candidates?resources=VCPU:1,MEMORY_MB:64')
      expect(Object.keys(fits.body).sort()).toEqual(['allocation_requests', 'provider_summaries'])
      const { uuid } = await providerOf(cloud, cloud.target)
      expect(fits.body.provider_summaries[uuid].resources.MEMORY_MB).toEqual({
        capacity: expect.any(Number),
        used: expect.any(Number),
      })
      expect(Object.keys(fits.body.provider_summaries[uuid]).sort()).toEqual([
        'parent_provider_uuid',
        'resources',
        'root_provider_uuid',
        'traits',
      ])
      expect((await ask(cloud, '/allocation_candidates?resources=MEMORY_MB:999999999')).body).toEqual({
        allocation_requests: [],
        provider_summaries: {},
      })
      expect(
        (await ask(cloud, `/allocation_candidates?resources=VCPU:1&required=!COMPUTE_NODE`)).body.allocation_requests,
      ).toEqual([])
      expect((await ask(cloud, '/allocation_candidates?resources=VCPU')).status).toBe(400)
    },
  },
]
