import { Failure, type Compute, type Target } from '../../../../runner/module.ts'
import { reach } from '../compute-host.ts'

/** Asks libvirt on the hosts where a server's guest is: after a failed move, Nova's record proves nothing. */
export async function whereabouts(
  target: Target,
  hosts: readonly (string | undefined)[],
  serverId: string,
): Promise<string | undefined> {
  const named = [...new Set(hosts)].flatMap((host) => (host === undefined || host === '' ? [] : [host]))
  const found = await Promise.all(named.map((host) => stateOn(target, host, serverId)))
  return found.length === 0 ? undefined : `libvirt has it ${found.join(', ')}`
}

async function stateOn(target: Target, host: string, serverId: string): Promise<string> {
  const silent = `perhaps on ${host}, which cannot be asked`
  try {
    const reached = await reach(target, host)
    if (!('host' in reached)) return silent
    const argv = ['virsh', '-c', 'qemu:///system', 'domstate', serverId]
    const { code, stdout, stderr } = await reached.host.run(argv, { timeout: 20, env: { LC_ALL: 'C' } })
    if (code === 0) return `${stdout.trim()} on ${host}`
    return stderr.includes('failed to get domain') ? `not on ${host}` : silent
  } catch (error) {
    if (target.signal.aborted || !(error instanceof Failure)) throw error
    return silent
  }
}

/** Returns a sentence if the source's nova-compute, which drives the migration, is down. */
export async function driverless(compute: Compute, source: string | undefined): Promise<string | undefined> {
  if (source === undefined) return undefined
  try {
    const [service] = await compute.services({ binary: 'nova-compute', host: source })
    if (service === undefined || (service.state !== 'down' && !service.forcedDown)) return undefined
    return `nova-compute on ${source}, which drives it, is down: Nova last heard of it at ${service.updatedAt ?? 'no time'}`
  } catch (error) {
    if (!(error instanceof Failure)) throw error
    return undefined
  }
}
