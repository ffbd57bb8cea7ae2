import { Command } from '@commander-js/extra-typings'
import { output } from './options.ts'
import type { Shell } from './shell.ts'

export const attach = ({ world, exit }: Shell) =>
  new Command('attach')
    .argument('[run]')
    .description('show a run until it ends; Ctrl-C leaves it running. Default: the newest that is under way')
    .addOption(output())
    .action(async (run, options) => {
      const work = await import('../run/attach.ts')
      exit(await work.attach(run, options.output, world))
    })
