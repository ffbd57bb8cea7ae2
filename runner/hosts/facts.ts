import type { HostAccess } from '../module.ts'
import { Failure } from '../base/failure.ts'
import { kibOf } from '../base/proc.ts'

interface Fact {
  readonly description: string
  gather(host: HostAccess): Promise<unknown>
}

const decoder = new TextDecoder()
const text = async (host: HostAccess, path: string) => decoder.decode((await host.read(path)) ?? new Uint8Array())
const said = async (host: HostAccess, ...argv: string[]) => (await host.run(argv)).stdout.trim()

/** One field of os-release(5). */
const release = (key: string) => async (host: HostAccess) =>
  new RegExp(`^${key}=["']?(.*?)["']?$`, 'm').exec(await text(host, '/etc/os-release'))?.[1] ?? ''

/** One figure of proc_meminfo(5), in MiB. */
const memory = (key: string) => async (host: HostAccess) =>
  Math.floor((kibOf(await text(host, '/proc/meminfo'), key) ?? 0) / 1024)

/** The facts that a playbook can use as `facts.NAME`. Only facts that the playbook uses are gathered. */
export const facts: Readonly<Record<string, Fact>> = {
  hostname: { description: 'Host name, as uname says', gather: (host) => said(host, 'uname', '-n') },
  kernel: { description: 'Kernel release', gather: (host) => said(host, 'uname', '-r') },
  architecture: { description: 'Machine hardware name', gather: (host) => said(host, 'uname', '-m') },
  distribution: { description: 'ID of os-release: debian, ubuntu, rhel …', gather: release('ID') },
  distribution_like: { description: 'ID_LIKE of os-release', gather: release('ID_LIKE') },
  distribution_version: { description: 'VERSION_ID of os-release', gather: release('VERSION_ID') },
  distribution_codename: { description: 'VERSION_CODENAME of os-release', gather: release('VERSION_CODENAME') },
  memory_total_mb: { description: 'MemTotal, in MiB', gather: memory('MemTotal') },
  memory_available_mb: { description: 'MemAvailable, in MiB', gather: memory('MemAvailable') },
  processors: { description: 'Processors available to processes', gather: async (host) => Number(await said(host, 'nproc')) },
  machine_id: { description: '/etc/machine-id', gather: async (host) => (await text(host, '/etc/machine-id')).trim() },
  boot_id: {
    description: 'Random id of this boot: changes when the host restarts',
    gather: async (host) => (await text(host, '/proc/sys/kernel/random/boot_id')).trim(),
  },
  uptime_seconds: {
    description: 'Seconds since boot',
    gather: async (host) => Math.floor(Number((await text(host, '/proc/uptime')).split(' ')[0])),
  },
  service_manager: { description: 'Name of process 1', gather: async (host) => (await text(host, '/proc/1/comm')).trim() },
}

/** Gathers facts of a host. Reads of the same tick travel in one request, so all facts cost one round trip. */
export async function gather(names: readonly string[], host: HostAccess): Promise<Record<string, unknown>> {
  const values = await Promise.all(
    names.map(async (name) => {
      const fact = facts[name]
      if (fact === undefined)
        throw new Failure(`unknown fact \`${name}\``, { kind: 'input', help: `known: ${Object.keys(facts).join(', ')}` })
      return [name, await fact.gather(host)] as const
    }),
  )
  return Object.fromEntries(values)
}
