import { describe, expect, test } from 'vitest'
import type { Resource } from '../../modules/lib/resources/resource.ts'
import type { ObservedTarget } from './module.ts'

export interface ResourceCase {
  readonly name: string
  readonly resource: Resource
  /** A fresh host for every test, on which the resource is not as it should be. */
  readonly target: () => ObservedTarget | Promise<ObservedTarget>
}

const throughJson = <T>(value: T): T => JSON.parse(JSON.stringify(value)) as T

/** The promises that every resource keeps. */
export const resourceContract = (...cases: readonly ResourceCase[]): void =>
  describe.each(cases)('resource: $name', ({ resource, target: make }) => {
    const made = async () => {
      const target = await make()
      const before = await target.snapshot()
      const look = await resource.look(target)
      const state = throughJson(look.state)
      await resource.make(target, state)
      return { target, before, look, state }
    }
    const observed = async (target: ObservedTarget, state: unknown) =>
      resource.observe === undefined ? resource.describe((await resource.look(target)).state) : resource.observe(target, state)

    test('look finds a change, twice the same, and changes nothing', async () => {
      const target = await make()
      const before = await target.snapshot()
      const first = await resource.look(target)
      expect(first.changes).not.toEqual([])
      expect(await resource.look(target)).toEqual(first)
      expect(throughJson(first.state)).toEqual(first.state)
      expect(await target.snapshot()).toEqual(before)
    })

    test('once it is made, nothing is left to change', async () => {
      const { target, state } = await made()
      expect(resource.remaining ? await resource.remaining(target, state) : (await resource.look(target)).changes).toEqual([])
    })

    test('restore brings every byte back, and a second one changes nothing', async () => {
      const { target, before, state } = await made()
      expect(await target.snapshot()).not.toEqual(before)
      await resource.restore(target, state)
      expect(await target.snapshot()).toEqual(before)
      await resource.restore(target, state)
      expect(await target.snapshot()).toEqual(before)
    })

    test('what is observed tells made and restored apart', async () => {
      const { target, state } = await made()
      const after = await observed(target, state)
      expect(await observed(target, state)).toEqual(after)
      await resource.restore(target, state)
      expect(await observed(target, state)).not.toEqual(after)
    })

    test('the snapshot names addresses on one host or in one cloud', async () => {
      const { look } = await made()
      const described = resource.describe(look.state) ?? []
      expect(new Set(described.map(({ resource: { host, kind } }) => `${kind} ${host}`))).toEqual(
        new Set([`${resource.address.kind} ${resource.address.host}`]),
      )
      for (const { resource: on } of look.changes)
        expect(on).toMatchObject({ host: resource.address.host, kind: resource.address.kind })
    })
  })
