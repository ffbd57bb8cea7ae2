import { Failure, type Target } from '../../../runner/module.ts'

/**
 * Finds the inventory's name for a compute host: the same name, or the only name with the same first label. Nova
 * may use the full name of a host and the inventory its short name. Undefined if the inventory lacks the host.
 */
export function inventoryName(hosts: readonly string[], computeHost: string): string | undefined {
  if (hosts.includes(computeHost)) return computeHost
  const alike = hosts.filter(
    (host) => label(host) === label(computeHost) && (host === label(host) || computeHost === label(computeHost)),
  )
  return alike.length === 1 ? alike[0] : undefined
}

const label = (name: string): string => name.split('.')[0]!

export type Reached = { readonly host: Target } | { readonly why: string; readonly help: string }

/** Connects to a compute host, or returns why the host cannot be reached and what would help. */
export async function reach(target: Target, computeHost: string): Promise<Reached> {
  const name = inventoryName(target.hosts, computeHost)
  if (name === undefined) return { why: `${computeHost} is not in the inventory`, help: `add ${computeHost} to the inventory` }
  try {
    const host = await target.on(name)
    await host.run(['true'], { timeout: 30 })
    return { host }
  } catch (error) {
    if (target.signal.aborted || !(error instanceof Failure)) throw error
    return {
      why: `${computeHost}: ${error.message}${error.why === undefined ? '' : ` (${error.why})`}`,
      help: error.help ?? `make ${computeHost} reachable`,
    }
  }
}
