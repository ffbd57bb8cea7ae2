#!/usr/bin/env node
import { createCli } from './cli.ts'
import { realWorld, screen } from './real-world.ts'
import { tellFailure, wantsStack } from './tell-failure.ts'

const argv = process.argv.slice(2)
const stderr = screen(process.stderr, process.env)
const tell = (error: unknown) => tellFailure(error, stderr, wantsStack(argv, process.env))
process.on('uncaughtException', (error) => process.exit(tell(error)))
try {
  process.exitCode = await createCli(realWorld(process), () => import('../modules/index.ts'))(argv)
} catch (error) {
  process.exitCode = tell(error)
}
