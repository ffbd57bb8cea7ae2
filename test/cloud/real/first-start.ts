/** The first start of the control plane: databases, users, catalogue, images. Its result is kept as the seed. */
import { readFile } from 'node:fs/promises'
import { login, users, type Api, type UserName } from './client.ts'
import { makeImages } from './guest.ts'
import { demand } from './hosts.ts'
import { computes, password, type Layout, type Variant } from './layout.ts'
import type { Progress } from './progress.ts'
import { until } from './program.ts'
import { firstStart, mapped, ready } from './services.ts'
import { endpoints, region } from './settings.ts'

/** The names under which Nova's and the other services log in and are found in the catalogue. */
const services = [
  { name: 'nova', type: 'compute', url: endpoints.compute },
  { name: 'placement', type: 'placement', url: endpoints.placement },
  { name: 'glance', type: 'image', url: endpoints.image },
  { name: 'neutron', type: 'network', url: endpoints.network },
] as const

/** Memory in MiB, disk in GiB. */
const flavors = {
  tiny: { ram: 64, vcpus: 1, disk: 1 },
  big: { ram: 256, vcpus: 1, disk: 1 },
} as const

const domain_id = 'default'

/** Makes the service users, the catalogue, and a project with a user who is only its member. */
const identities = async (): Promise<void> => {
  const api = await until('keystone answers', 60, () => login().catch(() => undefined))
  const { roles } = await api.get('identity', '/roles')
  const role = (name: string) => roles.find((one: { name: string }) => one.name === name).id
  const project = async (name: string) => (await api.post('identity', '/projects', { project: { name, domain_id } })).project.id
  const user = async (name: string, projectId: string, roleName: string) => {
    const { user: made } = await api.post('identity', '/users', { user: { name, domain_id, password } })
    await api.put('identity', `/projects/${projectId}/users/${made.id}/roles/${role(roleName)}`)
  }
  const service = async (name: string, type: string, url: string) => {
    const { service: made } = await api.post('identity', '/services', { service: { name, type } })
    for (const kind of ['public', 'internal', 'admin'])
      await api.post('identity', '/endpoints', { endpoint: { service_id: made.id, interface: kind, url, region_id: region } })
  }
  const serviceProject = await project('service')
  await Promise.all([
    ...services.map(async ({ name, type, url }) => {
      await user(name, serviceProject, 'admin')
      await service(name, type, url)
    }),
    ...users.filter((name) => name !== 'admin').map(async (name: UserName) => user(name, await project(name), 'member')),
  ])
}

const uploadImages = async (layout: Layout): Promise<void> => {
  const api = await until('glance answers', 60, async () => {
    const one = await login()
    return one.get('image', '/v2/images').then(
      () => one,
      () => undefined,
    )
  })
  for (const [name, path] of Object.entries(await makeImages(layout))) {
    const image = await api.post('image', '/v2/images', {
      name,
      disk_format: 'raw',
      container_format: 'bare',
      visibility: 'public',
    })
    await api.put('image', `/v2/images/${image.id}/file`, await readFile(path))
  }
}

const makeFlavors = async (api: Api): Promise<void> => {
  for (const [name, size] of Object.entries(flavors)) await api.post('compute', '/flavors', { flavor: { name, ...size } })
}

/** The network that servers with NICs are on; its addresses are given out by nobody, the guest asks for none. */
const makeNetwork = async (): Promise<void> => {
  const api = await login()
  // Without port security: the agent's rules against spoofing come to nothing for a MAC address with an octet below 10 (ebtables 1.8.9 on nf_tables).
  const network = {
    name: 'guests',
    shared: true,
    port_security_enabled: false,
    'provider:network_type': 'flat',
    'provider:physical_network': 'physnet1',
  }
  const made = await until(
    'neutron answers',
    90,
    () => api.post('network', '/v2.0/networks', { network }).catch(() => undefined),
    1000,
  )
  const subnet = { network_id: made.network.id, ip_version: 4, cidr: '192.0.2.0/24', enable_dhcp: false, gateway_ip: null }
  await api.post('network', '/v2.0/subnets', { subnet })
}

/** The control plane's first start on three hosts that have just booted for the first time: from nothing to a cloud that takes servers. */
export const startFirst = async (layout: Layout, { neutron }: Variant, progress: Progress): Promise<void> => {
  const step = (name: string, work: () => Promise<unknown>) => progress.step(`first start: ${name}`, work)
  await step('databases', () => firstStart(layout, 'databases'))
  await Promise.all([
    (async () => {
      await step('keystone', () => firstStart(layout, 'keystone'))
      await step('users and catalogue', identities)
      await step('placement', () => firstStart(layout, 'placement'))
      await step('glance', () => firstStart(layout, 'glance'))
      await step('images', () => uploadImages(layout))
    })(),
    step('databases of nova', () => firstStart(layout, 'nova-databases')),
  ])
  if (neutron) await step('neutron', () => firstStart(layout, 'neutron'))
  await step('nova', () => firstStart(layout, 'nova'))
  const units = ['nova-compute', ...(neutron ? ['neutron-linuxbridge-agent'] : [])]
  await step('nova-compute', async () => {
    await Promise.all(
      computes.map(async (host) => {
        await demand(layout, host, ['systemctl', 'enable', '--quiet', ...units])
        await demand(layout, host, ['systemctl', 'start', '--no-block', ...units])
      }),
    )
    await ready()
    await mapped(layout, computes)
  })
  await step('flavors', async () => makeFlavors(await login()))
  if (neutron) await step('network', makeNetwork)
}
