import { count } from '../base/format.ts'
import { facts } from '../hosts/facts.ts'
import { magicNames } from '../language/magic.ts'
import { EXIT } from '../events/exit.ts'
import { checkNames, loadPlaybook } from '../language/playbook/load-playbook.ts'
import type { Diagnostic } from '../source/diagnostic.ts'
import type { Source } from '../source/source.ts'
import type { AnyModule } from '../module.ts'
import { hasErrors, showDiagnostics } from './diagnostics.ts'
import type { World } from '../world.ts'

/**
 * Checks playbooks alone, without an inventory. An unknown name is only a warning: an inventory may define the variable.
 */
export async function lint(playbooks: readonly string[], world: World, modules: ReadonlyMap<string, AnyModule>): Promise<number> {
  const diagnostics: Diagnostic[] = []
  const sources: Source[] = []
  for (const file of playbooks) {
    const loaded = await loadPlaybook(file, world, modules)
    sources.push(...loaded.sources)
    diagnostics.push(...loaded.diagnostics)
    if (loaded.playbook !== undefined) {
      const names = checkNames(loaded.playbook, { names: magicNames, facts: Object.keys(facts), modules })
      diagnostics.push(...names.map((diagnostic): Diagnostic => ({ ...diagnostic, severity: 'warning' })))
    }
  }
  showDiagnostics(diagnostics, sources, world)
  if (hasErrors(diagnostics)) return EXIT.input
  world.stdout.write(
    `${playbooks.length === 1 ? `${playbooks[0]} is valid` : `${count(playbooks.length, 'playbook')} are valid`}\n`,
  )
  return EXIT.done
}
