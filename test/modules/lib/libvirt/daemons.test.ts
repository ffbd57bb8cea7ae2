import { spawnSync } from 'node:child_process'
import { mkdtempSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { findDaemons } from '../../../../modules/lib/libvirt/daemons.ts'
import { scratchFolder } from '../../../doubles/local-target.ts'

const folder = scratchFolder()

/** The real shell, with the programs that a host has in front of this machine's own. */
const ask = (programs: Readonly<Record<string, string>>, groups: readonly string[] = []) => {
  const bin = mkdtempSync(join(folder, 'bin-'))
  for (const [name, text] of Object.entries(programs)) writeFileSync(join(bin, name), `#!/bin/sh\n${text}\n`, { mode: 0o755 })
  const run = async (argv: readonly string[]) => {
    const [program = '', ...words] = argv
    const { stdout, stderr } = spawnSync(program, words, { encoding: 'utf8', env: { PATH: `${bin}:${process.env['PATH']}` } })
    return { code: 0, stdout, stderr, bytes: new Uint8Array() }
  }
  return findDaemons({ run }, groups)
}

const prints = (version: string) => `echo "$0 (libvirt) ${version}"`
const systemctl = (...used: readonly string[]) => `case "$1 $3" in ${used.join('|')}) exit 0 ;; esac; exit 3`

test('a host with one daemon for all', async () => {
  const programs = { libvirtd: prints('9.0.0'), systemctl: systemctl('"is-active libvirtd.socket"') }
  const { main, versions } = await ask(programs)
  expect([main, versions.get('libvirtd')]).toEqual(['libvirtd', '9.0.0'])
})

test('a host with both kinds installed: the one that runs counts, then the one that is enabled', async () => {
  const daemons = { libvirtd: prints('10.10.0'), virtproxyd: prints('10.10.0') }
  const enabled = '"is-enabled libvirtd.service"'
  const both = await ask({ ...daemons, systemctl: systemctl(enabled, '"is-active virtproxyd-tls.socket"') })
  expect(both.main).toBe('virtproxyd')
  expect((await ask({ ...daemons, systemctl: systemctl('"is-enabled virtproxyd.socket"') })).main).toBe('virtproxyd')
})

test('of the groups asked for, those that do not exist', async () => {
  const programs = { systemctl: systemctl('none'), getent: '[ "$2" = libvirt ] || exit 2' }
  expect((await ask(programs, ['libvirt', 'nosuch group'])).missingGroups).toEqual(['nosuch group'])
})
