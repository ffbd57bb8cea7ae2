import type { Diagnostic } from '../language/diagnostic.ts'
import type { Place } from '../language/source.ts'
import type { Inventory } from './inventory.ts'

export const matchHosts = (
  pattern: string | readonly string[],
  inventory: Inventory,
  place?: Place,
): { hosts: string[]; diagnostics: Diagnostic[] } => {
  throw new Error(`${pattern} ${inventory.hosts.size} ${place}`)
}
