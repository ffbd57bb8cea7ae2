import { givenOptions, requestOf, runCommand } from './options.ts'
import type { Shell } from './shell.ts'

export const plan = ({ world, modules, exit }: Shell) =>
  runCommand('plan', '<playbook>')
    .description('show what would change, without changing anything')
    .option('--out <file>', 'save the plan (-: standard output); apply FILE applies exactly that plan, once')
    .option('--exit-code', 'exit with 5 if there are changes')
    .action(async (file, options, command) => {
      const request = requestOf('plan', file, options)
      const registry = await modules()
      const { applySaved, planTo } = await import('../run/saved-plan.ts')
      const { list } = await import('../run/list.ts')
      const { run } = await import('../run/run.ts')
      const asked = { file, request, ask: false, given: givenOptions(command) }
      exit(
        (await applySaved(asked, world, registry)) ??
          (await list(request, options, world, registry)) ??
          (await (options.out === undefined ? run(request, world, registry) : planTo(options.out, request, world, registry))),
      )
    })
