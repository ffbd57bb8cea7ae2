#!/usr/bin/env node
import { createCli, told } from './cli.ts'
import { realWorld } from './real-world.ts'

try {
  process.exitCode = await createCli(realWorld(process), () => import('../modules/index.ts'))(process.argv.slice(2))
} catch (error) {
  process.exitCode = told(error, process.stderr)
}
