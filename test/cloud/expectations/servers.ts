/** Nova: version documents, microversions, reading servers, refusals. */
import { expect } from 'vitest'
import { act, compute, moveTo, newest, serverNow, withServer } from './subject.ts'
import type { Expectation } from './subject.ts'

const nobody = '00000000-0000-0000-0000-000000000000'

const basic = [
  'OS-DCF:diskConfig',
  'OS-EXT-AZ:availability_zone',
  'OS-EXT-SRV-ATTR:host',
  'OS-EXT-SRV-ATTR:hypervisor_hostname',
  'OS-EXT-SRV-ATTR:instance_name',
  'OS-EXT-STS:power_state',
  'OS-EXT-STS:task_state',
  'OS-EXT-STS:vm_state',
  'OS-SRV-USG:launched_at',
  'OS-SRV-USG:terminated_at',
  'accessIPv4',
  'accessIPv6',
  'addresses',
  'config_drive',
  'created',
  'flavor',
  'hostId',
  'id',
  'image',
  'key_name',
  'links',
  'metadata',
  'name',
  'os-extended-volumes:volumes_attached',
  'progress',
  'status',
  'tenant_id',
  'updated',
  'user_id',
]
const since23 = ['hostname', 'kernel_id', 'launch_index', 'ramdisk_id', 'reservation_id', 'root_device_name', 'user_data'].map(
  (name) => `OS-EXT-SRV-ATTR:${name}`,
)
const later = ['description', 'host_status', 'locked', 'locked_reason', 'server_groups', 'tags', 'trusted_image_certificates']

/** What Nova's own faults look like. */
const fault = (name: string, code: number, message: string) => ({ [name]: { code, message } })

export const servers: readonly Expectation[] = [
  {
    name: 'version documents need no token',
    async check(cloud) {
      const root = await cloud.stranger.ask('compute', '//')
      expect(root.status).toBe(200)
      expect(root.body.versions.map((version: any) => version.id)).toEqual(['v2.0', 'v2.1'])
      for (const path of ['//v2.1', '//v2.1/']) {
        const { status, body } = await cloud.stranger.ask('compute', path)
        expect(status).toBe(200)
        expect(body.version).toMatchObject({
          id: 'v2.1',
          status: 'CURRENT',
          min_version: '2.1',
          version: expect.stringMatching(/^2\.\d+$/),
        })
      }
    },
  },
  {
    name: 'without a token everything else is 401, in the words of the middleware',
    async check(cloud) {
      for (const headers of [{}, { 'X-Auth-Token': 'gAAAAAwrong' }] as Record<string, string>[]) {
        const reply = await cloud.stranger.ask('compute', '/servers', { headers })
        expect([reply.status, Object.keys(reply.body), reply.body.error.code]).toEqual([401, ['error'], 401])
        expect(reply.headers.get('WWW-Authenticate')).toMatch(/^Keystone uri="/)
      }
    },
  },
  {
    name: 'an answer repeats its microversion; without one it is 2.1',
    async check(cloud) {
      for (const [version, said] of [
        [newest, newest],
        ['2.30', '2.30'],
        [undefined, '2.1'],
      ] as const) {
        const reply = await cloud.admin.ask('compute', '/servers', version === undefined ? {} : { version })
        expect(reply.headers.get('OpenStack-API-Version')).toBe(`compute ${said}`)
        expect(reply.headers.get('X-OpenStack-Nova-API-Version')).toBe(said)
        expect(reply.headers.get('x-openstack-request-id')).toMatch(/^req-[0-9a-f-]{36}$/)
      }
    },
  },
  {
    name: 'a microversion that is too new is 406, one that is none 400',
    async check(cloud) {
      const newer = await compute(cloud, '/servers', { version: '2.200' })
      expect(newer.status).toBe(406)
      expect(newer.body.computeFault.message).toMatch(
        /^Version 2\.200 is not supported by the API\. Minimum is 2\.1 and maximum is 2\.\d+\.$/,
      )
      const odd = await compute(cloud, '/servers', { version: '2.x' })
      expect([odd.status, odd.body]).toEqual([
        400,
        fault('badRequest', 400, 'API Version String 2.x is of invalid format. Must be of format MajorNum.MinorNum.'),
      ])
    },
  },
  {
    name: 'a wrong address, or a wrong method, is a 404 of another kind than a missing thing',
    async check(cloud) {
      const wrong = { message: 'The resource could not be found.<br /><br />\n\n\n', code: '404 Not Found', title: 'Not Found' }
      expect((await compute(cloud, '/nopes')).body).toEqual(wrong)
      const page = await compute(cloud, '/nopes', { headers: { Accept: '*/*' } })
      expect([page.status, page.headers.get('Content-Type'), page.body]).toEqual([
        404,
        'text/html; charset=UTF-8',
        expect.stringContaining('<h1>404 Not Found</h1>'),
      ])
      expect((await compute(cloud, '/os-hypervisors', { method: 'PUT', body: {} })).body).toEqual(wrong)
      const missing = await compute(cloud, `/servers/${nobody}`)
      expect([missing.status, missing.body]).toEqual([404, fault('itemNotFound', 404, `Instance ${nobody} could not be found.`)])
    },
  },
  {
    name: 'what a server shows grows with the microversion, and one alone shows more than in a list',
    check: (cloud) =>
      withServer(cloud, 'view', 'quiet', async (id) => {
        const keys = async (version: string) =>
          Object.keys((await compute(cloud, `/servers/${id}`, { version })).body.server).sort()
        expect(await keys('2.1')).toEqual([...basic].sort())
        expect(await keys('2.3')).toEqual([...basic, ...since23].sort())
        expect(await keys(newest)).toEqual([...basic, ...since23, ...later].sort())
        const list = await compute(cloud, `/servers/detail?all_tenants=1&uuid=${id}`)
        expect(Object.keys(list.body.servers[0]).sort()).toEqual(
          [...basic, ...since23, ...later.filter((key) => key !== 'server_groups')].sort(),
        )
      }),
  },
  {
    name: 'the flavor is a link below 2.47 and embedded from there on',
    check: (cloud) =>
      withServer(cloud, 'flavor', 'quiet', async (id) => {
        expect(Object.keys((await compute(cloud, `/servers/${id}`, { version: '2.46' })).body.server.flavor).sort()).toEqual([
          'id',
          'links',
        ])
        expect(Object.keys((await serverNow(cloud, id)).flavor).sort()).toEqual([
          'disk',
          'ephemeral',
          'extra_specs',
          'original_name',
          'ram',
          'swap',
          'vcpus',
        ])
      }),
  },
  {
    name: 'filters: host, name as a regular expression, status; bad ones are refused',
    check: (cloud) =>
      withServer(cloud, 'filter', 'quiet', async (id) => {
        const found = async (query: string) =>
          (await compute(cloud, `/servers/detail?all_tenants=1&${query}`)).body.servers.map((server: any) => server.id)
        expect(await found(`host=${cloud.source}&name=^exp-filter$`)).toEqual([id])
        expect(await found(`host=${cloud.target}&name=exp-filter`)).toEqual([])
        expect(await found('name=p-filt&status=ACTIVE')).toEqual([id])
        expect(await found('name=^exp-filter$&status=SHUTOFF')).toEqual([])
        const status = await compute(cloud, '/servers/detail?status=NOPE')
        expect([status.status, status.body]).toEqual([400, fault('badRequest', 400, 'Invalid status value')])
        const name = await compute(cloud, '/servers?name=%5B')
        expect([name.status, name.body.badRequest.message]).toEqual([
          400,
          "Invalid input for query parameters name. Value: [. '[' is not a 'regex'",
        ])
        const unknown = await compute(cloud, '/servers?nope=1')
        expect([unknown.status, unknown.body.badRequest.message]).toEqual([400, "'nope' does not match any of the regexes: '^_'"])
      }),
  },
  {
    name: 'lists come in pages, each with a link to the next as long as it is full',
    check: (cloud) =>
      withServer(cloud, 'page', 'quiet', async (id) => {
        const first = (await compute(cloud, `/servers?all_tenants=1&uuid=${id}&limit=1`)).body
        expect(first.servers.map((server: any) => server.id)).toEqual([id])
        expect(first.servers_links[0].rel).toBe('next')
        const next = new URL(first.servers_links[0].href)
        expect([...next.searchParams]).toEqual([
          ['all_tenants', '1'],
          ['limit', '1'],
          ['uuid', id],
          ['marker', id],
        ])
        const second = (await compute(cloud, `/servers${next.search}`)).body
        expect(second).toEqual({ servers: [] })
        const lost = await compute(cloud, '/servers/detail?marker=nope')
        expect([lost.status, lost.body]).toEqual([400, fault('badRequest', 400, 'marker [nope] not found')])
      }),
  },
  {
    name: 'orders that are wrong in form are refused before anything happens',
    check: (cloud) =>
      withServer(cloud, 'form', 'quiet', async (id) => {
        const refusal = async (action: unknown, version = newest) => {
          const { status, body } = await act(cloud, id, action, { version })
          return [status, Object.values<any>(body)[0].message]
        }
        expect(await refusal({ nope: null })).toEqual([400, 'There is no such action: nope'])
        const malformed = await compute(cloud, `/servers/${id}/action`, { method: 'POST', text: 'not json' })
        expect([malformed.status, malformed.body]).toEqual([400, fault('badRequest', 400, 'Malformed request body')])
        expect(await refusal(moveTo('compute99'))).toEqual([400, 'Compute host compute99 could not be found.'])
        const choices =
          "[True, 'True', 'TRUE', 'true', '1', 'ON', 'On', 'on', 'YES', 'Yes', 'yes', False, 'False', 'FALSE', 'false', '0', 'OFF', 'Off', 'off', 'NO', 'No', 'no'"
        expect(await refusal(moveTo(cloud.target, 'maybe'))).toEqual([
          400,
          `Invalid input for field/attribute block_migration. Value: maybe. 'maybe' is not one of ${choices}, 'auto']`,
        ])
        expect((await refusal(moveTo(cloud.target), '2.24'))[0]).toBe(400)
        expect(await refusal({ confirmResize: null })).toEqual([
          409,
          `Cannot 'confirmResize' instance ${id} while it is in vm_state active`,
        ])
        expect((await serverNow(cloud, id)).status).toBe('ACTIVE')
      }),
  },
  {
    name: 'a member sees no server of others, no hosts, and may not ask for all projects',
    check: (cloud) =>
      withServer(cloud, 'foreign', 'quiet', async (id) => {
        const refused = async (path: string, ask = {}) => {
          const { status, body } = await cloud.member.ask('compute', path, { version: newest, ...ask })
          return [status, Object.values<any>(body)[0].message]
        }
        expect(await refused(`/servers/${id}`)).toEqual([404, `Instance ${id} could not be found.`])
        expect(await refused(`/servers/${id}/action`, { method: 'POST', body: moveTo(cloud.target) })).toEqual([
          404,
          `Instance ${id} could not be found.`,
        ])
        const denied = (rule: string) => [403, `Policy doesn't allow os_compute_api:${rule} to be performed.`]
        expect(await refused('/servers/detail?all_tenants=1')).toEqual(denied('servers:detail:get_all_tenants'))
        expect(await refused('/os-services')).toEqual(denied('os-services:list'))
        expect(await refused('/os-hypervisors/detail')).toEqual(denied('os-hypervisors:list-detail'))
        expect(await refused('/os-migrations')).toEqual(denied('os-migrations:index'))
        const own = await cloud.member.ask('compute', `/servers/detail?host=${cloud.source}`, { version: newest })
        expect(own.body.servers.map((server: any) => server.id)).not.toContain(id)
      }),
  },
]
