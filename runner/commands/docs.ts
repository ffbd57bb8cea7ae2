import { Command } from '@commander-js/extra-typings'
import { didYouMean } from '../base/suggest.ts'
import { Failure } from '../base/failure.ts'
import type { Shell } from './shell.ts'

export const docs = ({ world, modules }: Shell) =>
  new Command('docs')
    .argument('<module>')
    .description('show the page of a module: parameters, results, examples')
    .action(async (name) => {
      const registry = await modules()
      const module = registry.get(name)
      if (module === undefined) {
        const hint = didYouMean(name, registry.keys())
        throw new Failure(`unknown module \`${name}\``, {
          kind: 'input',
          help: hint === undefined ? 'runbook modules lists the modules' : `${hint} runbook modules lists all`,
        })
      }
      const { modulePage } = await import('./module-page.ts')
      world.stdout.write(modulePage(module))
    })
