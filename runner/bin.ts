#!/usr/bin/env node
import { createCli } from './cli.ts'
import { realWorld } from './real-world.ts'

process.exitCode = await createCli(realWorld(process), () => import('../modules/index.ts'))(process.argv.slice(2))
