import { afterAll, beforeAll, describe, test } from 'vitest'
import { startCloud } from '../simulated/cloud.ts'
import type { SimulatedCloud } from '../simulated/cloud.ts'
import { expectations } from './index.ts'
import { connect, readLogin } from './subject.ts'
import type { Subject } from './subject.ts'

let cloud: SimulatedCloud
let subject: Subject

beforeAll(async () => {
  cloud = await startCloud({ maxVersion: '2.93', speed: 25, servers: [] })
  subject = await simulated(cloud)
})
afterAll(() => cloud.stop())

async function simulated({ cloudsFile, addServer, state, hosts, compute }: SimulatedCloud): Promise<Subject> {
  const login = await readLogin(cloudsFile, 'demo')
  return {
    login,
    admin: await connect(login),
    member: await connect(await readLogin(cloudsFile, 'demo-member')),
    stranger: await connect(login, true),
    source: 'compute14',
    target: 'compute15',
    patience: { every: 0.02, limit: 240 },
    boot: async (name, shape, host) =>
      addServer({
        name,
        host,
        project: 'admin',
        ram: 1024,
        disk: 1,
        allocatedDisk: 16,
        dirtyRate: shape === 'restless' ? 2000 : 8,
        up: 0,
      }).id,
    async remove(id) {
      const server = state.servers.get(id)
      state.servers.delete(id)
      state.allocations.delete(id)
      compute(server?.host ?? 'compute14').domains.delete(id)
      for (const host of Object.values(hosts)) host.started?.instances.remove(id)
    },
    async run(host, script) {
      const started = await hosts[host]?.start()
      const { status, out } = (await started?.run(script)) ?? { status: 255, out: '' }
      return { code: status, stdout: out }
    },
  }
}

for (const [area, all] of Object.entries(expectations))
  describe(area, () => {
    for (const { name, check } of all) test(name, () => check(subject))
  })
