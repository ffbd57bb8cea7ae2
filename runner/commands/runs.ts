import { Command } from '@commander-js/extra-typings'
import { seconds } from './options.ts'
import type { Shell } from './shell.ts'

export const runs = ({ world, exit }: Shell) =>
  new Command('runs')
    .description('list the runs kept in this folder')
    .option('--prune <age>', 'remove the runs whose last event is older: 30d', seconds)
    .action(async ({ prune }) => {
      const work = await import('../run/past-runs.ts')
      exit(await (prune === undefined ? work.runs(world) : work.prune(prune, world)))
    })
