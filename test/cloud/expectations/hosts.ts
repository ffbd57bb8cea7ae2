/** Services, hypervisors, groups; and what is to be seen on the hosts themselves. */
import { expect } from 'vitest'
import { act, actionOf, compute, ended, hostOf, moveTo, newest, serverNow, settled, until, withServer } from './subject.ts'
import type { Expectation, Reply } from './subject.ts'

const message = ({ status, body }: Reply) => [status, Object.values<any>(body)[0].message]

const short = ['hypervisor_hostname', 'id', 'state', 'status']
const always = [...short, 'host_ip', 'hypervisor_type', 'hypervisor_version', 'service']
const until287 = [
  'cpu_info',
  'current_workload',
  'disk_available_least',
  'free_disk_gb',
  'free_ram_mb',
  'local_gb',
  'local_gb_used',
  'memory_mb',
  'memory_mb_used',
  'running_vms',
  'vcpus',
  'vcpus_used',
]

const folder = '/var/lib/nova/instances'

export const hosts: readonly Expectation[] = [
  {
    name: 'services have uuids from 2.53 and numbers before',
    async check(cloud) {
      const list = async (version: string) =>
        (await compute(cloud, `/os-services?binary=nova-compute&host=${cloud.source}`, { version })).body.services
      const [service] = await list(newest)
      expect(Object.keys(service).sort()).toEqual([
        'binary',
        'disabled_reason',
        'forced_down',
        'host',
        'id',
        'state',
        'status',
        'updated_at',
        'zone',
      ])
      expect(service).toMatchObject({
        binary: 'nova-compute',
        host: cloud.source,
        status: 'enabled',
        state: 'up',
        forced_down: false,
        disabled_reason: null,
        zone: 'nova',
      })
      expect(service.id).toMatch(/^[0-9a-f-]{36}$/)
      expect(typeof (await list('2.52'))[0].id).toBe('number')
      expect((await compute(cloud, '/os-services')).body.services.map((one: any) => one.binary)).toEqual(
        expect.arrayContaining(['nova-scheduler', 'nova-conductor', 'nova-compute']),
      )
    },
  },
  {
    name: 'a change of a service that says nothing, or too much, is refused',
    async check(cloud) {
      const { services } = (await compute(cloud, '/os-services')).body
      const idOf = (binary: string) => services.find((service: any) => service.binary === binary).id
      const put = async (id: string, body: unknown) =>
        message(await compute(cloud, `/os-services/${id}`, { method: 'PUT', body }))
      const id = idOf('nova-compute')
      expect(await put(id, {})).toEqual([400, "No updates were requested. Fields 'status' or 'forced_down' should be specified."])
      expect(await put(id, { status: 'enabled', disabled_reason: 'x' })).toEqual([
        400,
        "Specifying 'disabled_reason' with status 'enabled' is invalid.",
      ])
      expect(await put(idOf('nova-scheduler'), { status: 'disabled' })).toEqual([
        400,
        'Updating a nova-scheduler service is not supported. Only nova-compute services can be updated.',
      ])
      expect(await put('7', { status: 'disabled' })).toEqual([400, 'Invalid uuid 7'])
      const nobody = '00000000-0000-0000-0000-000000000000'
      expect(await put(nobody, { status: 'disabled' })).toEqual([404, `Service ${nobody} could not be found.`])
    },
  },
  {
    name: 'a disabled host is marked in Placement, an enabled one is not',
    async check(cloud) {
      const { body } = await compute(cloud, `/os-services?binary=nova-compute&host=${cloud.target}`)
      const put = (change: unknown) => compute(cloud, `/os-services/${body.services[0].id}`, { method: 'PUT', body: change })
      const provider = (await cloud.admin.ask('placement', `/resource_providers?name=${cloud.target}`, { version: '1.36' })).body
        .resource_providers[0]
      const traits = async () =>
        (await cloud.admin.ask('placement', `/resource_providers/${provider.uuid}/traits`, { version: '1.36' })).body.traits
      expect((await put({ status: 'disabled' })).status).toBe(200)
      try {
        expect(await traits()).toContain('COMPUTE_STATUS_DISABLED')
      } finally {
        await put({ status: 'enabled' })
      }
      expect(await traits()).not.toContain('COMPUTE_STATUS_DISABLED')
    },
  },
  {
    name: 'hypervisors: ids, cpu_info and free figures depend on the microversion',
    async check(cloud) {
      const list = async (version: string) =>
        (await compute(cloud, '/os-hypervisors/detail', { version })).body.hypervisors.find(
          (one: any) => one.service.host === cloud.source,
        )
      const full = await list('2.87')
      expect(Object.keys(full).sort()).toEqual([...always, ...until287].sort())
      expect(full).toMatchObject({
        hypervisor_type: 'QEMU',
        state: 'up',
        status: 'enabled',
        hypervisor_version: expect.any(Number),
      })
      expect(Object.keys(full.cpu_info).sort()).toEqual(['arch', 'features', 'model', 'topology', 'vendor'])
      expect(Object.keys(await list('2.88')).sort()).toEqual([...always, 'uptime'].sort())
      const old = await list('2.27')
      expect([typeof old.id, typeof old.cpu_info]).toEqual(['number', 'string'])
      const brief = (await compute(cloud, '/os-hypervisors?limit=1')).body
      expect(Object.keys(brief.hypervisors[0]).sort()).toEqual(short)
      expect(brief.hypervisors_links[0].href).toContain(`marker=${brief.hypervisors[0].id}`)
    },
  },
  {
    name: 'server groups: policy from 2.64, policies before',
    async check(cloud) {
      const made = await compute(cloud, '/os-server-groups', {
        method: 'POST',
        body: { server_group: { name: 'exp-group', policy: 'anti-affinity' } },
      })
      expect(made.status).toBe(200)
      const path = `/os-server-groups/${made.body.server_group.id}`
      expect(made.body.server_group).toMatchObject({ name: 'exp-group', policy: 'anti-affinity', rules: {}, members: [] })
      expect((await compute(cloud, path, { version: '2.63' })).body.server_group).toMatchObject({
        policies: ['anti-affinity'],
        metadata: {},
      })
      expect((await compute(cloud, path, { method: 'DELETE' })).status).toBe(204)
      expect(message(await compute(cloud, path))).toEqual([
        404,
        `Instance group ${made.body.server_group.id} could not be found.`,
      ])
    },
  },
  {
    name: 'a live migration takes domain and folder with it',
    check: (cloud) =>
      withServer(cloud, 'folder', 'quiet', async (id) => {
        const name = (await serverNow(cloud, id))['OS-EXT-SRV-ATTR:instance_name']
        const look = async (host: string) =>
          (
            await cloud.run(
              host,
              `virsh list --all --name | grep -c '^${name}$'; ls ${folder}/${id} 2>/dev/null | sort | tr '\\n' ' '`,
            )
          ).stdout
        expect([await look(cloud.source), await look(cloud.target)]).toEqual(['1\nconsole.log disk disk.info ', '0\n'])
        await act(cloud, id, moveTo(cloud.target))
        await ended(cloud, id)
        expect([await look(cloud.source), await look(cloud.target)]).toEqual(['0\n', '1\nconsole.log disk disk.info '])
      }),
  },
  {
    name: 'no libvirtd on the target: failed, ACTIVE where it was, and no action that says why',
    check: (cloud) =>
      withServer(cloud, 'deaf', 'quiet', async (id) => {
        await cloud.run(cloud.target, 'systemctl stop libvirtd')
        try {
          const order = await act(cloud, id, moveTo(cloud.target))
          expect(order.status).toBe(202)
          expect(['failed', 'error']).toContain((await ended(cloud, id)).status)
          expect(hostOf(await settled(cloud, id, 'ACTIVE'))).toBe(cloud.source)
        } finally {
          await cloud.run(cloud.target, 'systemctl start libvirtd')
          // Nova disables a host that has lost its libvirtd, and enables it when it has found it again
          await until(cloud, `${cloud.target} is enabled`, async () => {
            const { body } = await compute(cloud, `/os-services?binary=nova-compute&host=${cloud.target}`)
            return body.services[0].status === 'enabled' ? true : undefined
          })
        }
      }),
  },
  {
    name: 'a disk left behind on the target stops the first attempt, and that attempt deletes it',
    check: (cloud) =>
      withServer(cloud, 'leftover', 'quiet', async (id) => {
        await cloud.run(cloud.target, `mkdir -p ${folder}/${id} && echo precious > ${folder}/${id}/disk`)
        const order = await act(cloud, id, moveTo(cloud.target))
        const first = await ended(cloud, id)
        expect(first.status).not.toBe('completed')
        expect(hostOf(await settled(cloud, id, 'ACTIVE'))).toBe(cloud.source)
        const action = await actionOf(cloud, id, order)
        expect(action.events.find((event: any) => event.event === 'compute_pre_live_migration')).toMatchObject({
          result: 'Error',
          host: cloud.target,
          details: expect.stringMatching(/already exists, it is expected not to exist/),
        })
        await until(cloud, 'the target has deleted it', async () =>
          (await cloud.run(cloud.target, `test -e ${folder}/${id}`)).code === 1 ? true : undefined,
        )
        await act(cloud, id, moveTo(cloud.target))
        expect((await ended(cloud, id, first.id)).status).toBe('completed')
      }),
  },
  {
    name: 'virsh says what it says everywhere',
    check: (cloud) =>
      withServer(cloud, 'virsh', 'quiet', async (id) => {
        const name = (await serverNow(cloud, id))['OS-EXT-SRV-ATTR:instance_name']
        const virsh = async (args: string) => (await cloud.run(cloud.source, `virsh ${args}`)).stdout
        expect(await virsh('hostname')).toBe(`${cloud.source}\n\n`)
        expect(await virsh('uri')).toBe('qemu:///system\n\n')
        expect(await virsh(`domstate ${name}`)).toBe('running\n\n')
        expect(await virsh(`domuuid ${name}`)).toBe(`${id}\n\n`)
        expect(await virsh(`domjobinfo ${name}`)).toBe('Job type:         None        \n\n')
        expect((await virsh('list --all --uuid')).split('\n')).toContain(id)
        expect(await virsh('version')).toMatch(
          /^Compiled against library: libvirt [\d.]+\nUsing library: libvirt [\d.]+\nUsing API: QEMU [\d.]+\nRunning hypervisor: QEMU [\d.]+\n\n$/,
        )
        expect(await virsh('capabilities')).toMatch(/<uuid>[0-9a-f-]{36}<\/uuid>[\s\S]*<cpu>[\s\S]*<model>/)
        expect(await virsh(`-c qemu+tcp://${cloud.target}/system hostname`)).toBe(`${cloud.target}\n\n`)
        const own = await cloud.run(
          cloud.source,
          'virsh capabilities > /tmp/exp.xml; virsh cpu-compare /tmp/exp.xml; rm /tmp/exp.xml',
        )
        expect(own.stdout).toBe('CPU described in /tmp/exp.xml is identical to host CPU\n\n')
        expect((await cloud.run(cloud.source, 'virsh domstate nope 2>&1')).stdout).toContain("error: failed to get domain 'nope'")
        expect((await cloud.run(cloud.source, `qemu-img info -U --output=json ${folder}/${id}/disk`)).stdout).toMatch(
          /"virtual-size": \d+/,
        )
      }),
  },
]
