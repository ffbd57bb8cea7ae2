import { Command } from '@commander-js/extra-typings'
import { acceptChanges, output, params, waitLock, yes } from './options.ts'
import type { Shell } from './shell.ts'

export const resume = ({ world, modules, exit }: Shell) =>
  new Command('resume')
    .argument('[run]')
    .description('continue a run where it stopped; default: the newest that did not succeed')
    .option('--failed', 'only the hosts that failed; leave the others as they are, finished or not')
    .addOption(yes())
    .option('--detach', 'as for apply')
    .addOption(acceptChanges())
    .addOption(params())
    .addOption(waitLock())
    .addOption(output())
    .action(async (run, { param, failed, yes, detach, ...options }) => {
      const asked = { ...options, run, params: param, failed: failed === true, yes: yes === true, detach: detach === true }
      const work = await import('../run/resume.ts')
      exit(await work.resume(asked, world, await modules()))
    })
