import { givenOptions, requestOf, runCommand } from './options.ts'
import type { Shell } from './shell.ts'

export const apply = ({ world, modules, exit }: Shell) =>
  runCommand('apply', '<playbook-or-plan>')
    .description('apply a playbook or a saved plan: check each step, change what differs, verify it')
    .option('-C, --check', 'change nothing: the same as plan')
    .option('--ask', 'show the plan first, then ask')
    .option('--detach', 'keep running if the terminal closes; runbook attach shows the run again')
    .action(async (file, options, command) => {
      const request = requestOf(options.check ? 'plan' : 'apply', file, options)
      const registry = await modules()
      const { applySaved, askedApply } = await import('../run/saved-plan.ts')
      const { list } = await import('../run/list.ts')
      const { run } = await import('../run/run.ts')
      const ask = options.ask === true
      exit(
        (await applySaved({ file, request, ask, given: givenOptions(command) }, world, registry)) ??
          (await list(request, options, world, registry)) ??
          (await (ask && request.goal === 'apply' ? askedApply : run)(request, world, registry)),
      )
    })
