import { Command } from '@commander-js/extra-typings'
import type { Shell } from './shell.ts'

export const lint = ({ world, modules, exit }: Shell) =>
  new Command('lint')
    .argument('<playbook...>')
    .description('check playbooks without connecting to anything')
    .action(async (playbooks) => {
      const work = await import('../run/lint.ts')
      exit(await work.lint(playbooks, world, await modules()))
    })
