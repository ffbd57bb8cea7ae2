import type { AnyModule } from '../runner/module.ts'
import assert from './assert.ts'
import command from './command.ts'
import debug from './debug.ts'
import novaServers from './nova_servers.ts'
import novaService from './nova_service.ts'
import shell from './shell.ts'
import waitFor from './wait_for.ts'

/** Every module, in the order of their names: a file in this folder and a line here. */
export const modules: readonly AnyModule[] = [assert, command, debug, novaServers, novaService, shell, waitFor]

/** The same by name. */
export const registry: ReadonlyMap<string, AnyModule> = new Map(modules.map((module) => [module.name, module]))
