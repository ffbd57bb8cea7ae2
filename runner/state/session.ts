import { oneLine } from '../base/screen.ts'
import type { Become, Connection, Endpoint, HostAccess, HostLock, LockWanted } from '../connection/connection.ts'
import type { Cloud } from '../openstack/cloud.ts'
import type { CloudChoice, World } from '../world.ts'

/** The connections and clouds of one run: each is opened once, on first use, and closed at the end. */
export interface Session {
  access(endpoint: Endpoint, become: Become | undefined): Promise<HostAccess>
  connection(endpoint: Endpoint): Promise<Connection>
  /** As `Connection.lock`. If the host could not be reached, the next caller tries again. */
  lock(endpoint: Endpoint, become: Become | undefined, wanted: LockWanted): Promise<HostLock | undefined>
  cloud(choice: CloudChoice): Promise<Cloud>
  /** The number of requests sent so far, by host. */
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
    for (const warning of cloud.warnings) world.stderr.write(`warning: ${oneLine(warning)}\n`)
    return cloud
  }

  const keyOf = ({ name, kind, address, port, user }: Endpoint) => JSON.stringify([name, kind, address, port, user])

  const connection = (endpoint: Endpoint) => once(connections, keyOf(endpoint), () => connect(endpoint))

  return {
    connection,
    access: async (endpoint, become) => (await connection(endpoint)).as(become),
    async lock(endpoint, become, wanted) {
      const key = keyOf(endpoint)
      const connecting = once(connections, key, () => connect(endpoint))
      const connection = await connecting.catch((error: unknown) => {
        if (connections.get(key) === connecting) connections.delete(key)
        throw error
      })
      return connection.lock(become, wanted)
    },
    cloud: (choice) => once(clouds, JSON.stringify([choice.name, choice.file]), () => openCloud(choice)),
    requests: () => Object.fromEntries([...open].map((connection) => [connection.host, connection.traffic.requests])),
    async close() {
      await Promise.allSettled([...open].map((connection) => connection.close()))
      open.clear()
    },
  }
}
