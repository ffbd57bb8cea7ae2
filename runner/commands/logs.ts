import { Command } from '@commander-js/extra-typings'
import type { Shell } from './shell.ts'

export const logs = ({ world, exit }: Shell) =>
  new Command('logs')
    .argument('[run]')
    .description('the lines of a run')
    .option('-f, --follow', 'go on until it ends')
    .action(async (run, { follow }) => {
      const work = await import('../run/look-back.ts')
      exit(await work.logs(run, follow === true, world))
    })
