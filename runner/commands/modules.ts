import { Command } from '@commander-js/extra-typings'
import type { Shell } from './shell.ts'

export const modules = ({ world, modules: load }: Shell) =>
  new Command('modules').description('list the modules').action(async () => {
    const all = [...(await load()).values()].toSorted((a, b) => a.name.localeCompare(b.name))
    const width = Math.max(...all.map(({ name }) => name.length))
    world.stdout.write(all.map(({ name, summary }) => `${name.padEnd(width)}  ${summary}\n`).join(''))
  })
