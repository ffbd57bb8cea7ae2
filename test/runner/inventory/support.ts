import { fileURLToPath } from 'node:url'
import { type Inventory, loadInventory } from '../../../runner/inventory/inventory.ts'
import type { Diagnostic } from '../../../runner/source/diagnostic.ts'
import { filesOf } from '../language/support.ts'

/** A folder of fixtures, with a slash at its end. */
export const fixtures = (name: string): string => fileURLToPath(new URL(`../../fixtures/${name}/`, import.meta.url))

/** An inventory of files in memory, which must be without fault. */
export const inventoryOf = async (
  contents: Readonly<Record<string, string>>,
  paths: readonly string[],
  playbookFolder?: string,
): Promise<Inventory> => {
  const { inventory, diagnostics } = await loadInventory(paths, { files: filesOf(contents), cwd: '/' }, playbookFolder)
  if (diagnostics.length > 0) throw new Error(diagnostics.map(({ summary }) => summary).join('\n'))
  return inventory
}

/** What is wrong with files in memory. */
export const faultsOf = async (contents: Readonly<Record<string, string>>, paths: readonly string[]): Promise<Diagnostic[]> =>
  (await loadInventory(paths, { files: filesOf(contents), cwd: '/' })).diagnostics

/** The variables of a host as its layers come out, without those about the file. */
export const varsOf = (inventory: Inventory, host: string): Record<string, unknown> => {
  const layers = inventory.hosts.get(host)!.vars.flatMap((vars) => Object.entries(vars))
  const { inventory_file: _, inventory_dir: __, ...own } = Object.fromEntries(layers.map(([name, { value }]) => [name, value]))
  return own
}
