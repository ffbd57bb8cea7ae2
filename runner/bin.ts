#!/usr/bin/env node
import { createCli } from './cli.ts'
import { realWorld, screen } from './real-world.ts'
import { reportFailure, wantsStack } from './report-failure.ts'

const argv = process.argv.slice(2)
const stderr = screen(process.stderr, process.env)
const report = (error: unknown) => reportFailure(error, stderr, wantsStack(argv, process.env))
process.on('uncaughtException', (error) => process.exit(report(error)))
try {
  process.exitCode = await createCli(realWorld(process), () => import('../modules/index.ts'))(argv)
} catch (error) {
  process.exitCode = report(error)
}
