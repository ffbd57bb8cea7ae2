import { beforeAll, describe, test } from 'vitest'
import { up, type RealCloud } from '../real/cloud.ts'
import { isDirty } from '../real/observe.ts'
import { expectations } from './index.ts'
import { connect, readLogin, type Subject } from './subject.ts'

let subject: Subject

beforeAll(async () => {
  const cloud = await up()
  await cloud.mend()
  await cloud.removeAll()
  subject = await real(cloud)
})

async function real(cloud: RealCloud): Promise<Subject> {
  const { cloudsFile, clouds } = cloud
  const login = await readLogin(cloudsFile, clouds.admin)
  return {
    login,
    admin: await connect(login),
    member: await connect(await readLogin(cloudsFile, clouds.demo)),
    stranger: await connect(login, true),
    source: 'compute14',
    target: 'compute15',
    patience: { every: 0.5, limit: 120 },
    async boot(name, shape, host) {
      if (shape === 'quiet') return (await cloud.boot({ name, host })).id
      const server = await cloud.boot({ name, host, image: 'dirty', flavor: 'big' })
      await isDirty(cloud, server)
      await cloud.limitSpeed(server.id, 8)
      return server.id
    },
    remove: (id) => cloud.remove(id),
    run: (host, script) => cloud.exec(host, ['sh', '-c', script]),
  }
}

for (const [area, all] of Object.entries(expectations))
  describe(area, () => {
    for (const { name, check } of all) test(name, () => check(subject))
  })
