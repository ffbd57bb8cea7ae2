import { Command } from '@commander-js/extra-typings'
import type { Shell } from './shell.ts'

export const show = ({ world, exit }: Shell) =>
  new Command('show')
    .argument('[run]')
    .description('show what a run did, and what you can do now')
    .option('-D, --diff', 'show the differences')
    .option('--host <host>', 'only this host')
    .action(async (run, { diff, host }) => {
      const work = await import('../run/past-runs.ts')
      exit(await work.show(run, { diff: diff === true, host }, world))
    })
