import { Command, Option } from '@commander-js/extra-typings'
import { acceptNewHostKeys, forks, inventory, user } from './options.ts'
import type { Shell } from './shell.ts'

export const who = ({ world, exit }: Shell) =>
  new Command('who')
    .argument('[hosts...]')
    .description('show who holds locks on the hosts of an inventory, and since when')
    .addOption(inventory())
    .addOption(user())
    .addOption(acceptNewHostKeys())
    .addOption(forks())
    .addOption(new Option('-o, --output <form>', 'a table, or one JSON record a line').choices(['auto', 'json']).default('auto'))
    .action(async (hosts, { inventory, user, forks, acceptNewHostKeys, output }) => {
      const how = { forks, acceptNewHostKeys: acceptNewHostKeys === true }
      const work = await import('../run/who.ts')
      exit(await work.who({ hosts, inventory, user, ...how, json: output === 'json' }, world))
    })
