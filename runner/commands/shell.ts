import type { Command, OptionValues } from '@commander-js/extra-typings'
import type { AnyModule } from '../module.ts'
import type { World } from '../world.ts'

export type Registry = ReadonlyMap<string, AnyModule>

/** The context of every command. A command loads its work only when it is called, so that `--help` stays quick. */
export interface Shell {
  readonly world: World
  modules(): Promise<Registry>
  /** Sets the exit code. */
  exit(code: number): void
}

/** The options of a command, as commander gives them. */
// oxlint-disable-next-line typescript/no-explicit-any
export type OptionsOf<C> = C extends Command<any, infer O extends OptionValues> ? O : never
