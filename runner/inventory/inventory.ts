import type { Diagnostic } from '../language/diagnostic.ts'
import type { Vars } from '../language/playbook.ts'
import type { Source } from '../language/source.ts'
import type { World } from '../world.ts'

export interface InventoryHost {
  readonly name: string
  /** Every group it is in, `all` first, parents before children (sorted by depth, then ansible_group_priority, then name). */
  readonly groups: readonly string[]
  /** `localhost` when no inventory names it: local connection, not part of `all`. */
  readonly implicit: boolean
  /** Variables, lowest precedence first. */
  readonly vars: readonly Vars[]
}
export interface Group {
  readonly name: string
  /** Its own hosts and those of its children, in the order of the inventory. */
  readonly hosts: readonly string[]
  /** Direct children. */
  readonly children: readonly string[]
}
export interface Inventory {
  /** In the order of the inventory. Holds `localhost` always, see `InventoryHost.implicit`. */
  readonly hosts: ReadonlyMap<string, InventoryHost>
  readonly groups: ReadonlyMap<string, Group>
  readonly sources: readonly Source[]
}
/** @param playbookFolder where the playbook lies: its group_vars/ and host_vars/ count too */
export const loadInventory = (
  paths: readonly string[],
  world: Pick<World, 'files' | 'cwd'>,
  playbookFolder?: string,
): Promise<{ inventory: Inventory; sources: Source[]; diagnostics: Diagnostic[] }> => {
  throw new Error(`${paths} ${world.cwd} ${playbookFolder}`)
}
