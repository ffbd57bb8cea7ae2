import fc from 'fast-check'
import { expect, test } from 'vitest'
import { pack, versionText } from '../../../../../modules/lib/nova/preflight/checks-room.ts'
import { pageKib } from '../../../../../modules/lib/nova/preflight/checks-server.ts'
import { server } from './evidence.ts'

test('packing never puts more on a host than it has, loses no server, and leaves none on its own host', () => {
  const sizes = fc.array(fc.integer({ min: 1, max: 64 }), { minLength: 1, maxLength: 12 })
  const rooms = fc.array(fc.integer({ min: 0, max: 128 }), { minLength: 1, maxLength: 5 })
  fc.assert(
    fc.property(sizes, rooms, (memories, limits) => {
      const servers = memories.map((memory, index) => ({
        server: server(`s${index}`, { host: 'host0' }),
        amounts: { MEMORY_MB: memory },
      }))
      const hosts = limits.map((limit, index) => ({ host: `host${index}`, room: { MEMORY_MB: { limit, used: 0 } } }))
      const { placed, homeless } = pack(servers, hosts)
      expect(placed.length + homeless.length).toBe(servers.length)
      expect(placed).not.toContain('host0')
      const taken = new Map<string, number>()
      const order = servers
        .toSorted((a, b) => b.amounts.MEMORY_MB - a.amounts.MEMORY_MB)
        .filter(({ server: one }) => !homeless.includes(one))
      order.forEach(({ amounts }, index) => taken.set(placed[index]!, (taken.get(placed[index]!) ?? 0) + amounts.MEMORY_MB))
      for (const { host, room } of hosts) expect(taken.get(host) ?? 0).toBeLessThanOrEqual(room.MEMORY_MB.limit)
    }),
  )
})

test('versions', () => {
  expect([7002022, 6002000, 12003].map(versionText)).toEqual(['7.2.22', '6.2.0', '0.12.3'])
})

test('sizes of pages', () => {
  expect(['2MB', '2M', '1GB', '1G', '2048', '64KB', 'large'].map(pageKib)).toEqual([
    2048,
    2048,
    1048576,
    1048576,
    2048,
    64,
    undefined,
  ])
})
