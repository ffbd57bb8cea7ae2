/** Nova's client: requests sent and answers read, across microversions. */
import { describe, expect, test } from 'vitest'
import { failureOf } from '../files.ts'
import { json, type Handler } from '../loopback.ts'
import { type Answer, standIn, type StandInSettings } from '../stand-in.ts'

const open = async (routes: Readonly<Record<string, Answer>>, settings: StandInSettings = {}) => {
  const cloud = await standIn(routes, settings)
  return { cloud, compute: (await cloud.open()).compute }
}
const fault = (name: string, code: number, message: string) => [code, { [name]: { code, message } }] as const

/** A server as Nova 26 (Zed) shows it to an administrator at 2.93. */
const SERVER = {
  id: '32e1305b',
  name: 'web-1',
  status: 'ACTIVE',
  tenant_id: '3971c5c2',
  image: { id: '011c034c', links: [] },
  flavor: { vcpus: 1, ram: 64, disk: 2, ephemeral: 3, swap: 4, original_name: 'tiny', extra_specs: { 'hw:numa_nodes': '1' } },
  'OS-EXT-AZ:availability_zone': 'nova',
  config_drive: 'True',
  'OS-SRV-USG:launched_at': '2026-11-24T03:26:38.000000',
  'OS-EXT-SRV-ATTR:host': 'compute14',
  'OS-EXT-SRV-ATTR:instance_name': 'instance-00000004',
  'OS-EXT-SRV-ATTR:hypervisor_hostname': 'compute14.lab',
  'OS-EXT-STS:task_state': null,
  'OS-EXT-STS:vm_state': 'active',
  'OS-EXT-STS:power_state': 1,
  'os-extended-volumes:volumes_attached': [{ id: 'v1', delete_on_termination: false }],
  locked: true,
  server_groups: ['g1'],
  pinned_availability_zone: 'nova',
}
const READ = {
  id: '32e1305b',
  name: 'web-1',
  status: 'ACTIVE',
  vmState: 'active',
  taskState: undefined,
  powerState: 1,
  host: 'compute14',
  node: 'compute14.lab',
  instanceName: 'instance-00000004',
  projectId: '3971c5c2',
  availabilityZone: 'nova',
  pinnedAvailabilityZone: 'nova',
  locked: true,
  configDrive: true,
  flavor: { name: 'tiny', vcpus: 1, ram: 64, disk: 2, ephemeral: 3, swap: 4, extraSpecs: { 'hw:numa_nodes': '1' } },
  imageId: '011c034c',
  volumes: ['v1'],
  serverGroups: ['g1'],
  fault: undefined,
  launchedAt: '2026-11-24T03:26:38.000000',
}

describe('server', () => {
  test('as an administrator sees it', async () => {
    const { compute, cloud } = await open({ 'GET /compute/servers/32e1305b': { server: SERVER } })
    expect(await compute.server('32e1305b')).toEqual(READ)
    expect(cloud.received.at(-1)!.headers['openstack-api-version']).toBe('compute 2.96')
    expect(cloud.received.at(-1)!.headers['x-openstack-nova-api-version']).toBe('2.96')
  })

  test('asks for no more than the service has, and for no more than we know', async () => {
    for (const [max, sent] of [
      ['2.93', '2.93'],
      ['2.103', '2.96'],
    ] as const) {
      const { compute, cloud } = await open({ 'GET /compute/servers/1': { server: SERVER } }, { max })
      await compute.server('1')
      expect(cloud.received.at(-1)!.headers['openstack-api-version']).toBe(`compute ${sent}`)
    }
  })

  test('as its owner sees it', async () => {
    const {
      'OS-EXT-SRV-ATTR:host': _1,
      'OS-EXT-SRV-ATTR:hypervisor_hostname': _2,
      'OS-EXT-SRV-ATTR:instance_name': _3,
      ...mine
    } = SERVER
    const { compute } = await open({ 'GET /compute/servers/1': { server: { ...mine, image: '', config_drive: '' } } })
    expect(await compute.server('1')).toEqual({
      ...READ,
      host: undefined,
      node: undefined,
      instanceName: undefined,
      imageId: undefined,
      configDrive: false,
    })
  })

  test('in trouble', async () => {
    const { compute } = await open({
      'GET /compute/servers/1': {
        server: {
          ...SERVER,
          status: 'ERROR',
          fault: { code: 500, message: 'No valid host', created: 'x', details: 'Traceback' },
        },
      },
    })
    expect((await compute.server('1'))?.fault).toEqual({ code: 500, message: 'No valid host', details: 'Traceback' })
  })

  test('that is not there', async () => {
    const { compute } = await open({ 'GET /compute/servers/1': fault('itemNotFound', 404, 'Instance 1 could not be found.') })
    expect(await compute.server('1')).toBeUndefined()
  })

  test('of a path that Nova does not know is an error, not a server that is not there', async () => {
    const { compute } = await open({})
    expect((await failureOf(compute.server('1'))).message).toMatch(/did not answer like the compute service$/)
  })

  test('without the shape of one', async () => {
    const { compute } = await open({ 'GET /compute/servers/1': { servers: [] }, 'GET /compute/servers/2': { server: {} } })
    expect((await failureOf(compute.server('1'))).message).toBe('compute answered /servers/1 without `server`')
    expect((await failureOf(compute.server('2'))).message).toBe('compute answered a request without `id` of a server')
  })

  test('before 2.71 its groups are searched for; before 2.47 its flavor is', async () => {
    const { server_groups: _, ...old } = { ...SERVER, flavor: { id: 'f1', links: [] } }
    const { compute, cloud } = await open(
      {
        'GET /compute/servers/32e1305b': { server: old },
        'GET /compute/servers/detail': { servers: [old, { ...old, id: '2' }, { ...old, id: '3', flavor: { id: 'gone' } }] },
        'GET /compute/flavors/f1': {
          flavor: { id: 'f1', name: 'tiny', vcpus: 1, ram: 64, disk: 2, swap: '', 'OS-FLV-EXT-DATA:ephemeral': 3 },
        },
        'GET /compute/flavors/f1/os-extra_specs': { extra_specs: { a: 'b' } },
        'GET /compute/flavors/gone': fault('itemNotFound', 404, 'Flavor gone could not be found.'),
        'GET /compute/os-server-groups': {
          server_groups: [
            { id: 'g1', name: 'g', policies: ['affinity'], members: ['x', '32e1305b'] },
            { id: 'g2', policies: [], members: [] },
          ],
        },
      },
      { max: '2.42' },
    )
    const flavor = { name: 'tiny', vcpus: 1, ram: 64, disk: 2, ephemeral: 3, swap: 0, extraSpecs: { a: 'b' } }
    expect(await compute.server('32e1305b')).toEqual({ ...READ, flavor })
    const servers = await compute.servers()
    expect(servers.map((server) => server.flavor.name)).toEqual(['tiny', 'tiny', 'gone (deleted)'])
    expect(cloud.calls().filter((call) => call.includes('/flavors/f1'))).toHaveLength(2)
  })
})

describe('servers', () => {
  const listed = (over: object) => ({ ...SERVER, ...over })

  test.each([
    [undefined, ''],
    [{ allProjects: true }, '?all_tenants=1'],
    [{ host: 'compute14', allProjects: true }, '?all_tenants=1&host=compute14'],
    [{ status: 'ACTIVE', name: '^web.*1$' }, '?status=ACTIVE&name=%5Eweb.*1%24'],
    [{ projectId: '3971c5c2' }, '?all_tenants=1&project_id=3971c5c2'],
  ])('%j', async (filter, query) => {
    const { compute, cloud } = await open({ 'GET /compute/servers/detail': { servers: [SERVER] } })
    expect((await compute.servers(filter)).map(({ id }) => id)).toEqual(['32e1305b'])
    expect(cloud.calls()).toEqual([`GET /servers/detail${query}`])
  })

  test('all pages, at our own address', async () => {
    const answer: Handler = ({ query }, response) => {
      const marker = query.get('marker')
      const link = (id: string) => [
        { rel: 'next', href: `http://internal.example/v2.1/servers/detail?all_tenants=1&marker=${id}` },
      ]
      json(
        response,
        200,
        marker === null
          ? { servers: [listed({ id: '1' })], servers_links: link('1') }
          : marker === '1'
            ? { servers: [listed({ id: '2' })], servers_links: link('2') }
            : { servers: [] },
      )
    }
    const { compute, cloud } = await open({ 'GET /compute/servers/detail': answer })
    expect((await compute.servers({ allProjects: true })).map(({ id }) => id)).toEqual(['1', '2'])
    expect(cloud.calls()).toEqual([
      'GET /servers/detail?all_tenants=1',
      'GET /servers/detail?all_tenants=1&marker=1',
      'GET /servers/detail?all_tenants=1&marker=2',
    ])
  })

  test('a filter by host that Nova ignored, as it does for who is no administrator, is an error', async () => {
    const { 'OS-EXT-SRV-ATTR:host': _, ...mine } = SERVER
    const { compute } = await open({ 'GET /compute/servers/detail': { servers: [mine] } })
    expect(await failureOf(compute.servers({ host: 'compute99' }))).toMatchObject({
      kind: 'input',
      message: 'the compute hosts of servers cannot be seen',
      data: { status: 403 },
    })
    expect(await compute.servers()).toHaveLength(1)
  })

  test('what does not fit the filter is left out', async () => {
    const { compute } = await open({
      'GET /compute/servers/detail': {
        servers: [listed({ id: '1' }), listed({ id: '2', tenant_id: 'other', 'OS-EXT-SRV-ATTR:host': 'compute15' })],
      },
    })
    expect((await compute.servers({ host: 'compute14' })).map(({ id }) => id)).toEqual(['1'])
    expect((await compute.servers({ projectId: 'other' })).map(({ id }) => id)).toEqual(['2'])
  })

  test('of a cell that is down, only a little is known', async () => {
    const { compute } = await open({
      'GET /compute/servers/detail': { servers: [{ id: '1', status: 'UNKNOWN', tenant_id: 'p', created: 'x', links: [] }] },
    })
    expect(await compute.servers({ allProjects: true })).toMatchObject([
      { id: '1', name: '', status: 'UNKNOWN', host: undefined, taskState: undefined },
    ])
  })

  test('of all projects, without the right to', async () => {
    const { compute } = await open({
      'GET /compute/servers/detail': fault(
        'forbidden',
        403,
        "Policy doesn't allow os_compute_api:servers:detail:get_all_tenants to be performed.",
      ),
    })
    expect(await failureOf(compute.servers({ allProjects: true }))).toMatchObject({
      kind: 'failed',
      why: "Policy doesn't allow os_compute_api:servers:detail:get_all_tenants to be performed.",
      data: { status: 403, service: 'compute', path: '/servers/detail' },
    })
  })
})

describe('liveMigrate', () => {
  const accepted: Handler = (_, response) => json(response, 202, undefined, { 'X-Openstack-Request-Id': 'req-1' })
  test.each([
    ['2.96', { host: 'compute15', blockMigration: 'auto' }, { host: 'compute15', block_migration: 'auto' }],
    ['2.30', { blockMigration: 'auto' }, { host: null, block_migration: 'auto' }],
    ['2.25', { blockMigration: true }, { host: null, block_migration: true }],
    [
      '2.12',
      { host: 'compute15', blockMigration: false },
      { host: 'compute15', block_migration: false, disk_over_commit: false },
    ],
  ] as const)('at %s', async (max, options, body) => {
    const { compute, cloud } = await open({ 'POST /compute/servers/1/action': accepted }, { max })
    expect(await compute.liveMigrate('1', options)).toBe('req-1')
    expect(cloud.received.at(-1)).toMatchObject({
      body: { 'os-migrateLive': body },
      headers: { 'openstack-api-version': `compute ${max}` },
    })
  })

  test('`auto` needs Mitaka', async () => {
    const { compute, cloud } = await open({}, { max: '2.12' })
    expect((await failureOf(compute.liveMigrate('1', { blockMigration: 'auto' }))).why).toBe(
      'it needs microversion 2.25 (OpenStack Mitaka or newer), and the service reaches 2.12 (Liberty)',
    )
    expect(cloud.calls()).toEqual([])
  })

  test('refused', async () => {
    const { compute } = await open({
      'POST /compute/servers/1/action': fault('badRequest', 400, 'Compute host compute99 could not be found.'),
    })
    expect(await failureOf(compute.liveMigrate('1', { host: 'compute99', blockMigration: 'auto' }))).toMatchObject({
      kind: 'failed',
      why: 'Compute host compute99 could not be found.',
      data: { status: 400 },
    })
  })
})

const RUNNING = {
  id: 11,
  uuid: '652597af',
  server_uuid: 'fa81b68c',
  status: 'running',
  source_compute: 'compute14',
  dest_compute: 'compute15',
  dest_host: null,
  created_at: '2026-11-24T03:28:34.000000',
  updated_at: '2026-11-24T03:28:51.000000',
  memory_total_bytes: 336076800,
  memory_processed_bytes: 69337540,
  memory_remaining_bytes: 264925184,
  disk_total_bytes: 65536,
  disk_processed_bytes: 65536,
  disk_remaining_bytes: 0,
}
const record = (id: number, over: object = {}) => ({
  id,
  uuid: `u${id}`,
  instance_uuid: 's1',
  status: 'completed',
  migration_type: 'live-migration',
  source_compute: 'compute14',
  dest_compute: 'compute15',
  created_at: '2026-11-24T03:00:00.000000',
  updated_at: null,
  ...over,
})

describe('migrations', () => {
  test('that run, with their byte counts; at first they have none', async () => {
    const early = Object.fromEntries(Object.entries(RUNNING).map(([key, value]) => [key, key.endsWith('_bytes') ? null : value]))
    const { compute } = await open({
      'GET /compute/servers/1/migrations': { migrations: [RUNNING, { ...early, id: 12, status: 'preparing' }] },
    })
    const common = {
      uuid: '652597af',
      serverId: 'fa81b68c',
      type: 'live-migration',
      sourceHost: 'compute14',
      targetHost: 'compute15',
      createdAt: '2026-11-24T03:28:34.000000',
      updatedAt: '2026-11-24T03:28:51.000000',
    }
    expect(await compute.runningMigrations('1')).toEqual([
      {
        id: 11,
        status: 'running',
        ...common,
        memory: { total: 336076800, processed: 69337540, remaining: 264925184 },
        disk: { total: 65536, processed: 65536, remaining: 0 },
      },
      { id: 12, status: 'preparing', ...common },
    ])
  })

  test('that run, before there was a list of them (2.23)', async () => {
    const { compute } = await open(
      {
        'GET /compute/os-migrations': {
          migrations: [record(1), record(2, { status: 'running' }), record(3, { status: 'running', instance_uuid: 's2' })],
        },
      },
      { max: '2.12' },
    )
    expect((await compute.runningMigrations('s1')).map(({ id }) => id)).toEqual([2])
  })

  test('all: newest first, filtered here too, page after page', async () => {
    const answer: Handler = ({ query }, response) =>
      json(
        response,
        200,
        query.has('marker')
          ? { migrations: [record(4, { dest_compute: null, status: 'error' })] }
          : {
              migrations: [
                record(3),
                record(5, { instance_uuid: 'other' }),
                record(6, { created_at: '2026-11-24T02:00:00.000000' }),
              ],
              migrations_links: [{ rel: 'next', href: 'http://x/os-migrations?instance_uuid=s1&marker=u6' }],
            },
      )
    const { compute, cloud } = await open({ 'GET /compute/os-migrations': answer })
    const found = await compute.migrations({ serverId: 's1' })
    expect(found.map(({ id }) => id)).toEqual([4, 3, 6])
    expect(found[0]).toMatchObject({
      serverId: 's1',
      targetHost: undefined,
      updatedAt: undefined,
      status: 'error',
      type: 'live-migration',
    })
    expect(cloud.calls()).toEqual(['GET /os-migrations?instance_uuid=s1', 'GET /os-migrations?instance_uuid=s1&marker=u6'])
  })

  test.each([
    [{ host: 'compute15' }, '?host=compute15', [1, 2]],
    [{ host: 'compute16' }, '?host=compute16', [3]],
    [{ status: 'running' }, '?status=running', [2]],
    [{ type: 'evacuation' }, '?migration_type=evacuation', [3]],
  ])('by %j', async (filter, query, ids) => {
    const migrations = [
      record(1),
      record(2, { status: 'running', source_compute: 'compute15' }),
      record(3, { migration_type: 'evacuation', dest_compute: 'compute16' }),
    ]
    const { compute, cloud } = await open({ 'GET /compute/os-migrations': { migrations } })
    expect((await compute.migrations(filter)).map(({ id }) => id).sort()).toEqual(ids)
    expect(cloud.calls()).toEqual([`GET /os-migrations${query}`])
  })

  test.each([
    [[202, undefined], true],
    [
      fault(
        'badRequest',
        400,
        'Migration 12 state of instance 1 is preparing. Cannot force complete while the migration is in this state.',
      ),
      false,
    ],
    [fault('itemNotFound', 404, 'Migration 9 not found for instance 1'), false],
    [fault('conflictingRequest', 409, "Instance 1 is in an invalid state for 'abort live migration'"), false],
  ] as const)('abort and force_complete that are answered %j', async (answer, expected) => {
    const { compute, cloud } = await open({
      'DELETE /compute/servers/1/migrations/9': answer,
      'POST /compute/servers/1/migrations/9/action': answer,
    })
    expect(await compute.abortMigration('1', 9)).toBe(expected)
    expect(await compute.forceComplete('1', 9)).toBe(expected)
    expect(cloud.received.at(-1)!.body).toEqual({ force_complete: null })
  })

  test('abort and force_complete that fail for other reasons', async () => {
    const { compute } = await open({
      'DELETE /compute/servers/1/migrations/9': fault('conflictingRequest', 409, 'Instance 1 is locked'),
      'POST /compute/servers/1/migrations/9/action': fault('forbidden', 403, 'Policy'),
    })
    expect(await failureOf(compute.abortMigration('1', 9))).toMatchObject({
      kind: 'refused',
      message: 'the server is locked',
      why: 'Instance 1 is locked',
      data: { status: 409 },
    })
    expect(await failureOf(compute.forceComplete('1', 9))).toMatchObject({ data: { status: 403 } })
  })

  test('abort and force_complete need Mitaka', async () => {
    const { compute } = await open({}, { max: '2.21' })
    expect((await failureOf(compute.abortMigration('1', 9))).why).toContain('2.24 (OpenStack Mitaka or newer)')
    expect((await failureOf(compute.forceComplete('1', 9))).why).toContain('2.22 (OpenStack Mitaka or newer)')
  })
})

describe('instance actions', () => {
  const action = {
    action: 'live-migration',
    request_id: 'req-1',
    start_time: '2026-11-24T03:28:31.000000',
    message: 'Error',
    instance_uuid: '1',
  }
  test('list, of all pages', async () => {
    const answer: Handler = ({ query }, response) =>
      json(
        response,
        200,
        query.has('marker')
          ? { instanceActions: [{ ...action, message: null, request_id: 'req-0' }] }
          : { instanceActions: [action], links: [{ rel: 'next', href: 'http://x/y?marker=req-1' }] },
      )
    const { compute } = await open({ 'GET /compute/servers/1/os-instance-actions': answer })
    const common = { action: 'live-migration', startTime: '2026-11-24T03:28:31.000000' }
    expect(await compute.instanceActions('1')).toEqual([
      { ...common, requestId: 'req-1', message: 'Error' },
      { ...common, requestId: 'req-0', message: undefined },
    ])
  })

  test('one, with events in the order of the API; details and hosts where they are shown', async () => {
    const events = [
      {
        event: 'compute_check_can_live_migrate_source',
        result: 'Error',
        traceback: '  File "x"',
        host: 'compute14',
        hostId: 'h',
        details: 'compute14 is not on shared storage',
      },
      { event: 'conductor_live_migrate_instance', result: null, hostId: 'h' },
    ]
    const { compute } = await open({
      'GET /compute/servers/1/os-instance-actions/req-1': { instanceAction: { ...action, events } },
      'GET /compute/servers/1/os-instance-actions/req-2': fault('itemNotFound', 404, 'Action req-2 not found'),
    })
    expect((await compute.instanceAction('1', 'req-1'))?.events).toEqual([
      {
        event: 'compute_check_can_live_migrate_source',
        result: 'Error',
        host: 'compute14',
        traceback: '  File "x"',
        details: 'compute14 is not on shared storage',
      },
      { event: 'conductor_live_migrate_instance', result: undefined, host: undefined },
    ])
    expect(await compute.instanceAction('1', 'req-2')).toBeUndefined()
  })
})

describe('services', () => {
  const service = {
    id: 'af2fb779',
    binary: 'nova-compute',
    host: 'compute14',
    zone: 'nova',
    status: 'enabled',
    state: 'up',
    updated_at: '2026-11-24T03:30:08.000000',
    disabled_reason: null,
    forced_down: false,
  }
  const read = {
    id: 'af2fb779',
    binary: 'nova-compute',
    host: 'compute14',
    zone: 'nova',
    status: 'enabled',
    state: 'up',
    updatedAt: '2026-11-24T03:30:08.000000',
    disabledReason: undefined,
    forcedDown: false,
  }

  test('list', async () => {
    const { compute, cloud } = await open({
      'GET /compute/os-services': {
        services: [service, { ...service, id: 4 }, { binary: 'nova-compute', host: 'far', status: 'UNKNOWN' }],
      },
    })
    expect(await compute.services({ binary: 'nova-compute', host: 'compute14' })).toEqual([
      read,
      { ...read, id: '4' },
      {
        id: '',
        binary: 'nova-compute',
        host: 'far',
        zone: '',
        status: 'disabled',
        state: 'down',
        disabledReason: 'the database of its cell does not answer',
        forcedDown: false,
        updatedAt: undefined,
      },
    ])
    expect(cloud.calls()).toEqual(['GET /os-services?binary=nova-compute&host=compute14'])
  })

  test('update, by uuid since 2.53', async () => {
    const { compute, cloud } = await open({
      'PUT /compute/os-services/af2fb779': { service: { ...service, status: 'disabled', disabled_reason: 'work' } },
    })
    expect(await compute.updateService('af2fb779', { status: 'disabled', disabledReason: 'work' })).toEqual({
      ...read,
      status: 'disabled',
      disabledReason: 'work',
    })
    expect(cloud.received.at(-1)!.body).toEqual({ status: 'disabled', disabled_reason: 'work' })
  })

  test.each([
    [{ status: 'enabled' }, [['enable', {}]]],
    [{ status: 'disabled' }, [['disable', {}]]],
    [
      { status: 'disabled', disabledReason: 'work', forcedDown: true },
      [
        ['disable-log-reason', { disabled_reason: 'work' }],
        ['force-down', { forced_down: true }],
      ],
    ],
    [{ forcedDown: false }, [['force-down', { forced_down: false }]]],
  ] as const)('update before 2.53: %j', async (change, calls) => {
    const { compute, cloud } = await open(
      {
        'GET /compute/os-services': { services: [{ ...service, id: 4 }] },
        ...Object.fromEntries(
          ['enable', 'disable', 'disable-log-reason', 'force-down'].map((path) => [
            `PUT /compute/os-services/${path}`,
            { service: {} },
          ]),
        ),
      },
      { max: '2.42' },
    )
    expect(await compute.updateService('4', change)).toEqual({ ...read, id: '4' })
    const puts = cloud.received.filter(({ method }) => method === 'PUT')
    expect(puts.map(({ path, body }) => [path.split('/').at(-1), body])).toEqual(
      calls.map(([path, body]) => [path, { host: 'compute14', binary: 'nova-compute', ...body }]),
    )
  })

  test('update of one that is not there', async () => {
    const { compute } = await open({ 'GET /compute/os-services': { services: [] } }, { max: '2.42' })
    expect(await failureOf(compute.updateService('4', { status: 'enabled' }))).toMatchObject({
      message: 'compute service 4 not found',
      data: { status: 404 },
    })
  })

  test('an update that Nova refuses says why', async () => {
    const { compute } = await open({
      'PUT /compute/os-services/af2fb779': fault(
        'badRequest',
        400,
        'Unable to force up host compute14 as `done` evacuation migration records remain associated with the host.',
      ),
    })
    expect((await failureOf(compute.updateService('af2fb779', { forcedDown: false }))).why).toContain(
      'evacuation migration records remain',
    )
  })
})

describe('hypervisors', () => {
  const hypervisor = {
    id: '591a93ad',
    hypervisor_hostname: 'compute14.lab',
    state: 'up',
    status: 'enabled',
    hypervisor_type: 'QEMU',
    hypervisor_version: 7002022,
    host_ip: '10.77.0.14',
    service: { id: 's', host: 'compute14' },
    vcpus: 2,
    memory_mb: 8025,
    memory_mb_used: 192,
    local_gb: 251,
    running_vms: 3,
    disk_available_least: 73,
    cpu_info: { arch: 'x86_64', model: 'kvm64', features: ['sse'] },
  }
  const read = {
    id: '591a93ad',
    name: 'compute14.lab',
    host: 'compute14',
    type: 'QEMU',
    version: 7002022,
    state: 'up',
    status: 'enabled',
    hostIp: '10.77.0.14',
    memory: 8025,
    memoryUsed: 192,
    diskAvailableLeast: 73,
    localDisk: 251,
    vcpus: 2,
    runningServers: 3,
    cpu: { arch: 'x86_64', model: 'kvm64', features: ['sse'] },
  }

  test('are read at 2.87, after which their figures are gone', async () => {
    const { compute, cloud } = await open(
      { 'GET /compute/os-hypervisors/detail': { hypervisors: [hypervisor] } },
      { max: '2.96' },
    )
    expect(await compute.hypervisors()).toEqual([read])
    expect(cloud.received.at(-1)!.headers['openstack-api-version']).toBe('compute 2.87')
  })

  test('of old: a numeric id, and the CPU as text', async () => {
    const { compute } = await open(
      {
        'GET /compute/os-hypervisors/detail': {
          hypervisors: [
            { ...hypervisor, id: 1, cpu_info: JSON.stringify(hypervisor.cpu_info) },
            { ...hypervisor, id: 2, cpu_info: '', disk_available_least: null },
          ],
        },
      },
      { max: '2.12' },
    )
    expect(await compute.hypervisors()).toEqual([
      { ...read, id: '1' },
      { ...read, id: '2', cpu: undefined, diskAvailableLeast: undefined },
    ])
  })

  test('page after page', async () => {
    const answer: Handler = ({ query }, response) =>
      json(
        response,
        200,
        query.has('marker')
          ? { hypervisors: [{ ...hypervisor, id: 'b' }] }
          : { hypervisors: [{ ...hypervisor, id: 'a' }], hypervisors_links: [{ rel: 'next', href: '/x?marker=a' }] },
      )
    const { compute, cloud } = await open({ 'GET /compute/os-hypervisors/detail': answer })
    expect((await compute.hypervisors()).map(({ id }) => id)).toEqual(['a', 'b'])
    expect(cloud.received.slice(-2).map(({ headers }) => headers['openstack-api-version'])).toEqual([
      'compute 2.87',
      'compute 2.87',
    ])
  })
})

test.each([[{ policy: 'anti-affinity', rules: {} }], [{ policies: ['anti-affinity'], metadata: {} }]])(
  'serverGroup %j',
  async (shape) => {
    const { compute } = await open({
      'GET /compute/os-server-groups/g1': { server_group: { id: 'g1', name: 'web', members: ['1'], ...shape } },
      'GET /compute/os-server-groups/g2': fault('itemNotFound', 404, 'gone'),
    })
    expect(await compute.serverGroup('g1')).toEqual({ id: 'g1', name: 'web', policy: 'anti-affinity', members: ['1'] })
    expect(await compute.serverGroup('g2')).toBeUndefined()
  },
)

test.each([
  [{ output: 'boot=1\n' }, 'boot=1\n'],
  [{ output: '' }, ''],
  [fault('itemNotFound', 404, 'Guest does not have a console available.'), undefined],
  [fault('conflictingRequest', 409, 'Instance 1 is not ready'), undefined],
  [fault('notImplemented', 501, 'Unable to get console log, functionality not implemented'), undefined],
])('consoleOutput %j', async (answer, expected) => {
  const { compute, cloud } = await open({ 'POST /compute/servers/1/action': answer as Answer })
  expect(await compute.consoleOutput('1', 5)).toBe(expected)
  expect(cloud.received.at(-1)!.body).toEqual({ 'os-getConsoleOutput': { length: 5 } })
})

describe('action', () => {
  test('at the microversion that is asked for', async () => {
    const { compute, cloud } = await open({ 'POST /compute/servers/1/action': [202, undefined] })
    expect((await compute.action('1', { 'os-stop': null })).status).toBe(202)
    await compute.action('1', { reboot: { type: 'SOFT' } }, '2.30')
    expect(cloud.received.slice(-2).map(({ headers, body }) => [headers['openstack-api-version'], body])).toEqual([
      ['compute 2.96', { 'os-stop': null }],
      ['compute 2.30', { reboot: { type: 'SOFT' } }],
    ])
  })

  test('on a Nova without microversions, none is sent', async () => {
    const { compute, cloud } = await open({ 'POST /compute/servers/1/action': [202, undefined] }, { max: '' })
    await compute.action('1', { 'os-stop': null })
    expect(cloud.received.at(-1)!.headers['openstack-api-version']).toBeUndefined()
    expect(await compute.versions()).toEqual({ min: '2.0', max: '2.0' })
  })
})
