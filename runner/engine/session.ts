import type { Become, Connection, Endpoint, HostAccess } from '../connection/connection.ts'
import type { Cloud } from '../openstack/cloud.ts'
import type { CloudChoice, World } from '../world.ts'

/** The connections and clouds of one run: each is opened when first used, once, and closed at the end. */
export interface Session {
  access(endpoint: Endpoint, become: Become | undefined): Promise<HostAccess>
  cloud(choice: CloudChoice): Promise<Cloud>
  /** Requests sent to each host so far. */
  requests(): Readonly<Record<string, number>>
  close(): Promise<void>
}

export function openSession(world: World, signal: AbortSignal): Session {
  const connections = new Map<string, Promise<Connection>>()
  const clouds = new Map<string, Promise<Cloud>>()
  const open = new Set<Connection>()

  const once = <T>(map: Map<string, Promise<T>>, key: string, make: () => Promise<T>): Promise<T> => {
    const known = map.get(key)
    if (known !== undefined) return known
    const made = make()
    map.set(key, made)
    return made
  }
  const connect = async (endpoint: Endpoint) => {
    const connection = await world.connect(endpoint, signal)
    open.add(connection)
    return connection
  }

  const openCloud = async (choice: CloudChoice) => {
    const cloud = await world.cloud(choice, signal)
    for (const warning of cloud.warnings) world.stderr.write(`warning: ${warning}\n`)
    return cloud
  }

  return {
    async access(endpoint, become) {
      const key = JSON.stringify([endpoint.name, endpoint.kind, endpoint.address, endpoint.port, endpoint.user])
      return (await once(connections, key, () => connect(endpoint))).as(become)
    },
    cloud: (choice) => once(clouds, JSON.stringify([choice.name, choice.file]), () => openCloud(choice)),
    requests: () => Object.fromEntries([...open].map((connection) => [connection.host, connection.traffic.requests])),
    async close() {
      await Promise.allSettled([...open].map((connection) => connection.close()))
      open.clear()
    },
  }
}
