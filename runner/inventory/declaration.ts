import type { Vars } from '../language/playbook/types.ts'
import type { Place } from '../source/source.ts'

/** One statement of an inventory file of any format: the input of `buildInventory`, in the order of the file. */
export type Declaration =
  | { readonly kind: 'group'; readonly name: string }
  | { readonly kind: 'child'; readonly group: string; readonly child: string; readonly place: Place }
  | { readonly kind: 'host'; readonly group: string; readonly name: string; readonly vars: Vars; readonly from: string }
  | { readonly kind: 'vars'; readonly group: string; readonly vars: Vars }
