import type { Inventory, Placement } from '../cloud.ts'
import { lacks } from './faults.ts'
import { isRecord, type Json, list, number, record, text } from './json.ts'
import type { Session } from './session.ts'
import { compareVersions } from '../../base/versions.ts'
import { mustReach } from './versions.ts'

/** The newest microversion to send (OpenStack Train). The shapes read here are the same up to it. */
const NEWEST = '1.36'

export const openPlacement = (session: Session): Placement => {
  const get = async (path: string, key: string, query: Readonly<Record<string, string | undefined>> = {}): Promise<unknown> => {
    const max = (await session.range('placement'))?.max ?? '1.0'
    const microversion = compareVersions(max, NEWEST) < 0 ? max : NEWEST
    const { body } = await session.request('placement', { method: 'GET', path, query, microversion })
    const found = record(body)[key]
    if (found === undefined) throw lacks('placement', path, `\`${key}\``)
    return found
  }
  return {
    providers: async (name) =>
      list(await get('/resource_providers', 'resource_providers', { name }))
        .filter(isRecord)
        .map((provider) => ({
          id: text(provider['uuid']) ?? '',
          name: text(provider['name']) ?? '',
          generation: number(provider['generation']) ?? 0,
        })),

    inventories: async (providerId) =>
      mapped(await get(`/resource_providers/${providerId}/inventories`, 'inventories'), toInventory),

    usages: async (providerId) => figures(await get(`/resource_providers/${providerId}/usages`, 'usages')),

    async traits(providerId) {
      mustReach('placement', '1.6', await session.range('placement'), 'traits')
      return list(await get(`/resource_providers/${providerId}/traits`, 'traits')).flatMap((trait) => text(trait) ?? [])
    },

    allocations: async (consumerId) =>
      mapped(await get(`/allocations/${consumerId}`, 'allocations'), ({ resources }) => figures(resources)),
  }
}

const mapped = <T>(values: unknown, change: (value: Json) => T): Readonly<Record<string, T>> =>
  Object.fromEntries(Object.entries(record(values)).map(([name, value]) => [name, change(record(value))]))

const figures = (values: unknown): Readonly<Record<string, number>> =>
  Object.fromEntries(
    Object.entries(record(values)).flatMap(([name, value]) => (typeof value === 'number' ? [[name, value]] : [])),
  )

const toInventory = (inventory: Json): Inventory => ({
  total: number(inventory['total']) ?? 0,
  reserved: number(inventory['reserved']) ?? 0,
  allocationRatio: number(inventory['allocation_ratio']) ?? 1,
})
