import type { Diagnostic } from './diagnostic.ts'
import type { Param, Playbook, Vars } from './playbook.ts'
import type { Source } from './source.ts'
import type { World } from '../world.ts'

export interface Resolved {
  readonly values: Readonly<Record<string, unknown>>
  /** Required ones without a value: to be asked for, or to be refused with `missingParams`. */
  readonly missing: readonly Param[]
  readonly diagnostics: readonly Diagnostic[]
  /** What the diagnostics' places are in (the arguments, the parameter file with secrets masked). */
  readonly sources: readonly Source[]
}
export const resolveParams = (
  playbook: Pick<Playbook, 'params' | 'file'>,
  given: readonly { readonly name: string; readonly text: string }[],
  paramsFile?: Source,
): Resolved => {
  throw new Error(`${playbook.file} ${given.length} ${paramsFile?.file}`)
}
/** What to say where a missing parameter cannot be asked for. */
export const missingParams = (missing: readonly Param[]): Diagnostic[] => {
  throw new Error(`${missing.length}`)
}
/** `-e name=value …`, `-e '{json or yaml}'`, `-e @file`. */
export const loadExtraVars = (
  given: readonly string[],
  world: Pick<World, 'files' | 'cwd'>,
): Promise<{ vars: Vars; sources: Source[]; diagnostics: Diagnostic[] }> => {
  throw new Error(`${given.length} ${world.cwd}`)
}
