/** The files that a simulated host begins with. */
import { chownSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { shortIdOf } from '../state.ts'
import { assets } from './assets.ts'
import type { HostOptions } from './host-options.ts'

/** Copies the files that a host of its kind begins with, with its own values in them. */
export function fillRoot(options: HostOptions, root: string, allOwners: boolean): void {
  const { settings } = options.engine
  const values: Readonly<Record<string, string>> = {
    NAME: options.name,
    ADDRESS: options.address,
    HOSTS: options.hosts.map(({ name, address }) => `${address} ${name}`).join('\n'),
    POST_COPY: String(settings.permitPostCopy),
    COMPLETION_TIMEOUT: String(settings.completionTimeout),
    TIMEOUT_ACTION: settings.timeoutAction,
  }
  for (const kind of ['common', options.compute === undefined ? 'controller' : 'compute'])
    for (const entry of readdirSync(join(assets, kind), { recursive: true, withFileTypes: true })) {
      if (!entry.isFile()) continue
      const from = join(entry.parentPath, entry.name)
      const to = join(root, from.slice(join(assets, kind).length))
      mkdirSync(dirname(to), { recursive: true })
      writeFileSync(
        to,
        readFileSync(from, 'utf8').replaceAll(/@([A-Z_]+)@/g, (whole, key: string) => values[key] ?? whole),
      )
    }
  const machineId = shortIdOf(`machine ${options.name}`)
  writeFileSync(join(root, 'etc/machine-id'), `${machineId}\n`)
  mkdirSync(join(root, 'sys/class/dmi/id'), { recursive: true })
  writeFileSync(
    join(root, 'sys/class/dmi/id/product_uuid'),
    `${machineId.replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-')}\n`,
  )
  writeFileSync(join(root, 'usr/local/bin/systemctl'), readFileSync(join(assets, 'ask.sh')), { mode: 0o755 })
  for (const tool of ['virsh', 'ss', 'qemu-img']) symlinkSync('systemctl', join(root, 'usr/local/bin', tool))
  if (!allOwners || options.compute === undefined) return
  for (const folder of ['var/lib/nova', 'var/lib/nova/instances', 'var/log/nova']) chownSync(join(root, folder), 64060, 64060)
}
