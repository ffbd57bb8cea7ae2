import { Command } from '@commander-js/extra-typings'
import type { Shell } from './shell.ts'

export const logs = ({ world, exit }: Shell) =>
  new Command('logs')
    .argument('[run]')
    .description('print the lines of a run')
    .option('-f, --follow', 'continue until the run ends')
    .action(async (run, { follow }) => {
      const work = await import('../run/past-runs.ts')
      exit(await work.logs(run, follow === true, world))
    })
