import { Failure, type Target } from '../../../runner/module.ts'

/**
 * The inventory's name for a compute host: the same name, or the only one with the same first label, as Nova may know a host by its
 * full name and the inventory by its short one. Undefined where there is none.
 */
export function inventoryName(hosts: readonly string[], computeHost: string): string | undefined {
  if (hosts.includes(computeHost)) return computeHost
  const alike = hosts.filter(
    (host) => label(host) === label(computeHost) && (host === label(host) || computeHost === label(computeHost)),
  )
  return alike.length === 1 ? alike[0] : undefined
}

const label = (name: string): string => name.split('.')[0]!

export type Reached = { readonly host: Target } | { readonly why: string; readonly cure: string }

/** A compute host over its own connection, or why it cannot be reached and what would help. */
export async function reach(target: Target, computeHost: string): Promise<Reached> {
  const name = inventoryName(target.hosts, computeHost)
  if (name === undefined) return { why: `${computeHost} is not in the inventory`, cure: `add ${computeHost} to the inventory` }
  try {
    const host = await target.on(name)
    await host.run(['true'], { timeout: 30 })
    return { host }
  } catch (error) {
    if (target.signal.aborted || !(error instanceof Failure)) throw error
    return {
      why: `${computeHost}: ${error.message}${error.why === undefined ? '' : ` (${error.why})`}`,
      cure: error.help ?? `make ${computeHost} reachable`,
    }
  }
}
