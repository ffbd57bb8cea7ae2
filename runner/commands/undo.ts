import { Command } from '@commander-js/extra-typings'
import { acceptChanges, output, params, waitLock } from './options.ts'
import type { Shell } from './shell.ts'

export const undo = ({ world, modules, exit }: Shell) =>
  new Command('undo')
    .argument('[run]')
    .description('undo a run, newest step first')
    .option('--plan', 'only show the steps that would be undone')
    .option('--to <step>', 'undo back to this step, including it')
    .option('--host <host>', 'only on this host')
    .addOption(acceptChanges())
    .addOption(params())
    .addOption(waitLock())
    .addOption(output())
    .action(async (run, { param, plan, to, host, ...options }) => {
      const asked = { ...options, run, to, host, params: param, plan: plan === true }
      const work = await import('../run/undo.ts')
      exit(await work.undo(asked, world, await modules()))
    })
