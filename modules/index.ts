import type { AnyModule } from '../runner/module.ts'
import assert from './assert.ts'
import command from './command.ts'
import copy from './copy.ts'
import debug from './debug.ts'
import file from './file.ts'
import ini from './ini.ts'
import libvirtdConf from './libvirtd_conf.ts'
import lineinfile from './lineinfile.ts'
import liveMigration from './live_migration.ts'
import migrationPreflight from './migration_preflight.ts'
import migrationVerify from './migration_verify.ts'
import novaServers from './nova_servers.ts'
import novaService from './nova_service.ts'
import service from './service.ts'
import shell from './shell.ts'
import sysctl from './sysctl.ts'
import template from './template.ts'
import waitFor from './wait_for.ts'

/** Every module, by name. A new module is a file in this folder and a line here. */
export const modules: readonly AnyModule[] = [
  assert,
  command,
  copy,
  debug,
  file,
  ini,
  libvirtdConf,
  lineinfile,
  liveMigration,
  migrationPreflight,
  migrationVerify,
  novaServers,
  novaService,
  service,
  shell,
  sysctl,
  template,
  waitFor,
]

/** The modules by name. */
export const registry: ReadonlyMap<string, AnyModule> = new Map(modules.map((module) => [module.name, module]))
