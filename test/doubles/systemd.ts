/** A systemd that a test scripts, for tests of modules that manage units. */
import { fakeTarget, type FakeTarget } from './target.ts'
import type { FakeUnit, UnitBehaviour } from './units.ts'

export { type FakeUnit, STOPPED } from './units.ts'

export interface FakeSystemd {
  readonly target: FakeTarget
  readonly units: Map<string, FakeUnit>
}

/** A host with nothing but units. */
export function fakeSystemd(units: Readonly<Record<string, Partial<FakeUnit>>>, behaviour: UnitBehaviour = {}): FakeSystemd {
  const target = fakeTarget({ host: 'compute15', units, behaviour })
  return { target, units: target.units }
}
