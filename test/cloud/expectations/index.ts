/** What a cloud of Zed's age does, as far as this project relies on it. The simulated cloud and a real one are both held to it. */
import { hosts } from './hosts.ts'
import { identity } from './identity.ts'
import { liveMigration } from './live-migration.ts'
import { placement } from './placement.ts'
import { servers } from './servers.ts'
import type { Expectation } from './subject.ts'

export const expectations: Readonly<Record<string, readonly Expectation[]>> = {
  Keystone: identity,
  Nova: servers,
  'live migration': liveMigration,
  hosts,
  Placement: placement,
}
