import { Command } from '@commander-js/extra-typings'
import type { Shell } from './shell.ts'

export const schema = ({ world, modules }: Shell) =>
  new Command('schema').description('print the JSON Schema of playbooks, for editors').action(async () => {
    const { editorSchema } = await import('./editor-schema.ts')
    world.stdout.write(`${JSON.stringify(editorSchema([...(await modules()).values()]), undefined, 2)}\n`)
  })
