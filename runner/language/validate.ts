import type { AnyModule } from '../module.ts'
import type { World } from '../world.ts'
import type { Diagnostic } from './diagnostic.ts'
import type { Playbook } from './playbook.ts'
import type { Node, Source } from './source.ts'

export const loadPlaybook = (
  file: string,
  world: Pick<World, 'files' | 'cwd'>,
  modules: ReadonlyMap<string, AnyModule>,
): Promise<{ playbook?: Playbook; sources: Source[]; diagnostics: Diagnostic[] }> => {
  throw new Error(`${file} ${world.cwd} ${modules.size}`)
}
/** `value` is fully rendered; defaults are filled into a copy. */
export const checkParams = (
  module: AnyModule,
  args: Node,
  value: unknown,
): { value: Record<string, unknown>; diagnostics: Diagnostic[] } => {
  throw new Error(`${module.name} ${args.path} ${value}`)
}
export interface KnownNames {
  /** Names of variables from outside the playbook: inventory (the union over its hosts), `-e`. */
  readonly names: Iterable<string>
  /** Names of facts that exist; undefined: not checked. */
  readonly facts?: readonly string[]
}
export const checkNames = (playbook: Playbook, known: KnownNames): Diagnostic[] => {
  throw new Error(`${playbook.name} ${known.facts}`)
}
