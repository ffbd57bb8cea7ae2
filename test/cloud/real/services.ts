import { answers, login, type Api } from './client.ts'
import { demand } from './hosts.ts'
import { computes, controller, type Layout } from './layout.ts'
import { until } from './program.ts'

/** One step of `first-start.sh` on the controller. */
export const firstStart = (layout: Layout, step: string) =>
  demand(layout, controller, ['bash', '/usr/local/lib/real-cloud/first-start.sh', step], { timeout: 300_000 })

/** Names of the compute services that report. */
const computesUp = async (api: Api): Promise<readonly string[]> => {
  const { services: found } = await api.get('compute', '/os-services?binary=nova-compute')
  return found.filter((one: { state: string }) => one.state === 'up').map((one: { host: string }) => one.host)
}

/** Waits until the API answers, and the named compute hosts (the real ones by default) report and have told what they have. */
export const ready = async (hosts: readonly string[] = computes): Promise<void> => {
  await until('the services of the cloud answer', 600, answers, 300)
  const api = await until('logging in', 120, () => login().catch(() => undefined))
  await until(
    `${hosts.join(', ')} report to Nova`,
    600,
    async () => {
      const up = await computesUp(api).catch((): readonly string[] => [])
      return hosts.every((host) => up.includes(host))
    },
    300,
  )
}

/** Waits until the scheduler can place servers on the named hosts. */
export const mapped = async (layout: Layout, hosts: readonly string[]): Promise<void> => {
  const api = await login()
  await until(
    `Nova knows ${hosts.join(', ')}`,
    120,
    async () => {
      await firstStart(layout, 'discover')
      const { hypervisors } = await api.get('compute', '/os-hypervisors')
      const names = hypervisors.map((one: { hypervisor_hostname: string }) => one.hypervisor_hostname)
      return hosts.every((host) => names.includes(host))
    },
    1000,
  )
}

/** Where the pretended compute hosts run. */
const fakesOn = 'compute15'
export const fakeNames = (count: number): readonly string[] =>
  Array.from({ length: count }, (_, index) => `fake${String(index + 1).padStart(2, '0')}`)

/** Has exactly `count` compute hosts with Nova's fake driver (0 takes them all away), known to Nova and up. */
export const fakes = async (layout: Layout, count: number): Promise<void> => {
  const api = await login()
  await demand(layout, fakesOn, ['bash', '/usr/local/lib/real-cloud/fakes.sh', String(count)])
  const wanted = fakeNames(count)
  const { services: found } = await api.get('compute', '/os-services?binary=nova-compute')
  const surplus = found.filter(({ host }: { host: string }) => /^fake\d+$/.test(host) && !wanted.includes(host))
  for (const { id } of surplus as readonly { id: string }[]) await api.remove('compute', `/os-services/${id}`)
  if (count === 0) return
  await ready(wanted)
  await mapped(layout, wanted)
}
