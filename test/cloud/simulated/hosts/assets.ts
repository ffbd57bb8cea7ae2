/** Files of this folder that are not TypeScript: they are read from the source tree, also when the compiled code runs. */
import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The checkout: the nearest folder above with a package.json. */
export const checkout: string = (() => {
  let folder = dirname(fileURLToPath(import.meta.url))
  while (!existsSync(join(folder, 'package.json'))) folder = dirname(folder)
  return folder
})()

export const assets: string = join(checkout, 'test/cloud/simulated/root')
