/** Servers by name or id, and as plain JSON. Called by the modules that read or move servers. */
import { type Compute, Failure, list, type Server, suggestion } from '../../../runner/module.ts'

/** A server as plain JSON, with the names that playbooks use. */
export const plainServer = (server: Server) => ({
  id: server.id,
  name: server.name,
  status: server.status,
  vm_state: server.vmState,
  task_state: server.taskState ?? null,
  power_state: server.powerState,
  host: server.host ?? null,
  node: server.node ?? null,
  instance_name: server.instanceName ?? null,
  project_id: server.projectId,
  availability_zone: server.availabilityZone ?? null,
  locked: server.locked,
  config_drive: server.configDrive,
  flavor: server.flavor.name,
  /** MiB. */
  ram: server.flavor.ram,
  vcpus: server.flavor.vcpus,
  /** GiB, root and ephemeral. */
  disk: server.flavor.disk + server.flavor.ephemeral,
  volumes: server.volumes,
})

/** True if a server is on the target or, if the scheduler chooses (`''`), away from the source. */
export const hasArrived = (
  { host, taskState }: Server,
  { source, target }: { readonly source: string; readonly target: string },
): boolean =>
  taskState === undefined && (target !== '' ? host === target : source !== '' && host !== undefined && host !== source)

/** True for the states in which a server can be moved live. */
export const isRunning = (server: Server): boolean => server.vmState === 'active' || server.vmState === 'paused'

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i

/**
 * Finds servers by exact names or ids, in that order, each once. All problems are reported together.
 * @returns the servers, and a sentence for each unknown or ambiguous name
 */
export async function lookUp(
  compute: Compute,
  wanted: readonly string[],
): Promise<{ readonly servers: readonly Server[]; readonly problems: readonly string[] }> {
  const found = await Promise.all([...new Set(wanted)].map(async (name) => ({ name, servers: await named(compute, name) })))
  const problems = found.flatMap(({ name, servers }) => (servers.length > 1 ? [ambiguous(name, servers)] : []))
  const missing = found.filter(({ servers }) => servers.length === 0).map(({ name }) => name)
  const names = missing.length === 0 ? [] : [...new Set((await compute.servers({ allProjects: true })).map(({ name }) => name))]
  const servers = new Map(
    found.flatMap(({ servers }) => (servers.length === 1 ? servers : [])).map((server) => [server.id, server]),
  )
  return {
    servers: [...servers.values()],
    problems: [...problems, ...missing.map((name) => `no server has the name or id \`${name}\`${suggestion(name, names)}`)],
  }
}

/** Finds one server by name or id. Throws `Failure` of kind `input` if the name is unknown or ambiguous. */
export async function oneServer(compute: Compute, nameOrId: string): Promise<Server> {
  const { servers, problems } = await lookUp(compute, [nameOrId])
  const server = servers[0]
  if (server !== undefined) return server
  throw notFound(problems)
}

export const notFound = (problems: readonly string[]): Failure =>
  new Failure(problems.join('; '), {
    kind: 'input',
    help: 'correct the name, or give the id; `openstack server list --all-projects` shows both',
  })

async function named(compute: Compute, name: string): Promise<readonly Server[]> {
  if (UUID.test(name)) {
    const server = await compute.server(name.toLowerCase())
    if (server !== undefined) return [server]
  }
  const servers = await compute.servers({ name: namePattern(name), allProjects: true })
  return servers.filter((server) => server.name === name)
}

/**
 * Builds Nova's filter `name`, a regular expression of its database. Characters with a meaning there become
 * wildcards; the caller then compares names exactly.
 */
export const namePattern = (name: string): string => `^${name.replace(/[^A-Za-z0-9_-]+/g, '.*')}$`

const ambiguous = (name: string, servers: readonly Server[]): string =>
  `${servers.length} servers have the name \`${name}\`: ${list(
    servers.map(({ id, host }) => `${id} on ${host ?? 'no host'}`),
    6,
  )}`
