/** The module `nova_servers`: finds servers by host, name or id. */
import { type Compute, defineModule, Failure, list, type Server, suggestion } from '../runner/module.ts'
import { cloudParam } from './lib/nova/cloud-param.ts'
import { lookUp, notFound, plainServer } from './lib/nova/servers.ts'

export default defineModule({
  name: 'nova_servers',
  summary: 'Find servers of an OpenStack cloud by host, name, id, status or project.',
  description:
    'A server must match all filters. If a given name or id is unknown or does not match the other filters, the step fails and says ' +
    'why. A name that several servers share is an error that lists their ids. Names must match exactly.',
  params: {
    type: 'object',
    additionalProperties: false,
    properties: {
      host: { type: 'string', description: 'Only servers on this compute host.', default: '' },
      names: {
        type: 'array',
        items: { type: 'string', minLength: 1, description: 'Name or id.' },
        description: 'Only these servers, by name or id, in this order. Empty: all.',
        default: [],
      },
      ids: {
        type: 'array',
        items: { type: 'string', minLength: 1, description: 'Id.' },
        description: 'More servers, by id, in addition to `names`.',
        default: [],
      },
      status: { type: 'string', description: 'Only servers with this status, such as `ACTIVE`.', default: '' },
      project: { type: 'string', description: 'Only servers of this project (id).', default: '' },
      all_projects: {
        type: 'boolean',
        description: "Include the servers of all projects, not only the token's own. Needs the admin role.",
        default: true,
      },
      cloud: cloudParam,
    },
  },
  scope: 'api',
  returns: {
    servers:
      'A list, each with id, name, status, vm_state, task_state, power_state, host, node, instance_name, project_id, availability_zone, ' +
      'locked, config_drive, flavor, ram (MiB), vcpus, disk (GiB) and volumes.',
    count: 'Number of servers.',
  },
  examples: [
    { name: 'Every server on a compute host', params: { host: 'compute14' } },
    { name: 'Two servers, one by name and one by id', params: { names: ['web-1', '8f1c9d1e-5a77-4b0e-9c55-0d3a4f5b6c7d'] } },
    { name: 'The running servers of a project', params: { project: '9a5a4c3b2d1e4f5a8b7c6d5e4f3a2b1c', status: 'ACTIVE' } },
  ],

  async check({ host, names, ids, status, project, all_projects, cloud }, target) {
    const { compute } = await target.cloud(cloud)
    const wanted = [...names, ...ids]
    const misfit = (server: Server): string | undefined => {
      if (host !== '' && server.host !== host) return `${server.name} is on ${server.host ?? 'no host'}, not on ${host}`
      if (status !== '' && server.status !== status.toUpperCase())
        return `${server.name} is ${server.status}, not ${status.toUpperCase()}`
      if (project !== '' && server.projectId !== project)
        return `${server.name} belongs to the project ${server.projectId}, not to ${project}`
      return undefined
    }
    if (wanted.length === 0) {
      const all = await compute.servers({
        allProjects: all_projects,
        ...(host === '' ? {} : { host }),
        ...(status === '' ? {} : { status }),
        ...(project === '' ? {} : { projectId: project }),
      })
      // Older releases ignore filters that the token's role may not use, instead of refusing them.
      const fitting = all.filter((server) => misfit(server) === undefined)
      if (fitting.length === 0 && host !== '') await mustBeComputeHost(compute, host)
      return found(fitting)
    }
    const { servers, problems } = await lookUp(compute, wanted)
    if (problems.length > 0) throw notFound(problems)
    const misfits = servers.flatMap((server) => misfit(server) ?? [])
    if (misfits.length > 0) {
      throw new Failure(list(misfits, 10), { kind: 'input', help: 'remove the server, or the filter that it does not match' })
    }
    return found(servers)
  },
})

/**
 * Throws `Failure` for an unknown host, which would look like an empty one. Needs the right to list services; without
 * it, passes.
 */
async function mustBeComputeHost(compute: Compute, host: string): Promise<void> {
  let hosts: readonly string[]
  try {
    hosts = (await compute.services({ binary: 'nova-compute' })).map((service) => service.host)
  } catch (error) {
    if (error instanceof Failure && error.data?.['status'] === 403) return
    throw error
  }
  if (hosts.includes(host)) return
  throw new Failure(`no host \`${host}\` runs nova-compute${suggestion(host, hosts)}`, {
    kind: 'input',
    help: `compute hosts: ${list(hosts, 12)}`,
  })
}

const found = (servers: readonly Server[]) => ({
  changes: [],
  before: undefined,
  result: { servers: servers.map(plainServer), count: servers.length },
})
